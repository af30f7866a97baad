/**
 * Rate at which memory can be read: the limit of everything that reads more than the caches hold.
 *
 * @module
 */
import { V128 } from "../lib/wasm/assembler.ts";
import type { Kernel } from "../lib/device/kernel.ts";
import { compile } from "../lib/tensor/compile.ts";
import { launch } from "../lib/tensor/launch.ts";
import { empty, full, type Tensor } from "../lib/tensor/tensor.ts";

const CHUNKS = 32, STREAMS = 4, UNROLL = 4;

/** 134 MB to read. Zeros would be one page, which the caches hold. */
export function beyondCaches(): Tensor {
  return full([2 ** 25], 1);
}

/**
 * y[chunk] = four sums over a chunk of x, read as vectors in four interleaved streams. x: [count]
 * f32, where count is a multiple of a round.
 */
const READ: Kernel = {
  name: "stream_read",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: { bytes: "u32" },
  cpu: {
    chunks: () => CHUNKS,
    emit(k) {
      const { f } = k;
      const stream = f.i32(k.integer("bytes"));
      const from = Array.from({ length: STREAMS }, () => f.i32());
      from.forEach((at, i) => {
        f.set(
          at,
          i > 0 ? from[i - 1].add(stream) : k.pointer("x").add(k.chunk.mul(STREAMS).mul(stream)),
        );
      });
      const sums = from.map(() => f.v128(V128.of(0)));
      const end = f.i32(from[0].add(stream));
      f.while(from[0].ltU(end), () => {
        for (let u = 0; u < UNROLL; u++) {
          from.forEach((at, i) => f.set(sums[i], sums[i].add(at.loadV128(16 * u))));
        }
        for (const at of from) f.set(at, at.add(16 * UNROLL));
      });
      const sum = sums.reduce((a, b) => a.add(b));
      f.storeV128(k.pointer("y").add(k.chunk.shl(4)), sum);
    },
  },
};

/**
 * Bytes per second at which the CPU device reads the tensors, the maximum of `rounds`. The first
 * round only brings their pages into memory.
 */
export function streamBandwidth(tensors: readonly Tensor[], rounds = 5): number {
  const round = 16 * UNROLL;
  const parts = tensors.map((x) => {
    const bytes = Math.floor(4 * x.size / (CHUNKS * STREAMS * round)) * round;
    return { x, bytes };
  }).filter(({ bytes }) => bytes > 0);
  const program = compile(() =>
    parts.map(({ x, bytes }) => {
      const y = empty([CHUNKS, 4], { device: x.device });
      launch(READ, { x, y }, { bytes });
      return y;
    })
  );
  const total = parts.reduce((sum, { bytes }) => sum + bytes * CHUNKS * STREAMS, 0);
  let best = Infinity;
  for (let i = 0; i <= rounds; i++) {
    const before = performance.now();
    program();
    if (i > 0) best = Math.min(best, performance.now() - before);
  }
  program.dispose();
  return total / best * 1000;
}
