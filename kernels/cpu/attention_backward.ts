/**
 * The derivatives of attention: P = 2^(S·log₂ e − L), dV = (M∘P)ᵀ·dO, dS = P∘(M∘(dO·Vᵀ) −
 * rowsum(dO∘O)), dQ = scale·dS·K, dK = scale·dSᵀ·Q. M are dropout's factors, see
 * attention_dropout.ts; 1 without dropout.
 *
 * Shapes as in attention.ts: gradient (dO) and output (O) [B,Tq,H·D], dq, dk and dv like q, k and
 * v, logSum (L) [B,H,Tq]; all f32. A chunk computes all three derivatives of a share of the heads
 * of keys, in spans of up to four blocks of 64 keys and, for each, the 64-query blocks of the heads
 * in its group: a block of queries is packed, and its dQ added to memory, once for a span, because
 * its rows may be pages apart. That takes five products for two blocks, where two kernels (as on
 * WebGPU) take seven. With WIDE they are of whole blocks, see attention_wide.ts. Sums are in f32.
 *
 * @module
 */
import { type FunctionBuilder, I32, type I32Like } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import {
  addQueries,
  chooseSpan,
  definePacking,
  forKeyBlocks,
  type Head,
  type KeyBlock,
  packKeys,
  packQueries,
  type Queries,
  type QueryBlock,
  readTensors,
  scratch,
  scratchBytes,
  unpackKeys,
  zeroQueries,
} from "./attention_backward_blocks.ts";
import { defineProbabilities } from "./attention_backward_rows.ts";
import {
  BLOCK,
  chunksOf,
  definePanel,
  defineTranspose,
  paddedSize,
  PANEL,
  roundUp,
} from "./attention_blocks.ts";
import { defineScorePanel } from "./attention_panel.ts";
import { ifVisible, type MaskedColumns } from "./attention_mask.ts";
import { defineBlockProducts, wideLibrary } from "./attention_wide.ts";
import { firstKeyOf, keyLimit } from "./attention_tensors.ts";

export const attentionBackward: CpuKernel = {
  library: wideLibrary,
  tiling: { sizes: ["span"], choose: chooseSpan },
  chunks: ({ batch, heads, group, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(batch * heads / group, 3 * batch * heads * queries * keys * HEAD_SIZE),
  scratchBytes,
  emit(k) {
    const { f } = k;
    const tensors = { ...readTensors(k), ...scratch(k) };
    const run = defineFunctions(k);
    const keyHeads = f.i32(tensors.heads.divU(tensors.group));
    k.forShare(f.i32(tensors.batch.mul(keyHeads)), (tile) => {
      const [b, keyHead] = f.unravel(tile, keyHeads);
      emitHead(k, { ...tensors, b, keyHead }, run);
    });
  },
};

type Functions = ReturnType<typeof defineFunctions>;

function defineFunctions(k: KernelBuilder) {
  const headSize = k.constants.HEAD_SIZE;
  const row = 4 * paddedSize(headSize);
  const score = 4 * BLOCK;
  const blocks = defineBlockProducts(k);
  return {
    ...definePacking(k),
    blocks: blocks && { ...blocks, transpose: defineTranspose(k, BLOCK) },
    panels: blocks ? undefined : {
      /** rows of queries or gradients times transposed keys or values. */
      scores: definePanel(k, { aRow: row, aStep: 4, bRow: score, cRow: score }, false),
      /** rows of dS times keys. */
      dq: definePanel(k, { aRow: score, aStep: 4, bRow: row, cRow: row }, true),
      /** columns of P or dS times rows of gradients or queries. */
      columns: definePanel(k, { aRow: 4, aStep: score, bRow: row, cRow: row }, true),
    },
    probabilities: defineProbabilities(k),
    scorePanel: defineScorePanel(k),
  };
}

function emitHead(k: KernelBuilder, t: Head, run: Functions): void {
  const { f } = k;
  const limit = keyLimit(f, t, t.b);
  const firstHead = f.i32(t.keyHead.mul(t.group));
  zeroQueries(k, t, firstHead);
  const rows = f.i32(k.integer("span").mul(BLOCK));
  f.for(0, t.keys, rows, (spanStart) => {
    const span = { ...t, spanStart, spanEnd: f.min(spanStart.add(rows), t.keys), limit };
    forKeyBlocks(k, span, (block) => packKeys(k, block, run));
    f.for(0, t.group, 1, (n) => {
      emitQueries(k, { ...span, head: f.i32(firstHead.add(n)) }, run);
    });
    forKeyBlocks(k, span, (block) => unpackKeys(k, block, run));
  });
}

/** Adds the contributions of one head's queries to a span of keys. */
function emitQueries(k: KernelBuilder, t: Queries, run: Functions): void {
  const { f } = k;
  const to = f.min(t.spanEnd, t.limit);
  const { begin, stop } = queriesOf(f, t, { from: t.spanStart, to });
  f.for(begin.and(-BLOCK), stop, BLOCK, (first) => {
    const block = { ...t, first, count: f.min(t.queries.sub(first), BLOCK) };
    ifSeen(f, block, to, () => {
      packQueries(k, block, run);
      forKeyBlocks(k, block, (t) => emitBlock(k, t, run));
      addQueries(k, block);
    });
  });
}

/** The queries begin … stop − 1 that see some of the keys from … to − 1. */
function queriesOf(
  f: FunctionBuilder,
  { queries, keys, ahead, behind }: Queries,
  { from, to }: { from: I32; to: I32 },
): { begin: I32; stop: I32 } {
  const shift = f.i32(queries.sub(keys)); // from a position to its query
  const begin = f.max(from.add(shift).sub(ahead), 0);
  const stop = f.min(to.add(shift).add(behind), queries);
  return { begin, stop: f.i32(I32.select(to.gtS(from), stop, 0)) };
}

/** Emits `body` for the case that the document of the block's first query begins before a key. */
function ifSeen(f: FunctionBuilder, t: QueryBlock, key: I32, body: () => void): void {
  if (!t.firstKeys) return body();
  f.if(firstKeyOf(f, t, { b: t.b, query: t.first, key }).ltS(0), body);
}

/** A block of queries and a block of keys. */
type Block = QueryBlock & KeyBlock & {
  /** The first query's position, counted from the block's first key. */
  readonly position: I32;
  /** Queries that see any of the keys. */
  readonly begin: I32;
  readonly stop: I32;
};

/** Adds the contributions of a block of queries and a block of keys to each other. */
function emitBlock(k: KernelBuilder, t: QueryBlock & KeyBlock, run: Functions): void {
  const { f } = k;
  const to = f.i32(t.firstKey.add(t.end));
  const { begin, stop } = queriesOf(f, t, { from: t.firstKey, to });
  const position = f.i32(t.first.add(t.keys).sub(t.queries).sub(t.firstKey));
  f.if(t.first.add(BLOCK).gtS(begin).and(t.first.ltS(stop)), () => {
    ifSeen(f, t, to, () => {
      const block = { ...t, position, begin, stop };
      emitQueryPanels(k, block, run);
      emitKeySums(k, block, run);
    });
  });
}

/** P and dS, and dQ += dS·K. */
function emitQueryPanels(k: KernelBuilder, t: Block, run: Functions): void {
  const { f } = k;
  const { blocks } = run;
  const { position, behind, ahead, end } = t;
  const rows = roundUp(t.count, PANEL);
  const keys = f.i32(roundUp(end, 8));
  if (blocks) {
    const mask = { position, behind, ahead, end };
    f.call(blocks.scores, { a: t.query, rows, b: t.keysT, c: t.p, ...mask });
    f.call(blocks.scores, { a: t.gradientBlock, rows, b: t.valuesT, c: t.ds, ...mask });
  }
  const clear = (panel: I32, from: I32Like, to: I32Like) => {
    if (!blocks) return;
    for (const area of [t.p, t.ds]) {
      f.call(blocks.clear, { scores: area.add(panel.mul(4 * BLOCK)), from, to, end: keys });
    }
  };
  f.for(0, t.count, PANEL, (panel) => {
    const position = f.i32(t.position.add(panel));
    ifVisible(f, { ...t, position }, (columns) => {
      emitQueryPanel(k, { ...t, position }, { panel, columns }, run);
      clear(panel, columns.from, columns.to);
    }, () => clear(panel, 0, 0));
  });
  if (blocks) {
    f.for(rows, roundUp(t.count, 8), PANEL, (panel) => clear(panel, 0, 0));
    const visible = { begin: position.sub(behind), reach: position.add(ahead).add(1) };
    f.call(blocks.sums, { a: t.ds, rows, b: t.keyBlock, depth: keys, c: t.dqSum, ...visible });
  }
}

/** P and dS of four queries; the products, too, unless they are of whole blocks. */
function emitQueryPanel(
  k: KernelBuilder,
  t: Block,
  { panel, columns }: { panel: I32; columns: MaskedColumns },
  run: Functions,
): void {
  const { f } = k;
  const { factors, position, softCap: cap } = t;
  const { from, to } = columns;
  const { panels } = run;
  const size = 4 * paddedSize(k.constants.HEAD_SIZE);
  const terms = f.i32(to.sub(from));
  const row = f.i32(panel.mul(size));
  const column = f.i32(from.inBytes());
  const [p, ds] = [t.p, t.ds].map((area) => f.i32(area.add(panel.mul(4 * BLOCK))));
  if (panels) {
    const scores = (rows: I32, keys: I32, target: I32) => {
      const product = { a: rows.add(row), b: keys.add(column), c: target.add(column) };
      f.call(panels.scores, { ...product, columnBytes: terms.inBytes(), terms: size / 4 });
    };
    scores(t.query, t.keysT, p);
    scores(t.gradientBlock, t.valuesT, ds);
  }
  const query = f.i32(t.first.add(panel));
  const { b, head } = t;
  const index = { b, head, query, position, key: t.firstKey };
  run.scorePanel(t, { scores: p, from, to, factors, ...index });
  const statistics = t.statistics.at(panel);
  f.call(run.probabilities, { p, ds, statistics, factors, cap, ...columns });
  if (panels) {
    const product = { a: ds.add(column), b: t.keyBlock.add(from.mul(size)), c: t.dqSum.add(row) };
    f.call(panels.dq, { ...product, columnBytes: size, terms });
  }
}

/** dV += Pᵀ·dO and dK += dSᵀ·Q. */
function emitKeySums(k: KernelBuilder, t: Block, run: Functions): void {
  const { f } = k;
  const { blocks, panels } = run;
  if (panels) emitKeyPanels(k, t, panels.columns);
  if (!blocks) return;
  const depth = f.i32(roundUp(t.count, 8));
  const origin = f.i32(I32.of(0).sub(t.position)); // the query at the first key's position
  const seeing = { begin: origin.sub(t.ahead), reach: origin.add(t.behind).add(1) };
  const accumulate = (source: I32, b: I32, c: I32) => {
    const target = t.transposed;
    f.call(blocks.transpose, { source, rows: depth, target });
    f.call(blocks.sums, { a: target, rows: t.end, b, depth, c, ...seeing });
  };
  accumulate(t.p, t.gradientBlock, t.dvSum);
  accumulate(t.ds, t.query, t.dkSum);
}

type Panel = ReturnType<typeof definePanel>;

/** Four keys at a time: dV += Pᵀ·dO and dK += dSᵀ·Q. */
function emitKeyPanels(k: KernelBuilder, t: Block, product: Panel): void {
  const { f } = k;
  const width = paddedSize(k.constants.HEAD_SIZE);
  const origin = f.i32(t.first.sub(t.position));
  f.for(0, t.end, PANEL, (panel) => {
    const query = f.i32(origin.add(panel));
    const begin = f.max(query.sub(t.ahead), t.begin);
    const stop = f.min(query.add(PANEL).add(t.behind), t.stop);
    const { from, to } = panelsBetween(f, t, begin, stop);
    f.if(from.ltS(to), () => {
      const scores = f.i32(from.mul(4 * BLOCK).at(panel));
      const row = f.i32(from.mul(4 * width));
      const target = f.i32(panel.mul(4 * width));
      const terms = f.i32(to.sub(from));
      const accumulate = (area: I32, rows: I32, sums: I32) => {
        const areas = { a: area.add(scores), b: rows.add(row), c: sums.add(target) };
        f.call(product, { ...areas, columnBytes: 4 * width, terms });
      };
      accumulate(t.p, t.gradientBlock, t.dvSum);
      accumulate(t.ds, t.query, t.dkSum);
    });
  });
}

/** The panels of the block that hold queries begin … stop − 1, as rows of the block. */
function panelsBetween(
  f: FunctionBuilder,
  { first, count }: Block,
  begin: I32,
  stop: I32,
): { from: I32; to: I32 } {
  const from = f.max(begin.sub(first), 0);
  const to = f.min(stop.sub(first), count);
  return { from: f.i32(from.and(-PANEL)), to: f.i32(roundUp(to, PANEL)) };
}
