/**
 * Broadcasting for kernels: one loop over the elements of a result, with a stride in each operand.
 *
 * Shapes broadcast as in NumPy (`broadcastShapes` in lib/shape.ts). See elementwise.ts and
 * lib/ops/where.ts for the kernels that use it.
 *
 * @module
 */
import type { Constants, Scalars } from "../device/kernel.ts";
import { broadcastShapes, formatShape, sameShape, type Shape, size, strides } from "../shape.ts";
import { deviceOf } from "./launch.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The result's shape, and the scalars and constants of the operands for a kernel, by their names.
 */
export interface Broadcast {
  readonly shape: number[];
  /** `count`; the lengths `d1`, `d2`, `d3`; and for an operand `a` its strides `a0`, `a1`, `a2`. */
  readonly scalars: Scalars;
  /** `BROADCAST`, 0 if all shapes are the same; and for an operand `a` its last stride `A_STEP`. */
  readonly constants: Constants;
}

/** Number of axes of the kernels' loops. */
const RANK = 4;

/** The names of a kernel's scalars for these operands, in the order of its WGSL. */
export function broadcastScalars(operands: readonly string[]): string[] {
  const steps = operands.flatMap((name) => [0, 1, 2].map((axis) => `${name}${axis}`));
  return ["count", "d1", "d2", "d3", ...steps];
}

/**
 * Broadcasts operands to one shape; neighboring axes are joined if every operand continues from one
 * to the next without a gap.
 *
 * @throws {TypeError} if the shapes do not fit, the operands are on different devices, or more than
 *   four axes are left
 */
export function broadcast(
  operation: string,
  operands: Readonly<Record<string, Tensor>>,
): Broadcast {
  const tensors = Object.values(operands);
  deviceOf(operation, tensors);
  const shapes = tensors.map(({ shape }) => shape);
  const shape = shapes.reduce<number[]>((all, each) => broadcastShapes(operation, all, each), []);
  const same = shapes.every((each) => sameShape(each, shape));
  const axes = same
    ? [{ length: size(shape), steps: shapes.map(() => 1) }]
    : joinAxes(shape, shapes);
  if (axes.length > RANK) {
    throw new TypeError(
      `${operation}: ${
        shapes.map(formatShape).join(" and ")
      } need more than four axes to broadcast; ` +
        "reshape them first",
    );
  }
  while (axes.length < RANK) axes.unshift({ length: 1, steps: shapes.map(() => 0) });
  const [, { length: d1 }, { length: d2 }, { length: d3 }] = axes;
  const scalars: Record<string, number> = { count: size(shape), d1, d2, d3 };
  const constants: Record<string, number> = { BROADCAST: same ? 0 : 1 };
  Object.keys(operands).forEach((name, i) => {
    for (const axis of [0, 1, 2]) scalars[`${name}${axis}`] = axes[axis].steps[i];
    constants[`${name.toUpperCase()}_STEP`] = axes[3].steps[i];
  });
  return { shape, scalars, constants };
}

/** An axis of the result, and its stride in each operand. */
interface Axis {
  length: number;
  steps: readonly number[];
}

function joinAxes(shape: Shape, operands: readonly Shape[]): Axis[] {
  const all = operands.map((operand) => stepsOf(operand, shape));
  const axes: Axis[] = [];
  shape.forEach((length, i) => {
    if (length === 1) return;
    const steps = all.map((own) => own[i]);
    const last = axes.at(-1);
    const joins = last && last.steps.every((step, operand) => step === steps[operand] * length);
    if (joins) Object.assign(last, { length: last.length * length, steps });
    else axes.push({ length, steps });
  });
  return axes.length > 0 ? axes : [{ length: size(shape), steps: operands.map(() => 0) }];
}

/** An operand's strides under the result's shape: 0 for an axis that is stretched or missing. */
function stepsOf(operand: Shape, shape: Shape): number[] {
  const missing = shape.length - operand.length;
  const own = strides(operand);
  return shape.map((_, i) => i < missing || operand[i - missing] === 1 ? 0 : own[i - missing]);
}
