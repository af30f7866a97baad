/**
 * Attention of one new token to the KV cache: softmax(scale·q·Kᵀ)·V over the cache positions
 * position − window + 1 … position, the new token's.
 *
 * packed: [B,1,stride], queries first; keys, values: [B,H / group,S,D]; all f32; position: i32 [1],
 * or [B] with `PER_ROW`. The cache is divided into `parts` of `partLength` positions (flash
 * decoding). With `WHOLE`, one part, output: [B,1,H·D] is the result; otherwise partial:
 * [B,H,parts,D+2] receives each part's unscaled sum over values, its largest score and its sum of
 * 2^(score − largest) (scores times log₂ e), for attention_combine.ts. A chunk computes every
 * `chunks`-th part of a head. Sums are in f32.
 *
 * @module
 */
import { F32, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { adjusted } from "./attention_adjust.ts";
import { acrossRows, chunksOf, forAddresses, LOWEST, roundUp } from "./attention_blocks.ts";
import { exp2, maxLane, sumLanes } from "./math.ts";
import { four, type Lanes, one } from "./rows.ts";

/** Keys whose scores are computed together. */
const KEYS = 4;
/** Values read before the next ones: 4 KB for heads of 64. */
const ROWS = 16;
/** Columns of V summed in registers together. */
const COLUMNS = 32;

export const attentionDecode: CpuKernel = {
  chunks: ({ batch, heads, parts, length }, { HEAD_SIZE }) =>
    chunksOf(batch * heads * parts, 2 * batch * heads * length * HEAD_SIZE),
  scratchBytes: ({ partLength }) => 4 * partLength + 64,
  emit(k) {
    const { f } = k;
    const { HEAD_SIZE: D, WHOLE, PER_ROW } = k.constants;
    const { batch, heads, group, parts } = k.integers("batch", "heads", "group", "parts");
    const { partLength, stride, length, window } = k
      .integers("partLength", "stride", "length", "window");
    const { packed, keys, values, position } = k.pointers("packed", "keys", "values", "position");
    const target = k.pointer(WHOLE ? "output" : "partial");
    const groups = f.i32(heads.divU(group));
    f.for(k.chunk, batch.mul(heads).mul(parts), k.chunks, (tile) => {
      const [b, head, part] = f.unravel(tile, heads, parts);
      const last = f.min(position.at(PER_ROW ? b : 0).loadI32(), length.sub(1));
      const end = f.i32(last.add(1));
      const first = f.max(end.sub(window), 0);
      const start = f.i32(part.mul(partLength));
      const from = f.max(start, first);
      const to = f.min(start.add(partLength), end);
      const keyHead = b.mul(groups).add(head.divU(group));
      const offset = f.i32(keyHead.mul(length).add(from).mul(4 * D));
      emitPart(k, {
        count: f.i32(to.sub(from)),
        head,
        last: f.i32(last.sub(from)),
        query: f.i32(packed.at(b.mul(stride).add(head.mul(D)))),
        keys: f.i32(keys.add(offset)),
        values: f.i32(values.add(offset)),
        result: f.i32(target.add(tile.mul(4 * (WHOLE ? D : D + 2)))),
      });
    });
  },
};

interface Part {
  /** Number of keys; none if not positive. */
  readonly count: I32;
  readonly head: I32;
  /** The new token's position, counted from the first key. */
  readonly last: I32;
  readonly query: I32;
  readonly keys: I32;
  readonly values: I32;
  readonly result: I32;
}

function emitPart(k: KernelBuilder, part: Part): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const { count, result } = part;
  const largest = f.f32(LOWEST);
  const sum = f.f32(0);
  f.if(count.gtS(0), () => {
    const scores = k.scratch;
    const end = f.i32(scores.at(roundUp(count, KEYS)));
    emitScores(k, part, largest);
    const shift = f.v128(largest.splat());
    const sums = f.v128(V128.of(0));
    forAddresses(f, scores, end, (at) => {
      const p = f.v128(exp2(f, at.loadV128().sub(shift)));
      f.storeV128(at, p);
      f.set(sums, sums.add(p));
    });
    f.set(sum, sumLanes(f, sums));
  });
  const factor = f.f32(1);
  if (k.constants.WHOLE) f.set(factor, F32.of(1).div(sum));
  emitValues(k, part, factor);
  if (!k.constants.WHOLE) {
    f.storeF32(result, largest, 4 * D);
    f.storeF32(result, sum, 4 * (D + 1));
  }
}

/** scale·q·Kᵀ·log₂ e into scratch memory, −∞ up to a multiple of four, and the largest. */
function emitScores(k: KernelBuilder, part: Part, largest: F32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const { query, count } = part;
  const scale = f.constant(k.float("scale").mul(Math.LOG2E).splat());
  const maxima = f.v128(V128.of(LOWEST));
  const key = f.i32(part.keys);
  f.for(0, count, KEYS, (j) => {
    const rows = [f.i32(key)];
    for (let n = 1; n < KEYS; n++) { // beyond the last key it is read again, and its score hidden
      const row = f.i32(rows[n - 1]);
      f.if(j.add(n).ltS(count), () => f.set(row, row.add(4 * D)));
      rows.push(row);
    }
    const sums = rows.map(() => f.v128(V128.of(0)));
    for (let d = 0; d + 4 <= D; d += 4) {
      const q = f.v128(query.loadV128(4 * d));
      rows.forEach((row, n) => f.set(sums[n], f.madd(q, row.loadV128(4 * d), sums[n])));
    }
    const scores = f.v128(acrossRows(f, sums, (a, b) => a.add(b)));
    for (let d = D - D % 4; d < D; d++) {
      const column = rows.reduce(
        (lanes, row, n) => lanes.withLane(n, row.loadF32(4 * d)),
        V128.of(0),
      );
      f.set(scores, f.madd(query.loadSplat(4 * d), column, scores));
    }
    const lanes = j.toF32().splat().add(V128.lanes(0, 1, 2, 3));
    const hidden = lanes.ge(count.toF32().splat());
    const scaled = f.v128(scores.mul(scale));
    const changed = adjusted(k, { scores: scaled, head: part.head, distance: j.sub(part.last) });
    f.set(scores, hidden.bitSelect(V128.of(-Infinity), changed));
    f.storeV128(k.scratch.at(j), scores);
    f.set(maxima, maxima.pmax(scores));
    f.set(key, rows[KEYS - 1].add(4 * D));
  });
  f.set(largest, maxLane(f, maxima));
}

/**
 * result = factor · the sum of values, each times its weight in scratch memory: a few values at a
 * time, whose columns are summed in registers, group by group, so that memory is read in order.
 */
function emitValues(k: KernelBuilder, part: Part, factor: F32): void {
  const { f } = k;
  const { count, result } = part;
  const factors = f.v128(factor.splat());
  const groups = columnGroups(k);
  const map = (value: (at: number, lanes: Lanes) => V128) => {
    for (const { offsets, lanes } of groups) {
      for (const at of offsets) lanes.store(result, value(at, lanes), at);
    }
  };
  map(() => V128.of(0));
  f.for(0, count, ROWS, (first) => {
    const rows = f.min(count.sub(first), ROWS);
    const values = f.i32(part.values.add(first.mul(4 * k.constants.HEAD_SIZE)));
    const weights = f.i32(k.scratch.at(first));
    for (const group of groups) addValues(k, group, { rows, values, weights, result });
  });
  map((at, { load }) => load(result, at).mul(factors));
}

/**
 * Columns that are summed in registers together: their offsets, and the function that reads them.
 */
interface ColumnGroup {
  readonly offsets: readonly number[];
  readonly lanes: Lanes;
}

/** The columns of a head in groups: vectors, then the rest. */
function columnGroups({ f, constants: { HEAD_SIZE } }: KernelBuilder): ColumnGroup[] {
  const rest = HEAD_SIZE % 4;
  const vectors = Array.from({ length: (HEAD_SIZE - rest) / 4 }, (_, i) => 16 * i);
  const groups: ColumnGroup[] = [];
  for (let i = 0; i < vectors.length; i += COLUMNS / 4) {
    groups.push({ offsets: vectors.slice(i, i + COLUMNS / 4), lanes: four(f) });
  }
  const floats = Array.from({ length: rest }, (_, i) => 4 * (HEAD_SIZE - rest + i));
  return rest === 0 ? groups : [...groups, { offsets: floats, lanes: one(f) }];
}

/** result += the columns of `rows` values, each times its weight. */
function addValues(
  { f, constants }: KernelBuilder,
  { offsets, lanes: { load, store } }: ColumnGroup,
  { rows, values, weights, result }: Record<"rows" | "values" | "weights" | "result", I32>,
): void {
  const sums = offsets.map((at) => f.v128(load(result, at)));
  const [value, weight] = [f.i32(values), f.i32(weights)];
  f.for(0, rows, 1, () => {
    const p = f.v128(weight.loadSplat());
    offsets.forEach((at, n) => f.set(sums[n], f.madd(p, load(value, at), sums[n])));
    f.set(value, value.add(4 * constants.HEAD_SIZE));
    f.set(weight, weight.add(4));
  });
  sums.forEach((sum, n) => store(result, sum, offsets[n]));
}
