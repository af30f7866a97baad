/**
 * The derivatives of attention: P = 2^(S·log₂ e − L), dV = Pᵀ·dO, dS = P∘(dO·Vᵀ − rowsum(dO∘O)), dQ
 * = scale·dS·K, dK = scale·dSᵀ·Q.
 *
 * Tensors are laid out as in attention.ts: gradient and output like its output, dq, dk and dv like
 * q, k and v. A chunk computes all three derivatives of one head of keys in one batch, every
 * `chunks`-th, going over blocks of 64 keys and, for each, over the 64-query blocks of the heads in
 * its group; that takes five products a block, where two kernels (as on WebGPU) take seven. Sums
 * are in f32.
 *
 * @module
 */
import { F32, type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import {
  BLOCK,
  chunksOf,
  copyRow,
  definePack,
  definePanel,
  defineTranspose,
  fillZero,
  forAddresses,
  maskPanel,
  paddedSize,
  PANEL,
  powerOfTwo,
  roundUp,
  scratchAreas,
  visibleRange,
} from "./attention_blocks.ts";
import { sumLanes } from "./math.ts";
import { forVectors } from "./rows.ts";

/** Packed blocks in scratch memory. */
const PACKED_BLOCKS = 7;

export const attentionBackward: CpuKernel = {
  chunks: ({ batch, heads, group, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(batch * heads / group, 3 * batch * heads * queries * keys * HEAD_SIZE),
  scratchBytes: (_, { HEAD_SIZE }) => {
    const width = paddedSize(HEAD_SIZE);
    return 4 * ((PACKED_BLOCKS * BLOCK + PANEL) * width + (2 * BLOCK + 2) * BLOCK) + 512;
  },
  emit(k) {
    const { f } = k;
    const tensors = { ...readScalars(k), ...readTensors(k), ...scratch(k) };
    const run = defineFunctions(k);
    const chunks = k.chunks;
    const keyHeads = f.i32(tensors.heads.divU(tensors.group));
    const tiles = f.i32(k.integer("batch").mul(keyHeads));
    f.for(k.chunk, tiles, chunks, (tile) => {
      const batch = f.i32(tile.divU(keyHeads));
      const keyHead = f.i32(tile.remU(keyHeads));
      emitHead(k, { ...tensors, batch, keyHead }, run);
    });
  },
};

function scratch(k: KernelBuilder) {
  const width = paddedSize(k.constants.HEAD_SIZE);
  const area = scratchAreas(k);
  const blocks = Array.from({ length: PACKED_BLOCKS }, () => area.take(BLOCK * width));
  const [keys, keysT, valuesT, dkSum, dvSum, query, gradientBlock] = blocks;
  const dqPanel = area.take(PANEL * width);
  const [p, ds] = [area.take(BLOCK * BLOCK), area.take(BLOCK * BLOCK)];
  /** log-sum and rowsum(dO∘O) of each query of the block. */
  const statistics = area.take(2 * BLOCK);
  return { keys, keysT, valuesT, dkSum, dvSum, query, gradientBlock, dqPanel, p, ds, statistics };
}

function readScalars(k: KernelBuilder) {
  const names = ["queries", "keys", "heads", "group", "behind", "ahead"] as const;
  const [queries, keyCount, heads, group, behind, ahead] = names.map((name) => k.integer(name));
  return { queries, keyCount, heads, group, behind, ahead, scale: k.float("scale") };
}

function readTensors(k: KernelBuilder) {
  const { f } = k;
  const lengths = k.constants.HAS_LENGTHS ? k.pointer("lengths") : undefined;
  const [qAt, kAt, vAt] = ["q", "k", "v"].map((name) => ({
    offset: f.i32(k.integer(`${name}Offset`).shl(2)),
    stride: f.i32(k.integer(`${name}Stride`).shl(2)),
  }));
  const names = ["q", "k", "v", "dq", "dk", "dv", "output", "gradient", "logSum"] as const;
  const [q, key, v, dq, dk, dv, output, gradient, logSum] = names.map((name) => k.pointer(name));
  return { lengths, qAt, kAt, vAt, q, key, v, dq, dk, dv, output, gradient, logSum };
}

type Tensors =
  & ReturnType<typeof scratch>
  & ReturnType<typeof readScalars>
  & ReturnType<typeof readTensors>;
type Functions = ReturnType<typeof defineFunctions>;
type Head = Tensors & { readonly batch: I32; readonly keyHead: I32 };

function defineFunctions(k: KernelBuilder) {
  const headSize = k.constants.HEAD_SIZE;
  const width = paddedSize(headSize);
  const row = 4 * width;
  const score = 4 * BLOCK;
  return {
    pack: definePack(k, headSize),
    transpose: defineTranspose(k, headSize),
    unpack: defineUnpack(k, headSize),
    /** rows of queries or gradients times transposed keys or values. */
    scores: definePanel(k, { aRow: row, aStep: 4, bRow: score, cRow: score }, false),
    /** rows of dS times keys. */
    dq: definePanel(k, { aRow: score, aStep: 4, bRow: row, cRow: row }, false),
    /** columns of P or dS times rows of gradients or queries. */
    columns: definePanel(k, { aRow: 4, aStep: score, bRow: row, cRow: row }, true),
    probabilities: defineProbabilities(k),
    statistics: defineStatistics(k),
  };
}

function emitHead(k: KernelBuilder, t: Head, run: Functions): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const width = paddedSize(D);
  const limit = f.i32(t.keyCount);
  if (t.lengths) {
    f.set(limit, t.lengths.add(t.batch.shl(2)).loadI32());
    f.set(limit, limit.minS(t.keyCount));
  }
  const firstHead = f.i32(t.keyHead.mul(t.group));
  zeroQueries(k, t, firstHead);
  const keyRow = f.i32(t.batch.mul(t.keyCount));
  const columns = f.i32(t.keyHead.mul(4 * D));
  const at = (base: I32, { offset, stride }: Tensors["kAt"], row: I32): I32 =>
    base.add(offset).add(columns).add(keyRow.add(row).mul(stride));
  const one = F32.of(1);
  f.for(0, t.keyCount, BLOCK, (keyBlock) => {
    const count = f.i32(t.keyCount.sub(keyBlock));
    f.set(count, count.minS(BLOCK));
    const end = f.i32(limit.sub(keyBlock));
    f.set(end, end.minS(BLOCK));
    f.for(0, BLOCK, 1, (row) => {
      fillZero(f, t.dkSum.add(row.mul(4 * width)), width);
      fillZero(f, t.dvSum.add(row.mul(4 * width)), width);
    });
    f.if(end.gtS(0), () => {
      const rows = f.i32(roundUp(end, 8));
      f.call(run.pack, at(t.v, t.vAt, keyBlock), t.vAt.stride, end, t.keys, one);
      f.call(run.transpose, t.keys, rows, t.valuesT);
      f.call(run.pack, at(t.key, t.kAt, keyBlock), t.kAt.stride, end, t.keys, one);
      f.call(run.transpose, t.keys, rows, t.keysT);
      f.for(0, t.group, 1, (n) => {
        emitQueries(k, { ...t, head: f.i32(firstHead.add(n)), keyBlock, end }, run);
      });
    });
    const ln2 = F32.of(Math.LN2); // the packed queries hold a factor log₂ e
    f.call(run.unpack, t.dkSum, count, at(t.dk, t.kAt, keyBlock), t.kAt.stride, ln2);
    f.call(run.unpack, t.dvSum, count, at(t.dv, t.vAt, keyBlock), t.vAt.stride, one);
  });
}

/** dq = 0 for the heads of the group: the blocks of keys add to it. */
function zeroQueries(k: KernelBuilder, t: Head, firstHead: I32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const length = f.i32(t.group.mul(D));
  const row = f.i32(t.dq.add(t.qAt.offset).add(firstHead.mul(4 * D)));
  f.set(row, row.add(t.batch.mul(t.queries).mul(t.qAt.stride)));
  f.for(0, t.queries, 1, () => {
    forVectors(
      f,
      length,
      (i) => f.storeV128(row.add(i), V128.of(0)),
      (i) => f.storeF32(row.add(i), 0),
    );
    f.set(row, row.add(t.qAt.stride));
  });
}

type KeyBlock = Head & {
  readonly head: I32;
  /** The block's first key, and how many of its keys may be seen. */
  readonly keyBlock: I32;
  readonly end: I32;
};

/** Adds what the queries of one head give to a block of keys. */
function emitQueries(k: KernelBuilder, t: KeyBlock, run: Functions): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const shift = f.i32(t.keyCount.sub(t.queries).sub(t.keyBlock));
  // Query i stands at position i + shift of the block; it sees some of it from `begin` to `stop`.
  const begin = f.i32(I32.of(0).sub(shift).sub(t.ahead));
  f.set(begin, I32.select(begin.gtS(0), begin, 0));
  const stop = f.i32(t.end.sub(shift).add(t.behind));
  f.set(stop, stop.minS(t.queries));
  const columns = f.i32(t.head.mul(4 * D));
  const resultStride = f.i32(t.heads.mul(4 * D));
  f.for(begin.and(-BLOCK), stop, BLOCK, (first) => {
    const count = f.i32(t.queries.sub(first));
    f.set(count, count.minS(BLOCK));
    const row = f.i32(t.batch.mul(t.queries).add(first));
    const queryAt = f.i32(t.qAt.offset.add(columns).add(row.mul(t.qAt.stride)));
    const scale = t.scale.mul(Math.LOG2E);
    f.call(run.pack, t.q.add(queryAt), t.qAt.stride, count, t.query, scale);
    const resultAt = f.i32(columns.add(row.mul(resultStride)));
    const gradient = f.i32(t.gradient.add(resultAt));
    f.call(run.pack, gradient, resultStride, count, t.gradientBlock, F32.of(1));
    const sums = t.batch.mul(t.heads).add(t.head).mul(t.queries).add(first).shl(2);
    const output = t.output.add(resultAt);
    const logSum = t.logSum.add(sums);
    f.call(run.statistics, t.gradientBlock, output, resultStride, logSum, count, t.statistics);
    const block = { ...t, first, count, position: f.i32(first.add(shift)), begin, stop };
    emitQueryPanels(k, { ...block, dqAt: f.i32(t.dq.add(queryAt)) }, run);
    emitKeyPanels(k, block, run);
  });
}

type Block = KeyBlock & {
  readonly first: I32;
  readonly count: I32;
  /** Where the block's first query stands, counted from the block's first key. */
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
  const zero = f.i32(0);
  const { from, to } = panelsBetween(f, t, t.begin, t.stop);
  f.for(from, to, PANEL, (panel) => {
    const at = f.i32(t.position.add(panel));
    const { low } = visibleRange(f, at, { ...t, start: zero });
    const lastRow = f.i32(at.add(PANEL - 1));
    const { high } = visibleRange(f, lastRow, { ...t, start: zero });
    const begin = f.i32(low.and(-8));
    const finish = f.i32(roundUp(high, 8));
    const bytes = f.i32(finish.sub(begin).shl(2));
    const row = f.i32(panel.mul(4 * width));
    const scores = f.i32(panel.mul(4 * BLOCK));
    const column = f.i32(begin.shl(2));
    const [p, ds] = [t.p, t.ds].map((area) => f.i32(area.add(scores)));
    const terms = f.i32(width);
    f.call(run.scores, t.query.add(row), t.keysT.add(column), p.add(column), bytes, terms);
    f.call(
      run.scores,
      t.gradientBlock.add(row),
      t.valuesT.add(column),
      ds.add(column),
      bytes,
      terms,
    );
    const statistics = t.statistics.add(panel.shl(2));
    const mask = [at, t.behind, t.ahead, t.end];
    f.call(run.probabilities, p, ds, statistics, begin, finish, ...mask);
    const keys = t.keys.add(begin.mul(4 * width));
    f.call(run.dq, ds.add(column), keys, t.dqPanel, f.i32(4 * width), finish.sub(begin));
    addPanel(k, t, panel);
  });
}

/** dq += scale·the panel's dQ, the rows that there are. */
function addPanel(k: KernelBuilder, t: Block & { readonly dqAt: I32 }, panel: I32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const whole = D - D % 4;
  const rows = f.i32(t.count.sub(panel));
  f.set(rows, rows.minS(PANEL));
  const from = f.i32(t.dqPanel);
  const to = f.i32(t.dqAt.add(panel.mul(t.qAt.stride)));
  const scale = f.v128(t.scale.splat());
  f.for(0, rows, 1, () => {
    for (let i = 0; i < 4 * whole; i += 16) {
      f.storeV128(to, f.madd(from.loadV128(i), scale, to.loadV128(i)), i);
    }
    for (let i = 4 * whole; i < 4 * D; i += 4) {
      f.storeF32(to, f.madd(from.loadSplat(i), scale, to.loadSplat(i)).lane(0), i);
    }
    f.set(from, from.add(4 * paddedSize(D)));
    f.set(to, to.add(t.qAt.stride));
  });
}

/** Four keys at a time: dV += Pᵀ·dO and dK += dSᵀ·Q. */
function emitKeyPanels(k: KernelBuilder, t: Block, run: Functions): void {
  const { f } = k;
  const width = paddedSize(k.constants.HEAD_SIZE);
  const origin = f.i32(t.first.sub(t.position));
  f.for(0, t.end, PANEL, (panel) => {
    const begin = f.i32(origin.add(panel).sub(t.ahead));
    const stop = f.i32(origin.add(panel).add(PANEL).add(t.behind));
    f.set(begin, begin.maxS(t.begin));
    f.set(stop, stop.minS(t.stop));
    const { from, to } = panelsBetween(f, t, begin, stop);
    f.if(from.ltS(to), () => {
      const scores = f.i32(from.mul(4 * BLOCK).add(panel.shl(2)));
      const row = f.i32(from.mul(4 * width));
      const target = f.i32(panel.mul(4 * width));
      const [bytes, terms] = [f.i32(4 * width), f.i32(to.sub(from))];
      const product = (scoreArea: I32, rows: I32, sum: I32) =>
        f.call(run.columns, scoreArea.add(scores), rows.add(row), sum.add(target), bytes, terms);
      product(t.p, t.gradientBlock, t.dvSum);
      product(t.ds, t.query, t.dkSum);
    });
  });
}

/** The panels of the block that hold queries begin … stop − 1, as rows of the block. */
function panelsBetween(
  f: FunctionBuilder,
  t: Block,
  begin: I32,
  stop: I32,
): { from: I32; to: I32 } {
  const from = f.i32(begin.sub(t.first));
  const to = f.i32(stop.sub(t.first));
  f.set(from, I32.select(from.gtS(0), from, 0));
  f.set(from, from.and(-PANEL));
  f.set(to, to.minS(t.count));
  f.set(to, roundUp(to, PANEL));
  return { from, to };
}

/**
 * Turns four rows of scores into P and of dP into dS: f(p, ds, statistics, from, to, position,
 * behind, ahead, end).
 */
function defineProbabilities(k: KernelBuilder): FunctionHandle {
  return k.define(Array(9).fill("i32"), undefined, (f) => {
    const [p, ds, statistics, from, to] = [0, 1, 2, 3, 4].map((i) => f.i32Parameter(i));
    const [position, behind, ahead, end] = [5, 6, 7, 8].map((i) => f.i32Parameter(i));
    const start = f.i32(0);
    const rows = Array.from({ length: PANEL }, (_, row) => row);
    const ranges = rows.map((row) =>
      visibleRange(f, f.i32(position.add(row)), { behind, ahead, start, end })
    );
    maskPanel(f, p, { from, to }, ranges);
    const power = powerOfTwo(f);
    const logSums = rows.map((row) => f.v128(statistics.loadSplat(4 * row)));
    const deltas = rows.map((row) => f.v128(statistics.loadSplat(4 * (BLOCK + row))));
    const first = f.i32(p.add(from.shl(2)));
    const stop = f.i32(p.add(to.shl(2)));
    const toDs = f.i32(ds.sub(p));
    forAddresses(f, first, stop, (at) => {
      const dsAt = f.i32(at.add(toDs));
      for (const row of rows) {
        const offset = 4 * BLOCK * row;
        const probability = f.v128(power(at.loadV128(offset).sub(logSums[row])));
        f.storeV128(at, probability, offset);
        f.storeV128(dsAt, dsAt.loadV128(offset).sub(deltas[row]).mul(probability), offset);
      }
    });
  });
}

/**
 * Copies the log-sums of `count` rows and computes rowsum(dO∘O), zeros up to the next panel:
 * f(packed gradients, output, stride, logSum, count, statistics).
 */
function defineStatistics(k: KernelBuilder): FunctionHandle {
  const D = k.constants.HEAD_SIZE;
  const whole = D - D % 4;
  return k.define(Array(6).fill("i32"), undefined, (f) => {
    const [gradients, outputs, stride, logSum, count, statistics] = [0, 1, 2, 3, 4, 5]
      .map((i) => f.i32Parameter(i));
    const [gradient, output] = [f.i32(gradients), f.i32(outputs)];
    const sums = [0, 1].map(() => f.v128());
    f.for(0, count, 1, (n) => {
      for (const sum of sums) f.set(sum, V128.of(0));
      for (let i = 0; i < whole; i += 4) {
        const sum = sums[i / 4 % 2];
        f.set(sum, f.madd(gradient.loadV128(4 * i), output.loadV128(4 * i), sum));
      }
      const delta = f.f32(sumLanes(f, sums[0].add(sums[1])));
      for (let i = whole; i < D; i++) {
        f.set(delta, delta.add(gradient.loadF32(4 * i).mul(output.loadF32(4 * i))));
      }
      const own = f.i32(statistics.add(n.shl(2)));
      f.storeF32(own, logSum.add(n.shl(2)).loadF32());
      f.storeF32(own, delta, 4 * BLOCK);
      f.set(gradient, gradient.add(4 * paddedSize(D)));
      f.set(output, output.add(stride));
    });
    const end = f.i32(roundUp(count, PANEL));
    f.for(count, end, 1, (n) => {
      f.storeF32(statistics.add(n.shl(2)), 0);
      f.storeF32(statistics.add(n.shl(2)), 0, 4 * BLOCK);
    });
  });
}

/** Copies packed rows, times a factor, to a tensor: f(source, count, target, stride, factor). */
function defineUnpack(k: KernelBuilder, headSize: number): FunctionHandle {
  return k.define(["i32", "i32", "i32", "i32", "f32"], undefined, (f) => {
    const [source, count, target, stride] = [0, 1, 2, 3].map((i) => f.i32Parameter(i));
    const factor = f.v128(f.f32Parameter(4).splat());
    const [from, to] = [f.i32(source), f.i32(target)];
    f.for(0, count, 1, () => {
      copyRow(f, from, to, headSize, factor);
      f.set(from, from.add(4 * paddedSize(headSize)));
      f.set(to, to.add(stride));
    });
  });
}
