/**
 * Head and loss in one fused operation, with gradients: 512 tokens of width 128 and a vocabulary of
 * 25,670 words. Three matmuls are counted: the logits, and the gradients of both operands.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { linearCrossEntropy } from "../lib/ops/linear_cross_entropy.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const [N, C, V] = [512, 128, 25670];
const random = new Random(1);
const draw = (...shape: number[]) => {
  const length = shape.reduce((product, n) => product * n);
  return tensor(Float32Array.from({ length }, () => random.uniform() - 0.5), { shape });
};
const ids = Int32Array.from({ length: N }, () => random.integer(V));

await benchEachDevice(
  `linear cross-entropy [${N},${C}]·[${C},${V}] and its gradients`,
  { operations: 6 * N * C * V, software: false },
  async () => {
    const parameters = [draw(N, C), draw(V, C), draw(V)];
    const [x, weight, bias] = parameters;
    const targets = tensor(ids);
    const loss = () => linearCrossEntropy(x, weight, bias, targets, { transposed: true });
    const run = compile(() => valueAndGrad(loss, parameters));
    const { value, gradients } = run();
    const first = await value.item();
    assert.ok(Math.abs(first - Math.log(V)) < 1, `loss ${first}, expected about ln ${V}`);
    let total = 0;
    for (const d of await gradients[2].data()) total += d;
    assert.ok(Math.abs(total) < 1e-4, `the bias's gradient must sum to 0, not ${total}`);
    return run;
  },
);
