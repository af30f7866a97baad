/**
 * The derivatives of attention: P = 2^(S·log₂ e − L), dV = (M∘P)ᵀ·dO, dS = P∘(M∘(dO·Vᵀ) −
 * rowsum(dO∘O)), dQ = scale·dS·K, dK = scale·dSᵀ·Q. M are dropout's factors, see
 * attention_dropout.ts; 1 without dropout.
 *
 * Shapes as in attention.ts: gradient (dO) and output (O) [B,Tq,H·D], dq, dk and dv like q, k and
 * v, logSum (L) [B,H,Tq]; all f32. A chunk computes all three derivatives of a share of
 * the heads of keys, in blocks of 64 keys and, for each, the 64-query blocks of the heads in its
 * group; that takes five products a block, where two kernels (as on WebGPU) take seven. Sums are in
 * f32.
 *
 * @module
 */
import { type F32Like, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { defineProbabilities, defineStatistics, defineUnpack } from "./attention_backward_rows.ts";
import {
  BLOCK,
  chunksOf,
  definePack,
  definePanel,
  defineTranspose,
  fillZero,
  paddedSize,
  PANEL,
  roundUp,
  scratchAreas,
} from "./attention_blocks.ts";
import { defineAdjust } from "./attention_adjust.ts";
import { defineDropout, factorFloats } from "./attention_dropout.ts";
import { defineHideBefore, ifVisible } from "./attention_mask.ts";
import {
  attentionTensors,
  firstKeyOf,
  firstKeysOf,
  headAt,
  type HeadRows,
  headRows,
  keyLimit,
} from "./attention_tensors.ts";
import { mapVectors } from "./rows.ts";

/** Packed blocks in scratch memory. */
const PACKED_BLOCKS = 7;

export const attentionBackward: CpuKernel = {
  chunks: ({ batch, heads, group, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(batch * heads / group, 3 * batch * heads * queries * keys * HEAD_SIZE),
  scratchBytes: (_, { HEAD_SIZE, DROPOUT }) => {
    const width = paddedSize(HEAD_SIZE);
    const rows = (PACKED_BLOCKS * BLOCK + PANEL) * width;
    return 4 * (rows + (2 * BLOCK + 2) * BLOCK + factorFloats(DROPOUT)) + 512;
  },
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

/** Areas of scratch memory: `PACKED_BLOCKS` blocks, then the others. */
function scratch(k: KernelBuilder) {
  const width = paddedSize(k.constants.HEAD_SIZE);
  const area = scratchAreas(k);
  const block = () => area.take(BLOCK * width);
  return {
    /** Keys, packed; then keys and values transposed. */
    keyBlock: block(),
    keysT: block(),
    valuesT: block(),
    dkSum: block(),
    dvSum: block(),
    /** Queries and gradients, packed. */
    query: block(),
    gradientBlock: block(),
    dqPanel: area.take(PANEL * width),
    p: area.take(BLOCK * BLOCK),
    ds: area.take(BLOCK * BLOCK),
    /** log-sum and rowsum(dO∘O) of each query of the block. */
    statistics: area.take(2 * BLOCK),
    /** Dropout's factors of four rows; empty without dropout. */
    factors: area.take(factorFloats(k.constants.DROPOUT)),
  };
}

function readTensors(k: KernelBuilder) {
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

type Functions = ReturnType<typeof defineFunctions>;

/** A head of keys of one batch. */
type Head = ReturnType<typeof scratch> & ReturnType<typeof readTensors> & {
  readonly b: I32;
  readonly keyHead: I32;
};

function defineFunctions(k: KernelBuilder) {
  const headSize = k.constants.HEAD_SIZE;
  const row = 4 * paddedSize(headSize);
  const score = 4 * BLOCK;
  return {
    pack: definePack(k, headSize),
    transpose: defineTranspose(k, headSize),
    unpack: defineUnpack(k),
    /** rows of queries or gradients times transposed keys or values. */
    scores: definePanel(k, { aRow: row, aStep: 4, bRow: score, cRow: score }, false),
    /** rows of dS times keys. */
    dq: definePanel(k, { aRow: score, aStep: 4, bRow: row, cRow: row }, false),
    /** columns of P or dS times rows of gradients or queries. */
    columns: definePanel(k, { aRow: 4, aStep: score, bRow: row, cRow: row }, true),
    probabilities: defineProbabilities(k),
    statistics: defineStatistics(k),
    adjust: defineAdjust(k),
    hideBefore: k.constants.HAS_FIRST_KEYS ? defineHideBefore(k) : undefined,
    dropout: defineDropout(k),
  };
}

function emitHead(k: KernelBuilder, t: Head, run: Functions): void {
  const { f } = k;
  const limit = keyLimit(f, t, t.b);
  const firstHead = f.i32(t.keyHead.mul(t.group));
  zeroQueries(k, t, firstHead);
  f.for(0, t.keys, BLOCK, (firstKey) => {
    const row = f.i32(t.b.mul(t.keys).add(firstKey));
    const at = (rows: HeadRows) => headAt(k, rows, { row, head: t.keyHead });
    const end = f.min(limit.sub(firstKey), BLOCK);
    const count = f.min(t.keys.sub(firstKey), BLOCK);
    for (const sum of [t.dkSum, t.dvSum]) clear(k, sum, roundUp(count, PANEL));
    f.if(end.gtS(0), () => {
      const pack = ({ rows, target }: { rows: HeadRows; target: I32 }) => {
        const packed = { source: at(rows), stride: rows.stride, count: end };
        f.call(run.pack, { ...packed, target: t.keyBlock, factor: 1 });
        f.call(run.transpose, { source: t.keyBlock, rows: roundUp(end, 8), target });
      };
      pack({ rows: t.v, target: t.valuesT });
      pack({ rows: t.k, target: t.keysT });
      f.for(0, t.group, 1, (n) => {
        emitQueries(k, { ...t, head: f.i32(firstHead.add(n)), firstKey, end }, run);
      });
    });
    const unpack = (source: I32, rows: HeadRows, factor: number) =>
      f.call(run.unpack, { source, count, target: at(rows), stride: rows.stride, factor });
    unpack(t.dkSum, t.dk, Math.LN2); // the packed queries have a factor log₂ e
    unpack(t.dvSum, t.dv, 1);
  });
}

/** Fills rows of a packed block with zeros. */
function clear({ f, constants }: KernelBuilder, block: I32, rows: I32): void {
  const width = paddedSize(constants.HEAD_SIZE);
  f.for(0, rows, 1, (row) => fillZero(f, block.add(row.mul(4 * width)), width));
}

/** dq = 0 for the heads of the group: the blocks of keys add to it. */
function zeroQueries(k: KernelBuilder, t: Head, firstHead: I32): void {
  const { f } = k;
  const length = f.i32(t.group.mul(k.constants.HEAD_SIZE));
  const row = f.i32(headAt(k, t.dq, { row: t.b.mul(t.queries), head: firstHead }));
  f.for(0, t.queries, 1, () => {
    mapVectors(f, length, [], row, () => V128.of(0));
    f.set(row, row.add(t.dq.stride));
  });
}

/** A block of keys and a head of queries. */
type KeyBlock = Head & {
  readonly head: I32;
  /** The block's first key, and the number of its keys that count. */
  readonly firstKey: I32;
  readonly end: I32;
};

/** Adds the contributions of one head's queries to a block of keys. */
function emitQueries(k: KernelBuilder, t: KeyBlock, run: Functions): void {
  const { f } = k;
  // Query i is at position i + shift of the block; queries `begin` … `stop` − 1 see some of it.
  const shift = f.i32(t.keys.sub(t.queries).sub(t.firstKey));
  const begin = f.max(I32.of(0).sub(shift).sub(t.ahead), 0);
  const stop = f.min(t.end.sub(shift).add(t.behind), t.queries);
  const forQueries = (first: I32) => {
    const count = f.min(t.queries.sub(first), BLOCK);
    const row = f.i32(t.b.mul(t.queries).add(first));
    const at = (rows: HeadRows) => headAt(k, rows, { row, head: t.head });
    const pack = (rows: HeadRows, target: I32, factor: F32Like) =>
      f.call(run.pack, { source: at(rows), stride: rows.stride, count, target, factor });
    pack(t.q, t.query, t.scale.mul(Math.LOG2E));
    pack(t.gradient, t.gradientBlock, 1);
    f.call(run.statistics, {
      gradients: t.gradientBlock,
      outputs: at(t.output),
      stride: t.output.stride,
      logSum: k.pointer("logSum").at(t.b.mul(t.heads).add(t.head).mul(t.queries).add(first)),
      count,
      statistics: t.statistics,
    });
    const block = { ...t, first, count, position: f.i32(first.add(shift)), begin, stop };
    emitQueryPanels(k, { ...block, dqAt: f.i32(at(t.dq)) }, run);
    emitKeyPanels(k, block, run);
  };
  f.for(begin.and(-BLOCK), stop, BLOCK, (first) => {
    if (!t.firstKeys) return forQueries(first);
    const firstKey = firstKeyOf(f, t, { b: t.b, query: first, key: t.firstKey });
    f.if(firstKey.ltS(t.end), () => forQueries(first));
  });
}

/** A block of queries and a block of keys. */
type Block = KeyBlock & {
  /** The first query, and the number of queries. */
  readonly first: I32;
  readonly count: I32;
  /** The first query's position, counted from the block's first key. */
  readonly position: I32;
  /** Queries that see any of the keys. */
  readonly begin: I32;
  readonly stop: I32;
};

/** Four queries at a time: P, dS, and dQ += scale·dS·K. */
function emitQueryPanels(
  k: KernelBuilder,
  t: Block & { readonly dqAt: I32 },
  run: Functions,
): void {
  const { f } = k;
  const width = paddedSize(k.constants.HEAD_SIZE);
  const { from, to } = panelsBetween(f, t, t.begin, t.stop);
  f.for(from, to, PANEL, (panel) => {
    const position = f.i32(t.position.add(panel));
    ifVisible(f, { ...t, position }, (columns) => {
      const terms = f.i32(columns.to.sub(columns.from));
      const row = f.i32(panel.mul(4 * width));
      const column = f.i32(columns.from.inBytes());
      const [p, ds] = [t.p, t.ds].map((area) => f.i32(area.add(panel.mul(4 * BLOCK))));
      const scores = (rows: I32, keys: I32, target: I32) => {
        const product = { a: rows.add(row), b: keys.add(column), c: target.add(column) };
        f.call(run.scores, { ...product, columnBytes: terms.inBytes(), terms: width });
      };
      scores(t.query, t.keysT, p);
      scores(t.gradientBlock, t.valuesT, ds);
      const { from, to } = columns;
      run.adjust({ scores: p, from, to, head: t.head, position });
      if (run.hideBefore) {
        const query = f.i32(t.first.add(panel));
        const firsts = firstKeysOf(f, t, { b: t.b, query, key: t.firstKey });
        f.call(run.hideBefore, { scores: p, from, to, ...firsts });
      }
      const { factors } = t;
      const index = { head: t.b.mul(t.heads).add(t.head), query: t.first.add(panel) };
      run.dropout({ ...columns, factors, ...index, key: t.firstKey });
      const statistics = t.statistics.at(panel);
      const cap = t.softCap;
      f.call(run.probabilities, { p, ds, statistics, factors, cap, ...columns });
      const keys = t.keyBlock.add(columns.from.mul(4 * width));
      const product = { a: ds.add(column), b: keys, c: t.dqPanel };
      f.call(run.dq, { ...product, columnBytes: 4 * width, terms });
      addPanel(k, t, panel);
    });
  });
}

/** dq += scale·the panel's dQ, for the rows that exist. */
function addPanel(k: KernelBuilder, t: Block & { readonly dqAt: I32 }, panel: I32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const whole = D - D % 4;
  const from = f.i32(t.dqPanel);
  const to = f.i32(t.dqAt.add(panel.mul(t.dq.stride)));
  const scale = f.v128(t.scale.splat());
  f.for(0, f.min(t.count.sub(panel), PANEL), 1, () => {
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

/** Four keys at a time: dV += Pᵀ·dO and dK += dSᵀ·Q. */
function emitKeyPanels(k: KernelBuilder, t: Block, run: Functions): void {
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
        const product = { a: area.add(scores), b: rows.add(row), c: sums.add(target) };
        f.call(run.columns, { ...product, columnBytes: 4 * width, terms });
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
