/**
 * O = softmax(scale·Q·Kᵀ)·V for each head, and L = log₂ Σ 2^(scores·log₂ e), by online softmax.
 *
 * q: rows of `queries`, k and v: rows of `keys`, each head D columns at an offset and a row stride
 * of its own. output: [B,Tq,H·D], logSum: [B,H,Tq]. A query at position p = i + keys − queries sees
 * keys p − behind … p + ahead, below lengths[b] where lengths are given; one that sees none gets
 * zeros. A chunk computes blocks of 64 queries of one head, every `chunks`-th, the longest first.
 * Sums are in f32.
 *
 * @module
 */
import { F32, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
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
  maskPanel,
  paddedSize,
  PANEL,
  powerOfTwo,
  roundUp,
  scratchAreas,
  visibleRange,
} from "./attention_blocks.ts";
import { log } from "./math.ts";

export const attention: CpuKernel = {
  chunks: ({ batch, heads, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(
      batch * heads * Math.ceil(queries / BLOCK),
      batch * heads * queries * keys * HEAD_SIZE,
    ),
  scratchBytes: (_, { HEAD_SIZE }) =>
    4 * (4 * BLOCK * paddedSize(HEAD_SIZE) + (PANEL + 2) * BLOCK) + 512,
  emit(k) {
    const { f } = k;
    const width = paddedSize(k.constants.HEAD_SIZE);
    const area = scratchAreas(k);
    const areas: Areas = {
      query: area.take(BLOCK * width),
      output: area.take(BLOCK * width),
      rows: area.take(BLOCK * width),
      keys: area.take(BLOCK * width),
      scores: area.take(PANEL * BLOCK),
      largest: area.take(2 * BLOCK),
    };
    const run = defineFunctions(k, width);
    const heads = k.integer("heads");
    const queries = k.integer("queries");
    const chunks = k.chunks;
    const blocks = f.i32(queries.add(BLOCK - 1).divU(BLOCK));
    const headsInAll = f.i32(k.integer("batch").mul(heads));
    const tiles = f.i32(headsInAll.mul(blocks));
    const tensors = readTensors(k);
    f.for(k.chunk, tiles, chunks, (tile) => {
      const index = f.i32(tile.remU(headsInAll));
      const first = f.i32(blocks.sub(1).sub(tile.divU(headsInAll)).mul(BLOCK));
      const batch = f.i32(index.divU(heads));
      const head = f.i32(index.remU(heads));
      emitBlock(k, { ...tensors, ...areas, batch, head, first }, run);
    });
  },
};

/**
 * Scratch memory: queries, results and transposed keys of a block, packed keys or values, four rows
 * of scores, and each row's maximum and sum.
 */
interface Areas {
  readonly query: I32;
  readonly output: I32;
  readonly rows: I32;
  readonly keys: I32;
  readonly scores: I32;
  readonly largest: I32;
}

type Tensors = ReturnType<typeof readTensors>;

interface Block extends Areas, Tensors {
  readonly batch: I32;
  readonly head: I32;
  /** The first query. */
  readonly first: I32;
}

function readTensors(k: KernelBuilder) {
  const { f } = k;
  const integers = ["queries", "keys", "heads", "group", "behind", "ahead"] as const;
  const [queries, keyCount, heads, group, behind, ahead] = integers.map((name) => k.integer(name));
  const scale = f.f32(k.float("scale").mul(Math.LOG2E));
  const lengths = k.constants.HAS_LENGTHS ? k.pointer("lengths") : undefined;
  const [q, key, v] = ["q", "k", "v"].map((name) => ({
    pointer: k.pointer(name),
    offset: k.integer(`${name}Offset`),
    stride: f.i32(k.integer(`${name}Stride`).shl(2)),
  }));
  const [result, logSum] = ["output", "logSum"].map((name) => k.pointer(name));
  return {
    queries,
    keyCount,
    heads,
    group,
    behind,
    ahead,
    scale,
    lengths,
    q,
    key,
    v,
    result,
    logSum,
  };
}

function defineFunctions(k: KernelBuilder, width: number) {
  const headSize = k.constants.HEAD_SIZE;
  const scores = { aRow: 4 * width, aStep: 4, bRow: 4 * BLOCK, cRow: 4 * BLOCK };
  const values = { aRow: 4 * BLOCK, aStep: 4, bRow: 4 * width, cRow: 4 * width };
  return {
    pack: definePack(k, headSize),
    transpose: defineTranspose(k, headSize),
    scores: definePanel(k, scores, false),
    values: definePanel(k, values, true),
    softmax: defineSoftmax(k, width),
    finish: defineFinish(k, width),
  };
}

function emitBlock(
  k: KernelBuilder,
  block: Block,
  run: Record<"pack" | "transpose" | "scores" | "values" | "softmax" | "finish", FunctionHandle>,
): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const width = paddedSize(D);
  const { query, output, rows, keys, scores, largest, batch, head, first, q, key, v } = block;
  const { queries, keyCount, heads, group, behind, ahead } = block;
  const left = f.i32(queries.sub(first));
  const count = f.i32(left.minS(BLOCK));
  const columns = f.i32(head.mul(D));
  const row = f.i32(batch.mul(queries).add(first));
  const from = q.pointer.add(q.offset.add(columns).shl(2)).add(row.mul(q.stride));
  f.call(run.pack, from, q.stride, count, query, block.scale);
  f.for(0, BLOCK, 1, (n) => fillZero(f, output.add(n.mul(4 * width)), width));
  f.for(0, BLOCK * 4, 16, (i) => {
    f.storeV128(largest.add(i), V128.of(LOWEST));
    f.storeV128(largest.add(i), V128.of(0), 4 * BLOCK);
  });
  const position = f.i32(first.add(keyCount).sub(queries));
  const limit = f.i32(keyCount);
  if (block.lengths) {
    f.set(limit, block.lengths.add(batch.shl(2)).loadI32());
    f.set(limit, limit.minS(keyCount));
  }
  const zero = f.i32(0);
  const { low: start } = visibleRange(f, position, { behind, ahead, start: zero, end: limit });
  const last = f.i32(position.add(count).sub(1));
  const { high: stop } = visibleRange(f, last, { behind, ahead, start: zero, end: limit });
  const keyColumns = f.i32(head.divU(group).mul(D));
  f.for(start.and(-BLOCK), stop, BLOCK, (keyBlock) => {
    const end = f.i32(limit.sub(keyBlock));
    f.set(end, end.minS(BLOCK));
    const keyRow = f.i32(batch.mul(keyCount).add(keyBlock));
    const pack = ({ pointer, offset, stride }: Tensors["key"]) => {
      const source = pointer.add(offset.add(keyColumns).shl(2)).add(keyRow.mul(stride));
      f.call(run.pack, source, stride, end, rows, F32.of(1));
    };
    pack(key);
    f.call(run.transpose, rows, roundUp(end, 8), keys);
    pack(v);
    f.for(0, count, PANEL, (panel) => {
      const at = f.i32(position.sub(keyBlock).add(panel));
      const { low } = visibleRange(f, at, { behind, ahead, start: zero, end });
      const lastRow = f.i32(at.add(PANEL - 1));
      const { high } = visibleRange(f, lastRow, { behind, ahead, start: zero, end });
      f.if(low.ltS(high), () => {
        const begin = f.i32(low.and(-8));
        const finish = f.i32(roundUp(high, 8));
        const bytes = f.i32(finish.sub(begin).shl(2));
        const queryRow = f.i32(query.add(panel.mul(4 * width)));
        const outputRow = f.i32(output.add(panel.mul(4 * width)));
        const score = f.i32(scores.add(begin.shl(2)));
        f.call(run.scores, queryRow, keys.add(begin.shl(2)), score, bytes, f.i32(width));
        const largestOf = largest.add(panel.shl(2));
        const mask = [at, behind, ahead, end];
        f.call(run.softmax, scores, outputRow, largestOf, begin, finish, ...mask);
        const terms = finish.sub(begin);
        const value = rows.add(begin.mul(4 * width));
        f.call(run.values, score, value, outputRow, f.i32(4 * width), terms);
      });
    });
  });
  const target = f.i32(block.result.add(row.mul(heads).mul(4 * D)).add(columns.shl(2)));
  const logSum = f.i32(batch.mul(heads).add(head).mul(queries).add(first).shl(2));
  const sums = block.logSum.add(logSum);
  f.call(run.finish, output, largest, target, f.i32(heads.mul(4 * D)), sums, count);
}

/**
 * Turns four rows of scores into 2^(score − maximum), updates each row's maximum and sum, and
 * rescales its output where the maximum rose: f(scores, output, largest, from, to, position,
 * behind, ahead, end).
 */
function defineSoftmax(k: KernelBuilder, width: number): FunctionHandle {
  return k.define(Array(9).fill("i32"), undefined, (f) => {
    const [scores, output, largest, from, to] = [0, 1, 2, 3, 4].map((i) => f.i32Parameter(i));
    const [position, behind, ahead, end] = [5, 6, 7, 8].map((i) => f.i32Parameter(i));
    const start = f.i32(0);
    const rows = Array.from({ length: PANEL }, (_, row) => row);
    const ranges = rows.map((row) =>
      visibleRange(f, f.i32(position.add(row)), { behind, ahead, start, end })
    );
    maskPanel(f, scores, { from, to }, ranges);
    const before = f.v128(largest.loadV128());
    const first = f.i32(scores.add(from.shl(2)));
    const stop = f.i32(scores.add(to.shl(2)));
    const most = rows.map((row) => f.v128(before.shuffle(before, row, row, row, row)));
    forAddresses(f, first, stop, (at) => {
      for (const row of rows) f.set(most[row], most[row].pmax(at.loadV128(4 * BLOCK * row)));
    });
    const after = f.v128(acrossRows(f, most, (a, b) => a.pmax(b)));
    const power = powerOfTwo(f);
    const maxima = rows.map((row) => f.v128(after.shuffle(after, row, row, row, row)));
    const sums = rows.map(() => f.v128(V128.of(0)));
    forAddresses(f, first, stop, (at) => {
      for (const row of rows) {
        const p = f.v128(power(at.loadV128(4 * BLOCK * row).sub(maxima[row])));
        f.storeV128(at, p, 4 * BLOCK * row);
        f.set(sums[row], sums[row].add(p));
      }
    });
    const total = f.v128(largest.loadV128(4 * BLOCK));
    f.if(before.lt(after).anyTrue(), () => {
      const factors = f.v128(power(before.sub(after)));
      f.set(total, total.mul(factors));
      rows.forEach((row) => {
        const factor = f.v128(factors.shuffle(factors, row, row, row, row));
        for (let i = 4 * width * row; i < 4 * width * (row + 1); i += 16) {
          f.storeV128(output, output.loadV128(i).mul(factor), i);
        }
      });
    });
    f.storeV128(largest, after);
    f.storeV128(largest, total.add(acrossRows(f, sums, (a, b) => a.add(b))), 4 * BLOCK);
  });
}

/**
 * Divides each row by its sum and stores it with its log-sum: f(output, largest, target, stride,
 * logSum, count).
 */
function defineFinish(k: KernelBuilder, width: number): FunctionHandle {
  return k.define(Array(6).fill("i32"), undefined, (f) => {
    const [output, largest, target, stride, logSum, count] = [0, 1, 2, 3, 4, 5]
      .map((i) => f.i32Parameter(i));
    const afterLast = f.i32(largest.add(count.shl(2)));
    forAddresses(f, largest, afterLast, (at) => {
      const sum = f.v128(at.loadV128(4 * BLOCK));
      const some = f.v128(sum.ne(V128.of(0)));
      const logarithm = f.madd(log(f, sum), V128.of(Math.LOG2E), at.loadV128());
      f.storeV128(at, logarithm.and(some));
      f.storeV128(at, V128.of(1).div(sum).and(some), 4 * BLOCK);
    });
    const [from, to] = [f.i32(output), f.i32(target)];
    f.for(0, count, 1, (n) => {
      const row = f.i32(n.shl(2));
      const own = f.i32(largest.add(row));
      f.storeF32(logSum.add(row), own.loadF32());
      const factor = f.v128(own.loadSplat(4 * BLOCK));
      copyRow(f, from, to, k.constants.HEAD_SIZE, factor);
      f.set(from, from.add(4 * width));
      f.set(to, to.add(stride));
    });
  });
}
