/**
 * The stacks of blocks of a model, whose layers analyses go through: one, or the two sides of an
 * encoder–decoder.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Transformer } from "../nn/transformer.ts";
import { pointRanks } from "./hook_points.ts";
import { type LensModel, partsOf } from "./model_parts.ts";

/** A side of an encoder–decoder. */
export type StackSide = "encoder" | "decoder";

/** What every analysis by layer can be asked. */
export interface StackOptions {
  /** Whose layers, in an encoder–decoder. Default: `"decoder"`; other models have one stack. */
  side?: StackSide;
}

/** The blocks of a model, or of a side of it. */
export interface Stack {
  /** Their number. */
  readonly layers: number;
  /** The name of a point of a layer, such as `attn.hook_z`. */
  point(layer: number, name: string): string;
}

/**
 * The stack of a model.
 *
 * @throws {TypeError} if `model` is none
 * @throws {RangeError} if the model has no such side
 */
export function stackOf(
  operation: string,
  model: LensModel,
  side: StackSide | undefined,
): Stack {
  const sides = [...new Set(partsOf(operation, model).map(({ prefix }) => prefix))];
  const wanted = side ?? (model instanceof Transformer ? "decoder" : undefined);
  const prefix = wanted === undefined ? sides.at(-1)! : `${wanted}.`;
  if (!sides.includes(prefix)) {
    throw new RangeError(
      `${operation}: side is for encoder–decoders, encoder or decoder, got ${describe(side)}`,
    );
  }
  const point = (layer: number, name: string) => `${prefix}blocks.${layer}.${name}`;
  const names = pointRanks(model);
  let layers = 0;
  while (names.has(point(layers, "hook_resid_pre"))) layers++;
  return { layers, point };
}

/** The first points of a model's residual streams: what its first blocks read, on every side. */
export function firstStreams(model: LensModel): string[] {
  return [...pointRanks(model).keys()].filter((name) => /\bblocks\.0\.hook_resid_pre$/.test(name));
}

/**
 * The residual stream before each layer, and after the last as the final norm receives it: with
 * norms after the residual sums, after the last of them.
 */
export function residualPoints(model: LensModel, { layers, point }: Stack): string[] {
  const before = Array.from({ length: layers }, (_, layer) => point(layer, "hook_resid_pre"));
  const last = point(layers - 1, "");
  const own = [...pointRanks(model).keys()].filter((name) => name.startsWith(last));
  return [...before, own.at(-1)!];
}
