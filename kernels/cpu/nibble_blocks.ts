/**
 * Exact products of a block of weights in 4 bits and one of activations in 16, by relaxed SIMD's
 * products of bytes, for quantized_linear.ts.
 *
 * A weight q from −8 to 7 is read as u = q + 8 ≥ 0, and an activation x as 256·h + l with bytes
 * |h|, |l| ≤ 128, so that Σ q·x = 256·Σ u·h + Σ u·l − 8·Σ x; sixteen products of bytes take one
 * instruction, where 16-bit ones take four and the widening of the weights.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";

/** Bytes of a block of weights before its weights. */
const SCALE = 4;
/** Weights in 16 bytes: u of j is in the low half of byte j, that of j + 16 in its high half. */
const TOGETHER = 32;
/** How many of these can be added in 16 bits: 8 sums of two products up to 128·15. */
const EXACT = 4;
/** The largest |x|: 127·256 + 127. */
export const LARGEST = 32639;
/**
 * Bytes of a block of activations before its bytes: the scale, padded, and −8·Σ x in four parts.
 */
const HEAD = 32;

/** Bytes of a block of activations. */
export const nibbleActivationBlock = (group: number): number => HEAD + 2 * group;

/**
 * Stores a block of activations after its scale: `integers(i)` are the i-th eight, i16x8. Of each
 * 32 the high bytes come first, then the low ones.
 */
export function packNibbleActivations(
  f: FunctionBuilder,
  to: I32,
  group: number,
  integers: (i: number) => V128,
): void {
  const sum = f.v128(V128.ofI(0));
  const minusEight = f.constant(V128.ofI16(-8));
  const half = f.constant(V128.ofI16(128));
  for (let i = 0; i < group; i += 16) {
    const [a, b] = [0, 1].map((n) => f.v128(integers(i / 8 + n)));
    f.set(sum, sum.addI(a.dotS16(minusEight)).addI(b.dotS16(minusEight)));
    const high = (x: V128) => x.addI16(half).shrSI16(8);
    const low = (x: V128) => x.shlI16(8).shrSI16(8);
    const at = HEAD + 2 * (i - i % TOGETHER) + i % TOGETHER;
    f.storeV128(to, high(a).narrowToS8(high(b)), at);
    f.storeV128(to, low(a).narrowToS8(low(b)), at + TOGETHER);
  }
  f.storeV128(to, sum, 16);
}

/**
 * Gives, for a row of W, the Σ q·x of its block and of each block of activations: four parts,
 * i32x4. Rows are taken one after the other, which leaves registers for the activations' bytes.
 */
export function nibbleProducts(
  f: FunctionBuilder,
  activations: readonly I32[],
  group: number,
): (row: I32) => V128[] {
  const [mask, eights] = [f.constant(V128.ofI(0x0f0f0f0f)), f.constant(V128.ofI(-0x77777778))];
  const [ones, power] = [f.constant(V128.ofI16(1)), f.constant(V128.ofI16(256))];
  const bytesOf = (i: number) =>
    activations.map((block) =>
      [0, 16, 32, 48].map((part) => f.v128(block.loadV128(HEAD + 2 * i + part)))
    );
  const shared = group === TOGETHER ? bytesOf(0) : undefined;
  const [low, high] = [f.v128(), f.v128()];
  const sums = activations.map(() => [f.v128(), f.v128()]);
  const corrections = activations.map((block) => f.v128(block.loadV128(16)));
  const exact = activations.map(() => f.v128());
  return (row) => {
    for (let i = 0; i < group; i += TOGETHER) {
      const isFirst = i / TOGETHER % EXACT === 0;
      const isLast = i / TOGETHER % EXACT === EXACT - 1 || i + TOGETHER >= group;
      // Two's complement in four bits, plus 8: the highest bit changes.
      f.set(high, row.loadV128(SCALE + i / 2).xor(eights));
      f.set(low, high.and(mask));
      f.set(high, high.shrUI16(4).and(mask));
      (shared ?? bytesOf(i)).forEach(([h0, h1, l0, l1], r) => {
        const [ofHigh, ofLow] = sums[r];
        const dots = [
          [ofHigh, h0.dotS8U7(low).addI16(h1.dotS8U7(high))],
          [ofLow, l0.dotS8U7(low).addI16(l1.dotS8U7(high))],
        ] as const;
        for (const [sum, dot] of dots) f.set(sum, isFirst ? dot : sum.addI16(dot));
        if (!isLast) return;
        const before = i < EXACT * TOGETHER ? corrections[r] : exact[r];
        const products = ofHigh.dotS16(power).addI(ofLow.dotS16(ones));
        f.set(exact[r], products.addI(before));
      });
    }
    return exact;
  };
}
