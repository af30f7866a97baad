/**
 * Sums, means and maxima over axes, each with its derivative under it, and `sumTo`, the adjoint of
 * broadcasting.
 *
 * Neighboring axes are joined into runs, which are reduced one at a time, the last first; see
 * reduce_run.ts.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { formatShape, normalizeAxis, sameShape, type Shape } from "../shape.ts";
import { argmaxRun } from "./argmax.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType } from "../tensor/launch.ts";
import { reduceRun } from "./reduce_run.ts";
import { type Run, spread } from "./spread.ts";
import { full, type Tensor } from "../tensor/tensor.ts";

/** Options of the reductions. */
export interface ReduceOptions {
  /** The axis, or axes, to reduce over; negative ones count from the last. Default: all. */
  axis?: number | readonly number[];
  /** Whether reduced axes stay, with length 1. Default: false. */
  keepDimensions?: boolean;
}

/**
 * Σ x over an axis, several or all. f32 of any shape; the result lacks these axes. A sum of nothing
 * is 0.
 *
 * ```ts
 * import { openDevice, sum, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(await sum(x).item(), await sum(x, { axis: 0 }).data()); // 21 [5, 7, 9]
 * device.close();
 * ```
 *
 * @throws {RangeError} if an axis does not exist
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sumScaled("sum", x, options, () => 1);
}

/**
 * The mean of x over an axis, several or all: Σ x / n. f32 of any shape; the result lacks these
 * axes. A mean of nothing is NaN.
 *
 * @throws {RangeError} if an axis does not exist
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sumScaled("mean", x, options, (count) => 1 / count);
}

function sumScaled(
  operation: string,
  x: Tensor,
  options: ReduceOptions,
  scaleOf: (count: number) => number,
): Tensor {
  const { runs, shape, count } = prepare(operation, x, options);
  const scale = scaleOf(count);
  if (x.size === 0) return reducedNothing(x, shape, 0 * scale);
  let y = x;
  runs.forEach((run, i) => y = reduceRun("sum", y, run, i === runs.length - 1 ? scale : 1));
  return differentiable(y.view(shape), [x], (dy) => {
    let dx = dy;
    runs.toReversed().forEach((run, i) => dx = spread(dx, run, { scale: i === 0 ? scale : 1 }));
    return [dx.view(x.shape)];
  });
}

/** The reduction of a tensor without elements: `value` everywhere, and a gradient without any. */
function reducedNothing(x: Tensor, shape: Shape, value: number): Tensor {
  const { device } = x;
  return differentiable(full(shape, value, { device }), [x], () => [full(x.shape, 0, { device })]);
}

/**
 * The largest element over an axis, several or all; the gradient goes to the first one in row
 * order. f32 of any shape; the result lacks these axes. With NaN among the elements the result is
 * not defined.
 *
 * @throws {RangeError} if an axis does not exist, or there is no element to choose
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { runs, shape, count } = prepare("max", x, options);
  if (count === 0) throw new RangeError(`max: expected at least one element, got ${x}`);
  if (x.size === 0) return reducedNothing(x, shape, 0);
  const inputs: Tensor[] = [];
  let y = x;
  for (const run of runs) {
    inputs.push(y);
    y = reduceRun("max", y, run);
  }
  return differentiable(y.view(shape), [x], (dy) => {
    let dx = dy;
    for (const run of runs.toReversed()) {
      dx = spread(dx, run, { index: argmaxRun(inputs.pop()!, run) });
    }
    return [dx.view(x.shape)];
  });
}

/**
 * Sums x down to `shape`, over the axes that broadcasting `shape` to x's would stretch; x itself if
 * the shapes agree.
 *
 * @throws {TypeError} if `shape` does not broadcast to x's shape
 */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const lengths = x.shape.map((_, i) => i < missing ? 1 : shape[i - missing]);
  if (missing < 0 || lengths.some((length, i) => length !== 1 && length !== x.shape[i])) {
    throw new TypeError(`sumTo: ${formatShape(shape)} does not broadcast to ${x}`);
  }
  const axes = lengths.flatMap((length, i) => length === x.shape[i] ? [] : [i]);
  const y = sum(x, { axis: axes, keepDimensions: true });
  return differentiable(y.view(shape), [y], (dy) => [dy.view(y.shape)]);
}

function prepare(
  operation: string,
  x: Tensor,
  options: ReduceOptions,
): { runs: Run[]; shape: number[]; count: number } {
  expectType(operation, x, "f32");
  checkOptions(operation, options, { axis: true, keepDimensions: true });
  const { axis = [...x.shape.keys()], keepDimensions = false } = options;
  const axes = typeof axis === "number" ? [axis] : axis;
  const reduced = new Set(axes.map((each) => normalizeAxis(operation, each, x.shape.length)));
  const shape = x.shape.flatMap((length, i) => {
    if (!reduced.has(i)) return [length];
    return keepDimensions ? [1] : [];
  });
  const count = x.shape.reduce((product, n, i) => reduced.has(i) ? product * n : product, 1);
  return { runs: joinRuns(x.shape, reduced), shape, count };
}

/**
 * The runs of neighboring reduced axes, the last first, each as it is once those after it are
 * reduced.
 */
function joinRuns(shape: Shape, reduced: ReadonlySet<number>): Run[] {
  const groups: { length: number; reduced: boolean }[] = [];
  shape.forEach((length, i) => {
    if (length === 1) return;
    const last = groups.at(-1);
    if (last?.reduced === reduced.has(i)) last.length *= length;
    else groups.push({ length, reduced: reduced.has(i) });
  });
  const runs: Run[] = [];
  let inner = 1;
  groups.toReversed().forEach(({ length, reduced }, i) => {
    const before = groups.slice(0, groups.length - 1 - i);
    const outer = before.reduce((product, group) => product * group.length, 1);
    if (reduced) runs.push({ outer, length, inner });
    else inner *= length;
  });
  return runs;
}
