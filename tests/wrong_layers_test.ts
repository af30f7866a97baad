/**
 * Layers and models made without a size, or from values of another kind: each ends in one line that
 * names what is missing.
 */
import assert from "node:assert/strict";
import {
  Attention,
  Block,
  Embedding,
  Encoder,
  FeedForward,
  GPT,
  LayerNorm,
  Linear,
  ModuleList,
  Random,
  RMSNorm,
  SequenceClassifier,
  sinusoidalPositions,
  Transformer,
  useDevice,
} from "../mod.ts";
import { sharedDevice } from "./support/devices.ts";

// deno-lint-ignore no-explicit-any -- arguments that TypeScript refuses, as `deno run` passes them
type Any = any;

useDevice(await sharedDevice("cpu-1"));
const sizes = { vocabSize: 9, contextLength: 8, layers: 1, heads: 2, width: 8 };
const whole = "must be a whole number from 1, got";

/** [the guess, what the message holds] */
const GUESSES: Record<string, [() => unknown, string]> = {
  "new Linear(4)": [() => new (Linear as Any)(4), `Linear: outputs ${whole} undefined`],
  "new Linear(2.5, 3)": [() => new Linear(2.5, 3), `Linear: inputs ${whole} 2.5`],
  "Linear, a number as initializer": [
    () => new Linear(2, 2, { initializer: 0.02 as Any }),
    "initializer: expected a function, such as normal(0.02), got 0.02",
  ],
  "Linear, a number as random": [
    () => new Linear(2, 2, { random: 3 as Any }),
    "random: expected new Random(seed), got 3",
  ],
  'new Embedding("x")': [() => new (Embedding as Any)("x"), `Embedding: rows ${whole} "x"`],
  "new Embedding(4)": [() => new (Embedding as Any)(4), `Embedding: width ${whole} undefined`],
  "new LayerNorm([8])": [() => new LayerNorm([8] as Any), `LayerNorm: width ${whole} an array of`],
  "LayerNorm, an object as epsilon": [
    () => new LayerNorm(8, { epsilon: 1e-3 } as Any),
    "LayerNorm: epsilon must be a number above 0, got an object with epsilon",
  ],
  "new RMSNorm()": [() => new (RMSNorm as Any)(), `RMSNorm: width ${whole} undefined`],
  "new Attention({})": [() => new Attention({} as Any), `model: heads ${whole} undefined`],
  "new Attention(8, 2)": [
    () => new Attention(8 as Any, 2 as Any),
    "Attention: expected an object of options",
  ],
  "new Block({ width })": [() => new Block({ width: 8 } as Any), `model: heads ${whole} undefined`],
  "new FeedForward({ width })": [
    () => new FeedForward({ width: 8 } as Any),
    `FeedForward: hidden ${whole} undefined`,
  ],
  "FeedForward, mistyped field": [
    () => new FeedForward({ width: 8, hiden: 32 } as Any),
    "FeedForward: unknown option 'hiden'; did you mean 'hidden'?",
  ],
  "new GPT()": [() => new (GPT as Any)(), "model: expected an object of options (vocabSize"],
  "GPT, Random as options": [
    () => new GPT(sizes, new Random(1) as Any),
    "GPT: expected an object of options (random, initial), got a Random",
  ],
  "Encoder without vocabSize": [
    () => new Encoder({ width: 8, heads: 2 } as Any),
    `model: vocabSize ${whole} undefined`,
  ],
  "SequenceClassifier without labels": [
    () => new SequenceClassifier(sizes as Any),
    "SequenceClassifier: expected labels, the names of the classes, got undefined",
  ],
  "Transformer with vocabSize": [
    () => new Transformer(sizes as Any),
    "Transformer: unknown option 'vocabSize'; its options are sourceVocabSize, targetVocabSize",
  ],
  "Transformer without sourceVocabSize": [
    () => new Transformer({ width: 8, heads: 2, layers: 1 } as Any),
    `model: sourceVocabSize ${whole} undefined`,
  ],
  "ModuleList of a module": [
    () => new ModuleList(new Linear(2, 2) as Any),
    "ModuleList: expected an array of modules, got a Linear",
  ],
  "sinusoidalPositions(4)": [
    () => (sinusoidalPositions as Any)(4),
    `sinusoidalPositions: width ${whole} undefined`,
  ],
};

for (const [name, [guess, message]] of Object.entries(GUESSES)) {
  Deno.test(`wrong layer: ${name}`, () => {
    assert.throws(guess, (error: unknown) => {
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.includes(message), error.message);
      return !error.message.includes("\n");
    });
  });
}
