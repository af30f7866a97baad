/**
 * Attention in tiles of 256-bit vectors has the bits of panels of four rows, forward and backward,
 * whatever scratch memory holds.
 *
 * What it computes is in attention_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { attention, selfAttention } from "../lib/ops/attention.ts";
import type { AttentionOptions } from "../lib/ops/attention_layout.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { full, type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { testValues } from "./support/attention_reference.ts";

const narrow = new CpuDevice({ threads: 1, wideVectors: false });
const wide = new CpuDevice({ threads: 2, wideVectors: true });

interface Case extends Omit<AttentionOptions, "heads" | "keyLengths" | "firstKeys"> {
  /** B, H, Hkv, Tq, Tk, D */
  readonly sizes: readonly number[];
  readonly keyLengths?: readonly number[];
  /** The first keys of a row's documents after the first one. */
  readonly starts?: readonly number[];
}

const CASES: Record<string, Case> = {
  "whole blocks": { sizes: [1, 2, 2, 128, 128, 64], causal: true },
  "every key": { sizes: [1, 2, 2, 130, 130, 64] },
  "parts of blocks, grouped heads": { sizes: [2, 4, 2, 165, 165, 32], causal: true },
  "part of a tile's columns": { sizes: [1, 2, 2, 145, 145, 40], causal: true },
  "panels of columns and part of one": { sizes: [1, 1, 1, 139, 139, 72], causal: true },
  "the widest head": { sizes: [1, 1, 1, 150, 150, 128], causal: true },
  "an odd head": { sizes: [1, 1, 1, 131, 131, 33], causal: true },
  "a window": { sizes: [1, 2, 1, 300, 300, 32], causal: true, window: 50 },
  "a window to both sides": { sizes: [1, 1, 1, 261, 261, 40], window: 21 },
  "more keys than queries": { sizes: [1, 2, 2, 81, 157, 64], causal: true },
  "more queries than keys": { sizes: [1, 1, 1, 200, 133, 64], causal: true },
  "dropout": { sizes: [2, 2, 2, 135, 135, 64], causal: true, dropout: 0.3 },
  "soft-cap": { sizes: [1, 2, 2, 150, 150, 64], causal: true, softCap: 1.5 },
  "ALiBi": { sizes: [1, 4, 2, 150, 150, 32], causal: true, alibi: true },
  "lengths": { sizes: [3, 2, 2, 66, 170, 64], keyLengths: [170, 0, 37] },
  "documents": { sizes: [1, 2, 2, 200, 200, 64], causal: true, starts: [30, 31, 97, 160] },
};

/** The output, dq, dk and dv. */
async function results({ sizes, keyLengths, starts, ...rest }: Case): Promise<Float32Array[]> {
  const [batch, heads, keyValueHeads, queries, keys, D] = sizes;
  const numbers = (length: number, width: number, seed: number) =>
    tensor(testValues(batch * length * width, seed, 2), { shape: [batch, length, width] });
  const q = numbers(queries, heads * D, 1);
  const [k, v] = [2, 3].map((seed) => numbers(keys, keyValueHeads * D, seed));
  const gradient = numbers(queries, heads * D, 4);
  const firstKeys = Int32Array.from(
    { length: batch * queries },
    (_, i) => starts?.findLast((start) => start <= i % queries) ?? 0,
  );
  const options: AttentionOptions = {
    ...rest,
    heads,
    keyValueHeads,
    keyLengths: keyLengths && tensor(Int32Array.from(keyLengths)),
    firstKeys: starts && tensor(firstKeys),
    randomState: tensor(Int32Array.of(2, 0)),
  };
  const output = () => attention(q, k, v, options);
  const { gradients } = valueAndGrad(() => sum(mul(output(), gradient)), [q, k, v]);
  return await Promise.all([output(), ...gradients].map(floats));
}

async function floats(x: Tensor): Promise<Float32Array> {
  return Float32Array.from(await x.data());
}

for (const [name, c] of Object.entries(CASES)) {
  Deno.test(`wide attention has the bits of narrow attention: ${name}`, async () => {
    useDevice(narrow);
    const expected = await results(c);
    useDevice(wide);
    const actual = await results(c);
    ["output", "dq", "dk", "dv"].forEach((what, i) => {
      assert.deepEqual(actual[i], expected[i], what);
    });
  });
}

Deno.test("what a call leaves in scratch memory is no part of the next one", async () => {
  useDevice(wide);
  const c = CASES["parts of blocks, grouped heads"];
  const expected = await results(c);
  const qkv = full([2, 256, 3 * 4 * 64], NaN);
  const { gradients } = valueAndGrad(() => sum(selfAttention(qkv, { heads: 4 })), [qkv]);
  assert.ok((await gradients[0].data()).every(Number.isNaN));
  assert.deepEqual(await results(c), expected);
});
