/**
 * Linear layers with bf16 and int8 weights and one row of x (GEMV), in GPT-2's shapes; bandwidth
 * counts the bytes of the weights.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { quantizedLinear } from "../lib/ops/quantized_linear.ts";
import { quantizeMatrix } from "../lib/ops/quantized_matrix.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const random = new Random(1);
const draw = (count: number) => Float32Array.from({ length: count }, () => random.uniform() - 0.5);

for (const [k, n] of [[768, 2304], [3072, 768]]) {
  const weights = draw(k * n), x = draw(k);
  for (const group of [undefined, 32, 64, 128]) {
    const [bits, bytes] = group === undefined
      ? [16, 2] as const
      : [8, (group + 4) / group] as const;
    const name = `1×${k}·${k}×${n}, ${bits} bits${group ? `, groups of ${group}` : ""}`;
    await benchEachDevice(name, { bytes: n * k * bytes }, async () => {
      const matrix = quantizeMatrix(weights, [n, k], { bits, group, transposed: true });
      const input = tensor(x, { shape: [1, k] });
      const program = compile(() => quantizedLinear(input, matrix));
      const values = await program().data();
      const exact = x.reduce((sum, value, i) => sum + value * weights[i], 0);
      assert.ok(Math.abs(values[0] - exact) < 0.1, `${values[0]}, expected about ${exact}`);
      return () => program();
    });
  }
}
