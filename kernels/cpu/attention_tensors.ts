/**
 * Tensors and scalars that the attention kernels share: rows of q, k, v and of their gradients.
 *
 * @module
 */
import type { FunctionBuilder, I32 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/** Words before the lengths in `maskWords`: the seed and the step of dropout. */
const RANDOM_WORDS = 2;

/** The columns of all heads in rows of a tensor that may have other columns, too. */
export interface HeadRows {
  /** The address of the first row's first head. */
  readonly start: I32;
  /** Bytes from one row to the next. */
  readonly stride: I32;
}

/** The rows of the tensor `name`, with the offset and the stride of `layout`: q, k or v. */
export function headRows(k: KernelBuilder, name: string, layout = name): HeadRows {
  const { f } = k;
  const start = f.i32(k.pointer(name).at(k.integer(`${layout}Offset`)));
  return { start, stride: f.i32(k.integer(`${layout}Stride`).inBytes()) };
}

/** The address of a head, D floats, in a row. */
export function headAt(
  k: KernelBuilder,
  { start, stride }: HeadRows,
  { row, head }: { row: I32; head: I32 },
): I32 {
  return start.add(head.mul(4 * k.constants.HEAD_SIZE)).add(row.mul(stride));
}

/** Scalars of attention, and lengths[b] of the keys if they are given. */
export interface AttentionTensors {
  readonly batch: I32;
  readonly queries: I32;
  readonly keys: I32;
  readonly heads: I32;
  /** Query heads that share a head of keys and values. */
  readonly group: I32;
  /** Number of keys before and after its position that a query sees. */
  readonly behind: I32;
  readonly ahead: I32;
  readonly lengths: I32 | undefined;
  readonly q: HeadRows;
  readonly k: HeadRows;
}

/**
 * Buffers that every attention kernel reads. `maskWords`: i32 [seed, step] with `DROPOUT`, then the
 * lengths [B] with `HAS_LENGTHS`.
 */
export function attentionTensors(k: KernelBuilder): AttentionTensors {
  const { DROPOUT, HAS_LENGTHS } = k.constants;
  return {
    ...k.integers("batch", "queries", "keys", "heads", "group", "behind", "ahead"),
    lengths: HAS_LENGTHS ? k.pointer("maskWords").at(DROPOUT ? RANDOM_WORDS : 0) : undefined,
    q: headRows(k, "q"),
    k: headRows(k, "k"),
  };
}

/** Number of keys of a batch that count: all, or lengths[batch] if that is less. */
export function keyLimit(
  f: FunctionBuilder,
  { lengths, keys }: AttentionTensors,
  batch: I32,
): I32 {
  return lengths ? f.min(lengths.at(batch).loadI32(), keys) : keys;
}
