/**
 * Numbers that a test and the Python that made its golden file both compute.
 *
 * @module
 */

/** scale·sin(1.7·i + 0.3·index) for each element i of a shape. */
export function wave(
  shape: readonly number[],
  index: number,
  scale: number,
): Float32Array<ArrayBuffer> {
  const length = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length }, (_, i) => scale * Math.sin(1.7 * i + 0.3 * index));
}
