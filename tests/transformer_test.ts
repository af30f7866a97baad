/**
 * The encoder–decoder transformer: its blocks against float64, what masks hide, and two small
 * languages that it learns.
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import { greedyDecode } from "../lib/generate/greedy_decode.ts";
import { Block } from "../lib/nn/block.ts";
import type { BlockConfigInput } from "../lib/nn/block_config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import type { Module } from "../lib/nn/module.ts";
import { padSequences } from "../lib/nn/padding.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { warmupDecay } from "../lib/optim/schedules.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { countingContext } from "./support/dropout_rates.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import {
  addNorm,
  attend,
  feedForward,
  type Matrix,
  readParameters,
} from "./support/transformer_reference.ts";

const [B, T, S, C, H] = [2, 4, 3, 8, 2];
const LENGTHS = [3, 1];

/** A post-norm block, as in Vaswani et al. */
const POST: Omit<BlockConfigInput, "width"> = { heads: H, hidden: 12, normPlacement: "post" };

const values = (rows: number, start: number): Matrix =>
  Array.from(
    { length: rows },
    (_, i) => Array.from({ length: C }, (_, j) => Math.sin(start + 1.7 * (i * C + j))),
  );
const batch = (rows: number, start: number) =>
  Array.from({ length: B }, (_, b) => values(rows, start + 3 * b));

/** Moves gains, biases and all other parameters away from their initial values. */
function stir(module: Module): void {
  module.parameters().forEach((parameter, n) =>
    parameter.write(
      Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(n + 1.3 * i) / 2),
    )
  );
}

async function assertRows(actual: Tensor, expected: Matrix[], rows: readonly number[]) {
  const data = await actual.data();
  const time = actual.shape[1];
  expected.forEach((matrix, b) =>
    matrix.slice(0, rows[b]).forEach((row, i) => {
      const start = (b * time + i) * C;
      assertClose(data.subarray(start, start + C), row, 2e-5, `sequence ${b}, place ${i}`);
    })
  );
}

forEachDevice("an encoder block against float64, padding hidden", async () => {
  const block = new Block({ ...POST, width: C, normEpsilon: 1e-3 });
  stir(block);
  const p = await readParameters(block);
  const x = batch(S, 1);
  const expected = x.map((rows, b) => {
    const sees = (_: number, j: number) => j < LENGTHS[b];
    const attended = addNorm(p, "norm1", rows, attend(p, "attention", rows, rows, H, sees), 1e-3);
    return addNorm(p, "norm2", attended, feedForward(p, "feedForward", attended), 1e-3);
  });
  const weights: Tensor[] = [];
  const lengths = tensor(Int32Array.from(LENGTHS));
  const context = new ForwardContext({ attentionWeights: weights });
  await assertRows(block.forward(tensor(x), { lengths }, context), expected, LENGTHS);
  assert.deepEqual(weights.map(({ shape }) => shape), [[B, H, S, S]]);
  assert.deepEqual([...(await weights[0].data()).subarray(18, 21)], [1, 0, 0]);
});

forEachDevice("a decoder block against float64, with and without a memory", async () => {
  for (const crossAttention of [false, true]) {
    const block = new Block({ ...POST, width: C, normEpsilon: 1e-3 }, {
      causal: true,
      crossAttention,
    });
    stir(block);
    const p = await readParameters(block);
    const [x, source] = [batch(T, 1), batch(S, 7)];
    const expected = x.map((rows, b) => {
      const own = attend(p, "attention", rows, rows, H, (i, j) => j <= i);
      let y = addNorm(p, "norm1", rows, own, 1e-3);
      if (crossAttention) {
        const other = attend(p, "crossAttention", y, source[b], H, (_, j) => j < LENGTHS[b]);
        y = addNorm(p, "crossNorm", y, other, 1e-3);
      }
      return addNorm(p, "norm2", y, feedForward(p, "feedForward", y), 1e-3);
    });
    const [attentionWeights, crossAttentionWeights]: Tensor[][] = [[], []];
    const context = new ForwardContext({ attentionWeights, crossAttentionWeights });
    const input = crossAttention
      ? { memory: tensor(source), memoryLengths: tensor(Int32Array.from(LENGTHS)) }
      : {};
    await assertRows(block.forward(tensor(x), input, context), expected, [T, T]);
    const own = await attentionWeights[0].data();
    own.forEach((weight, n) => {
      const [i, j] = [Math.floor(n / T) % T, n % T];
      assert.ok(j > i ? weight === 0 : weight > 0, `query ${i}, key ${j}: ${weight}`);
    });
    const crossShapes = crossAttentionWeights.map(({ shape }) => shape);
    assert.deepEqual(crossShapes, crossAttention ? [[B, H, T, S]] : []);
  }
});

forEachDevice("a pre-norm block with a memory against float64", async () => {
  const config = { ...POST, width: C, normEpsilon: 1e-3, normPlacement: "pre" } as const;
  const block = new Block(config, { causal: true, crossAttention: true });
  stir(block);
  const p = await readParameters(block);
  const [x, source] = [batch(T, 1), batch(S, 7)];
  const plus = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((value, j) => value + b[i][j]));
  const norm = (name: string, rows: Matrix) =>
    addNorm(p, name, rows, rows.map((row) => row.map(() => 0)), 1e-3);
  const expected = x.map((rows, b) => {
    const first = norm("norm1", rows);
    const own = plus(rows, attend(p, "attention", first, first, H, (i, j) => j <= i));
    const second = norm("crossNorm", own);
    const crossed = plus(own, attend(p, "crossAttention", second, source[b], H, () => true));
    return plus(crossed, feedForward(p, "feedForward", norm("norm2", crossed)));
  });
  await assertRows(block.forward(tensor(x), { memory: tensor(source) }), expected, [T, T]);
});

forEachDevice("the gradient of a decoder block reaches its input and its memory", async () => {
  const block = new Block({ ...POST, width: 4, hidden: 4 }, { causal: true, crossAttention: true });
  stir(block);
  const input = (rows: number, start: number) => ({
    values: values(rows, start).flat().slice(0, 4 * rows),
    shape: [1, rows, 4],
  });
  await checkGradients((x, memory) => block.forward(x, { memory }), [input(2, 1), input(3, 5)]);
});

const SMALL = { sourceVocabSize: 9, targetVocabSize: 7, contextLength: 6, layers: 2, heads: 2 };
const ids = (rows: number[][]) =>
  tensor(Int32Array.from(rows.flat()), {
    shape: [rows.length, rows[0].length],
  });

forEachDevice("a transformer sees neither the target's future nor padding", async () => {
  const model = new Transformer({ ...SMALL, width: 8 }, { random: new Random(4) });
  const sourceLengths = tensor(Int32Array.of(2, 4));
  const logits = (source: number[][], target: number[][]) =>
    model.forward(ids(source), ids(target), { sourceLengths }).data();
  const base = await logits([[1, 2, 3, 4], [5, 6, 7, 8]], [[1, 2, 3], [4, 5, 6]]);
  const padding = await logits([[1, 2, 7, 8], [5, 6, 7, 8]], [[1, 2, 3], [4, 5, 6]]);
  assert.deepEqual(padding, base);
  const future = await logits([[1, 2, 3, 4], [5, 6, 7, 8]], [[1, 2, 6], [4, 5, 6]]);
  assert.deepEqual(future.subarray(0, 14), base.subarray(0, 14));
  assert.notDeepEqual(future.subarray(14, 21), base.subarray(14, 21));
  const source = await logits([[1, 3, 3, 4], [5, 6, 7, 8]], [[1, 2, 3], [4, 5, 6]]);
  assert.notDeepEqual(source.subarray(0, 7), base.subarray(0, 7));
  assert.deepEqual(source.subarray(21), base.subarray(21));
});

forEachDevice("a pre-norm transformer ends each side with a norm", async () => {
  const model = new Transformer({ ...SMALL, width: 8, normPlacement: "pre" }, {
    random: new Random(4),
  });
  const memory = await model.encode(ids([[1, 2, 3]])).data();
  for (let row = 0; row < memory.length; row += 8) {
    const values = [...memory.subarray(row, row + 8)];
    assertClose([values.reduce((a, b) => a + b), Math.hypot(...values) ** 2], [0, 8], 1e-3);
  }
  const names = [...model.namedParameters().keys()];
  assert.ok(names.includes("encoder.norm.weight") && names.includes("decoder.norm.bias"));
  assert.equal(`${model.forward(ids([[1, 2, 3]]), ids([[1, 2]]))}`, "f32 [1,2,7]");
});

forEachDevice("a transformer's dropout: embeddings, then every layer's output", () => {
  const model = new Transformer({ ...SMALL, width: 8, dropout: 0.1, embeddingDropout: 0.2 });
  const [source, target] = [ids([[1, 2, 3]]), ids([[1, 2]])];
  const { context, rates } = countingContext();
  model.forward(source, target, {}, context);
  const [encoder, decoder] = [new Array(4).fill(0.1), new Array(6).fill(0.1)];
  assert.deepEqual(rates, [0.2, ...encoder, 0.2, ...decoder]);
});

forEachDevice("a transformer's attentionDropout: every attention's weights", async () => {
  const model = new Transformer({ ...SMALL, width: 8, attentionDropout: 0.3 });
  const [source, target] = [ids([[1, 2, 3]]), ids([[1, 2]])];
  const { context, rates } = countingContext();
  const dropped = await model.forward(source, target, {}, context).data();
  assert.deepEqual(rates, new Array(2 + 4).fill(0.3)); // two layers each; self and cross
  const whole = await model.forward(source, target).data();
  assert.notDeepEqual(dropped, whole);
});

forEachDevice("a transformer's weights by layer and head, each row a distribution", async () => {
  const model = new Transformer({ ...SMALL, width: 8 }, { random: new Random(4) });
  const lengths = { sourceLengths: tensor(Int32Array.of(2, 4)) };
  const [source, target] = [ids([[1, 2, 3, 4], [5, 6, 7, 8]]), ids([[1, 2, 3], [4, 5, 6]])];
  const weights = model.attentionWeights(source, target, lengths);
  assert.deepEqual(weights.encoder.shape, [2, 2, 2, 4, 4]);
  assert.deepEqual(weights.decoder.shape, [2, 2, 2, 3, 3]);
  assert.deepEqual(weights.cross.shape, [2, 2, 2, 3, 4]);
  for (const each of [weights.encoder, weights.decoder, weights.cross]) {
    const data = await each.data();
    const keys = each.shape[4];
    for (let row = 0; row < data.length; row += keys) {
      const sum = [...data.subarray(row, row + keys)].reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-5, `a row sums to ${sum}`);
    }
  }
  const hidden = (await weights.cross.data()).subarray(0, 48).filter((_, i) => i % 4 >= 2);
  assert.ok(hidden.every((weight) => weight === 0), "padding of the first source is seen");
});

/** Letters 3 to 8; one or two sounds for each, depending on its neighbors. */
function transliterate(letters: number[]): number[] {
  return letters.flatMap((letter, i) => {
    const [before, after] = [letters[i - 1], letters[i + 1]];
    if (letter === 5 && after === 8) return [9]; // "ch" is one sound
    if (letter === 8 && before === 5) return [];
    if (letter === 7 && after === undefined) return []; // a last "e" is silent
    if (letter === 6 && before === undefined) return [6, 10]; // a first "g" is two
    return [letter];
  });
}

const [START, END] = [1, 2];
/** Rows of a batch, most letters of a source, most tokens of a target with its end. */
const [ROWS, LONGEST, PLACES] = [64, 5, 7];

async function learn(rule: (letters: number[]) => number[]): Promise<number> {
  const random = new Random(1);
  const pair = () => {
    const length = 2 + random.integer(LONGEST - 1);
    const letters = Array.from({ length }, () => 3 + random.integer(6));
    return { letters, sounds: rule(letters) };
  };
  const sizes = { sourceVocabSize: 9, targetVocabSize: 11, contextLength: PLACES };
  const shape = { layers: 1, heads: 4, width: 32, hidden: 64 };
  const model = new Transformer({ ...sizes, ...shape }, { random: new Random(3) });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0, clip: 1 });
  const holder = (...shape: number[]) => zeros(shape, { dtype: "i32" });
  const [source, sourceLengths] = [holder(ROWS, LONGEST), holder(ROWS)];
  const [target, next] = [holder(ROWS, PLACES), holder(ROWS, PLACES)];
  const step = compile(() => {
    const loss = () => model.loss(source, target, next, { sourceLengths });
    const { value, gradients } = valueAndGrad(loss, model.parameters());
    optimizer.update(gradients);
    return value;
  });
  const steps = 300;
  const rate = warmupDecay({ learningRate: 4e-3, warmupSteps: 40, steps });
  for (let i = 0; i < steps; i++) {
    const pairs = Array.from({ length: ROWS }, pair);
    const fill = (rows: number[][], length: number, filler: number) =>
      rows.flatMap((row) => [...row, ...new Array(length - row.length).fill(filler)]);
    source.write(fill(pairs.map(({ letters }) => letters), LONGEST, 0));
    sourceLengths.write(pairs.map(({ letters }) => letters.length));
    target.write(fill(pairs.map(({ sounds }) => [START, ...sounds]), PLACES, 0));
    next.write(fill(pairs.map(({ sounds }) => [...sounds, END]), PLACES, -100));
    optimizer.prepare(rate(i));
    step();
  }
  const held = Array.from({ length: 100 }, pair);
  const sources = held.map(({ letters }) => letters);
  const written = await greedyDecode(model, sources, { startToken: START, endToken: END });
  return held.filter(({ sounds }, i) => sounds.join() === written[i].join()).length;
}

const RULES: [string, (letters: number[]) => number[]][] = [
  ["to reverse", (letters) => letters.toReversed()],
  ["to transliterate", transliterate],
];
for (const [what, rule] of RULES) {
  Deno.test(`a transformer learns ${what}`, async () => {
    useDevice(await sharedDevice("cpu-2"));
    const right = await learn(rule);
    assert.ok(right >= 90, `${right} of 100 words are right`);
  });
}

forEachDevice("greedy decoding: each source gets what it gets alone, up to its end", async () => {
  const model = new Transformer({ ...SMALL, width: 8 }, { random: new Random(9) });
  const sources = [[1, 2, 3, 4, 5], [6], [7, 8, 2]];
  const options = { startToken: 1, maxNewTokens: 5 };
  const together = await greedyDecode(model, sources, options);
  for (const [i, source] of sources.entries()) {
    assert.deepEqual(await greedyDecode(model, [source], options), [together[i]]);
    assert.equal(together[i].length, 5);
    const [endToken] = together[i].slice(-1);
    const [cut] = await greedyDecode(model, [source], { ...options, endToken });
    assert.deepEqual(cut, together[i].slice(0, together[i].indexOf(endToken)));
  }
  // Step by step: the token after each prefix is the likeliest one.
  const prefix = [1];
  for (const token of together[0]) {
    const logits = await model.forward(ids([sources[0]]), ids([prefix])).data();
    const last = [...logits.subarray(7 * (prefix.length - 1))];
    assert.equal(token, last.indexOf(Math.max(...last)));
    prefix.push(token);
  }
});

forEachDevice("padded sequences", async () => {
  const { ids, lengths } = padSequences([[5, 6], [], [7]], { padding: 9, length: 3 });
  assert.deepEqual([...await ids.data()], [5, 6, 9, 9, 9, 9, 7, 9, 9]);
  assert.deepEqual([...await lengths.data()], [2, 0, 1]);
});

forEachDevice("a transformer refuses what cannot be", async () => {
  const throws = (call: () => unknown, name: string, message: RegExp) =>
    assert.throws(call, { name, message });
  const make = (sizes: object) => () => new Transformer({ ...SMALL, width: 8, ...sizes });
  throws(make({ width: 7, heads: 1 }), "RangeError", /the width must be even, got 7/);
  throws(make({ heads: 3 }), "RangeError", /heads 3 does not divide width 8/);
  throws(() => padSequences([[], []]), "RangeError", /2 empty ones: a batch of only padding/);
  throws(() => padSequences([[1, 2]], { length: 1 }), "RangeError", /at most 1 tokens, got 2/);
  const model = make({})();
  const long = zeros([1, 7], { dtype: "i32" });
  throws(() => model.encode(long), "RangeError", /source ids \[B,T\] with T of at most 6/);
  const [plain, cross] = [false, true].map((crossAttention) =>
    new Block({ width: 8, heads: 2 }, { crossAttention })
  );
  const x = zeros([1, 2, 8]);
  throws(() => cross.forward(x), "TypeError", /has cross-attention, and as memory it got none/);
  throws(() => plain.forward(x, { memory: x }), "TypeError", /has no cross-attention/);
  const decode = (sources: number[][], options = {}) =>
    greedyDecode(model, sources, { startToken: 1, ...options });
  await assert.rejects(decode([[]]), /the prompt is empty/);
  await assert.rejects(decode([[9]]), /ids from 0 to 8, got 9/);
  await assert.rejects(decode([[1]], { startToken: 7 }), /ids from 0 to 6, got 7/);
  await assert.rejects(decode([[1]], { maxNewTokens: 7 }), /from 1 to 6, the context length/);
});
