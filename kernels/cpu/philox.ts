/**
 * Philox-4x32-10 on four counters together, and a loop over the random words of a chunk.
 *
 * The loop's numbers are those of lib/random.ts: key [seed, stream], counter [index >> 2, 0, step,
 * 0]. The kernel has a buffer `state`, i32 [2] = [seed, step], and a scalar `stream`. random.ts and
 * dropout.ts turn the words into values. attention_dropout.ts has other counters.
 *
 * @module
 */
import { type FunctionBuilder, I32, V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { four, type Lanes, one } from "./rows.ts";

/** The four words of four counters, or of their outputs: `words[w]` holds word w of each. */
export type Words = readonly [V128, V128, V128, V128];

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];
const ROUNDS = 10;

/** first + 0…3. */
export function fourFrom(first: I32): V128 {
  return first.splat().addI(
    V128.ofI(0).withLaneI(1, I32.of(1)).withLaneI(2, I32.of(2)).withLaneI(3, I32.of(3)),
  );
}

/** The counters of `lib/random.ts`: [block + 0…3, 0, step, 0]. */
export function blockCounters(block: I32, step: I32): Words {
  return [fourFrom(block), V128.ofI(0), step.splat(), V128.ofI(0)];
}

/**
 * The words of four counters, in new locals, under `key`. `counters[w]` holds word w of each.
 * Source: Salmon et al., SC11.
 */
export function philox(f: FunctionBuilder, counters: Words, key: readonly [I32, I32]): Words {
  const x = counters.map((word) => f.v128(word));
  const k = key.map((word) => f.v128(word.splat()));
  const weyl = WEYL.map((word) => f.constant(V128.ofI(word)));
  for (let round = 0; round < ROUNDS; round++) {
    const [low0, high0] = product(f, x[0], MULTIPLIERS[0]);
    const [low1, high1] = product(f, x[2], MULTIPLIERS[1]);
    f.set(x[0], high1.xor(x[1]).xor(k[0]));
    f.set(x[2], high0.xor(x[3]).xor(k[1]));
    f.set(x[1], low1);
    f.set(x[3], low0);
    if (round < ROUNDS - 1) k.forEach((word, i) => f.set(word, word.addI(weyl[i])));
  }
  return [x[0], x[1], x[2], x[3]];
}

/** The low and high words of each lane times a constant. */
function product(f: FunctionBuilder, x: V128, multiplier: number): [V128, V128] {
  const m = f.constant(V128.ofI(multiplier));
  const [front, back] = [f.v128(x.mulWideU("low", m)), f.v128(x.mulWideU("high", m))];
  return [f.v128(front.shuffle(back, 0, 2, 4, 6)), f.v128(front.shuffle(back, 1, 3, 5, 7))];
}

/** Words to uniform numbers in [0, 1), multiples of 2⁻²⁴. */
export function toUniform(words: V128): V128 {
  return words.shrUI(8).toF().mul(V128.of(2 ** -24));
}

/** Elements in a chunk of a random kernel. */
export const CHUNK = 8192;
/** Scratch memory that `forRandom` needs. */
export const SCRATCH_BYTES = 64;

/** The functions that `forRandom` calls for the random words. */
export interface RandomLoop {
  /** The random values of four counters, in order, four to a vector. */
  draw(words: Words): readonly V128[];
  /** Vectors that `draw` returns. */
  readonly vectors: 2 | 4;
  /** Uses the values at a byte offset from the tensor's start. */
  body(byteOffset: I32, values: V128, lanes: Lanes): void;
}

/** Loops over the chunk's elements, of `count` (a scalar), with random values for each. */
export function forRandom(k: KernelBuilder, { draw, vectors, body }: RandomLoop): void {
  const { f, scratch } = k;
  const state = k.pointer("state");
  const key = [f.i32(state.loadI32()), k.integer("stream")] as const;
  const step = f.i32(state.loadI32(4));
  const { start, end } = k.share(k.integer("count"), CHUNK);
  const block = f.i32(start.divU(vectors));
  f.for(start, end, 4 * vectors, (i) => {
    const values = draw(philox(f, blockCounters(block, step), key)).map((value) => f.v128(value));
    f.set(block, block.add(4));
    const left = f.i32(end.sub(i));
    const at = f.i32(i.inBytes());
    f.if(left.geU(4 * vectors), () => {
      values.forEach((value, n) => body(at.add(16 * n), value, four(f)));
    }, () => {
      values.forEach((value, n) => f.storeV128(scratch, value, 16 * n));
      f.for(0, left, 1, (n) => body(at.at(n), scratch.at(n).loadSplat(), one(f)));
    });
  });
}
