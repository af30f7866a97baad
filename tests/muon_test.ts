/**
 * Muon against PyTorch's numbers and a float64 reference, with AdamW for the rest; the same bits on
 * any number of threads, and after a checkpoint. See tests/golden/modern/README.md.
 *
 * @module
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { zeroProjectionWeights } from "../lib/nn/initial_weights.ts";
import { blockMatrices } from "../lib/nn/block_matrices.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Muon } from "../lib/optim/muon.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { Batches } from "../lib/data/batches.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { loadOptimizerState, saveCheckpoint } from "../lib/train/checkpoint.ts";
import { Trainer } from "../lib/train/trainer.ts";
import golden from "./golden/modern/muon.json" with { type: "json" };
import { ALL_DEVICES, forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";
import { wave } from "./support/wave.ts";

const RECIPES = [
  { options: {}, replay: false, expected: golden.parameters },
  { options: {}, replay: true, expected: golden.parameters },
  {
    options: { iterations: 4, coefficients: "polar_express" },
    replay: false,
    expected: golden.polarExpress,
  },
] as const;

for (const { options, replay, expected } of RECIPES) {
  const how = `${JSON.stringify(options)}, ${replay ? "replayed" : "eager"}`;
  forEachDevice(
    `Muon has PyTorch's numbers: ${how}`,
    async () => {
      const shapes = [[6, 10], [10, 6], [8, 8], [20, 37]];
      const matrices = shapes.map((shape, i) => tensor(wave(shape, i, 1), { shape }));
      const gradients = shapes.map((shape) => zeros(shape));
      const optimizer = new Muon(matrices, { momentum: 0.9, weightDecay: 0.1, ...options });
      const update = () => optimizer.update(gradients);
      const run = replay ? compile(update) : update;
      for (const [step, rate] of [0.02, 0.05, 0.01].entries()) {
        for (const [i, shape] of shapes.entries()) {
          const factors = wave(shape, i, 3);
          const values = wave(shape, 10 * step + i, 1);
          gradients[i].write(values.map((value, j) => value * Math.exp(Math.sin(factors[j]))));
        }
        optimizer.prepare(rate);
        run();
      }
      for (const [i, matrix] of matrices.entries()) {
        assertClose(await matrix.data(), expected[i], 1e-5, `${matrix}`);
      }
    },
    false,
    ALL_DEVICES,
  );
}

type Rows = number[][];
const product = (a: Rows, b: Rows) =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
const transposed = (a: Rows) => a[0].map((_, j) => a.map((row) => row[j]));

/** The quintic iteration in float64, on X itself. */
function orthogonal(values: Float32Array, [rows, columns]: number[], iterations: number): number[] {
  let x = Array.from({ length: rows }, (_, i) => [...values.slice(i * columns, (i + 1) * columns)]);
  if (rows > columns) x = transposed(x);
  const norm = Math.hypot(...values);
  x = x.map((row) => row.map((value) => value / norm));
  for (let i = 0; i < iterations; i++) {
    const gram = product(x, transposed(x));
    const square = product(gram, gram);
    const sum = gram.map((row, r) => row.map((value, c) => -4.775 * value + 2.0315 * square[r][c]));
    const moved = product(sum, x);
    x = x.map((row, r) => row.map((value, c) => 3.4445 * value + moved[r][c]));
  }
  return (rows > columns ? transposed(x) : x).flat();
}

const ODD = [[1, 5], [23, 9], [48, 100], [130, 70], [49, 49], [250, 260]];
/** Multiples of 8, which wide tiles compute, too. */
const EVEN = [[56, 136], [136, 56], [200, 264]];
for (const [rows, columns] of [...ODD, ...EVEN]) {
  const iterations = rows > 200 ? 2 : 5;
  const shape = [rows, columns];
  const references = new Map<number, number[]>(); // of all devices: seconds in float64
  const reference = (i: number, values: Float32Array) => {
    if (!references.has(i)) references.set(i, orthogonal(values, shape, iterations));
    return references.get(i)!;
  };
  forEachDevice(
    `a step of [${rows},${columns}] is orthogonal as in float64`,
    async () => {
      const matrices = [zeros(shape), zeros(shape)];
      const optimizer = new Muon(matrices, { momentum: 0, iterations });
      const gradients = [floats(rows * columns, 3), floats(rows * columns, 4)];
      optimizer.step(gradients.map((values) => tensor(values, { shape })), 1);
      const scale = Math.sqrt(Math.max(1, columns / rows));
      for (const [i, values] of gradients.entries()) {
        const expected = reference(i, values).map((value) => -scale * value);
        assertClose(await matrices[i].data(), expected, 2e-4, `${matrices[i]}`);
      }
    },
    false,
    ALL_DEVICES,
  );
}

forEachDevice("other parameters take AdamW's steps at their share of the rate", async () => {
  const make = () => [
    tensor(floats(12, 1), { shape: [3, 4] }),
    tensor(floats(5, 2)),
    tensor(floats(70, 3), { shape: [7, 10] }),
  ];
  const gradients = make();
  const [mine, theirs] = [make(), make()];
  const options = { beta1: 0.8, beta2: 0.9, epsilon: 1e-6, weightDecay: 0.1, clip: 1 };
  const muon = new Muon(mine, { ...options, matrices: [mine[2]], adamWShare: 0.25 });
  const adamW = new AdamW(theirs, options);
  for (const rate of [0.02, 0.04]) {
    muon.step(gradients, rate);
    adamW.step(gradients, 0.25 * rate);
  }
  for (const i of [0, 1]) assert.deepEqual(await mine[i].data(), await theirs[i].data());
  assert.notDeepEqual(await mine[2].data(), await theirs[2].data());
  const parts = muon.stateParts();
  assert.deepEqual([...parts.get("v")!.keys()], [mine[0], mine[1]]);
  assert.equal(parts.get("m")!.size, 3);
});

forEachDevice("the momentum rises in its warm-up", async () => {
  const [x] = [zeros([4, 4])];
  const optimizer = new Muon([x], { momentum: 0.95, momentumWarmupSteps: 2 });
  const gradient = tensor(floats(16, 1), { shape: [4, 4] });
  const m = optimizer.state().get("m")!;
  const g = floats(16, 1);
  optimizer.step([gradient], 0.1);
  assertClose(
    await m.data(),
    Array.from(g, (value) => 0.15 * value).concat(Array(48).fill(0)),
    1e-6,
  );
  optimizer.step([gradient], 0.1);
  assertClose((await m.data()).slice(0, 16), g.map((value) => (0.9 * 0.15 + 0.1) * value), 1e-6);
});

forEachDevice("a gradient of zeros moves nothing, and stays finite", async () => {
  const x = tensor(floats(16, 1), { shape: [4, 4] });
  new Muon([x]).step([zeros([4, 4])], 0.1);
  assertClose(await x.data(), floats(16, 1), 0);
});

const SIZES = { vocabSize: 5, contextLength: 8, layers: 2, heads: 2, width: 24, bias: false };

function makeTrainer(model: GPT): Trainer {
  const matrices = blockMatrices(model);
  const optimizer = new Muon(model.parameters(), {
    matrices,
    momentumWarmupSteps: 4,
    average: 0.7,
  });
  return new Trainer(model, optimizer, { learningRate: 0.02 });
}

function makeBatches(): Batches {
  const tokens = Array.from({ length: 200 }, (_, i) => (i * i + 3) % 5);
  return new Batches(tokens, { batchSize: 4, contextLength: 8 });
}

/** The bits of a trainer's parameters and of its optimizer's state. */
async function bitsOf({ optimizer, model }: Trainer): Promise<Uint32Array[]> {
  const tensors = [...model.parameters(), ...optimizer.state().values()];
  const all = await Promise.all(tensors.map((tensor: Tensor) => tensor.data()));
  return all.map((values) => new Uint32Array(values.slice().buffer));
}

Deno.test("Muon gives the same bits with one thread and with two, wide and after a resume", async () => {
  const bits = [];
  for (const name of ["cpu-1", "cpu-2", "cpu-wide"] as const) {
    useDevice(await sharedDevice(name));
    const model = new GPT(SIZES, { initial: zeroProjectionWeights() });
    const trainer = makeTrainer(model);
    const batches = makeBatches();
    for (let step = 0; step < 6; step++) trainer.step(batches);
    bits.push(await bitsOf(trainer));
  }
  assert.deepEqual(bits[1], bits[0]);
  assert.deepEqual(bits[2], bits[0]);

  const folder = await Deno.makeTempDir();
  try {
    const model = new GPT(SIZES, { initial: zeroProjectionWeights() });
    const [trainer, batches] = [makeTrainer(model), makeBatches()];
    for (let step = 0; step < 3; step++) trainer.step(batches);
    const tokenizer = CharacterTokenizer.fromText("abcde");
    await saveCheckpoint(folder, { model, optimizer: trainer.optimizer, tokenizer });
    const { model: loaded } = await loadPretrained(folder);
    const resumed = makeTrainer(loaded);
    await loadOptimizerState(folder, { model: loaded, optimizer: resumed.optimizer });
    for (let step = 0; step < 3; step++) resumed.step(batches);
    assert.deepEqual(await bitsOf(resumed), bits[0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

forEachDevice("Muon says what is wrong", () => {
  const [matrix, vector] = [zeros([2, 3]), zeros([3])];
  const make = (options: object) => () => new Muon([matrix, vector], options);
  assert.throws(
    make({ matrices: [vector] }),
    /Muon: matrices: expected tensors of two axes, got f32/,
  );
  assert.throws(make({ matrices: [zeros([2, 3])] }), /expected some of the parameters, got/);
  assert.throws(make({ matrices: matrix }), /expected an array of tensors, such as blockMatrices/);
  assert.throws(make({ momentum: 1 }), /RangeError: Muon: momentum must be in \[0, 1\), got 1/);
  assert.throws(make({ iterations: 0 }), /iterations must be a whole number from 1 to 10, got 0/);
  assert.throws(
    make({ coefficients: "pe" }),
    /coefficients must be one of jordan, polar_express/,
  );
  assert.throws(make({ average: 1 }), /Muon: average must be a number in \[0, 1\), got 1/);
  assert.throws(make({ nesterov: true }), /Muon: unknown option/);
  assert.throws(() => new Muon([]), /no parameters/);
});
