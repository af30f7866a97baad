/**
 * A million random numbers (Philox), uniform and normal, and dropout on a small model's
 * activations.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { dropout } from "../lib/ops/dropout.ts";
import { randomNormal, randomUniform } from "../lib/ops/random.ts";
import { ones, tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const COUNT = 2 ** 20;
const SEED = 1337;

await benchEachDevice("2^20 uniform numbers", { bytes: 4 * COUNT }, async () => {
  const state = tensor(Int32Array.of(SEED, 0));
  const run = compile(() => randomUniform([COUNT], state));
  const random = new Random(SEED);
  for (const value of (await run().data()).slice(0, 1000)) assert.equal(value, random.uniform());
  return run;
});

await benchEachDevice("2^20 normal numbers", { bytes: 4 * COUNT }, async () => {
  const state = tensor(Int32Array.of(SEED, 0));
  const run = compile(() => randomNormal([COUNT], state));
  const random = new Random(SEED);
  for (const value of (await run().data()).slice(0, 1000)) {
    assert.ok(Math.abs(value - random.normal()) < 1e-5);
  }
  return run;
});

await benchEachDevice("dropout of [12,64,128]", { bytes: 8 * 12 * 64 * 128 }, async () => {
  const state = tensor(Int32Array.of(SEED, 0));
  const x = ones([12, 64, 128]);
  const run = compile(() => dropout(x, 0.2, state));
  const kept = (await run().data()).filter((value) => value !== 0).length / x.size;
  assert.ok(Math.abs(kept - 0.8) < 0.01, `${kept} were kept`);
  return run;
});
