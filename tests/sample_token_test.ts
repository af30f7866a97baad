import assert from "node:assert/strict";
import { philox4x32, Random } from "../lib/random.ts";
import { argmax } from "../lib/ops/argmax.ts";
import { sampleToken } from "../lib/ops/sample_token.ts";
import { topK } from "../lib/ops/top_k.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

interface Settings {
  temperature: number;
  topK: number;
  topP: number;
  minP?: number;
}

/**
 * Probabilities after the filters, each by sorting, as transformers has them; equal logits stay
 * together.
 */
function probabilities(
  row: Float32Array,
  { temperature, topK, topP, minP = 0 }: Settings,
): Float64Array {
  const scaled = Float64Array.from(row, (x) => x / temperature);
  const sorted = [...scaled].sort((a, b) => b - a);
  const least = topK >= 1 && topK < row.length ? sorted[topK - 1] : -Infinity;
  const most = sorted[0];
  const weights = scaled.map((x) => x >= least ? Math.exp(x - most) : 0);
  const total = weights.reduce((a, b) => a + b, 0);
  if (topP < 1) {
    let likelier = 0;
    const reached = new Map<number, number>();
    for (const x of sorted) {
      if (!reached.has(x)) reached.set(x, likelier);
      likelier += x >= least ? Math.exp(x - most) : 0;
    }
    scaled.forEach((x, i) => {
      if (reached.get(x)! >= topP * total && x !== most) weights[i] = 0;
    });
  }
  const largest = weights.reduce((a, b) => Math.max(a, b), 0);
  weights.forEach((w, i) => weights[i] = w < minP * largest ? 0 : w);
  const left = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / left);
}

/** The token whose share of [0, 1) holds u; and how near u is to the next share. */
function pick(shares: Float64Array, u: number): { token: number; margin: number } {
  let sum = 0;
  for (let i = 0; i < shares.length; i++) {
    if (u < sum + shares[i]) return { token: i, margin: Math.min(u - sum, sum + shares[i] - u) };
    sum += shares[i];
  }
  return { token: -1, margin: 0 };
}

function normalRows(rows: number, width: number, scale: number): Float32Array {
  const random = new Random(rows * width);
  return Float32Array.from({ length: rows * width }, () => scale * random.normal());
}

const CASES: Settings[] = [
  { temperature: 1, topK: 0, topP: 1 },
  { temperature: 0.7, topK: 5, topP: 1 },
  { temperature: 1.3, topK: 0, topP: 0.8 },
  { temperature: 0.9, topK: 40, topP: 0.5 },
  { temperature: 1.1, topK: 0, topP: 1, minP: 0.1 },
  { temperature: 0.8, topK: 50, topP: 0.9, minP: 0.02 },
  { temperature: 2, topK: 0, topP: 1, minP: 1 },
  { temperature: 5, topK: 1, topP: 1 },
  { temperature: 1, topK: 0, topP: 0 },
  { temperature: 1e-6, topK: 0, topP: 0.95 },
];

/** Draws a token of each row with each of the settings, and compares it with `probabilities`. */
async function expectDraws(values: Float32Array, rows: number, cases: Settings[]): Promise<void> {
  const width = values.length / rows;
  const logits = tensor(values, { shape: [rows, width] });
  const [seed, step, stream] = [77, 3, 5];
  const state = tensor(Int32Array.of(seed, step));
  for (const settings of cases) {
    const { temperature, topK, topP, minP } = settings;
    const filters = [temperature, topK, topP, ...minP === undefined ? [] : [minP]];
    const tokens = await sampleToken(logits, tensor(filters), state, stream).data();
    let close = 0;
    for (let row = 0; row < rows; row++) {
      const words = philox4x32([row >> 2, 0, step, 0], [seed, stream]);
      const u = (words[row & 3] >>> 8) * 2 ** -24;
      const shares = probabilities(values.subarray(row * width, (row + 1) * width), settings);
      const expected = pick(shares, u);
      if (expected.token === tokens[row]) continue;
      // Another token may be drawn only if the number falls between two tokens, to float32's
      // precision.
      assert.ok(
        expected.margin < 1e-5 && shares[tokens[row]] > 0,
        `${JSON.stringify(settings)} row ${row}: ${tokens[row]}`,
      );
      close++;
    }
    assert.ok(close <= 1, `${close} near misses`);
  }
}

for (const [rows, width] of [[1, 1], [33, 7], [200, 65], [9, 1300], [3, 50257], [1, 151936]]) {
  forEachDevice(`sampling from ${rows} × ${width} agrees with sorting`, async () => {
    const cases = width > 60000 ? CASES.slice(5, 6) : width > 2000 ? CASES.slice(1, 6) : CASES;
    await expectDraws(normalRows(rows, width, 3), rows, cases);
  });
}

forEachDevice("limits are found among many logits that are nearly equal", async () => {
  const near = normalRows(5, 2000, 1e-3);
  near[7] = -10000;
  near[2007] = -Infinity;
  await expectDraws(near, 5, [...CASES.slice(1, 4), { temperature: 1, topK: 1500, topP: 0.9 }]);
  await expectDraws(new Float32Array(6000).fill(2), 2, CASES.slice(1, 4));
});

forEachDevice("a number that is missing does not lead out of the vocabulary", async () => {
  for (const settings of [[0, 0, 1], [1, 0, 1], [1, 2, 0.9]]) {
    const state = tensor(Int32Array.of(1, 0));
    const [token] = await sampleToken(tensor([[1, NaN, 2]]), tensor(settings), state).data();
    assert.ok(token >= 0 && token < 3, `${settings}: ${token}`);
  }
});

forEachDevice("a temperature of 0 takes the first of the largest", async () => {
  const logits = tensor([[1, 3, 3, 2], [-5, -2, -9, -2], [-Infinity, -1, -Infinity, -3]]);
  const state = tensor(Int32Array.of(1, 0));
  const tokens = await sampleToken(logits, tensor([0, 2, 0.1]), state).data();
  assert.deepEqual([...tokens], [1, 1, 1]);
  const wide = new Float32Array(50257).fill(-1);
  wide[40000] = wide[50256] = 2;
  const one = tensor(wide, { shape: [1, 50257] });
  assert.deepEqual([...await sampleToken(one, tensor([0, 0, 1]), state).data()], [40000]);
});

forEachDevice("an infinite temperature draws each token alike, but none of −∞", async () => {
  const logits = tensor([[1, 30, -9, -Infinity]]);
  const drawn = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const state = tensor(Int32Array.of(seed, 0));
    drawn.add(await sampleToken(logits, tensor([Infinity, 0, 1]), state).item());
  }
  assert.deepEqual([...drawn].sort(), [0, 1, 2]);
});

forEachDevice("tokens are drawn with their probabilities", async (device) => {
  const rows = device.kind === "cpu" ? 20000 : 400;
  const shares = [0.5, 0.3, 0.15, 0.05];
  const logits = tensor(
    Float32Array.from({ length: 4 * rows }, (_, i) => Math.log(shares[i % 4])),
    { shape: [rows, 4] },
  );
  const state = tensor(Int32Array.of(123, 0));
  const count = async (settings: number[]) => {
    const counts = [0, 0, 0, 0];
    for (const token of await sampleToken(logits, tensor(settings), state).data()) counts[token]++;
    return counts.map((n) => n / rows);
  };
  const expectNear = (actual: number[], expected: number[]) =>
    actual.forEach((share, i) =>
      assert.ok(Math.abs(share - expected[i]) < 2 / Math.sqrt(rows), `${actual}`)
    );
  expectNear(await count([1, 0, 1]), shares);
  expectNear(await count([1, 2, 1]), [0.625, 0.375, 0, 0]);
  // Half of the probability is not below 0.5, so one token is enough.
  expectNear(await count([1, 0, 0.5]), [1, 0, 0, 0]);
  expectNear(await count([1, 0, 0.81]), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]);
  // Two of the three that are left reach 0.7 of the probability: 0.5 + 0.3 = 0.842 of 0.95.
  expectNear(await count([1, 3, 0.7]), [0.625, 0.375, 0, 0]);
});

forEachDevice(
  "equal logits are kept or dropped together; tokens of probability 0 are never drawn",
  async () => {
    const logits = tensor([[1, 2, 2, 2, 0, -Infinity]]);
    const state = tensor(Int32Array.of(0, 0));
    const seen = { topK: new Set<number>(), topP: new Set<number>(), all: new Set<number>() };
    for (let step = 0; step < 200; step++) {
      state.write([9, step]);
      seen.topK.add((await sampleToken(logits, tensor([1, 2, 1]), state).data())[0]);
      seen.topP.add((await sampleToken(logits, tensor([1, 0, 0.1]), state).data())[0]);
      seen.all.add((await sampleToken(logits, tensor([9, 0, 1]), state).data())[0]);
      if (logits.device.kind === "webgpu" && step === 20) break;
    }
    assert.deepEqual([...seen.topK].sort(), [1, 2, 3]);
    assert.deepEqual([...seen.topP].sort(), [1, 2, 3]);
    assert.ok(!seen.all.has(5));
  },
);

forEachDevice("−0 is equal to 0, as for topK and argmax", async () => {
  const logits = tensor([[-1, -0, 0, -2], [-1, 0, -0, -2]]);
  assert.deepEqual([...await topK(logits, 1).indices.data()], [1, 1]);
  assert.deepEqual([...await argmax(logits, { axis: 1 }).data()], [1, 1]);
  const state = tensor(Int32Array.of(0, 0));
  assert.deepEqual([...await sampleToken(logits, tensor([0, 0, 1]), state).data()], [1, 1]);
  for (const settings of [[1, 1, 1], [1, 0, 0], [1, 0, 1, 1]]) {
    const seen = new Set<number>();
    for (let step = 0; step < 8; step++) {
      state.write([9, step]);
      for (const token of await sampleToken(logits, tensor(settings), state).data()) {
        seen.add(token);
      }
    }
    assert.deepEqual([...seen].sort(), [1, 2], `${settings}`);
  }
});

forEachDevice("rows of a period draw the same numbers", async () => {
  const row = normalRows(1, 300, 2);
  const rows = Float32Array.from({ length: 6 * 300 }, (_, i) => row[i % 300]);
  const logits = tensor(rows, { shape: [6, 300] });
  const state = tensor(Int32Array.of(3, 1));
  const tokens = [...await sampleToken(logits, tensor([1, 0, 1]), state, 0, 3).data()];
  assert.deepEqual(tokens.slice(3), tokens.slice(0, 3));
  const first = tensor(rows.subarray(0, 900), { shape: [3, 300] });
  const alone = [...await sampleToken(first, tensor([1, 0, 1]), state).data()];
  assert.deepEqual(tokens.slice(0, 3), alone);
});

forEachDevice("sampling refuses what does not fit", () => {
  const state = tensor(Int32Array.of(0, 0));
  assert.throws(() => sampleToken(tensor([1, 2]), tensor([1, 0, 1]), state), /expected logits/);
  assert.throws(() => sampleToken(tensor([[1, 2]]), tensor([1]), state), /settings \[3\]/);
  assert.throws(() => sampleToken(tensor([[1, 2]]), tensor([1, 0, 1]), tensor([1, 2])), /state/);
  const drawn = () => sampleToken(tensor([[1, 2]]), tensor([1, 0, 1]), state, 0, 0);
  assert.throws(drawn, /period must be a whole number from 1, got 0/);
});
