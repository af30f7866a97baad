/**
 * Peak memory of attention's derivative as the sequence grows: forward and backward of one
 * sequence, 8 heads of size 64, on a separate device for each length.
 *
 *     deno run -A bench/attention_memory.ts
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatBytes, formatCount } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { selfAttention } from "../lib/ops/attention.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { sum } from "../lib/ops/reduce.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { testValues } from "../tests/support/attention_reference.ts";
import { checkValueGradient } from "./attention_checks.ts";

const [HEADS, HEAD_SIZE] = [8, 64];
const WIDTH = HEADS * HEAD_SIZE;

print("| T | peak device memory | a token | T×T weights alone would take | ms |");
print("| --- | --- | --- | --- | --- |");
const peaks: number[] = [];
for (const time of [1024, 2048, 4096]) {
  const device = new CpuDevice();
  useDevice(device);
  const qkv = tensor(testValues(time * 3 * WIDTH, 1), { shape: [1, time, 3 * WIDTH] });
  const step = compile(() =>
    valueAndGrad(() => sum(selfAttention(qkv, { heads: HEADS, causal: true })), [qkv])
  );
  const start = performance.now();
  const { gradients } = step();
  const milliseconds = performance.now() - start;
  checkValueGradient(await gradients[0].data(), { heads: HEADS, time, headSize: HEAD_SIZE });
  const { peak } = device.memory();
  peaks.push(peak);
  const weights = 4 * HEADS * time * time;
  const cells = [formatBytes(peak), formatBytes(peak / time), formatBytes(weights)];
  print(`| ${[formatCount(time), ...cells, milliseconds.toFixed(0)].join(" | ")} |`);
  device.close();
}
const growth = peaks.slice(1).map((peak, i) => peak / peaks[i]);
print(`\ntwice the length takes ${growth.map((g) => g.toFixed(2)).join(" and ")} times the memory`);
assert.ok(growth.every((g) => g < 2.1), "memory must grow no faster than the sequence");
