import assert from "node:assert/strict";
import { runSample } from "../lib/lesson/run_sample.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { forEachDevice } from "./support/devices.ts";
import { RecordedOutput } from "./support/recorded_output.ts";

const shape = { contextLength: 16, layers: 1, heads: 2, width: 16 };

forEachDevice("runSample prints the prompt once, then the text that it returns", async () => {
  const tokenizer = CharacterTokenizer.fromText("to be or not");
  const model = new GPT({ vocabSize: tokenizer.vocabSize, ...shape });
  const run = async (seed: number, color = false) => {
    const output = new RecordedOutput({ isTerminal: color, color });
    const options = { prompt: "to be", seed, temperature: 1, maxNewTokens: 9, output };
    return { text: await runSample(model, tokenizer, options), written: output.written };
  };
  const plain = await run(1);
  assert.equal(plain.text.length, 9);
  assert.equal(plain.written, `to be${plain.text}\n`);
  assert.deepEqual(await run(1), plain);
  assert.notEqual((await run(2)).text, plain.text);
  const colored = await run(1, true);
  assert.ok(colored.written.startsWith("\x1b[35mto be\x1b[0m\x1b[34m"));
  assert.equal(colored.text, plain.text);
});

forEachDevice("runSample puts a space between the prompt and the first new word", async () => {
  const tokenizer = WordTokenizer.fromText("to be or not");
  const model = new GPT({ vocabSize: tokenizer.vocabSize, ...shape });
  const output = new RecordedOutput();
  const text = await runSample(model, tokenizer, { prompt: "to be", maxNewTokens: 2, output });
  assert.match(text, /^ (to|be|or|not) (to|be|or|not)$/);
  assert.equal(output.written, `to be${text}\n`);
});
