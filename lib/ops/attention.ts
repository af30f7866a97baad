/**
 * Flash attention: dropout(softmax(scale·Q·Kᵀ))·V for each head without the T×T matrix, with its
 * derivative.
 *
 * The probabilities are never stored; the backward pass computes them again from each row's
 * log-sum, and dropout's mask from its counters. The form that returns them is in
 * attention_weights.ts, the step with a cache of keys and values in attention_decode.ts. For a mask
 * of arbitrary numbers use matmul, `where` and softmax. Source: Dao et al., arXiv 2205.14135; Dao,
 * arXiv 2307.08691.
 *
 * @module
 */
import { attention as cpu } from "../../kernels/cpu/attention.ts";
import { attentionBackward as cpuBackward } from "../../kernels/cpu/attention_backward.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Constants, Kernel, Scalars, WebGpuKernel } from "../device/kernel.ts";
import { ADJUST_SCALARS } from "./attention_adjust.ts";
import { type AttentionMasking, attentionMasking, DROPOUT_SCALARS } from "./attention_dropout.ts";
import {
  type AttentionLayout,
  type AttentionOptions,
  LAYOUT_SCALARS,
  packedLayout,
  type SelfAttentionOptions,
  separateLayout,
} from "./attention_layout.ts";
import { strides } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { type KernelTensors, launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { stridedCopy } from "./strided_copy.ts";

const SCALARS = { ...LAYOUT_SCALARS, ...ADJUST_SCALARS, ...DROPOUT_SCALARS };

/** How rows are read: one number at a time, or four (vec4) if 4 divides the head size. */
interface Reads {
  readonly element: "f32" | "vec4f";
  /** Ends the names of kernels and of sources. */
  readonly suffix: "" | "_vec4";
}

const ONE: Reads = { element: "f32", suffix: "" };

const operands = ({ element }: Reads) =>
  ({ q: element, k: element, v: element, maskWords: "i32" }) as const;

/**
 * Rows of a workgroup's tile, and columns of a result that it keeps, as in attention_tiles.wgsl.
 */
const TILE = { rows: 32, columns: 128 };

/** The WebGPU form of a kernel whose workgroups compute tiles of `rows` for each of `heads`. */
const tiles = (
  code: WebGpuKernel["code"],
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

const queryTiles = (code: WebGpuKernel["code"]) =>
  tiles(code, ({ heads, queries }) => ({ heads, rows: queries }));
const keyTiles = (code: WebGpuKernel["code"]) =>
  tiles(code, ({ heads, group, keys }) => ({ heads: heads / group, rows: keys }));

const forward = (reads: Reads): Kernel => ({
  name: `attention${reads.suffix}`,
  reads: operands(reads),
  writes: { output: "f32", logSum: "f32" },
  scalars: SCALARS,
  webgpu: queryTiles(wgsl("attention", `operand_rows${reads.suffix}`)),
  cpu,
});

/** On the CPU one kernel computes all three derivatives. */
const BACKWARD: Kernel = {
  name: "attention_backward",
  reads: { ...operands(ONE), output: "f32", gradient: "f32", logSum: "f32" },
  writes: { dq: "f32", dk: "f32", dv: "f32" },
  scalars: SCALARS,
  cpu: cpuBackward,
};

/** On WebGPU one kernel computes dQ, and stores rowsum(dO∘O) after the log-sums … */
const backwardQ = (reads: Reads): Kernel => ({
  name: `attention_backward_q${reads.suffix}`,
  reads: { ...operands(reads), output: reads.element, gradient: reads.element },
  updates: { statistics: "f32" },
  writes: { dq: "f32" },
  scalars: SCALARS,
  webgpu: queryTiles(
    wgsl(
      "attention_backward_q",
      `operand_rows${reads.suffix}`,
      `gradient_rows${reads.suffix}`,
      `output_rows${reads.suffix}`,
    ),
  ),
});

/**
 * … and another dV and then dK, because floats cannot be added atomically, and both sums together
 * take more registers than a thread has.
 */
const backwardKv = (reads: Reads): Kernel => ({
  name: `attention_backward_kv${reads.suffix}`,
  reads: { ...operands(reads), gradient: reads.element, statistics: "f32" },
  writes: { dk: "f32", dv: "f32" },
  scalars: SCALARS,
  webgpu: keyTiles(backwardKvCode(reads, "store_dv")),
});

/** The same kernel if dQ, dK and dV are parts of one tensor, `dk`. */
const backwardPackedKv = (reads: Reads): Kernel => ({
  ...backwardKv(reads),
  name: `attention_backward_packed_kv${reads.suffix}`,
  updates: { dk: "f32" },
  writes: {},
  webgpu: keyTiles(backwardKvCode(reads, "store_packed_dv")),
});

const backwardKvCode = ({ suffix }: Reads, store: "store_dv" | "store_packed_dv") =>
  wgsl("attention_backward_kv", `operand_rows${suffix}`, `gradient_rows${suffix}`, store);

const kernels = (reads: Reads) => ({
  forward: forward(reads),
  backwardQ: backwardQ(reads),
  backwardKv: backwardKv(reads),
  backwardPackedKv: backwardPackedKv(reads),
});

const SCALAR = kernels(ONE);
const VEC4 = kernels({ element: "vec4f", suffix: "_vec4" });

/** The kernels for the head size of a call and its device. */
function kernelsOf({ q, layout }: Call): ReturnType<typeof kernels> {
  return q.device.traits.vec4Loads && layout.headSize % 4 === 0 ? VEC4 : SCALAR;
}

/**
 * dropout(softmax(scale·Q·Kᵀ))·V for each head, of packed rows qkv [B,T,(H + 2·Hkv)·D] = [q | k |
 * v] → [B,T,H·D].
 *
 * Memory grows with T, not with its square. A row that sees no key gives zeros. With `dropout`,
 * rounded to a multiple of 2⁻¹⁶, a probability is 0 with that chance, otherwise it is divided by 1
 * − dropout; a row's sum is that of all its probabilities. Which are kept depends on seed, step,
 * stream, batch, head, query and key only, on every device.
 *
 * With `lastOnly` the result is [B,1,H·D], what the last position attends to, for models of which
 * nothing else is read.
 *
 * ```ts
 * import { openDevice, selfAttention, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const qkv = tensor([1, 0, 5, 0, 1, 7], { shape: [1, 2, 3] }); // two tokens, one head, D = 1
 * console.log(await selfAttention(qkv, { heads: 1, causal: true }).data()); // [5, 6]
 * const randomState = tensor(new Int32Array([2, 0]));
 * const options = { heads: 1, causal: true, dropout: 0.5, randomState };
 * console.log(await selfAttention(qkv, options).data()); // each weight 0 or doubled
 * device.close();
 * ```
 *
 * @throws {TypeError} if the shape does not fit the heads, D is over 256 on WebGPU, or there is
 * dropout without a random state
 * @throws {RangeError} if the window is below 1 or the dropout outside [0, 1)
 */
export function selfAttention(qkv: Tensor, options: SelfAttentionOptions): Tensor {
  const layout = packedLayout("selfAttention", qkv, options);
  const masking = attentionMasking("selfAttention", options);
  const call = { q: qkv, k: qkv, v: qkv, layout, masking };
  const outputs = attend(call);
  return differentiable(outputs.output, [qkv], (gradient) => {
    const dqkv = empty(qkv.shape, { device: qkv.device });
    backward({ ...call, ...outputs, gradient }, { dq: dqkv, dk: dqkv, dv: dqkv });
    if (options.lastOnly) clearEarlierQueries(dqkv, layout);
    return [dqkv];
  });
}

/** Zeros in the queries before each sequence's last one: [B,T,(H + 2·Hkv)·D]. */
function clearEarlierQueries(dqkv: Tensor, { heads, headSize }: AttentionLayout): void {
  const [batch, length] = dqkv.shape;
  const box = [batch, length - 1, heads * headSize];
  stridedCopy(box, undefined, { tensor: dqkv, steps: strides(dqkv.shape) });
}

/**
 * dropout(softmax(scale·Q·Kᵀ))·V for each head: q [B,Tq,H·D] and k, v [B,Tk,Hkv·D] → [B,Tq,H·D].
 *
 * Memory grows with Tq + Tk, not with their product. A row that sees no key gives zeros. Dropout is
 * as in `selfAttention`. Source: Srivastava et al., JMLR 15, 2014 (dropout).
 *
 * ```ts
 * import { attention, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const [q, k] = [tensor([[[1, 0]]]), tensor([[[0, 0], [0, 0]]])]; // one query, two keys
 * const v = tensor([[[1, 2], [3, 4]]]);
 * console.log(await attention(q, k, v, { heads: 1 }).data()); // [2, 3], the mean of the values
 * device.close();
 * ```
 *
 * @throws {TypeError} if the shapes do not fit the heads, D is over 256 on WebGPU, or there is
 * dropout without a random state
 * @throws {RangeError} if the window is below 1 or the dropout outside [0, 1)
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const layout = separateLayout("attention", { q, k, v }, options);
  const masking = attentionMasking("attention", options);
  const call = { q, k, v, layout, masking };
  const outputs = attend(call);
  return differentiable(outputs.output, [q, k, v], (gradient) => {
    const [dq, dk, dv] = [q, k, v].map((tensor) => empty(tensor.shape, { device: tensor.device }));
    backward({ ...call, ...outputs, gradient }, { dq, dk, dv });
    return [dq, dk, dv];
  });
}

/** A call of attention: its tensors, where heads are in them, and what is masked. */
interface Call {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly layout: AttentionLayout;
  readonly masking: AttentionMasking;
}

interface Outputs {
  /** [B,Tq,H·D] */
  readonly output: Tensor;
  /**
   * [2,B,H,Tq]: log₂ of the sum of each row's 2^(score·log₂ e), then room for rowsum(dO∘O), which
   * the first kernel of the backward pass on WebGPU stores for the second.
   */
  readonly statistics: Tensor;
}

interface Gradients {
  readonly dq: Tensor;
  readonly dk: Tensor;
  readonly dv: Tensor;
}

function attend(call: Call): Outputs {
  const { q: { device }, layout: { batch, heads, queries, headSize } } = call;
  const output = empty([batch, queries, heads * headSize], { device });
  const statistics = empty([2, batch, heads, queries], { device });
  run(kernelsOf(call).forward, call, { output, logSum: statistics });
  return { output, statistics };
}

function backward(
  call: Call & Outputs & { readonly gradient: Tensor },
  gradients: Gradients,
): void {
  const { q, output, statistics, gradient } = call;
  if (!BACKWARD[q.device.kind]) return backwardInTwo(call, gradients);
  run(BACKWARD, call, { output, gradient, logSum: statistics, ...gradients });
}

function backwardInTwo(
  call: Call & Outputs & { readonly gradient: Tensor },
  { dq, dk, dv }: Gradients,
): void {
  const { output, statistics, gradient } = call;
  const { backwardQ, backwardKv, backwardPackedKv } = kernelsOf(call);
  run(backwardQ, call, { output, gradient, statistics, dq });
  const isPacked = dk === dv;
  const kernel = isPacked ? backwardPackedKv : backwardKv;
  run(kernel, call, { gradient, statistics, ...(isPacked ? { dk } : { dv }) }, { VALUES: 1 });
  run(kernel, call, { gradient, statistics, dk }, { VALUES: 0 });
}

/**
 * Whether the CPU multiplies whole blocks, in wide tiles: they have at most 128 steps, and with
 * fewer than 32, or a small part of a block of 64 rows, they are slower than panels of four rows.
 */
function usesWideTiles({ q, layout: { headSize, queries, keys } }: Call): boolean {
  const isLarge = headSize >= 32 && Math.min(queries, keys) >= 64;
  return q.device.traits.wideVectors && isLarge && headSize <= 128;
}

/** Launches a kernel on q, k, v, the mask's words and other buffers. */
function run(
  kernel: Kernel,
  call: Call,
  buffers: KernelTensors,
  own: Constants = {},
): void {
  const { q, k, v, layout, masking } = call;
  const scalars = { ...layout.scalars, ...masking.scalars };
  const wide: Constants = usesWideTiles(call) ? { WIDE: 1 } : {};
  const constants = { ...layout.constants, ...masking.constants, ...wide, ...own };
  launch(kernel, { q, k, v, maskWords: masking.words, ...buffers }, scalars, constants);
}
