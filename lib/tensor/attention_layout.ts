/**
 * Where attention's heads lie in its tensors and which keys a query sees: options checked and turned into the kernels' scalars.
 *
 * What is computed with them is left to attention.ts and the files beside it.
 *
 * @module
 */
import type { ScalarType } from "../device/kernel.ts";
import { formatShape } from "../shape.ts";
import { expectType } from "./launch.ts";
import type { Tensor } from "./tensor.ts";

/** Which keys a query sees. Query i of Tq stands at position p = i + Tk − Tq of the keys. */
export interface AttentionMask {
  /** Hide keys after p. */
  causal?: boolean;
  /** Hide keys at a distance from p of `window` or more; 1 leaves a query its own key. Default: no window. */
  window?: number;
  /** Hide the keys of batch b from keyLengths[b] on: i32 [B]. Default: none hidden. */
  keyLengths?: Tensor;
  /** Factor of the scores. Default 1/√D. */
  scale?: number;
}

/** A matrix of rows in a tensor: the first element of a row, and elements from row to row. */
interface Rows {
  readonly offset: number;
  readonly stride: number;
}

/** Everything about a call of attention but its tensors. */
export interface AttentionLayout {
  readonly batch: number;
  readonly heads: number;
  /** Query heads that share a head of keys and values. */
  readonly group: number;
  readonly queries: number;
  readonly keys: number;
  readonly headSize: number;
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

/** Farther than any key. */
const EVERYTHING = 2 ** 29;

interface Sizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
}

/** The layout of packed rows [q | k | v] in qkv [B,T,3C]. TypeError when heads do not divide C. */
export function packedLayout(
  operation: string,
  qkv: Tensor,
  heads: number,
  mask: AttentionMask,
): AttentionLayout {
  expectType(operation, qkv, "f32");
  const [batch, length, packed] = qkv.shape;
  if (qkv.shape.length !== 3 || packed % 3 !== 0) {
    throw new TypeError(`${operation}: expected qkv of shape [B,T,3·C], got ${qkv}`);
  }
  const width = packed / 3;
  const headSize = divideHeads(operation, "width", width, heads);
  const sizes = { batch, queries: length, keys: length, heads, keyValueHeads: heads, headSize };
  const [q, k, v] = [0, width, 2 * width].map((offset) => ({ offset, stride: packed }));
  return layout(operation, sizes, { q, k, v }, mask);
}

/** The layout of q [B,Tq,H·D] and k, v [B,Tk,Hkv·D]. TypeError when a shape does not fit. */
export function separateLayout(
  operation: string,
  tensors: { q: Tensor; k: Tensor; v: Tensor },
  { heads, keyValueHeads }: { heads: number; keyValueHeads: number },
  mask: AttentionMask,
): AttentionLayout {
  const { q, k, v } = tensors;
  for (const tensor of [q, k, v]) expectType(operation, tensor, "f32");
  const [batch, queries, width] = q.shape;
  const [keyBatch, keys, keyWidth] = k.shape;
  const headSize = divideHeads(operation, "width", width, heads);
  if (
    q.shape.length !== 3 || k.shape.length !== 3 || keyBatch !== batch ||
    keyWidth !== keyValueHeads * headSize || formatShape(k.shape) !== formatShape(v.shape)
  ) {
    throw new TypeError(
      `${operation}: expected q [B,Tq,${heads}·D] and k, v [B,Tk,${keyValueHeads}·D], got q ${q}, k ${k}, v ${v}`,
    );
  }
  if (!Number.isInteger(keyValueHeads) || keyValueHeads < 1 || heads % keyValueHeads !== 0) {
    throw new TypeError(
      `${operation}: keyValueHeads must divide heads; got ${keyValueHeads} for ${heads} heads`,
    );
  }
  const sizes = { batch, queries, keys, heads, keyValueHeads, headSize };
  const rows = (stride: number): Rows => ({ offset: 0, stride });
  return layout(operation, sizes, { q: rows(width), k: rows(keyWidth), v: rows(keyWidth) }, mask);
}

/** width / heads. TypeError when that is not a whole number. */
export function divideHeads(
  operation: string,
  what: string,
  width: number,
  heads: number,
): number {
  if (Number.isInteger(heads) && heads > 0 && width > 0 && width % heads === 0) {
    return width / heads;
  }
  throw new TypeError(
    `${operation}: heads must divide the ${what}; got ${heads} heads for ${what} ${width}`,
  );
}

function layout(
  operation: string,
  sizes: Sizes,
  { q, k, v }: { q: Rows; k: Rows; v: Rows },
  mask: AttentionMask,
): AttentionLayout {
  const { batch, queries, keys, heads, keyValueHeads, headSize } = sizes;
  const { causal = false, window, keyLengths, scale = 1 / Math.sqrt(headSize) } = mask;
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) {
    throw new RangeError(`${operation}: window must be a whole number from 1; got ${window}`);
  }
  if (keyLengths) {
    expectType(operation, keyLengths, "i32");
    if (keyLengths.size !== batch) {
      throw new TypeError(
        `${operation}: expected keyLengths of ${batch} values, one a sequence, got ${keyLengths}`,
      );
    }
  }
  const reach = Math.min((window ?? Infinity) - 1, EVERYTHING);
  const group = heads / keyValueHeads;
  const scalars = {
    ...{ batch, heads, group, queries, keys, behind: reach, ahead: causal ? 0 : reach, scale },
    ...{ qOffset: q.offset, qStride: q.stride, kOffset: k.offset, kStride: k.stride },
    ...{ vOffset: v.offset, vStride: v.stride },
  };
  return { batch, heads, group, queries, keys, headSize, scalars };
}

/** Multiply-adds that are worth a chunk of their own: about ten microseconds. */
const CHUNK_WORK = 1 << 17;

/** Into how many chunks the CPU cuts `tiles` pieces of `work` multiply-adds in all. */
export function chunksOf(tiles: number, work: number): number {
  return Math.max(1, Math.min(tiles, Math.floor(work / CHUNK_WORK)));
}
