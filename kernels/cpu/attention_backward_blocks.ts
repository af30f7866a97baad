/**
 * What attention's backward pass keeps in scratch memory: spans of blocks of keys with the sums of
 * their derivatives, and a block of queries; their packing and unpacking.
 *
 * attention_backward.ts multiplies them.
 *
 * @module
 */
import { type F32, type F32Like, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { Constants, Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { defineStatistics, defineUnpack } from "./attention_backward_rows.ts";
import {
  BLOCK,
  definePack,
  defineTranspose,
  fillZero,
  paddedSize,
  PANEL,
  roundUp,
  scratchAreas,
} from "./attention_blocks.ts";
import { factorFloats } from "./attention_dropout.ts";
import {
  type AttentionTensors,
  attentionTensors,
  headAt,
  type HeadRows,
  headRows,
} from "./attention_tensors.ts";
import { mapVectors } from "./rows.ts";

/** Packed blocks of a block of keys, and of one of queries. */
const KEY_BLOCKS = 5, QUERY_BLOCKS = 3;
/** Maximum of blocks of keys in a span, and of bytes that they take. */
const MAX_SPAN = 4, SPAN_BYTES = 384 * 1024;

/** Bytes of what a block of keys has. */
const keyBlockBytes = (headSize: number) => 4 * KEY_BLOCKS * BLOCK * paddedSize(headSize);

/** Blocks of keys in a span. */
export function chooseSpan({ keys }: Scalars, { HEAD_SIZE }: Constants): { span: number } {
  const most = Math.min(MAX_SPAN, Math.floor(SPAN_BYTES / keyBlockBytes(HEAD_SIZE)));
  return { span: Math.max(1, Math.min(most, Math.ceil(keys / BLOCK))) };
}

/** Bytes of scratch memory for spans of so many blocks. */
export function scratchBytes(
  { span }: { readonly span: number },
  { HEAD_SIZE, DROPOUT, WIDE }: Constants,
): number {
  const rows = QUERY_BLOCKS * BLOCK * paddedSize(HEAD_SIZE);
  const squares = WIDE ? 3 : 2;
  const own = rows + (squares * BLOCK + 2) * BLOCK + factorFloats(DROPOUT);
  return 4 * own + span * keyBlockBytes(HEAD_SIZE) + 512;
}

/** Areas of scratch memory. */
interface Scratch {
  /** Queries and gradients, packed, and dQ without the scale. */
  readonly query: I32;
  readonly gradientBlock: I32;
  readonly dqSum: I32;
  /** P and dS. */
  readonly p: I32;
  readonly ds: I32;
  /** Pᵀ, then dSᵀ, for products of whole blocks; otherwise empty. */
  readonly transposed: I32;
  /** log-sum and rowsum(dO∘O) of each query of the block. */
  readonly statistics: I32;
  /** Dropout's factors of four rows; empty without dropout. */
  readonly factors: I32;
  /** What each block of keys of a span has. */
  readonly blocks: I32;
}

/** Divides the scratch memory. */
export function scratch(k: KernelBuilder): Scratch {
  const width = paddedSize(k.constants.HEAD_SIZE);
  const area = scratchAreas(k);
  const block = () => area.take(BLOCK * width);
  return {
    query: block(),
    gradientBlock: block(),
    dqSum: block(),
    p: area.take(BLOCK * BLOCK),
    ds: area.take(BLOCK * BLOCK),
    transposed: area.take(k.constants.WIDE ? BLOCK * BLOCK : 0),
    statistics: area.take(2 * BLOCK),
    factors: area.take(factorFloats(k.constants.DROPOUT)),
    blocks: area.take(0),
  };
}

/** The areas of a span's block of keys. */
function keyAreas(k: KernelBuilder, t: { blocks: I32 }, index: I32) {
  const { f } = k;
  const size = 4 * BLOCK * paddedSize(k.constants.HEAD_SIZE);
  const keyBlock = f.i32(t.blocks.add(index.mul(KEY_BLOCKS * size)));
  const area = (n: number) => f.i32(keyBlock.add(n * size));
  // Keys, packed; then keys and values transposed.
  return { keyBlock, keysT: area(1), valuesT: area(2), dkSum: area(3), dvSum: area(4) };
}

/** The operands. */
interface Operands extends AttentionTensors {
  readonly v: HeadRows;
  readonly dq: HeadRows;
  readonly dk: HeadRows;
  readonly dv: HeadRows;
  /** O and dO. */
  readonly output: HeadRows;
  readonly gradient: HeadRows;
  readonly scale: F32;
  readonly softCap: F32;
}

/** Reads the operands. */
export function readTensors(k: KernelBuilder): Operands {
  const tensors = attentionTensors(k);
  const stride = k.f.i32(tensors.heads.mul(4 * k.constants.HEAD_SIZE));
  const [v, dq, dk, dv] = [["v", "v"], ["dq", "q"], ["dk", "k"], ["dv", "v"]]
    .map(([name, layout]) => headRows(k, name, layout));
  const [output, gradient] = ["output", "gradient"].map((name) => ({
    start: k.pointer(name),
    stride,
  }));
  return {
    ...tensors,
    v,
    dq,
    dk,
    dv,
    output,
    gradient,
    scale: k.float("scale"),
    softCap: k.float("softCap"),
  };
}

/** A head of keys of one batch. */
export type Head = Scratch & Operands & {
  readonly b: I32;
  readonly keyHead: I32;
};

/** Some blocks of keys of a head. */
export type Span = Head & {
  /** The span's first key, and the one after the last. */
  readonly spanStart: I32;
  readonly spanEnd: I32;
  /** Number of keys of the batch that count. */
  readonly limit: I32;
};

/** A block of keys. */
export type KeyBlock = ReturnType<typeof keyAreas> & {
  /** The block's first key, and the number of its keys that count. */
  readonly firstKey: I32;
  readonly end: I32;
};

/** Calls `body` for each block of keys of a span. */
export function forKeyBlocks<T extends Span>(
  k: KernelBuilder,
  t: T,
  body: (block: T & KeyBlock) => void,
): void {
  const { f } = k;
  f.for(t.spanStart, t.spanEnd, BLOCK, (firstKey) => {
    const areas = keyAreas(k, t, f.i32(firstKey.sub(t.spanStart).divU(BLOCK)));
    body({ ...t, ...areas, firstKey, end: f.min(t.limit.sub(firstKey), BLOCK) });
  });
}

/** The functions that pack and unpack blocks. */
interface Packing {
  readonly pack: ReturnType<typeof definePack>;
  readonly transpose: ReturnType<typeof defineTranspose>;
  readonly unpack: ReturnType<typeof defineUnpack>;
  readonly statistics: ReturnType<typeof defineStatistics>;
}

/** Defines them. */
export function definePacking(k: KernelBuilder): Packing {
  const headSize = k.constants.HEAD_SIZE;
  return {
    pack: definePack(k, headSize),
    transpose: defineTranspose(k, headSize),
    unpack: defineUnpack(k),
    statistics: defineStatistics(k),
  };
}

/** Packs a block of keys and values, and clears its sums. */
export function packKeys(k: KernelBuilder, t: Span & KeyBlock, run: Packing): void {
  const { f } = k;
  const rows = roundUp(f.min(t.keys.sub(t.firstKey), BLOCK), PANEL);
  for (const sum of [t.dkSum, t.dvSum]) clear(k, sum, rows);
  f.if(t.end.gtS(0), () => {
    const row = f.i32(t.b.mul(t.keys).add(t.firstKey));
    const pack = ({ start, stride }: HeadRows, target: I32) => {
      const source = headAt(k, { start, stride }, { row, head: t.keyHead });
      f.call(run.pack, { source, stride, count: t.end, target: t.keyBlock, factor: 1 });
      f.call(run.transpose, { source: t.keyBlock, rows: roundUp(t.end, 8), target });
    };
    pack(t.v, t.valuesT);
    pack(t.k, t.keysT); // the packed keys stay
  });
}

/** Stores dk and dv of a block of keys. */
export function unpackKeys(k: KernelBuilder, t: Span & KeyBlock, run: Packing): void {
  const { f } = k;
  const row = f.i32(t.b.mul(t.keys).add(t.firstKey));
  const count = f.min(t.keys.sub(t.firstKey), BLOCK);
  const unpack = (source: I32, rows: HeadRows, factor: number) => {
    const target = headAt(k, rows, { row, head: t.keyHead });
    f.call(run.unpack, { source, count, target, stride: rows.stride, factor });
  };
  unpack(t.dkSum, t.dk, Math.LN2); // the packed queries have a factor log₂ e
  unpack(t.dvSum, t.dv, 1);
}

/** Fills rows of a packed block with zeros. */
function clear({ f, constants }: KernelBuilder, block: I32, rows: I32): void {
  const width = paddedSize(constants.HEAD_SIZE);
  f.for(0, rows, 1, (row) => fillZero(f, block.add(row.mul(4 * width)), width));
}

/** dq = 0 for the heads of the group: the blocks of keys add to it. */
export function zeroQueries(k: KernelBuilder, t: Head, firstHead: I32): void {
  const { f } = k;
  const length = f.i32(t.group.mul(k.constants.HEAD_SIZE));
  const row = f.i32(headAt(k, t.dq, { row: t.b.mul(t.queries), head: firstHead }));
  f.for(0, t.queries, 1, () => {
    mapVectors(f, length, [], row, () => V128.of(0));
    f.set(row, row.add(t.dq.stride));
  });
}

/** A span of keys and a head of queries. */
export type Queries = Span & { readonly head: I32 };

/** A span of keys and a block of queries. */
export type QueryBlock = Queries & {
  /** The first query, and the number of queries. */
  readonly first: I32;
  readonly count: I32;
};

/** Packs a block of queries and gradients, and clears its dQ. */
export function packQueries(k: KernelBuilder, t: QueryBlock, run: Packing): void {
  const { f } = k;
  const row = f.i32(t.b.mul(t.queries).add(t.first));
  const at = (rows: HeadRows) => headAt(k, rows, { row, head: t.head });
  const pack = (rows: HeadRows, target: I32, factor: F32Like) =>
    f.call(run.pack, { source: at(rows), stride: rows.stride, count: t.count, target, factor });
  pack(t.q, t.query, t.scale.mul(Math.LOG2E));
  pack(t.gradient, t.gradientBlock, 1);
  f.call(run.statistics, {
    gradients: t.gradientBlock,
    outputs: at(t.output),
    stride: t.output.stride,
    logSum: k.pointer("logSum").at(t.b.mul(t.heads).add(t.head).mul(t.queries).add(t.first)),
    count: t.count,
    statistics: t.statistics,
  });
  clear(k, t.dqSum, roundUp(t.count, PANEL));
}

/** dq += scale·the block's dQ. */
export function addQueries(k: KernelBuilder, t: QueryBlock): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const whole = D - D % 4;
  const from = f.i32(t.dqSum);
  const to = f.i32(headAt(k, t.dq, { row: t.b.mul(t.queries).add(t.first), head: t.head }));
  const scale = f.v128(t.scale.splat());
  f.for(0, t.count, 1, () => {
    for (let i = 0; i < 4 * whole; i += 16) {
      f.storeV128(to, f.madd(from.loadV128(i), scale, to.loadV128(i)), i);
    }
    for (let i = 4 * whole; i < 4 * D; i += 4) {
      f.storeF32(to, f.madd(from.loadSplat(i), scale, to.loadSplat(i)).lane(0), i);
    }
    f.set(from, from.add(4 * paddedSize(D)));
    f.set(to, to.add(t.dq.stride));
  });
}
