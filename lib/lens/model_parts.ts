/**
 * The models that the lens looks into, their parts that have hook points, and how each runs.
 *
 * A model of one part names its points as TransformerLens does. Points of an encoder inside another
 * model begin with `encoder.`, those of a decoder beside one with `decoder.`.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import type { Device } from "../device/device.ts";
import { describe } from "../errors.ts";
import { Encoder } from "../nn/encoder.ts";
import { GPT } from "../nn/gpt.ts";
import { MaskedLanguageModel } from "../nn/masked_language_model.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { TextClassifier } from "../nn/text_classifier.ts";
import { Transformer } from "../nn/transformer.ts";
import { Tensor, tensor } from "../tensor/tensor.ts";

/** A model with hook points. */
export type LensModel =
  | GPT
  | TextClassifier
  | Encoder
  | MaskedLanguageModel
  | SequenceClassifier
  | Transformer;

/** Token ids: i32 [B,T], or one row or several rows of one length. */
export type LensIds = Tensor | readonly number[] | readonly (readonly number[])[];

/** What a model reads: ids, or for an encoder–decoder those of source and target. */
export type LensInput = LensIds | { readonly source: LensIds; readonly target: LensIds };

/** A part of a model, and what the names of its points begin with. */
export interface ModelPart {
  /** Where the hooks are. */
  readonly module: object;
  /** `""`, `"encoder."` or `"decoder."`. */
  readonly prefix: string;
}

/**
 * The parts of a model that have hook points.
 *
 * @throws {TypeError} if `model` is none
 */
export function partsOf(operation: string, model: LensModel): ModelPart[] {
  const own = { module: model, prefix: "" };
  if (model instanceof GPT || model instanceof Encoder) return [own];
  if (model instanceof TextClassifier) return [own, { module: model.model, prefix: "" }];
  if (model instanceof Transformer) {
    const { encoder, decoder } = model;
    const sides = [{ module: encoder, prefix: "encoder." }, {
      module: decoder,
      prefix: "decoder.",
    }];
    return [own, ...sides];
  }
  if (model instanceof MaskedLanguageModel || model instanceof SequenceClassifier) {
    return [own, { module: model.encoder, prefix: "encoder." }];
  }
  throw notModel(operation, model);
}

function notModel(operation: string, model: unknown): TypeError {
  const inside = typeof model === "object" && model !== null && "model" in model;
  const advice = inside ? "; take its field model" : "";
  return new TypeError(`${operation}: expected a model, got ${describe(model)}${advice}`);
}

/**
 * Throws a TypeError unless a model is a GPT, as some analyses need; `property` says why.
 */
export function expectGpt(
  operation: string,
  model: unknown,
  property: string,
): asserts model is GPT {
  if (model instanceof GPT) return;
  throw new TypeError(`${operation}: expected a GPT, ${property}, got ${describe(model)}`);
}

/** The device of a model's weights. */
export function deviceOfModel(model: LensModel): Device {
  return model.parameters()[0].device;
}

/** The longest text of a model, in tokens. */
export function longestText(model: LensModel): number {
  if (model instanceof GPT) return model.textLength;
  return model instanceof TextClassifier ? model.model.textLength : model.config.contextLength;
}

/** Ids of zeros for a model, [B,T]. */
export function blankInput(model: LensModel, batch: number, length: number): LensInput {
  const rows = Array.from({ length: batch }, () => new Array<number>(length).fill(0));
  return model instanceof Transformer ? { source: rows, target: rows } : rows;
}

/** What a model reads, as tensors i32 [B,T] on its device. */
export type ModelInput = Tensor | { readonly source: Tensor; readonly target: Tensor };

/**
 * The input of a model as tensors.
 *
 * @throws {TypeError} if it is not what the model reads, or rows differ in length
 */
export function inputOf(operation: string, model: LensModel, input: LensInput): ModelInput {
  return onDevice(deviceOfModel(model), () => {
    const sides = sidesOf(input);
    if (model instanceof Transformer) {
      if (!sides) {
        throw new TypeError(
          `${operation}: an encoder–decoder reads { source, target }, got ${describe(input)}`,
        );
      }
      const { source, target } = sides;
      return { source: idsOf(operation, source), target: idsOf(operation, target) };
    }
    if (!sides) return idsOf(operation, input as LensIds);
    throw new TypeError(
      `${operation}: the model reads ids, [B,T]; { source, target } is for encoder–decoders`,
    );
  });
}

/** The tensors of an input. */
export function tensorsOf(input: ModelInput): Tensor[] {
  return input instanceof Tensor ? [input] : [input.source, input.target];
}

/** An input made of another's tensors, each mapped. */
export function mapInput(input: ModelInput, map: (ids: Tensor) => Tensor): ModelInput {
  if (input instanceof Tensor) return map(input);
  return { source: map(input.source), target: map(input.target) };
}

/** The ids that a side of a model reads; those of the target are the decoder's. */
export function idsOfSide(input: ModelInput, side: "encoder" | "decoder" = "decoder"): Tensor {
  if (input instanceof Tensor) return input;
  return side === "encoder" ? input.source : input.target;
}

/**
 * The model's value of an input: logits, or the last vectors of an `Encoder`.
 *
 * @throws {TypeError} if the input is not what the model reads, or rows differ in length
 */
export function runModel(operation: string, model: LensModel, input: LensInput): Tensor {
  const ids = inputOf(operation, model, input);
  return onDevice(deviceOfModel(model), () => {
    if (model instanceof Transformer) {
      const { source, target } = ids as Exclude<ModelInput, Tensor>;
      return model.forward(source, target);
    }
    return model.forward(ids as Tensor);
  });
}

function sidesOf(input: LensInput): { source: LensIds; target: LensIds } | undefined {
  const isOptions = typeof input === "object" && !Array.isArray(input) &&
    !(input instanceof Tensor);
  return isOptions && "source" in input && "target" in input ? input : undefined;
}

/** Ids as a tensor i32 [B,T] on the current device. */
export function idsOf(operation: string, ids: LensIds): Tensor {
  if (ids instanceof Tensor) return ids;
  const rows = (Array.isArray(ids) && typeof ids[0] === "number" ? [ids] : ids) as number[][];
  const isRows = Array.isArray(rows) && rows.length > 0 && rows.every(Array.isArray);
  if (!isRows || rows[0].length === 0 || rows.some(({ length }) => length !== rows[0].length)) {
    throw new TypeError(
      `${operation}: expected token ids, a tensor i32 [B,T] or rows of one length, got ` +
        describe(ids),
    );
  }
  return tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });
}
