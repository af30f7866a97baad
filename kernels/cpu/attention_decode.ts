/**
 * Attention of one new token to the cache: softmax(scale·q·Kᵀ)·V over places position − window + 1
 * … position, position the new token's.
 *
 * packed: [B,1,stride], queries first; keys, values: [B,H / group,S,D]; position: i32 [1], or [B]
 * with `PER_ROW`. The places come in `parts` of `partLength`. With one part, output: [B,1,H·D] is
 * the result; with more, partial: [B,H,parts,D+2] gets each part's unscaled sum over values, its
 * largest score and its sum of 2^(score − largest) (scores times log₂ e), for attention_combine.ts.
 * A chunk computes every `chunks`-th part of a head. Sums are in f32.
 *
 * @module
 */
import { F32, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import {
  acrossRows,
  chunksOf,
  forAddresses,
  LOWEST,
  powerOfTwo,
  roundUp,
} from "./attention_blocks.ts";
import { maxLane, sumLanes } from "./math.ts";

/** Keys taken at once. */
const KEYS = 4;
/** Values read before the next ones: 4 KB for heads of 64. */
const ROWS = 16;
/** Columns of V summed in registers at once. */
const COLUMNS = 32;

export const attentionDecode: CpuKernel = {
  chunks: ({ batch, heads, parts, length }, { HEAD_SIZE }) =>
    chunksOf(batch * heads * parts, 2 * batch * heads * length * HEAD_SIZE),
  scratchBytes: ({ partLength }) => 4 * partLength + 64,
  emit(k) {
    const { f } = k;
    const D = k.constants.HEAD_SIZE;
    const names = ["heads", "group", "parts", "partLength", "stride", "length", "window"];
    const [heads, group, parts, partLength, stride, length, window] = names
      .map((name) => k.integer(name));
    const [packed, keys, values] = ["packed", "keys", "values"].map((name) => k.pointer(name));
    const target = k.pointer(k.constants.WHOLE ? "output" : "partial");
    const positions = k.pointer("position");
    const last = f.i32(length.sub(1));
    const zero = f.i32(0);
    const tiles = f.i32(k.integer("batch").mul(heads).mul(parts));
    const chunks = k.chunks;
    const scale = f.f32(k.float("scale").mul(Math.LOG2E));
    const groups = f.i32(heads.divU(group));
    f.for(k.chunk, tiles, chunks, (tile) => {
      const part = f.i32(tile.remU(parts));
      const head = f.i32(tile.divU(parts).remU(heads));
      const batch = f.i32(tile.divU(parts).divU(heads));
      const place = f.i32(positions.add(k.constants.PER_ROW ? batch.shl(2) : zero).loadI32());
      f.set(place, place.minS(last));
      const first = f.i32(place.add(1).sub(window));
      f.set(first, first.maxS(zero));
      const from = f.i32(part.mul(partLength));
      const to = f.i32(from.add(partLength));
      const end = f.i32(place.add(1));
      f.set(from, from.maxS(first));
      f.set(to, to.minS(end));
      const count = f.i32(to.sub(from));
      const query = f.i32(packed.add(batch.mul(stride).add(head.mul(D)).shl(2)));
      const stretch = batch.mul(groups).add(head.divU(group));
      const offset = f.i32(stretch.mul(length).add(from).mul(4 * D));
      const result = f.i32(target.add(tile.mul(4 * (k.constants.WHOLE ? D : D + 2))));
      const rows = { keys: f.i32(keys.add(offset)), values: f.i32(values.add(offset)) };
      emitPart(k, { count, query, result, scale, ...rows });
    });
  },
};

interface Part {
  /** Keys, at least one to have a result. */
  readonly count: I32;
  readonly query: I32;
  readonly keys: I32;
  readonly values: I32;
  readonly result: I32;
  readonly scale: F32;
}

function emitPart(k: KernelBuilder, part: Part): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const { count, result } = part;
  const largest = f.f32(LOWEST);
  const sum = f.f32(0);
  f.if(count.gtS(0), () => {
    const scores = k.scratch;
    const end = f.i32(scores.add(roundUp(count, KEYS).shl(2)));
    emitScores(k, part, largest);
    const power = powerOfTwo(f);
    const most = f.v128(largest.splat());
    const sums = f.v128(V128.of(0));
    forAddresses(f, scores, end, (at) => {
      const p = f.v128(power(at.loadV128().sub(most)));
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

/** scale·q·Kᵀ into scratch memory, −∞ up to the next four, and the largest. */
function emitScores(k: KernelBuilder, part: Part, largest: F32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const { query, count } = part;
  const scale = f.v128(part.scale.splat());
  const most = f.v128(V128.of(LOWEST));
  const key = f.i32(part.keys);
  f.for(0, count, KEYS, (j) => {
    // Beyond the last key the last is read again, and its score hidden.
    const rows = Array.from({ length: KEYS }, () => f.i32());
    rows.forEach((row, n) => {
      f.set(row, n === 0 ? key : rows[n - 1]);
      if (n > 0) f.if(j.add(n).ltS(count), () => f.set(row, row.add(4 * D)));
    });
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
    f.set(scores, hidden.bitSelect(V128.of(-Infinity), scores.mul(scale)));
    f.storeV128(k.scratch.add(j.shl(2)), scores);
    f.set(most, most.pmax(scores));
    f.set(key, rows[KEYS - 1].add(4 * D));
  });
  f.set(largest, maxLane(f, most));
}

/**
 * result = factor · the sum of values, each times its weight in scratch memory. A few values at a
 * time, whose columns are then summed in registers one group after the other: so memory is read in
 * order.
 */
function emitValues(k: KernelBuilder, part: Part, factor: F32): void {
  const { f } = k;
  const D = k.constants.HEAD_SIZE;
  const { count, result } = part;
  const factors = f.v128(factor.splat());
  const four = Array.from({ length: Math.floor(D / 4) }, (_, i) => 16 * i);
  const rest = Array.from({ length: D % 4 }, (_, i) => 4 * (D - D % 4 + i));
  const map = (from: (at: number, load: (p: I32) => V128) => V128) => {
    for (const at of four) f.storeV128(result, from(at, (p) => p.loadV128(at)), at);
    for (const at of rest) f.storeF32(result, from(at, (p) => p.loadSplat(at)).lane(0), at);
  };
  map(() => V128.of(0));
  f.for(0, count, ROWS, (first) => {
    const rows = f.i32(count.sub(first));
    f.set(rows, rows.minS(ROWS));
    const values = f.i32(part.values.add(first.mul(4 * D)));
    const weights = f.i32(k.scratch.add(first.shl(2)));
    const add = (offsets: number[], load: (p: I32, at: number) => V128) => {
      const sums = offsets.map((at) => f.v128(load(result, at)));
      const [value, weight] = [f.i32(values), f.i32(weights)];
      f.for(0, rows, 1, () => {
        const p = f.v128(weight.loadSplat());
        offsets.forEach((at, n) => f.set(sums[n], f.madd(p, load(value, at), sums[n])));
        f.set(value, value.add(4 * D));
        f.set(weight, weight.add(4));
      });
      return sums;
    };
    for (let i = 0; i < four.length; i += COLUMNS / 4) {
      const offsets = four.slice(i, i + COLUMNS / 4);
      add(offsets, (p, at) => p.loadV128(at))
        .forEach((sum, n) => f.storeV128(result, sum, offsets[n]));
    }
    if (rest.length === 0) return;
    add(rest, (p, at) => p.loadSplat(at))
      .forEach((sum, n) => f.storeF32(result, sum.lane(0), rest[n]));
  });
  map((_, load) => load(result).mul(factors));
}
