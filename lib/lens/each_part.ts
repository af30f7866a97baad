/**
 * A metric of many passes, in each of which another part of the model is replaced: the passes are
 * rows of common batches.
 *
 * B sequences of the study, n passes in a batch, T time, V vocabulary.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import type { PointHook } from "../nn/points.ts";
import { concatenate } from "../ops/concatenate.ts";
import { slice } from "../ops/slice.ts";
import { where } from "../ops/where.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { pointShapes } from "./hook_points.ts";
import type { Metric } from "./metrics.ts";
import {
  deviceOfModel,
  type LensModel,
  mapInput,
  type ModelInput,
  runModel,
  tensorsOf,
} from "./model_parts.ts";
import { passesMask, type Selection } from "./point_axes.ts";
import { activate } from "./with_hooks.ts";

/** A part of the model: some elements at a point. */
export interface Part {
  /** The point's name. */
  readonly name: string;
  /** The elements; parts at one point select on the same axes. */
  readonly selection: Selection;
}

/** How a sweep runs. */
export interface Sweep {
  /** The tokens. */
  readonly input: ModelInput;
  /** What takes the place of a part: a value [B,…] or [1,…], or a number. */
  readonly replacement: (name: string) => Tensor | number;
  /** What is measured of each pass's value, such as logits [B,T,V]. */
  readonly metric: Metric;
}

/** Numbers that the widest value of a batch of passes holds at most. */
const ROOM = 2 ** 22;

/** The metric of the plain pass, and of a pass for each part in which that part is replaced. */
export async function eachPart(
  model: LensModel,
  parts: readonly Part[],
  sweep: Sweep,
): Promise<{ plain: number; values: Float32Array }> {
  const sizes = [...pointShapes("sweep", model, sweep.input).values()].map((shape) =>
    shape.reduce((size, length) => size * length, 1)
  );
  const count = Math.max(1, Math.floor(ROOM / Math.max(...sizes)));
  const all = [undefined, ...parts];
  const found: number[] = [];
  for (let first = 0; first < all.length; first += count) {
    const values = measured(model, all.slice(first, first + count), sweep);
    found.push(...await values.data());
    values.dispose();
    await yieldToEvents();
  }
  return { plain: found[0], values: Float32Array.from(found.slice(1)) };
}

/** The metrics of n passes. */
function measured(
  model: LensModel,
  parts: readonly (Part | undefined)[],
  { input, replacement, metric }: Sweep,
): Tensor {
  const [batch] = tensorsOf(input)[0].shape;
  return onDevice(deviceOfModel(model), () =>
    scope(() => {
      const copies = mapInput(input, (ids) => concatenate(parts.map(() => ids)));
      const end = activate("sweep", model, replacer(parts, replacement));
      let logits: Tensor;
      try {
        logits = runModel("sweep", model, copies);
      } finally {
        end();
      }
      const own = (i: number) => slice(logits, { axis: 0, start: i * batch, end: (i + 1) * batch });
      return concatenate(parts.map((_, i) => metric(own(i)).view([1])));
    }));
}

/** Replaces the part of each pass. */
function replacer(
  parts: readonly (Part | undefined)[],
  replacement: Sweep["replacement"],
): PointHook {
  const names = new Set(parts.map((part) => part?.name));
  return {
    wants: (name) => names.has(name),
    visit(name, value) {
      const [rows, ...rest] = value.shape;
      const passes = value.view([parts.length, rows / parts.length, ...rest]);
      const [, ...own] = passes.shape;
      const selections = parts.map((part) => part?.name === name ? part.selection : undefined);
      const mask = passesMask(name, slice(value, { axis: 0, end: own[0] }), selections);
      const other = replacement(name);
      const source = other instanceof Tensor ? other.view([1, ...other.shape]) : other;
      return where(mask, source, passes).view(value.shape);
    },
  };
}
