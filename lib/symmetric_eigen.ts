/**
 * Eigenvalues of a symmetric matrix and chosen eigenvectors: for principal components and the
 * singular values of adapters.
 *
 * Householder reflections make the matrix tridiagonal, implicit QL steps make that diagonal. The
 * rotations of those steps are recorded instead of multiplied, so an eigenvector costs n²
 * operations; all together cost about 4/3·n³. Source: Golub & Van Loan, "Matrix Computations",
 * section 8.3.
 *
 * @module
 */

/** QL steps for an eigenvalue, which takes two or three; a value that is not finite takes none. */
const MOST_STEPS = 60;

/** Eigenvalues, in no order, and their eigenvectors. */
export interface SymmetricEigen {
  /** [n]: the eigenvalues. */
  readonly values: Float64Array;
  /** The eigenvector [n] of an eigenvalue by its index, of length 1; they are orthogonal. */
  vector(index: number): Float64Array;
}

/** A symmetric tridiagonal matrix, and the reflections that lead to it. */
interface Tridiagonal {
  /** [n]: the diagonal. */
  readonly diagonal: Float64Array;
  /** [n]: the elements beside it; the last is unused. */
  readonly beside: Float64Array;
  /** [n,n]: after the diagonal of row k, the unit vector of reflection k, zeros for none. */
  readonly reflections: Float64Array;
}

/** Rotations of neighboring axes, `at[i]` and the next, by the cosine and sine of an angle. */
interface Rotations {
  readonly at: number[];
  readonly cosines: number[];
  readonly sines: number[];
}

/**
 * The eigenvalues and eigenvectors of a symmetric matrix [n,n], row by row, which is overwritten.
 *
 * ```ts
 * const { values, vector } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
 * console.log([...values].map(Math.round), vector(0).map(Math.abs)); // [1, 3] [0.71, 0.71]
 * ```
 */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  const { diagonal, beside, reflections } = tridiagonalize(matrix, n);
  const rotations = diagonalize(diagonal, beside);
  return {
    values: diagonal,
    vector(index) {
      const x = new Float64Array(n);
      x[index] = 1;
      rotateBack(x, rotations);
      for (let k = n - 3; k >= 0; k--) reflect(x, reflections.subarray(k * n, (k + 1) * n), k + 1);
      return x;
    },
  };
}

/** Reflects rows and columns k + 1 … n − 1 for each k, so that row k has two neighbors at most. */
function tridiagonalize(a: Float64Array, n: number): Tridiagonal {
  const beside = new Float64Array(n);
  const change = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    const v = a.subarray(k * n, (k + 1) * n);
    beside[k] = makeReflection(v, k + 1);
    reflectBothSides(a, v, change, k + 1);
  }
  if (n > 1) beside[n - 2] = a[(n - 2) * n + n - 1];
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  return { diagonal, beside, reflections: a };
}

/**
 * Replaces v, from its element `first` on, by the unit vector of the reflection that leaves only
 * that element of it; returns what the element becomes.
 */
function makeReflection(v: Float64Array, first: number): number {
  let squares = 0;
  for (let i = first; i < v.length; i++) squares += v[i] * v[i];
  const length = Math.sqrt(squares);
  const kept = v[first] > 0 ? -length : length;
  v[first] -= kept;
  // |v|² = 2·(squares − kept·v[first] of before), and v[first] of before is v[first] + kept.
  const norm = Math.sqrt(2 * (squares - kept * (v[first] + kept)));
  for (let i = first; i < v.length; i++) v[i] = norm === 0 ? 0 : v[i] / norm;
  return kept;
}

/**
 * A ← H·A·H for H = 1 − 2·v·vᵀ on rows and columns from `first` on: A − v·wᵀ − w·vᵀ with w = 2·(A·v
 * − (vᵀ·A·v)·v).
 */
function reflectBothSides(a: Float64Array, v: Float64Array, w: Float64Array, first: number): void {
  const n = v.length;
  let inner = 0;
  for (let i = first; i < n; i++) {
    let sum = 0;
    for (let j = first; j < n; j++) sum += a[i * n + j] * v[j];
    w[i] = sum;
    inner += sum * v[i];
  }
  for (let i = first; i < n; i++) w[i] = 2 * (w[i] - inner * v[i]);
  for (let i = first; i < n; i++) {
    const [vi, wi] = [v[i], w[i]];
    for (let j = first; j < n; j++) a[i * n + j] -= vi * w[j] + wi * v[j];
  }
}

/** x − 2·(v·x)·v over the elements from `first` on. */
function reflect(x: Float64Array, v: Float64Array, first: number): void {
  let product = 0;
  for (let i = first; i < x.length; i++) product += v[i] * x[i];
  for (let i = first; i < x.length; i++) x[i] -= 2 * product * v[i];
}

/** Turns the diagonal into the eigenvalues by implicit QL steps; returns their rotations. */
function diagonalize(diagonal: Float64Array, beside: Float64Array): Rotations {
  const rotations: Rotations = { at: [], cosines: [], sines: [] };
  for (let first = 0; first < diagonal.length; first++) {
    for (let tries = 0; tries < MOST_STEPS; tries++) {
      const last = endOfBlock(diagonal, beside, first);
      if (last === first) break;
      step(diagonal, beside, { first, last }, rotations);
    }
  }
  return rotations;
}

/** The last row of the block of `first`, which ends at the first negligible element beside. */
function endOfBlock(diagonal: Float64Array, beside: Float64Array, first: number): number {
  let last = first;
  while (last < diagonal.length - 1) {
    const scale = Math.abs(diagonal[last]) + Math.abs(diagonal[last + 1]);
    if (Math.abs(beside[last]) <= Number.EPSILON * scale) break;
    last++;
  }
  return last;
}

/** One QL step on a block with Wilkinson's shift: rotations chase an element from its end up. */
function step(
  diagonal: Float64Array,
  beside: Float64Array,
  { first, last }: { first: number; last: number },
  { at, cosines, sines }: Rotations,
): void {
  const half = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
  const root = Math.hypot(half, 1);
  let shifted = diagonal[last] - diagonal[first] +
    beside[first] / (half + (half < 0 ? -root : root));
  let [sine, cosine, moved] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const [bulge, rest] = [sine * beside[i], cosine * beside[i]];
    const radius = Math.hypot(bulge, shifted);
    beside[i + 1] = radius;
    if (radius === 0) { // the block falls apart here: the next step takes its parts
      diagonal[i + 1] -= moved;
      beside[last] = 0;
      return;
    }
    [sine, cosine] = [bulge / radius, shifted / radius];
    const upper = diagonal[i + 1] - moved;
    const difference = (diagonal[i] - upper) * sine + 2 * cosine * rest;
    moved = sine * difference;
    diagonal[i + 1] = upper + moved;
    shifted = cosine * difference - rest;
    at.push(i);
    cosines.push(cosine);
    sines.push(sine);
  }
  diagonal[first] -= moved;
  beside[first] = shifted;
  beside[last] = 0;
}

/** The product of all rotations and x, the last rotation first. */
function rotateBack(x: Float64Array, { at, cosines, sines }: Rotations): void {
  for (let r = at.length - 1; r >= 0; r--) {
    const [i, cosine, sine] = [at[r], cosines[r], sines[r]];
    const [left, right] = [x[i], x[i + 1]];
    x[i] = cosine * left + sine * right;
    x[i + 1] = cosine * right - sine * left;
  }
}
