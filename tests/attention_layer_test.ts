import assert from "node:assert/strict";
import { Attention } from "../lib/nn/attention.ts";
import type { BlockConfigInput } from "../lib/nn/block_config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import { sameWeights } from "../lib/nn/initial_weights.ts";
import { normal } from "../lib/nn/initializers.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { concatenate } from "../lib/ops/concatenate.ts";
import { sum } from "../lib/ops/reduce.ts";
import { slice } from "../lib/ops/slice.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
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

const CHOICES: Record<string, Partial<BlockConfigInput>> = {
  "plain": {},
  "grouped heads of a free size": { keyValueHeads: 1, headSize: 6 },
  "rotary, norms of queries and keys": { positions: "rotary", queryKeyNorm: true, norm: "rms" },
};
for (const [name, choices] of Object.entries(CHOICES)) {
  forEachDevice(`packed projections compute what separate ones do: ${name}`, async () => {
    const config = { width: C, heads: H, ...choices };
    const options = { causal: true, window: 3, initial: sameWeights(normal(0.5)) };
    const packed = new Attention(config, { ...options, packed: true });
    const separate = new Attention(config, options);
    const parts = [separate.query!, separate.key!, separate.value!];
    const weights = await concatenate(parts.map(({ weight }) => weight), { axis: 1 }).data();
    packed.queryKeyValue!.weight.write(weights as Float32Array);
    packed.projection.weight.write(await separate.projection.weight.data() as Float32Array);
    const x = numbers([B, TK, C], 3);
    const keyLengths = tensor(Int32Array.of(5, 2));
    const expected = await packed.forward(x, { keyLengths }).data();
    assertClose(await separate.forward(x, { keyLengths }).data(), expected, 1e-5);
    assertClose(
      await separate.weights(x, { keyLengths }).data(),
      await packed.weights(x, { keyLengths }).data(),
      1e-5,
    );
    const { keyValueHeads = H, headSize = C / H } = choices;
    const shape = [B, keyValueHeads, TK, headSize];
    const position = zeros([1], { dtype: "i32" });
    const cache = { keys: zeros(shape), values: zeros(shape), position };
    const start = await separate.forward(slice(x, { axis: 1, end: 4 }), { cache }).data();
    position.write([4]);
    const last = await separate.forward(slice(x, { axis: 1, start: 4 }), { cache }).data();
    const all = await packed.forward(x).data();
    for (let b = 0; b < B; b++) {
      const row = all.subarray(b * TK * C, (b + 1) * TK * C);
      assertClose(start.subarray(b * 4 * C, (b + 1) * 4 * C), row.subarray(0, 4 * C), 1e-5);
      assertClose(last.subarray(b * C, (b + 1) * C), row.subarray(4 * C), 1e-5);
    }
  });
}

forEachDevice("attention refuses what cannot be", () => {
  const x = zeros([1, 2, 8]);
  const packed = new Attention({ width: 8, heads: 2 }, { packed: true });
  assert.throws(() => packed.forward(x, { source: x }), {
    name: "TypeError",
    message: /packed layer has no source/,
  });
  const [keys, position] = [zeros([1, 2, 4, 4]), zeros([1], { dtype: "i32" })];
  const both = new Attention({ width: 8, heads: 2 });
  assert.throws(() => both.forward(x, { cache: { keys, values: keys, position } }), {
    name: "TypeError",
    message: /a cache is for causal self-attention only/,
  });
  const dropping = new Attention({ width: 8, heads: 2, attentionDropout: 0.1 });
  const training = new ForwardContext({ randomState: tensor(new Int32Array(2)) });
  assert.throws(() => dropping.forward(x, { cache: { keys, values: keys, position } }, training), {
    name: "RangeError",
    message: /expected attentionDropout 0 in training with a cache, got 0.1/,
  });
  const mistyped = { width: 8, heads: 2, windows: 3 } as BlockConfigInput;
  assert.throws(() => new Attention(mistyped), /unknown option 'windows'/);
});

forEachDevice("a bias of scores is refused with a soft-cap or ALiBi", () => {
  const x = zeros([1, 3, 8]);
  const scoreBias = zeros([2, 3, 3]);
  for (const choice of [{ attentionSoftCap: 2 }, { positions: "alibi" as const }]) {
    const layer = new Attention({ width: 8, heads: 2, ...choice }, { causal: true });
    const message =
      /expected scores as they are with a scoreBias, got (positions alibi|attentionS)/;
    assert.throws(() => layer.forward(x, { scoreBias }), { name: "TypeError", message });
  }
});
