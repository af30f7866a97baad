import assert from "node:assert/strict";
import { Attention } from "../lib/nn/attention.ts";
import { sameWeights } from "../lib/nn/initial_weights.ts";
import { normal } from "../lib/nn/initializers.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const [B, TQ, TK, C, S, H] = [2, 3, 5, 8, 6, 2];
const numbers = (shape: number[], seed: number) =>
  tensor(normal(1)(shape, new Random(seed)), { shape });

/** Rows times matrix plus bias, in float64. */
async function project(x: Tensor, { weight, bias }: { weight: Tensor; bias?: Tensor }) {
  const [values, w] = [await x.data(), await weight.data()];
  const b = bias ? await bias.data() : undefined;
  const [inputs, outputs] = weight.shape;
  return Array.from({ length: values.length / inputs * outputs }, (_, i) => {
    const [row, column] = [Math.floor(i / outputs), i % outputs];
    let total = b?.[column] ?? 0;
    for (let k = 0; k < inputs; k++) total += values[row * inputs + k] * w[k * outputs + column];
    return total;
  });
}

forEachDevice("multi-head attention to another sequence, with padding", async () => {
  const layer = new Attention({ width: C, heads: H }, {
    sourceWidth: S,
    initial: sameWeights(normal(0.5)),
  });
  const [x, source] = [numbers([B, TQ, C], 1), numbers([B, TK, S], 2)];
  const lengths = [5, 2];
  const options = { source, keyLengths: tensor(Int32Array.from(lengths)) };
  const [q, k, v] = [
    await project(x, layer.query!),
    await project(source, layer.key!),
    await project(source, layer.value!),
  ];
  const D = C / H;
  const weights = new Array(B * H * TQ * TK).fill(0);
  const context = new Float32Array(B * TQ * C);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < TQ; i++) {
        const scores = Array.from({ length: lengths[b] }, (_, j) => {
          let score = 0;
          for (let d = 0; d < D; d++) {
            score += q[(b * TQ + i) * C + h * D + d] * k[(b * TK + j) * C + h * D + d];
          }
          return Math.exp(score / Math.sqrt(D));
        });
        const total = scores.reduce((a, e) => a + e, 0);
        scores.forEach((score, j) => {
          weights[((b * H + h) * TQ + i) * TK + j] = score / total;
          for (let d = 0; d < D; d++) {
            context[(b * TQ + i) * C + h * D + d] += score / total *
              v[(b * TK + j) * C + h * D + d];
          }
        });
      }
    }
  }
  const expected = await project(tensor(context, { shape: [B, TQ, C] }), layer.projection);
  assertClose(await layer.forward(x, options).data(), expected, 1e-5);
  assertClose(await layer.weights(x, options).data(), weights, 1e-5);
  const { gradients } = valueAndGrad(
    () => sum(mul(layer.forward(x, options), 2)),
    layer.parameters(),
  );
  assert.equal(gradients.length, 8);
  assert.ok((await gradients[0].data()).some((value) => value !== 0));
});

forEachDevice("multi-head attention refuses heads that do not divide", () => {
  assert.throws(() => new Attention({ width: 8, heads: 3 }), /heads 3 does not divide width 8/);
});
