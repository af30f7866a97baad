/**
 * Attention without the T×T matrix: softmax(scale·Q·Kᵀ)·V for each head, with its derivative.
 *
 * The probabilities are never stored; the backward pass computes them again from each row's
 * log-sum. The form that returns them is in attention_weights.ts, the step with a cache of keys and
 * values in attention_decode.ts. For a mask of arbitrary numbers use matmul, `where` and softmax.
 * Source: Dao et al., arXiv 2205.14135; Dao, arXiv 2307.08691.
 *
 * @module
 */
import { attention as cpu } from "../../kernels/cpu/attention.ts";
import { attentionBackward as cpuBackward } from "../../kernels/cpu/attention_backward.ts";
import { wgsl } from "../../kernels/webgpu/sources.ts";
import type { Kernel, Scalars, WebGpuKernel } from "../device/kernel.ts";
import {
  type AttentionLayout,
  type AttentionOptions,
  LAYOUT_SCALARS,
  packedLayout,
  separateLayout,
} from "./attention_layout.ts";
import { differentiable } from "../tensor/autograd.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const READS = { q: "f32", k: "f32", v: "f32", lengths: "i32" } as const;
const BACKWARD_READS = { ...READS, output: "f32", gradient: "f32", logSum: "f32" } as const;

/**
 * Rows of a workgroup's tile, and columns of a result that it keeps, as in attention_tiles.wgsl.
 */
const TILE = { rows: 32, columns: 128 };

/** The WebGPU form of a kernel whose workgroups compute tiles of `rows` for each of `heads`. */
const tiles = (
  code: string,
  sizes: (scalars: Scalars) => { heads: number; rows: number },
): WebGpuKernel => ({
  code,
  workgroupSize: 64,
  workgroups(scalars, { HEAD_SIZE }) {
    const { heads, rows } = sizes(scalars);
    const blocks = Math.ceil(rows / TILE.rows) * Math.ceil(HEAD_SIZE / TILE.columns);
    return scalars.batch * heads * blocks;
  },
});

const queryTiles = (code: string) =>
  tiles(code, ({ heads, queries }) => ({ heads, rows: queries }));
const keyTiles = (code: string) =>
  tiles(code, ({ heads, group, keys }) => ({ heads: heads / group, rows: keys }));

const KERNEL: Kernel = {
  name: "attention",
  reads: READS,
  writes: { output: "f32", logSum: "f32" },
  scalars: LAYOUT_SCALARS,
  webgpu: queryTiles(wgsl("attention")),
  cpu,
};

/** On the CPU one kernel computes all three derivatives. */
const BACKWARD: Kernel = {
  name: "attention_backward",
  reads: BACKWARD_READS,
  writes: { dq: "f32", dk: "f32", dv: "f32" },
  scalars: LAYOUT_SCALARS,
  cpu: cpuBackward,
};

/** On WebGPU one computes dQ … */
const BACKWARD_Q: Kernel = {
  name: "attention_backward_q",
  reads: BACKWARD_READS,
  writes: { dq: "f32", delta: "f32" },
  scalars: LAYOUT_SCALARS,
  webgpu: queryTiles(wgsl("attention_backward_q")),
};

/** … and another dK and dV, because floats cannot be added atomically. */
const BACKWARD_KV: Kernel = {
  name: "attention_backward_kv",
  reads: { ...READS, gradient: "f32", logSum: "f32", delta: "f32" },
  writes: { dk: "f32", dv: "f32" },
  scalars: LAYOUT_SCALARS,
  webgpu: keyTiles(wgsl("attention_backward_kv", "store_dv")),
};

/** The same if dQ, dK and dV are parts of one tensor, `dk`. */
const BACKWARD_PACKED_KV: Kernel = {
  ...BACKWARD_KV,
  name: "attention_backward_packed_kv",
  updates: { dk: "f32" },
  writes: {},
  webgpu: keyTiles(wgsl("attention_backward_kv", "store_packed_dv")),
};

/**
 * softmax(scale·Q·Kᵀ)·V for each head, of packed rows qkv [B,T,(H + 2·Hkv)·D] = [q | k | v] →
 * [B,T,H·D].
 *
 * Memory grows with T, not with its square. A row that sees no key gives zeros. TypeError when the
 * shape does not fit the heads or D is over 256 on WebGPU, RangeError for a window below 1.
 *
 * ```ts
 * import { openDevice, selfAttention, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const qkv = tensor([1, 0, 5, 0, 1, 7], { shape: [1, 2, 3] }); // two tokens, one head, D = 1
 * console.log(await selfAttention(qkv, { heads: 1, causal: true }).data()); // [5, 6]
 * device.close();
 * ```
 */
export function selfAttention(qkv: Tensor, options: AttentionOptions): Tensor {
  const layout = packedLayout("selfAttention", qkv, options);
  const tensors = { q: qkv, k: qkv, v: qkv, lengths: options.keyLengths };
  const { output, logSum } = forward(tensors, layout);
  return differentiable(output, [qkv], (gradient) => {
    const dqkv = empty(qkv.shape, { device: qkv.device });
    const gradients = { dq: dqkv, dk: dqkv, dv: dqkv };
    backward({ ...tensors, output, logSum, gradient }, gradients, layout);
    return [dqkv];
  });
}

/**
 * softmax(scale·Q·Kᵀ)·V for each head: q [B,Tq,H·D] and k, v [B,Tk,Hkv·D] → [B,Tq,H·D].
 *
 * Memory grows with Tq + Tk, not with their product. A row that sees no key gives zeros. TypeError
 * when the shapes do not fit the heads or D is over 256 on WebGPU, RangeError for a window below 1.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const layout = separateLayout("attention", { q, k, v }, options);
  const tensors = { q, k, v, lengths: options.keyLengths };
  const { output, logSum } = forward(tensors, layout);
  return differentiable(output, [q, k, v], (gradient) => {
    const [dq, dk, dv] = [q, k, v].map((tensor) => empty(tensor.shape, { device: tensor.device }));
    backward({ ...tensors, output, logSum, gradient }, { dq, dk, dv }, layout);
    return [dq, dk, dv];
  });
}

interface Inputs {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly lengths?: Tensor;
}

interface Outputs {
  /** [B,Tq,H·D] */
  readonly output: Tensor;
  /** log₂ of the sum of each row's 2^(score·log₂ e): [B,H,Tq]. */
  readonly logSum: Tensor;
}

function constants(layout: AttentionLayout, lengths: Tensor | undefined) {
  return { HEAD_SIZE: layout.headSize, HAS_LENGTHS: lengths ? 1 : 0 };
}

function forward(inputs: Inputs, layout: AttentionLayout): Outputs {
  const { batch, heads, queries, headSize } = layout;
  const { device } = inputs.q;
  const output = empty([batch, queries, heads * headSize], { device });
  const logSum = empty([batch, heads, queries], { device });
  const buffers = { ...inputs, output, logSum };
  launch(KERNEL, buffers, layout.scalars, constants(layout, inputs.lengths));
  return { output, logSum };
}

function backward(
  inputs: Inputs & Outputs & { readonly gradient: Tensor },
  gradients: { readonly dq: Tensor; readonly dk: Tensor; readonly dv: Tensor },
  layout: AttentionLayout,
): void {
  if (!BACKWARD[inputs.q.device.kind]) return backwardInTwo(inputs, gradients, layout);
  launch(BACKWARD, { ...inputs, ...gradients }, layout.scalars, constants(layout, inputs.lengths));
}

function backwardInTwo(
  inputs: Inputs & Outputs & { readonly gradient: Tensor },
  { dq, dk, dv }: { readonly dq: Tensor; readonly dk: Tensor; readonly dv: Tensor },
  layout: AttentionLayout,
): void {
  const { q, k, v, lengths, output, gradient, logSum } = inputs;
  const delta = empty(logSum.shape, { device: q.device });
  const fixed = constants(layout, lengths);
  const rows = { q, k, v, lengths, gradient, logSum };
  launch(BACKWARD_Q, { ...rows, output, dq, delta }, layout.scalars, fixed);
  const kernel = dk === dv ? BACKWARD_PACKED_KV : BACKWARD_KV;
  launch(kernel, { ...rows, delta, dk, dv }, layout.scalars, fixed);
}
