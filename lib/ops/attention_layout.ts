/**
 * The layout of attention's heads in its tensors, and the keys that a query sees: checks options
 * and turns them into the kernels' scalars.
 *
 * attention.ts and the files beside it compute with them.
 *
 * @module
 */
import type { ScalarType } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { sameShape } from "../shape.ts";
import { expectType } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { scoreAdjustment, type ScoreOptions } from "./attention_adjust.ts";

/** Which keys a query sees. Query i of Tq is at position p = i + Tk − Tq of the keys. */
export interface AttentionMask extends ScoreOptions {
  /** Hide keys after p. Default false. */
  causal?: boolean;
  /**
   * Hide keys at a distance from p of `window` or more; 1 leaves a query its own key. Default: no
   * window.
   */
  window?: number;
  /** Hide the keys of batch b from keyLengths[b] on: i32 [B]. Default: none hidden. */
  keyLengths?: Tensor;
  /** Factor of the scores. Default 1/√D. */
  scale?: number;
}

/** Options of `attention`, `selfAttention` and their weights. */
export interface AttentionOptions extends AttentionMask {
  /**
   * Hide the keys before firstKeys[b,i] from query i of batch b, for rows that hold several
   * documents: i32 [B,Tq], which must not decrease along a row. Not for weights. Default: none
   * hidden.
   */
  firstKeys?: Tensor;
  /** Number of query heads. */
  heads: number;
  /**
   * Number of key/value heads (grouped-query attention), which must divide `heads`. Default
   * `heads`.
   */
  keyValueHeads?: number;
  /** Probability that a query's weight for a key is set to 0, in [0, 1). Default 0. */
  dropout?: number;
  /** i32 [2] = [seed, step], as for `dropout`; required if `dropout` is above 0. */
  randomState?: Tensor;
  /** The number of the random stream; each call of a step needs a separate one. Default 0. */
  randomStream?: number;
}

/** Options of `selfAttention`. */
export interface SelfAttentionOptions extends AttentionOptions {
  /** Compute the last position's row only; `firstKeys` are [B,1] then. Default: false. */
  lastOnly?: boolean;
}

const OPTIONS = {
  heads: true,
  keyValueHeads: true,
  causal: true,
  window: true,
  keyLengths: true,
  firstKeys: true,
  scale: true,
  softCap: true,
  alibi: true,
  dropout: true,
  randomState: true,
  randomStream: true,
};

/**
 * A matrix of rows in a tensor: the offset of the first row, and the stride from row to row, in
 * elements.
 */
interface Rows {
  readonly offset: number;
  readonly stride: number;
}

/** Everything about a call of attention except its tensors. */
export interface AttentionLayout {
  readonly batch: number;
  readonly heads: number;
  /** Query heads that share a head of keys and values. */
  readonly group: number;
  readonly queries: number;
  readonly keys: number;
  readonly headSize: number;
  /** Constants of every attention kernel. */
  readonly constants: Readonly<Record<string, number>>;
  /** Scalars of every attention kernel. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** Types of a layout's scalars, for the kernels' descriptors. */
export const LAYOUT_SCALARS: Readonly<Record<string, ScalarType>> = {
  batch: "i32",
  heads: "i32",
  group: "i32",
  queries: "i32",
  keys: "i32",
  behind: "i32",
  ahead: "i32",
  scale: "f32",
  qOffset: "i32",
  qStride: "i32",
  kOffset: "i32",
  kStride: "i32",
  vOffset: "i32",
  vStride: "i32",
};

/** A distance that no key exceeds. */
const EVERYTHING = 2 ** 29;

/** Numbers of query heads and of key/value heads; neighboring query heads share one of fewer. */
export interface HeadCounts {
  readonly heads: number;
  readonly keyValueHeads: number;
}

interface Sizes extends HeadCounts {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly headSize: number;
}

/**
 * The layout of packed rows [q | k | v] in qkv [B,T,(H + 2·Hkv)·D]; with `lastOnly` the queries are
 * every T-th row, from the first sequence's last one on.
 *
 * @throws {TypeError} if the shape or an option does not fit
 */
export function packedLayout(
  operation: string,
  qkv: Tensor,
  { lastOnly = false, ...options }: SelfAttentionOptions,
): AttentionLayout {
  expectType(operation, qkv, "f32");
  const { heads, keyValueHeads } = headCounts(operation, options);
  const [batch, length, stride] = qkv.shape;
  const parts = heads + 2 * keyValueHeads;
  if (qkv.shape.length !== 3 || stride % parts !== 0) {
    throw new TypeError(
      `${operation}: expected rows of ${heads} query, ${keyValueHeads} key and ${keyValueHeads} value heads, [B,T,${parts}·D], got ${qkv}`,
    );
  }
  const headSize = stride / parts;
  const queries = lastOnly ? Math.min(1, length) : length;
  const sizes = { batch, queries, keys: length, heads, keyValueHeads, headSize };
  const [all, k, v] = [0, heads, heads + keyValueHeads]
    .map((before) => ({ offset: before * headSize, stride }));
  const q = lastOnly ? { offset: (length - 1) * stride, stride: length * stride } : all;
  checkHeadSize(operation, qkv, headSize);
  return layout(operation, sizes, { q, k, v }, options);
}

/**
 * The layout of q [B,Tq,H·D] and k, v [B,Tk,Hkv·D].
 *
 * @throws {TypeError} if a shape or an option does not fit
 */
export function separateLayout(
  operation: string,
  tensors: { q: Tensor; k: Tensor; v: Tensor },
  options: AttentionOptions,
): AttentionLayout {
  const { q, k, v } = tensors;
  for (const tensor of [q, k, v]) expectType(operation, tensor, "f32");
  const { heads, keyValueHeads } = headCounts(operation, options);
  const [batch, queries, width] = q.shape;
  const [keyBatch, keys, keyWidth] = k.shape;
  const headSize = width / heads;
  if (
    q.shape.length !== 3 || k.shape.length !== 3 || keyBatch !== batch || width % heads !== 0 ||
    keyWidth !== keyValueHeads * headSize || !sameShape(k.shape, v.shape)
  ) {
    throw new TypeError(
      `${operation}: expected q [B,Tq,${heads}·D] and k, v [B,Tk,${keyValueHeads}·D], got q ${q}, k ${k}, v ${v}`,
    );
  }
  checkHeadSize(operation, q, headSize);
  const sizes = { batch, queries, keys, heads, keyValueHeads, headSize };
  const rows = (stride: number): Rows => ({ offset: 0, stride });
  return layout(
    operation,
    sizes,
    { q: rows(width), k: rows(keyWidth), v: rows(keyWidth) },
    options,
  );
}

function headCounts(operation: string, options: AttentionOptions): HeadCounts {
  checkOptions(operation, options, OPTIONS);
  const { heads, keyValueHeads = heads } = options;
  checkHeads(operation, { heads, keyValueHeads });
  return { heads, keyValueHeads };
}

/** Throws a TypeError unless the heads of keys and values divide those of queries. */
export function checkHeads(operation: string, { heads, keyValueHeads }: HeadCounts): void {
  const whole = [heads, keyValueHeads].every((count) => Number.isInteger(count) && count >= 1);
  if (whole && heads % keyValueHeads === 0) return;
  throw new TypeError(
    `${operation}: keyValueHeads must divide heads, both whole numbers from 1; got ${heads} heads, ${keyValueHeads} keyValueHeads`,
  );
}

/** Throws a TypeError if heads are too large for the attention kernels of the device. */
export function checkHeadSize(operation: string, { device }: Tensor, headSize: number): void {
  const { kind, traits: { maxHeadSize } } = device;
  if (headSize > maxHeadSize) {
    throw new TypeError(
      `${operation}: expected heads of at most ${maxHeadSize} on ${kind}, got ${headSize}; use more heads, or the device 'cpu'`,
    );
  }
}

function layout(
  operation: string,
  sizes: Sizes,
  { q, k, v }: { q: Rows; k: Rows; v: Rows },
  mask: AttentionOptions,
): AttentionLayout {
  const { batch, queries, keys, heads, keyValueHeads, headSize } = sizes;
  const { causal = false, window, keyLengths, firstKeys, scale = 1 / Math.sqrt(headSize) } = mask;
  if (!Number.isFinite(scale)) {
    throw new RangeError(`${operation}: scale must be a number, got ${describe(scale)}`);
  }
  if (window !== undefined) expectValue(`${operation}: window`, wholeNumber({ min: 1 }), window);
  if (keyLengths) {
    expectType(operation, keyLengths, "i32");
    if (keyLengths.size !== batch) {
      throw new TypeError(
        `${operation}: expected keyLengths of ${batch} values, one a sequence, got ${keyLengths}`,
      );
    }
  }
  if (firstKeys) {
    expectType(operation, firstKeys, "i32");
    if (firstKeys.size !== batch * queries) {
      throw new TypeError(
        `${operation}: expected firstKeys of ${batch} × ${queries} values, one a query, got ${firstKeys}`,
      );
    }
  }
  const reach = Math.min((window ?? Infinity) - 1, EVERYTHING);
  const group = heads / keyValueHeads;
  const { softCap, alibi } = mask;
  const adjustment = scoreAdjustment(operation, { heads, causal, softCap, alibi });
  const constants = { HEAD_SIZE: headSize, ...adjustment.constants };
  const scalars = {
    ...adjustment.scalars,
    batch,
    heads,
    group,
    queries,
    keys,
    behind: reach,
    ahead: causal ? 0 : reach,
    scale,
    qOffset: q.offset,
    qStride: q.stride,
    kOffset: k.offset,
    kStride: k.stride,
    vOffset: v.offset,
    vStride: v.stride,
  };
  return { batch, heads, group, queries, keys, headSize, constants, scalars };
}
