/**
 * Attention of one new token to a cache of keys and values, for generation.
 *
 * Where the next token goes is a tensor, so that one compiled step serves every position. No gradient flows.
 *
 * @module
 */
import * as cpu from "../../kernels/cpu/attention_decode.ts";
import code from "../../kernels/webgpu/attention_decode.wgsl" with { type: "text" };
import appendCode from "../../kernels/webgpu/cache_append.wgsl" with { type: "text" };
import type { Kernel } from "../device/kernel.ts";
import { launch } from "./launch.ts";
import { empty, type Tensor } from "./tensor.ts";

const APPEND: Kernel = {
  name: "cache_append",
  reads: ["packed", "position"],
  updates: ["keys", "values"],
  writes: [],
  scalars: {
    rows: "u32",
    time: "u32",
    stride: "u32",
    offset: "u32",
    width: "u32",
    length: "u32",
    chunks: "u32",
  },
  webgpu: { code: appendCode, workgroups: ({ rows, width }) => [Math.ceil(rows * width / 256)] },
  cpu: cpu.cacheAppend,
};

const DECODE: Kernel = {
  name: "attention_decode",
  reads: ["packed", "keys", "values", "position"],
  writes: ["output"],
  scalars: {
    batch: "u32",
    heads: "u32",
    group: "u32",
    size: "u32",
    stride: "u32",
    width: "u32",
    length: "u32",
    window: "u32",
    scale: "f32",
  },
  webgpu: { code, workgroups: ({ batch, heads }) => [batch * heads] },
  cpu: cpu.attentionDecode,
};

/** Keys and values of the tokens so far, each f32 [B, S, key-value heads · D]. */
export interface KeyValueCache {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Options of `attentionDecode`. */
export interface AttentionDecodeOptions {
  /** Query heads. */
  heads: number;
  /** Key and value heads; they divide `heads`. Default: `heads`. */
  keyValueHeads?: number;
  /** Places that the token looks back on, itself included. Default: all. */
  window?: number;
  /** Multiplies the scores. Default 1/√D. */
  scale?: number;
}

/**
 * Puts the keys and values of packed [B,T,(H + 2·Hkv)·D] = [q | k | v] into the cache at `position` and after; tokens beyond the cache's S are left
 * out. TypeError when the shapes do not fit.
 */
export function cacheAppend(cache: KeyValueCache, packed: Tensor, position: Tensor): void {
  const { keys, values } = cache;
  const [batch, time, stride] = packed.shape;
  const [cacheBatch, length, width] = keys.shape;
  if (packed.shape.length !== 3 || cacheBatch !== batch || stride <= 2 * width) {
    throw new TypeError(`cacheAppend: packed ${packed} does not fit a cache of ${keys}`);
  }
  const offset = stride - 2 * width;
  const rows = batch * time;
  const chunks = cpu.cacheAppend.chunks({ rows, width }, {});
  const scalars = { rows, time, stride, offset, width, length, chunks };
  launch(APPEND, { packed, position, keys, values }, scalars);
}

/**
 * softmax(scale·q·Kᵀ)·V of one new token: packed [B,1,(H + 2·Hkv)·D] → [B,1,H·D]. Its keys and values are put into the cache at `position`, i32 [1],
 * before. TypeError when the shapes do not fit, or D exceeds 256 on WebGPU.
 */
export function attentionDecode(
  packed: Tensor,
  cache: KeyValueCache,
  position: Tensor,
  options: AttentionDecodeOptions,
): Tensor {
  const { heads, keyValueHeads = heads } = options;
  const [batch, time, stride] = packed.shape;
  const [, length, width] = cache.keys.shape;
  const size = width / keyValueHeads;
  if (time !== 1 || stride !== size * (heads + 2 * keyValueHeads) || heads % keyValueHeads !== 0) {
    throw new TypeError(
      `attentionDecode: expected [B,1,${size * (heads + 2 * keyValueHeads)}], got ${packed}`,
    );
  }
  if (packed.device.kind === "webgpu" && size > 256) {
    throw new TypeError(`attentionDecode: a head of ${size} is over 256, the most on WebGPU`);
  }
  cacheAppend(cache, packed, position);
  const { window = length, scale = 1 / Math.sqrt(size) } = options;
  const output = empty([batch, 1, heads * size], "f32", packed.device);
  const group = heads / keyValueHeads;
  const scalars = { batch, heads, group, size, stride, width, length, window, scale };
  launch(DECODE, { packed, ...cache, position, output }, scalars);
  return output;
}
