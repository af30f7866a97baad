/**
 * L-BFGS: the minimum of a smooth convex function of many numbers, from its value and its gradient.
 *
 * @module
 */

/** The value at w; writes the gradient there. */
export type Smooth = (w: Float64Array, gradient: Float64Array) => number;

/** Steps that the curvature is estimated from. */
const MEMORY = 10;

/**
 * The search ends when the largest element of the gradient is this small beside the first one's.
 */
const TOLERANCE = 1e-4;

/** The most iterations. */
const LONGEST = 500;

/** A step: how far the numbers and the gradient moved, and 1 / (both multiplied). */
interface Step {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/**
 * Minimizes `f` from `start`; deterministic. Source: Nocedal & Wright, Numerical Optimization,
 * algorithms 7.4, 7.5 and 3.1.
 *
 * ```ts
 * const f = (w: Float64Array, g: Float64Array) => { g[0] = 2 * (w[0] - 3); return (w[0] - 3) ** 2; };
 * console.log(minimize(f, Float64Array.of(0))); // [3]
 * ```
 */
export function minimize(f: Smooth, start: Float64Array): Float64Array {
  let w: Float64Array = start.slice();
  let gradient: Float64Array = new Float64Array(w.length);
  let value = f(w, gradient);
  const first = largest(gradient);
  const steps: Step[] = [];
  for (let i = 0; i < LONGEST && largest(gradient) > TOLERANCE * first; i++) {
    const direction = descent(gradient, steps);
    const slope = dot(gradient, direction);
    const nextGradient = new Float64Array(w.length);
    let length = steps.length > 0 ? 1 : 1 / Math.max(1, largest(gradient));
    let next = moved(w, direction, length);
    let nextValue = f(next, nextGradient);
    while (!(nextValue <= value + 1e-4 * length * slope) && length > 1e-12) {
      length /= 2;
      next = moved(w, direction, length);
      nextValue = f(next, nextGradient);
    }
    if (!(nextValue < value)) break;
    const s = moved(next, w, -1), y = moved(nextGradient, gradient, -1);
    const curvature = dot(s, y);
    if (curvature > 0) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > MEMORY) steps.shift();
    [w, gradient, value] = [next, nextGradient, nextValue];
  }
  return w;
}

/** −H·gradient, H the inverse curvature that the steps say (the two-loop recursion). */
function descent(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const q = gradient.map((value) => -value);
  const alphas = steps.toReversed().map(({ s, y, rho }) => {
    const alpha = rho * dot(s, q);
    add(q, y, -alpha);
    return alpha;
  }).reverse();
  const last = steps.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i] *= scale;
  }
  steps.forEach(({ s, y, rho }, i) => add(q, s, alphas[i] - rho * dot(y, q)));
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

function moved(a: Float64Array, b: Float64Array, factor: number): Float64Array {
  return a.map((value, i) => value + factor * b[i]);
}

function largest(a: Float64Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]));
  return most;
}
