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

/** Scalars of attention, and the words of its mask that are given. */
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
  /** lengths[b] of the keys. */
  readonly lengths: I32 | undefined;
  /** firstKeys[b,i] of the queries. */
  readonly firstKeys: I32 | undefined;
  readonly q: HeadRows;
  readonly k: HeadRows;
}

/**
 * Buffers that every attention kernel reads. `maskWords`: i32 [seed, step] with `DROPOUT`, then the
 * lengths [B] with `HAS_LENGTHS`, then the first keys [B,Tq] with `HAS_FIRST_KEYS`.
 */
export function attentionTensors(k: KernelBuilder): AttentionTensors {
  const { DROPOUT, HAS_LENGTHS, HAS_FIRST_KEYS } = k.constants;
  const scalars = k.integers("batch", "queries", "keys", "heads", "group", "behind", "ahead");
  const words = () => k.pointer("maskWords").at(DROPOUT ? RANDOM_WORDS : 0);
  return {
    ...scalars,
    lengths: HAS_LENGTHS ? words() : undefined,
    firstKeys: HAS_FIRST_KEYS ? HAS_LENGTHS ? words().at(scalars.batch) : words() : undefined,
    q: headRows(k, "q"),
    k: headRows(k, "k"),
  };
}

/**
 * The first key that query `query` of a batch sees, counted from `key`; of a query after the last
 * one the last one's.
 */
export function firstKeyOf(
  f: FunctionBuilder,
  { firstKeys, queries }: AttentionTensors,
  { b, query, key }: { b: I32; query: I32; key: I32 | number },
): I32 {
  const row = f.min(query, queries.sub(1));
  return f.i32(firstKeys!.at(b.mul(queries).add(row)).loadI32().sub(key));
}

/** The same of a panel of four queries from `query` on. */
export function firstKeysOf(
  f: FunctionBuilder,
  tensors: AttentionTensors,
  { b, query, key }: { b: I32; query: I32; key: I32 },
): Record<"first0" | "first1" | "first2" | "first3", I32> {
  const of = (row: number) => firstKeyOf(f, tensors, { b, query: query.add(row), key });
  return { first0: of(0), first1: of(1), first2: of(2), first3: of(3) };
}

/** Number of keys of a batch that count: all, or lengths[batch] if that is less. */
export function keyLimit(
  f: FunctionBuilder,
  { lengths, keys }: AttentionTensors,
  batch: I32,
): I32 {
  return lengths ? f.min(lengths.at(batch).loadI32(), keys) : keys;
}
