/**
 * Flash attention: O = dropout(softmax(scale·Q·Kᵀ))·V for each head, and L = log₂ Σ 2^(scores·log₂
 * e), by online softmax.
 *
 * q: rows of `queries`, k and v: rows of `keys`, each with H (k and v: H / group) heads of D
 * columns at an offset and a row stride; output: [B,Tq,H·D], logSum: [B,H,Tq]; all f32;
 * maskWords: as in attention_tensors.ts. A query at position p = i + keys − queries sees keys p −
 * behind … p + ahead, below lengths[b] if lengths are given, from firstKeys[b,i] on if first keys
 * are; one that sees none gets zeros. Dropout is in attention_dropout.ts; sums of probabilities are
 * made before it. A chunk computes spans of up to four blocks of 64 queries of one head, a share
 * of them, the longest first: a block of keys is packed once for its span, because its rows may
 * be pages apart. With WIDE its products are of whole blocks, see attention_wide.ts. Sums are in
 * f32.
 *
 * @module
 */
import { type FunctionBuilder, type I32, type I32Like, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import {
  acrossRows,
  BLOCK,
  chunksOf,
  copyRow,
  definePack,
  definePanel,
  defineTranspose,
  fillZero,
  forAddresses,
  LOWEST,
  paddedSize,
  PANEL,
  roundUp,
  ROWS,
  scratchAreas,
} from "./attention_blocks.ts";
import {
  ifVisible,
  MASKED_COLUMNS,
  type MaskedColumns,
  maskPanel,
  visibleRange,
} from "./attention_mask.ts";
import {
  type AttentionTensors,
  attentionTensors,
  firstKeyOf,
  headAt,
  type HeadRows,
  headRows,
  keyLimit,
} from "./attention_tensors.ts";
import { defineScorePanel } from "./attention_panel.ts";
import { defineBlockProducts, wideLibrary } from "./attention_wide.ts";
import { factorFloats, factorsOf } from "./attention_dropout.ts";
import { exp2, log } from "./math.ts";
import { allLanes } from "./square.ts";

/** Maximum of blocks in a span, and the number of spans that is enough for all threads. */
const MAX_SPAN = 4, SPANS = 64;

function chooseSpan({ batch, heads, queries }: Scalars): { span: number } {
  const blocks = Math.ceil(queries / BLOCK);
  let span = Math.max(1, Math.min(MAX_SPAN, blocks));
  while (span > 1 && batch * heads * Math.ceil(blocks / span) < SPANS) span--;
  return { span };
}

/** Rows of scores at a time. */
const scoreRows = (WIDE: number) => WIDE ? BLOCK : PANEL;

export const attention: CpuKernel = {
  library: wideLibrary,
  tiling: { sizes: ["span"], choose: chooseSpan },
  chunks: ({ batch, heads, queries, keys, span }, { HEAD_SIZE }) =>
    chunksOf(
      batch * heads * Math.ceil(queries / BLOCK / span),
      batch * heads * queries * keys * HEAD_SIZE,
    ),
  scratchBytes: ({ span }, { HEAD_SIZE, DROPOUT, WIDE }) => {
    const ofSpan = span * BLOCK * (2 * paddedSize(HEAD_SIZE) + 2);
    const shared = BLOCK * (2 * paddedSize(HEAD_SIZE) + scoreRows(WIDE));
    return 4 * (ofSpan + shared + factorFloats(DROPOUT)) + 512;
  },
  emit(k) {
    const { f } = k;
    const tensors = { ...attentionTensors(k), v: headRows(k, "v"), ...scratch(k) };
    const { batch, heads, queries } = tensors;
    const run = defineFunctions(k);
    const rows = f.i32(k.integer("span").mul(BLOCK));
    const spans = f.i32(queries.add(rows).sub(1).divU(rows));
    const allHeads = f.i32(batch.mul(heads));
    k.forShare(f.i32(allHeads.mul(spans)), (tile) => {
      const [span, index] = f.unravel(tile, allHeads);
      const [b, head] = f.unravel(index, heads);
      const first = f.i32(spans.sub(1).sub(span).mul(rows));
      const stop = f.min(first.add(rows), queries);
      emitSpan(k, { ...tensors, b, head, first, stop, limit: keyLimit(f, tensors, b) }, run);
    });
  },
};

/** Areas of scratch memory. */
function scratch(k: KernelBuilder) {
  const width = paddedSize(k.constants.HEAD_SIZE);
  const area = scratchAreas(k);
  return {
    /** A block of keys, then of values, packed. */
    rows: area.take(BLOCK * width),
    /** The keys transposed. */
    columns: area.take(BLOCK * width),
    /** Scores of four rows, or of all. */
    scores: area.take(scoreRows(k.constants.WIDE) * BLOCK),
    /** Dropout's factors of four rows; empty without dropout. */
    factors: area.take(factorFloats(k.constants.DROPOUT)),
    /** What each block of a span has. */
    blocks: area.take(0),
  };
}

/** The areas of the span's block whose first query is `first`. */
function blockAreas(k: KernelBuilder, t: Span, first: I32) {
  const { f } = k;
  const size = 4 * BLOCK * paddedSize(k.constants.HEAD_SIZE);
  const start = first.sub(t.first).divU(BLOCK).mul(2 * size + 8 * BLOCK);
  const query = f.i32(t.blocks.add(start));
  return {
    /** Its queries, packed. */
    query,
    /** Its unscaled output. */
    sums: f.i32(query.add(size)),
    /** The maximum and the sum of each row. */
    statistics: f.i32(query.add(2 * size)),
  };
}

type Functions = ReturnType<typeof defineFunctions>;

/** Blocks of queries of one head. */
interface Span extends AttentionTensors, ReturnType<typeof scratch> {
  readonly v: HeadRows;
  readonly b: I32;
  readonly head: I32;
  /** The first query, and the one after the last. */
  readonly first: I32;
  readonly stop: I32;
  /** Number of keys of the batch that count. */
  readonly limit: I32;
}

function defineFunctions(k: KernelBuilder) {
  const headSize = k.constants.HEAD_SIZE;
  const width = paddedSize(headSize);
  const scores = { aRow: 4 * width, aStep: 4, bRow: 4 * BLOCK, cRow: 4 * BLOCK };
  const values = { aRow: 4 * BLOCK, aStep: 4, bRow: 4 * width, cRow: 4 * width };
  const blocks = defineBlockProducts(k);
  return {
    blocks,
    pack: definePack(k, headSize),
    transpose: defineTranspose(k, headSize),
    panels: blocks ? undefined : {
      scores: definePanel(k, scores, false),
      values: definePanel(k, values, true),
    },
    softmax: defineSoftmax(k, width),
    finish: defineFinish(k, width),
    scorePanel: defineScorePanel(k),
  };
}

function emitSpan(k: KernelBuilder, t: Span, run: Functions): void {
  const { f } = k;
  emitQueries(k, t, run);
  const position = f.i32(t.first.add(t.keys).sub(t.queries));
  const { low, high } = visibleRange(f, { ...t, position, end: t.limit }, t.stop.sub(t.first));
  const from = firstSeen(f, t, { low, query: t.first });
  f.for(from.and(-BLOCK), high, BLOCK, (keyBlock) => {
    const end = f.min(t.limit.sub(keyBlock), BLOCK);
    packKeys(k, { ...t, keyBlock, end }, run);
    f.for(t.first, t.stop, BLOCK, (first) => {
      const count = f.min(t.stop.sub(first), BLOCK);
      const position = f.i32(first.add(t.keys).sub(t.queries));
      const { low, high } = visibleRange(f, { ...t, position, end: t.limit }, count);
      const begins = keyBlock.add(BLOCK).gtS(firstSeen(f, t, { low, query: first }));
      f.if(begins.and(keyBlock.ltS(high)), () => {
        const block = { ...t, ...blockAreas(k, t, first), first, count, keyBlock, end };
        emitBlock(k, { ...block, position: f.i32(position.sub(keyBlock)) }, run);
      });
    });
  });
  emitOutputs(k, t, run);
}

/** The first key that a block of queries sees: `low`, or its document's first one. */
function firstSeen(f: FunctionBuilder, t: Span, { low, query }: { low: I32; query: I32 }): I32 {
  return t.firstKeys ? f.max(low, firstKeyOf(f, t, { b: t.b, query, key: 0 })) : low;
}

/** Packs the span's queries, and clears their sums. */
function emitQueries(k: KernelBuilder, t: Span, run: Functions): void {
  const { f } = k;
  const factor = k.float("scale").mul(Math.LOG2E);
  f.for(t.first, t.stop, BLOCK, (first) => {
    const areas = blockAreas(k, t, first);
    const source = headAt(k, t.q, { row: t.b.mul(t.queries).add(first), head: t.head });
    const count = f.min(t.stop.sub(first), BLOCK);
    f.call(run.pack, { source, stride: t.q.stride, count, target: areas.query, factor });
    clearSums(f, areas, paddedSize(k.constants.HEAD_SIZE), roundUp(count, PANEL));
  });
}

/** Sums and statistics of `rows` that have seen no key. */
function clearSums(
  f: FunctionBuilder,
  { sums, statistics }: { sums: I32; statistics: I32 },
  width: number,
  rows: I32,
): void {
  f.for(0, rows, 1, (n) => fillZero(f, sums.add(n.mul(4 * width)), width));
  f.for(0, rows.inBytes(), 16, (i) => {
    f.storeV128(statistics.add(i), V128.of(LOWEST));
    f.storeV128(statistics.add(i), V128.of(0), 4 * BLOCK);
  });
}

/** Divides the span's sums, and stores them. */
function emitOutputs(k: KernelBuilder, t: Span, run: Functions): void {
  const { f } = k;
  const stride = f.i32(t.heads.mul(4 * k.constants.HEAD_SIZE));
  const output = { start: k.pointer("output"), stride };
  const logSums = f.i32(k.pointer("logSum").at(t.b.mul(t.heads).add(t.head).mul(t.queries)));
  f.for(t.first, t.stop, BLOCK, (first) => {
    const { sums, statistics } = blockAreas(k, t, first);
    const target = headAt(k, output, { row: t.b.mul(t.queries).add(first), head: t.head });
    const count = f.min(t.stop.sub(first), BLOCK);
    f.call(run.finish, { sums, statistics, target, stride, logSum: logSums.at(first), count });
  });
}

interface KeyBlock extends Span {
  /** The block's first key, and the number of its keys that count. */
  readonly keyBlock: I32;
  readonly end: I32;
}

/** Packs a block of values, and of keys transposed. */
function packKeys(k: KernelBuilder, t: KeyBlock, run: Functions): void {
  const { f } = k;
  const row = f.i32(t.b.mul(t.keys).add(t.keyBlock));
  const head = f.i32(t.head.divU(t.group));
  const pack = (rows: HeadRows) => {
    const source = headAt(k, rows, { row, head });
    f.call(run.pack, { source, stride: rows.stride, count: t.end, target: t.rows, factor: 1 });
  };
  pack(t.k);
  f.call(run.transpose, { source: t.rows, rows: roundUp(t.end, 8), target: t.columns });
  pack(t.v);
}

/** A block of queries and one of keys; `first` is the block's. */
interface Block extends KeyBlock, ReturnType<typeof blockAreas> {
  readonly count: I32;
  /** The first query's position, counted from the first key. */
  readonly position: I32;
}

/** Adds a block of keys and values to the sums of a block of queries. */
function emitBlock(k: KernelBuilder, t: Block, run: Functions): void {
  const { f } = k;
  const { blocks } = run;
  const rows = roundUp(t.count, PANEL);
  const depth = f.i32(roundUp(t.end, 8));
  const { position, behind, ahead, end } = t;
  if (blocks) {
    const product = { a: t.query, rows, b: t.columns, end, c: t.scores };
    f.call(blocks.scores, { ...product, position, behind, ahead });
  }
  f.for(0, t.count, PANEL, (panel) => {
    const scores = f.i32(blocks ? t.scores.add(panel.mul(4 * BLOCK)) : t.scores);
    const clear = (from: I32Like, to: I32Like) => {
      if (blocks) f.call(blocks.clear, { scores, from, to, end: depth });
    };
    const position = f.i32(t.position.add(panel));
    ifVisible(f, { ...t, position }, (columns) => {
      emitPanel(k, { ...t, scores, position }, { panel, columns }, run);
      clear(columns.from, columns.to);
    }, () => clear(0, 0));
  });
  if (blocks) {
    const visible = { begin: position.sub(behind), reach: position.add(ahead).add(1) };
    f.call(blocks.sums, { a: t.scores, rows, b: t.rows, depth, c: t.sums, ...visible });
  }
}

/** Scores of four queries → probabilities; the products, too, unless they are of whole blocks. */
function emitPanel(
  k: KernelBuilder,
  t: Block,
  { panel, columns }: { panel: I32; columns: MaskedColumns },
  run: Functions,
): void {
  const { f } = k;
  const { scores, factors, position } = t;
  const { from, to } = columns;
  const { panels } = run;
  const row = 4 * paddedSize(k.constants.HEAD_SIZE);
  const terms = f.i32(to.sub(from));
  const visible = f.i32(scores.at(from));
  if (panels) {
    const product = { a: t.query.add(panel.mul(row)), b: t.columns.at(from), c: visible };
    f.call(panels.scores, { ...product, columnBytes: terms.inBytes(), terms: row / 4 });
  }
  const query = f.i32(t.first.add(panel));
  const { b, head } = t;
  const index = { b, head, query, position, key: t.keyBlock };
  run.scorePanel(t, { scores, from, to, factors, ...index });
  const sums = f.i32(t.sums.add(panel.mul(row)));
  const statistics = t.statistics.at(panel);
  f.call(run.softmax, { scores, sums, statistics, factors, ...columns });
  if (panels) {
    const product = { a: visible, b: t.rows.add(from.mul(row)), c: sums };
    f.call(panels.values, { ...product, columnBytes: row, terms });
  }
}

const SOFTMAX = {
  scores: "i32",
  /** The rows' unscaled output. */
  sums: "i32",
  statistics: "i32",
  /** Dropout's factors; unused without dropout. */
  factors: "i32",
  ...MASKED_COLUMNS,
} as const;

/**
 * Defines the online softmax of a panel: turns four rows of scores into 2^(score − maximum), times
 * dropout's factors, updates each row's maximum and sum, and rescales its output if the maximum has
 * risen.
 */
function defineSoftmax(k: KernelBuilder, width: number) {
  return k.define(SOFTMAX, (f, { scores, sums: output, statistics, factors, ...columns }) => {
    const drop = factorsOf(k, f, { scores, factors });
    const forScores = maskPanel(f, scores, columns);
    const before = f.v128(statistics.loadV128());
    const largest = ROWS.map((row) => f.v128(allLanes(before, row)));
    forScores((at) => {
      for (const row of ROWS) {
        f.set(largest[row], largest[row].pmax(at.loadV128(4 * BLOCK * row)));
      }
    });
    const after = f.v128(acrossRows(f, largest, (a, b) => a.pmax(b)));
    const maxima = ROWS.map((row) => f.v128(allLanes(after, row)));
    const sums = ROWS.map(() => f.v128(V128.of(0)));
    forScores((at) => {
      for (const row of ROWS) {
        const p = f.v128(exp2(f, at.loadV128(4 * BLOCK * row).sub(maxima[row])));
        f.storeV128(at, drop(p, at, row), 4 * BLOCK * row);
        f.set(sums[row], sums[row].add(p));
      }
    });
    const total = f.v128(statistics.loadV128(4 * BLOCK));
    f.if(before.lt(after).anyTrue(), () => {
      const factors = f.v128(exp2(f, before.sub(after)));
      f.set(total, total.mul(factors));
      for (const row of ROWS) {
        const factor = f.v128(allLanes(factors, row));
        for (let i = 4 * width * row; i < 4 * width * (row + 1); i += 16) {
          f.storeV128(output, output.loadV128(i).mul(factor), i);
        }
      }
    });
    f.storeV128(statistics, after);
    f.storeV128(statistics, total.add(acrossRows(f, sums, (a, b) => a.add(b))), 4 * BLOCK);
  });
}

const FINISH = {
  /** Packed rows, and their maxima and sums. */
  sums: "i32",
  statistics: "i32",
  /** The first row of the output, and bytes from one to the next. */
  target: "i32",
  stride: "i32",
  logSum: "i32",
  count: "i32",
} as const;

/** Defines the division of each row by its sum; stores rows and log-sums. */
function defineFinish(k: KernelBuilder, width: number) {
  return k.define(FINISH, (f, { sums, statistics, target, stride, logSum, count }) => {
    forAddresses(f, statistics, f.i32(statistics.at(count)), (at) => {
      const sum = f.v128(at.loadV128(4 * BLOCK));
      const some = f.v128(sum.ne(V128.of(0)));
      const logarithm = f.madd(log(f, sum), V128.of(Math.LOG2E), at.loadV128());
      f.storeV128(at, logarithm.and(some));
      f.storeV128(at, V128.of(1).div(sum).and(some), 4 * BLOCK);
    });
    f.for(0, count, 1, (n) => {
      const own = f.i32(statistics.at(n));
      f.storeF32(logSum.at(n), own.loadF32());
      const factor = f.v128(own.loadSplat(4 * BLOCK));
      copyRow(f, sums, target, k.constants.HEAD_SIZE, factor);
      f.set(sums, sums.add(4 * width));
      f.set(target, target.add(stride));
    });
  });
}
