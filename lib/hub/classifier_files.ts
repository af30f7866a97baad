/**
 * An encoder with a head for classifying texts, in the files of transformers'
 * `DistilBertForSequenceClassification` or `BertForSequenceClassification`.
 *
 * load_classifier.ts reads them; see text_classifier_files.ts for language models with a head.
 *
 * @module
 */
import { attempt, type Chunks, writeFilesAtomically } from "../files.ts";
import type { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { checkOptions } from "../options.ts";
import { localPath } from "../place.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tokenizerContents } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { configText } from "./config_text.ts";
import { writeClassifierConfig } from "./encoder_formats.ts";
import type { ArchitectureNames } from "./format.ts";
import { assertFinite, encodeSafetensors, type SafetensorsEntry } from "./safetensors.ts";

/** A classifier and the tokenizer of its ids. */
export interface ClassifierToSave {
  /** Weights, configuration and labels. */
  readonly model: SequenceClassifier;
  /** The tokenizer of its ids. */
  readonly tokenizer: Tokenizer;
}

/**
 * Saves an encoder with a head to a folder, which is made if it is missing: `config.json` with the
 * labels, `model.safetensors`, and the tokenizer's files, all or none. `loadClassifier` reads them
 * back.
 *
 * ```ts
 * import { classify, loadClassifier, lowerCaseWords, openDevice, saveClassifier, SequenceClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = await lowerCaseWords(["to be or not to be"]);
 * const model = new SequenceClassifier({
 *   vocabSize: tokenizer.vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8,
 *   activation: "gelu", normEpsilon: 1e-12, poolerActivation: "relu", labels: ["yes", "no"],
 * });
 * const folder = await Deno.makeTempDir();
 * await saveClassifier(folder, { model, tokenizer });
 * const loaded = await loadClassifier(folder);
 * console.log((await classify(loaded.model, loaded.tokenizer, ["be"])).length); // 1
 * device.close();
 * ```
 *
 * @throws {UserError} if the folder cannot be written
 * @throws {RangeError} if a weight is NaN or infinite, or the model is neither a BERT nor a
 *   DistilBERT
 * @throws {TypeError} if `folder` is no path, or a name is unknown
 */
export async function saveClassifier(
  folder: string | URL,
  toSave: ClassifierToSave,
): Promise<void> {
  const path = localPath("saveClassifier", folder);
  checkOptions("saveClassifier", toSave, { model: true, tokenizer: true });
  const files = await encoderClassifierFiles(toSave, { format: "pt" });
  await attempt(`saving a classifier in ${path}`, () => Deno.mkdir(path, { recursive: true }));
  await writeFilesAtomically(
    ...files.map(([name, content]): [string, Chunks] => [`${path}/${name}`, content]),
  );
}

/** The names and contents of a classifier's files. */
export async function encoderClassifierFiles(
  { model, tokenizer }: ClassifierToSave,
  metadata: Record<string, string>,
): Promise<[name: string, content: Chunks][]> {
  const { fields, names } = writeClassifierConfig(model.config);
  const config = { ...fields, pad_token_id: tokenizer.paddingId ?? 0 };
  const weights = [...model.namedParameters()].map(([name, tensor]) =>
    storedEntry(name, tensor, names)
  );
  return [
    ["config.json", [new TextEncoder().encode(configText(config))]],
    ["model.safetensors", encodeSafetensors(await Promise.all(weights), metadata)],
    ...tokenizerContents(tokenizer).map(([name, bytes]): [string, Chunks] => [name, [bytes]]),
  ];
}

/** A parameter as the file names it and lays it out. */
async function storedEntry(
  name: string,
  tensor: Tensor,
  { source }: ArchitectureNames,
): Promise<[string, SafetensorsEntry]> {
  const { shape } = tensor;
  const data = await tensor.data() as Float32Array<ArrayBuffer>;
  assertFinite(name, data);
  const { names: [stored], transposed } = source(name);
  if (!transposed) return [stored, { shape, data }];
  return [stored, { shape: shape.toReversed(), data: transposedData(data, shape[1]) }];
}

/** [rows, columns] → [columns, rows]. */
function transposedData(
  data: Float32Array<ArrayBuffer>,
  columns: number,
): Float32Array<ArrayBuffer> {
  const rows = data.length / columns;
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  }
  return result;
}
