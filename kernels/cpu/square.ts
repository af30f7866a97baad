/**
 * Moves between lanes in registers: one lane in all of them, and the transpose of a square of four
 * vectors.
 *
 * @module
 */
import type { FunctionBuilder, V128 } from "../../lib/wasm/assembler.ts";

/**
 * Four rows of four lanes → four columns: lane j of row i becomes lane i of row j. The rows should
 * be locals.
 */
export function transposeSquare(
  f: FunctionBuilder,
  [a, b, c, d]: readonly V128[],
): [V128, V128, V128, V128] {
  const [ab, abHigh] = [f.v128(a.shuffle(b, 0, 4, 1, 5)), f.v128(a.shuffle(b, 2, 6, 3, 7))];
  const [cd, cdHigh] = [f.v128(c.shuffle(d, 0, 4, 1, 5)), f.v128(c.shuffle(d, 2, 6, 3, 7))];
  return [
    ab.shuffle(cd, 0, 1, 4, 5),
    ab.shuffle(cd, 2, 3, 6, 7),
    abHigh.shuffle(cdHigh, 0, 1, 4, 5),
    abHigh.shuffle(cdHigh, 2, 3, 6, 7),
  ];
}

/** One lane of a vector in all lanes. */
export function allLanes(vector: V128, lane: number): V128 {
  return vector.shuffle(vector, lane, lane, lane, lane);
}
