/**
 * Principal components (PCA): the directions in which vectors differ most, for figures of vectors
 * of many dimensions.
 *
 * Exact, by the eigenvectors of the covariance, all in float64. See umap.ts for a projection that
 * preserves neighborhoods instead of directions.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { symmetricEigen } from "../symmetric_eigen.ts";

/** Options of {@linkcode principalComponents}. */
export interface PrincipalComponentsOptions {
  /** d, the size of a vector. */
  width: number;
  /** k, the number of components. Default 2. */
  count?: number;
}

/** What {@linkcode principalComponents} returns. */
export interface PrincipalComponents {
  /** [n,k]: coordinates of each vector, minus the mean, along each component. */
  readonly projected: Float64Array;
  /**
   * [k,d]: orthonormal directions, that of the greatest variance first; zeros if no variance is
   * left.
   */
  readonly components: Float64Array;
  /** [d]: the mean vector. */
  readonly mean: Float64Array;
  /** [k]: the variance along each component, with n − 1 in the denominator. */
  readonly variances: Float64Array;
  /** [k]: each variance as a fraction of the sum over all d directions. */
  readonly shares: Float64Array;
}

/** A variance below this fraction of the total is treated as rounding error. */
const NOTHING = 1e-12;

/**
 * The principal components of `vectors`, [n·d] row by row, such as a tensor's data.
 *
 * Computes the eigenvectors of the covariance [d,d], or of the products [n,n] if there are fewer
 * vectors than dimensions: n·d·min(n,d) / 2 + 4/3·min(n,d)³ multiplications. The sign of a
 * component makes its largest coordinate positive. Source: Pearson 1901.
 *
 * ```ts
 * const { projected, shares } = principalComponents([0, 0, 1, 2, 2, 4], { width: 2, count: 1 });
 * console.log(projected, shares); // [-2.24, 0, 2.24] [1]
 * ```
 *
 * @throws {TypeError} if the vectors are no rows of `width`, or an option is unknown
 * @throws {RangeError} if there are fewer than two rows, `count` is above min(n,d), or a value is
 * not finite
 */
export function principalComponents(
  vectors: ArrayLike<number>,
  options: PrincipalComponentsOptions,
): PrincipalComponents {
  checkOptions("principalComponents", options, { width: true, count: 2 });
  const { width, count = 2 } = options;
  const rows = checkedRows(vectors, width, count);
  const { centered, mean } = center(vectors, rows, width);
  const dual = rows < width;
  const matrix = (dual ? rowProducts : columnProducts)(centered, rows, width);
  const side = dual ? rows : width;
  const total = trace(matrix, side);
  const { values, vector } = symmetricEigen(matrix, side);
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]).slice(0, count);
  const components = new Float64Array(count * width);
  const variances = new Float64Array(count);
  order.forEach((index, k) => {
    if (!(values[index] > NOTHING * total)) return;
    const direction = dual ? combine(vector(index), centered, width) : vector(index);
    components.set(pointed(direction), k * width);
    variances[k] = values[index] / (rows - 1);
  });
  const projected = project(centered, components, { rows, width, count });
  const shares = variances.map((variance) => total > 0 ? variance * (rows - 1) / total : 0);
  return { projected, components, mean, variances, shares };
}

function checkedRows(vectors: ArrayLike<number>, width: number, count: number): number {
  const rows = vectors?.length / width;
  if (typeof vectors?.[0] === "object") {
    throw new TypeError("principalComponents: expected numbers, got rows; pass rows.flat()");
  }
  if (Number.isNaN(rows)) {
    throw new TypeError(
      `principalComponents: expected numbers and their width, got ${describe(vectors)} and ` +
        `${describe(width)}`,
    );
  }
  if (!Number.isInteger(rows) || !(width >= 1)) {
    throw new TypeError(
      `principalComponents: ${vectors.length} values do not make rows of width ${width}`,
    );
  }
  if (rows < 2) throw new RangeError(`principalComponents: expected two vectors, got ${rows}`);
  const counts = wholeNumber({ min: 1, max: Math.min(rows, width) });
  expectValue("principalComponents: count", counts, count);
  return rows;
}

function center(vectors: ArrayLike<number>, rows: number, width: number) {
  const centered = Float64Array.from(vectors);
  const mean = new Float64Array(width);
  centered.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      const row = Math.floor(i / width);
      throw new RangeError(`principalComponents: vector ${row} holds ${value}`);
    }
    mean[i % width] += value / rows;
  });
  centered.forEach((_, i) => centered[i] -= mean[i % width]);
  return { centered, mean };
}

/** XᵀX, [width,width]. */
function columnProducts(x: Float64Array, rows: number, width: number): Float64Array {
  const matrix = new Float64Array(width * width);
  for (let start = 0; start < rows * width; start += width) {
    for (let i = 0; i < width; i++) {
      const value = x[start + i];
      for (let j = 0; j <= i; j++) matrix[i * width + j] += value * x[start + j];
    }
  }
  return mirrored(matrix, width);
}

/** XXᵀ, [rows,rows]. */
function rowProducts(x: Float64Array, rows: number, width: number): Float64Array {
  const matrix = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += x[i * width + k] * x[j * width + k];
      matrix[i * rows + j] = sum;
    }
  }
  return mirrored(matrix, rows);
}

/** Copies the elements below the diagonal of [side,side] to those above it. */
function mirrored(matrix: Float64Array, side: number): Float64Array {
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < i; j++) matrix[j * side + i] = matrix[i * side + j];
  }
  return matrix;
}

function trace(matrix: Float64Array, side: number): number {
  let sum = 0;
  for (let i = 0; i < side; i++) sum += matrix[i * side + i];
  return sum;
}

/** The direction in the space of vectors for an eigenvector of their products: Xᵀu, of length 1. */
function combine(eigenvector: Float64Array, x: Float64Array, width: number): Float64Array {
  const direction = new Float64Array(width);
  x.forEach((value, i) => direction[i % width] += eigenvector[Math.floor(i / width)] * value);
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  return direction.map((value) => value / length);
}

/** The direction or its opposite, whichever has a positive largest coordinate. */
function pointed(direction: Float64Array): Float64Array {
  let largest = 0;
  for (const value of direction) if (Math.abs(value) > Math.abs(largest)) largest = value;
  return largest < 0 ? direction.map((value) => -value) : direction;
}

function project(
  x: Float64Array,
  components: Float64Array,
  { rows, width, count }: { rows: number; width: number; count: number },
): Float64Array {
  const projected = new Float64Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < count; k++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += x[row * width + i] * components[k * width + i];
      projected[row * count + k] = sum;
    }
  }
  return projected;
}
