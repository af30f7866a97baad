/**
 * Limits of the machine (the roofline), measured in the same run as the kernels that are compared
 * with them: arithmetic in registers, and memory beyond the caches.
 *
 * devices.ts prints how much of them a kernel reaches.
 *
 * @module
 */
import assert from "node:assert/strict";
import { defineTile, TILE } from "../kernels/cpu/matmul_tile.ts";
import { importWide, WIDE_TILE, wideTile } from "../kernels/cpu/wide_tile.ts";
import type { Device } from "../lib/device/device.ts";
import type { Kernel } from "../lib/device/kernel.ts";
import { compile } from "../lib/tensor/compile.ts";
import { copy } from "../lib/tensor/copy.ts";
import { launch } from "../lib/tensor/launch.ts";
import { sum as total } from "../lib/ops/reduce.ts";
import { full, zeros } from "../lib/tensor/tensor.ts";
import { bestSeconds } from "./best_seconds.ts";
import { streamBandwidth } from "./stream.ts";

/** Maximum rates of a device. */
export interface Roofline {
  /**
   * Multiplications and additions of f32 per second: the CPU's innermost GEMM tile in the L1 cache,
   * a GPU's `fma` in registers.
   */
  readonly operations: number;
  /**
   * Bytes per second from and to memory beyond the caches: read and written by a copy, or read by a
   * sum, whichever is more.
   */
  readonly bytes: number;
}

/** Steps of k in a tile: its 6 rows and its panel take 14 KB of the L1 cache. */
const DEPTH = 256;
const REPEATS = 64;
/** Number of vec4 `fma`s between two branches, and of independent sums. */
const SUMS = 8;
const UNROLLED = 16;
const LANES = 64;

const each = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

/** y[i] is a sum of ones multiplied by ones on the CPU, and a half that stays one on WebGPU. */
const PEAK: Kernel = {
  name: "roofline_peak",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: { repeats: "u32" },
  cpu: {
    chunks: ({ repeats }) => repeats,
    scratchBytes: () => 4 * TILE.rows * TILE.columns,
    emit(k) {
      const { f } = k;
      const tile = defineTile(k, false);
      const a = k.pointer("x");
      const panel = f.i32(a.add(4 * TILE.rows * DEPTH));
      const y = f.i32(k.pointer("y").at(k.chunk));
      f.for(0, REPEATS, 1, () => {
        f.call(tile, {
          a,
          aStep: 4 * DEPTH,
          lastRow: TILE.rows - 1,
          panel,
          depth: DEPTH,
          c: k.scratch,
          cStep: 4 * TILE.columns,
          add: 0,
        });
      });
      f.storeF32(y, k.scratch.loadF32());
    },
  },
  webgpu: {
    code: () => `
fn each_thread(i: u32) {
  let half = vec4f(x[i % 64u]);
${each(SUMS, (i) => `  var s${i} = half + half;`)}
  for (var n = 0u; n < s.repeats; n++) {
${each(SUMS * UNROLLED, (i) => `    s${i % SUMS} = fma(s${i % SUMS}, half, half);`)}
  }
  y[i] = (${Array.from({ length: SUMS }, (_, i) => `s${i}.x`).join(" + ")}) / ${SUMS}.0;
}`,
    threads: () => WORKGROUPS * LANES,
  },
};
const WORKGROUPS = 1024;

/** The same in wide tiles, whose panel has fewer steps. */
const WIDE_PEAK: Kernel = {
  ...PEAK,
  name: "roofline_wide_peak",
  webgpu: undefined,
  cpu: {
    library: () => wideTile,
    chunks: ({ repeats }) => repeats,
    scratchBytes: () => 4 * WIDE_TILE.rows * WIDE_TILE.columns,
    emit(k) {
      const { f } = k;
      const { tile, pack } = importWide(k);
      const { rows, columns, depth } = WIDE_TILE;
      const a = k.pointer("x");
      f.call(pack, { x: a, xStep: 4 * columns, depth, columns });
      f.for(0, REPEATS, 1, () => {
        const part = { c: k.scratch, cStep: 4 * columns, rows, columns, add: 0 };
        f.call(tile, { a, aStep: 4 * depth, depth, ...part });
      });
      f.storeF32(k.pointer("y").at(k.chunk), k.scratch.loadF32());
    },
  },
};

/** Measures the limits of a device, which must be the current one; takes about half a second. */
export async function measureRoofline(device: Device): Promise<Roofline> {
  return { operations: await measurePeak(device), bytes: await measureBandwidth(device) };
}

async function measureBandwidth(device: Device): Promise<number> {
  const isSoftware = device.kind === "webgpu" && !device.traits.manyCores;
  const count = isSoftware ? 2 ** 22 : 2 ** 24;
  const x = full([count], 0.5);
  const [copying, reading] = [compile(() => copy(x)), compile(() => total(x))];
  assert.equal(await reading().item(), count / 2);
  const rates = [
    8 * count / await bestSeconds(device, () => copying()),
    4 * count / await bestSeconds(device, () => reading()),
    device.kind === "cpu" ? streamBandwidth([x]) : 0,
  ];
  for (const program of [copying, reading]) program.dispose();
  x.dispose();
  return Math.max(...rates);
}

/** A kernel, the steps of k that its sums have, and what a launch of one repeat computes. */
function peakOf(device: Device): { kernel: Kernel; sum: number; operations: number } {
  if (device.kind !== "cpu") {
    return { kernel: PEAK, sum: 1, operations: 8 * SUMS * UNROLLED * WORKGROUPS * LANES };
  }
  const isWide = device.traits.wideVectors;
  const { rows, columns, depth } = isWide ? WIDE_TILE : { ...TILE, depth: DEPTH };
  const operations = 2 * rows * columns * depth * REPEATS;
  return { kernel: isWide ? WIDE_PEAK : PEAK, sum: depth, operations };
}

async function measurePeak(device: Device): Promise<number> {
  const isCpu = device.kind === "cpu";
  const repeats = isCpu ? 64 : device.traits.manyCores ? 256 : 4;
  const { kernel, sum, operations } = peakOf(device);
  const x = full([(TILE.rows + TILE.columns) * DEPTH], isCpu ? 1 : 0.5);
  const y = zeros([isCpu ? repeats : WORKGROUPS * LANES]);
  const run = () => launch(kernel, { x, y }, { repeats });
  run();
  for (const value of await y.data()) assert.equal(value, sum);
  const seconds = await bestSeconds(device, run);
  for (const tensor of [x, y]) tensor.dispose();
  return operations * repeats / seconds;
}
