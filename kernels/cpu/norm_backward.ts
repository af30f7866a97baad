/**
 * The derivative of norm.ts: with x̂ = (x − mean)·rstd and g = dy·gain,
 *
 *     dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) + gathered,  dgain = Σ dy·x̂,  dbias = Σ dy,
 *
 * means over the row and sums over all rows. dy, x, gathered, dx: [rows,width], gain: [width],
 * stats: [2,rows], each rstd and then each mean, and the sums over the rows of each chunk in dgain,
 * dbias: [chunks,width] f32. `CENTERED` 0: mean and mean(g) are taken as 0, and stats is [1,rows].
 * `GAIN` 0: gain is 1, and there is no dgain. `BIAS` 0: no dbias. `ADD` 0: no `gathered`.
 *
 * A chunk computes `group` rows, two at a time so that dgain and dbias are loaded and stored half
 * as often; sums are in f32.
 *
 * @module
 */
import { type F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { foldRow, sumOf } from "./fold.ts";
import { reciprocal } from "./norm.ts";
import { forVectors, mapVectors } from "./rows.ts";

const SUM = sumOf((_, running, _normal, g) => running.add(g));
const DOT = sumOf((f, running, normal, g) => f.madd(g, normal, running));

/** Rows at a time. */
const ROWS = 2;

export const normBackward: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const shared = sharedBy(k);
    for (const to of [shared.dgain, shared.dbias]) {
      if (to) mapVectors(f, shared.width, [], to, () => V128.of(0));
    }
    const { start: row, end } = k.share(k.integer("rows"), k.integer("group"));
    const together = (count: number) => {
      const at = Array.from({ length: count }, (_, r) => emitMeans(f, shared, f.i32(row.add(r))));
      emitRows(f, shared, at);
      f.set(row, row.add(count));
    };
    f.while(row.add(ROWS).leU(end), () => together(ROWS));
    f.while(row.ltU(end), () => together(1));
  },
};

interface Shared {
  readonly dy: I32;
  readonly x: I32;
  readonly gain: I32 | undefined;
  readonly dx: I32;
  readonly rstd: I32;
  readonly mean: I32 | undefined;
  readonly gathered: I32 | undefined;
  readonly width: I32;
  /** 1/width. */
  readonly share: F32;
  /** This chunk's parts of dgain and dbias, if there are such. */
  readonly dgain: I32 | undefined;
  readonly dbias: I32 | undefined;
}

function sharedBy(k: KernelBuilder): Shared {
  const { f } = k;
  const { CENTERED, GAIN, BIAS, ADD } = k.constants;
  const { stats: rstd, ...buffers } = k.pointers("dy", "x", "dx", "stats");
  const gain = GAIN ? k.pointer("gain") : undefined;
  const mean = CENTERED ? f.i32(rstd.at(k.integer("rows"))) : undefined;
  const gathered = ADD ? k.pointer("gathered") : undefined;
  const width = k.integer("width");
  const part = (name: string) => f.i32(k.pointer(name).at(k.chunk.mul(width)));
  const dgain = GAIN ? part("dgain") : undefined;
  const dbias = BIAS ? part("dbias") : undefined;
  return {
    ...buffers,
    gain,
    rstd,
    mean,
    gathered,
    width,
    share: reciprocal(f, width),
    dgain,
    dbias,
  };
}

interface Row {
  readonly dy: I32;
  readonly x: I32;
  readonly dx: I32;
  readonly gathered: I32 | undefined;
  readonly rstd: V128;
  /** mean(g·x̂) and, if x is centered, mean(g). */
  readonly means: readonly V128[];
  /** x̂ of x. */
  normal(x: V128): V128;
}

/** The first pass over a row. */
function emitMeans(f: FunctionBuilder, shared: Shared, row: I32): Row {
  const { width, gain, share } = shared;
  const offset = f.i32(row.mul(width).inBytes());
  const at = (pointer: I32) => f.i32(pointer.add(offset));
  const splat = (pointer: I32) => f.v128(pointer.at(row).loadSplat());
  const [dy, x, dx] = [at(shared.dy), at(shared.x), at(shared.dx)];
  const rstd = splat(shared.rstd);
  const mean = shared.mean && splat(shared.mean);
  const normal = (x: V128) => (mean ? x.sub(mean) : x).mul(rstd);
  const read = gain ? [dy, x, gain] : [dy, x];
  const totals = foldRow(f, width, read, mean ? [DOT, SUM] : [DOT], {
    unroll: 2,
    map: (dy, x, gain?: V128) => [normal(x), gain ? dy.mul(gain) : dy],
  });
  const means = totals.map((total) => f.v128(total.mul(share).splat()));
  return { dy, x, dx, rstd, means, normal, gathered: shared.gathered && at(shared.gathered) };
}

/** The second pass over some rows: dx, and what they add to dgain and dbias. */
function emitRows(f: FunctionBuilder, shared: Shared, rows: readonly Row[]): void {
  const { gain, width, dgain, dbias } = shared;
  forVectors(f, width, (i, lanes) => {
    const load = (p: I32) => lanes.load(p.add(i));
    const store = (p: I32, value: V128) => lanes.store(p.add(i), value);
    const gains = gain && f.v128(load(gain));
    const toGain = dgain && f.v128(load(dgain));
    const toBias = dbias && f.v128(load(dbias));
    for (const { dy, x, dx, gathered, rstd, means: [dot, sum], normal } of rows) {
      const gradient = f.v128(load(dy));
      const value = f.v128(normal(load(x)));
      const g = gains ? gradient.mul(gains) : gradient;
      const own = f.nmadd(value, dot, sum ? g.sub(sum) : g);
      store(dx, gathered ? f.madd(own, rstd, load(gathered)) : own.mul(rstd));
      if (toGain) f.set(toGain, f.madd(gradient, value, toGain));
      if (toBias) f.set(toBias, toBias.add(gradient));
    }
    if (toGain) store(dgain, toGain);
    if (toBias) store(dbias, toBias);
  });
}
