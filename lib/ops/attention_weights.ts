/**
 * The weights of attention, for figures and analysis: a softmax over masked scores, stored in full.
 *
 * attention.ts computes with them without storing them.
 *
 * @module
 */
import { attentionScores as cpu } from "../../kernels/cpu/attention_scores.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { ADJUST_SCALARS } from "./attention_adjust.ts";
import {
  type AttentionLayout,
  type AttentionOptions,
  LAYOUT_SCALARS,
  packedLayout,
  separateLayout,
} from "./attention_layout.ts";
import { launch } from "../tensor/launch.ts";
import { softmax } from "./softmax.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "attention_scores",
  reads: { q: "f32", k: "f32", maskWords: "i32" },
  writes: { scores: "f32" },
  scalars: { ...LAYOUT_SCALARS, ...ADJUST_SCALARS },
  webgpu: {
    code: wgsl("attention_scores"),
    threads: ({ batch, heads, queries, keys }) => batch * heads * queries * keys,
  },
  cpu,
};

/**
 * softmax(scale·Q·Kᵀ) for each head: q [B,Tq,H·D] and k [B,Tk,Hkv·D] → [B,H,Tq,Tk], rows queries,
 * columns keys; hidden keys have weight 0, and so has all of a row that sees no key. Options of
 * dropout are ignored: the weights are those before it. No gradient flows. Throws as `attention`
 * does.
 *
 * ```ts
 * import { attentionWeights, openDevice, tensor, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const [q, k] = [zeros([1, 1, 2]), tensor([[[1, 2], [3, 4], [5, 6]]])];
 * const keyLengths = tensor(Int32Array.of(2));
 * const weights = attentionWeights(q, k, { heads: 1, keyLengths });
 * console.log(await weights.data()); // [0.5, 0.5, 0]
 * device.close();
 * ```
 */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions): Tensor {
  expectNoFirstKeys("attentionWeights", options);
  const layout = separateLayout("attentionWeights", { q, k, v: k }, options);
  return weights(q, k, layout, options.keyLengths);
}

/**
 * The weights of `selfAttention` before dropout: packed rows qkv [B,T,(H + 2·Hkv)·D] → [B,H,T,T].
 * No gradient flows. Throws as `selfAttention` does.
 *
 * ```ts
 * import { openDevice, selfAttentionWeights, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const qkv = tensor([1, 0, 5, 0, 1, 7], { shape: [1, 2, 3] }); // two tokens, one head, D = 1
 * const weights = selfAttentionWeights(qkv, { heads: 1, causal: true });
 * console.log(await weights.data()); // [1, 0, 0.5, 0.5]
 * device.close();
 * ```
 */
export function selfAttentionWeights(qkv: Tensor, options: AttentionOptions): Tensor {
  expectNoFirstKeys("selfAttentionWeights", options);
  const layout = packedLayout("selfAttentionWeights", qkv, options);
  return weights(qkv, qkv, layout, options.keyLengths);
}

function expectNoFirstKeys(operation: string, { firstKeys }: AttentionOptions): void {
  if (!firstKeys) return;
  throw new TypeError(`${operation}: expected no firstKeys, got ${firstKeys}; weigh one document`);
}

function weights(q: Tensor, k: Tensor, layout: AttentionLayout, lengths?: Tensor): Tensor {
  const { batch, heads, queries, keys } = layout;
  const scores = empty([batch, heads, queries, keys], { device: q.device });
  const constants = { ...layout.constants, HAS_LENGTHS: lengths ? 1 : 0 };
  launch(KERNEL, { q, k, maskWords: lengths, scores }, layout.scalars, constants);
  return softmax(scores);
}
