/**
 * What a model's folder holds beside its tokenizer, and its weights one after the other.
 *
 * Each kind of model has a function that makes it: see pretrained_files.ts, which writes it.
 *
 * @module
 */
import type { Module } from "../nn/module.ts";
import { size } from "../shape.ts";
import type { ArchitectureNames } from "./format.ts";
import { assertFinite, encodeSafetensorsHeader } from "./safetensors.ts";
import { type Sizes, storedShapes, storedTensors } from "./stored_tensors.ts";
import type { TextEnds } from "./text_ends.ts";

/** A model and the content of its files. */
export interface SavedModel {
  /** The parameters. */
  readonly model: Module;
  /** Names of parameters that are not saved. Default: none. */
  readonly omitted?: RegExp;
  /** The tensors that they are saved as, and the sizes by which several are cut apart. */
  readonly layout: Pick<ArchitectureNames, "source"> & { readonly sizes: Sizes };
  /** The fields of `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The contents of other JSON files, by their paths in the folder. */
  readonly files: Readonly<Record<string, unknown>>;
  /** The tokens around its texts. */
  readonly ends: Partial<TextEnds>;
  /** Ids of the model. */
  readonly vocabSize: number;
  /** The longest sequence, in tokens. */
  readonly contextLength: number;
}

/**
 * The bytes of `model.safetensors`, f32, with `metadata`; one parameter is read from the device at
 * a time.
 *
 * @throws {RangeError} if a weight is NaN or infinite
 */
export async function* weightBytes(
  { model, omitted, layout }: SavedModel,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const parameters = [...model.namedParameters()].filter(([name]) => !omitted?.test(name));
  const named = parameters.map(([name, { shape }]) => [name, shape] as const);
  const entries = storedShapes(layout.sizes, named, layout)
    .map(([name, shape]) => [name, { dtype: "F32", shape }] as const);
  yield encodeSafetensorsHeader(entries, { format: "pt", ...metadata });
  const stored = storedTensors(layout.sizes, layout);
  for (const [name, parameter] of parameters) {
    const { shape } = parameter;
    const data = await parameter.data() as Float32Array<ArrayBuffer>;
    assertFinite(name, data);
    for (const tensor of stored({ name, shape, data })) {
      const { buffer, byteOffset } = tensor.data;
      yield new Uint8Array(buffer, byteOffset, 4 * size(tensor.shape));
    }
  }
}
