/**
 * Attention of one new token to a cache of keys and values, for generation.
 *
 * The position of the next token is a tensor, so that one compiled step serves every position. No
 * gradient flows.
 *
 * @module
 */
import { attentionCombine } from "../../kernels/cpu/attention_combine.ts";
import { attentionDecode as cpu } from "../../kernels/cpu/attention_decode.ts";
import { cacheAppend as cpuAppend } from "../../kernels/cpu/cache_append.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { ADJUST_SCALARS, scoreAdjustment, type ScoreOptions } from "./attention_adjust.ts";
import { checkHeads, checkHeadSize } from "./attention_layout.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const APPEND: Kernel = {
  name: "cache_append",
  reads: { packed: "f32", position: "i32" },
  updates: { keys: "f32", values: "f32" },
  scalars: {
    rows: "u32",
    time: "u32",
    stride: "u32",
    offset: "u32",
    heads: "u32",
    length: "u32",
    headSize: "u32",
  },
  webgpu: {
    code: wgsl("cache_append"),
    threads: ({ rows, heads, headSize }) => rows * heads * headSize,
  },
  cpu: cpuAppend,
};

const DECODE: Kernel = {
  name: "attention_decode",
  reads: { packed: "f32", keys: "f32", values: "f32", position: "i32" },
  writes: { output: "f32", partial: "f32" },
  scalars: {
    batch: "u32",
    heads: "u32",
    group: "u32",
    parts: "u32",
    partLength: "u32",
    stride: "u32",
    length: "u32",
    window: "u32",
    scale: "f32",
    ...ADJUST_SCALARS,
  },
  webgpu: {
    code: wgsl("attention_decode"),
    workgroupSize: 64,
    workgroups: ({ batch, heads, parts }) => batch * heads * parts,
  },
  cpu,
};

const COMBINE: Kernel = {
  name: "attention_combine",
  reads: { partial: "f32" },
  writes: { output: "f32" },
  scalars: { rows: "u32", parts: "u32" },
  webgpu: {
    code: wgsl("attention_combine"),
    threads: ({ rows }, { HEAD_SIZE }) => rows * HEAD_SIZE,
  },
  cpu: attentionCombine,
};

/**
 * Positions of a long cache in one chunk or workgroup; a cache of up to twice as many is not split.
 */
const PART = 256;

/** Keys and values of the tokens so far, with room for S tokens. */
export interface KeyValueCache {
  /** f32 [B, key/value heads, S, D]: the keys of a head are contiguous. */
  readonly keys: Tensor;
  /** f32 [B, key/value heads, S, D]: the values, stored in the same way. */
  readonly values: Tensor;
}

/** Options of `attentionDecode`. */
export interface AttentionDecodeOptions extends ScoreOptions {
  /** Number of query heads. */
  heads: number;
  /**
   * Number of key/value heads (grouped-query attention), which must divide `heads`. Default:
   * `heads`.
   */
  keyValueHeads?: number;
  /** Number of positions that the token attends to, its own included. Default: all. */
  window?: number;
  /** Multiplies the scores. Default 1/√D. */
  scale?: number;
}

/**
 * Stores the keys and values of packed [B,T,(H + 2·Hkv)·D] = [q | k | v] in the cache from
 * `position` on (i32 [1], or [B], one for each sequence); tokens beyond the cache's S are omitted.
 *
 * @throws {TypeError} if the shapes do not fit
 */
export function cacheAppend(cache: KeyValueCache, packed: Tensor, position: Tensor): void {
  const { keys, values } = cache;
  const [batch, time, stride] = packed.shape;
  const [cacheBatch, heads, length, headSize] = keys.shape;
  const width = heads * headSize;
  if (packed.shape.length !== 3 || cacheBatch !== batch || stride <= 2 * width) {
    throw new TypeError(`cacheAppend: packed ${packed} does not fit a cache of ${keys}`);
  }
  const offset = stride - 2 * width;
  const rows = batch * time;
  const scalars = { rows, time, stride, offset, heads, length, headSize };
  const constants = { PER_ROW: perRow("cacheAppend", position, batch) };
  launch(APPEND, { packed, position, keys, values }, scalars, constants);
}

/**
 * softmax(scale·q·Kᵀ)·V of one new token: packed [B,1,(H + 2·Hkv)·D] → [B,1,H·D]. Its keys and
 * values are first appended to the cache at `position`, i32 [1] or [B]. The work is divided by
 * heads and, if the cache is long, by parts of 256 positions (flash decoding).
 *
 * @throws {TypeError} if the shapes do not fit, or D exceeds 256 on WebGPU
 */
export function attentionDecode(
  packed: Tensor,
  cache: KeyValueCache,
  position: Tensor,
  options: AttentionDecodeOptions,
): Tensor {
  const { heads, keyValueHeads = heads } = options;
  checkHeads("attentionDecode", { heads, keyValueHeads });
  const [batch, time, stride] = packed.shape;
  const [, cacheHeads, length, size] = cache.keys.shape;
  if (cacheHeads !== keyValueHeads) {
    throw new TypeError(
      `attentionDecode: expected a cache of ${keyValueHeads} heads, got ${cache.keys}`,
    );
  }
  if (time !== 1 || stride !== size * (heads + 2 * keyValueHeads)) {
    throw new TypeError(
      `attentionDecode: expected [B,1,${size * (heads + 2 * keyValueHeads)}], got ${packed}`,
    );
  }
  checkHeadSize("attentionDecode", packed, size);
  cacheAppend(cache, packed, position);
  const { window = length, scale = 1 / Math.sqrt(size) } = options;
  const rows = batch * heads;
  const partLength = length > 2 * PART ? PART : length;
  const parts = Math.ceil(length / partLength);
  const group = heads / keyValueHeads;
  const sizes = { batch, heads, group, parts, partLength, stride, length };
  const { softCap, alibi } = options;
  const adjust = scoreAdjustment("attentionDecode", { heads, causal: true, softCap, alibi });
  const scalars = { ...sizes, window, scale, ...adjust.scalars };
  const { device } = packed;
  const output = empty([batch, 1, heads * size], { device });
  const buffers = { packed, ...cache, position };
  const PER_ROW = perRow("attentionDecode", position, batch);
  const constants = { HEAD_SIZE: size, PER_ROW, ...adjust.constants };
  if (parts === 1) {
    launch(DECODE, { ...buffers, output }, scalars, { ...constants, WHOLE: 1 });
    return output;
  }
  const partial = empty([batch, heads, parts, size + 2], { device });
  launch(DECODE, { ...buffers, partial }, scalars, { ...constants, WHOLE: 0 });
  launch(COMBINE, { partial, output }, { rows, parts }, { HEAD_SIZE: size });
  return output;
}

/** 1 if each sequence has its own position, 0 if all share one. */
function perRow(operation: string, position: Tensor, batch: number): 0 | 1 {
  if (position.size !== 1 && position.size !== batch) {
    throw new TypeError(`${operation}: expected one position or ${batch}; got ${position}`);
  }
  return position.size === 1 ? 0 : 1;
}
