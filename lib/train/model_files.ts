/**
 * The files of a model and its tokenizer within a checkpoint, as a Hugging Face model has them.
 *
 * checkpoint.ts adds those of the optimizer and the run; checkpoint_best.ts saves them alone.
 *
 * @module
 */
import { adapterFiles } from "../adapt/adapter_files.ts";
import type { LoraAdapter } from "../adapt/lora_adapter.ts";
import { jsonContent, type NamedFile } from "../files.ts";
import { savedArchitecture, savedNames, writeModelConfig } from "../hub/config.ts";
import { configText } from "../hub/config_text.ts";
import { writeGenerationConfig } from "../hub/generation_config.ts";
import { assertFinite, encodeSafetensors, type SafetensorsEntry } from "../hub/safetensors.ts";
import { storedTensors } from "../hub/stored_tensors.ts";
import type { GPT } from "../nn/gpt.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tokenizerContents } from "../text/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A model with its tokenizer, and the tokens around its texts. */
export interface ModelToSave {
  /** Weights and configuration. */
  readonly model: GPT;
  /** The tokenizer of the model's ids. */
  readonly tokenizer: Tokenizer;
  /** The token that begins a text. Default: none. */
  readonly beginToken?: number;
  /** The tokens that end a text. Default: the tokenizer's, if it has one. */
  readonly endTokens?: readonly number[];
  /** An adapter of the model, which is saved instead of the weights. Default: none. */
  readonly adapter?: LoraAdapter;
  /** With an adapter, the name or the path of the model without it. Default: none. */
  readonly base?: string;
}

/**
 * `config.json`, `generation_config.json`, `model.safetensors` with `metadata`, and the tokenizer's
 * files; with an adapter, its files and the tokenizer's.
 *
 * @throws {RangeError} if a weight is NaN or infinite
 */
export async function modelFiles(
  toSave: ModelToSave,
  metadata: Record<string, string>,
): Promise<NamedFile[]> {
  const { adapter, base, tokenizer } = toSave;
  const files = adapter
    ? await adapterFiles(adapter, { base }, metadata)
    : await weightFiles(toSave, metadata);
  return [...files, ...tokenizerContents(tokenizer)];
}

async function weightFiles(
  { model, tokenizer, beginToken, endTokens = ownEnd(tokenizer) }: ModelToSave,
  metadata: Record<string, string>,
): Promise<NamedFile[]> {
  const ends = { beginToken, endTokens };
  const parameters = asStored(model, await entriesOf(model.namedParameters()));
  const config = writeModelConfig(model.config, {
    ...ends,
    architecture: savedArchitecture(model),
  });
  return [
    ["config.json", [new TextEncoder().encode(configText(config))]],
    ["generation_config.json", jsonContent(writeGenerationConfig(ends))],
    ["model.safetensors", encodeSafetensors(parameters, metadata)],
  ];
}

/** A tensor's name and its values. */
type NamedEntry = [name: string, entry: SafetensorsEntry];

/**
 * Reads all tensors together: on WebGPU they share the 10 ms that a read waits.
 *
 * @throws {RangeError} if a value is NaN or infinite
 */
export async function entriesOf(tensors: Map<string, Tensor>): Promise<NamedEntry[]> {
  const reads = [...tensors].map(async ([name, tensor]): Promise<NamedEntry> => {
    const data = await tensor.data();
    if (data instanceof Float32Array) assertFinite(name, data);
    return [name, { shape: tensor.shape, data }];
  });
  return await Promise.all(reads);
}

function ownEnd({ endId }: Tokenizer): number[] {
  return endId === undefined ? [] : [endId];
}

/**
 * Parameters under the names, and in the layouts, of the architecture that `config.json` names.
 */
function asStored(model: GPT, parameters: readonly NamedEntry[]): NamedEntry[] {
  const stored = storedTensors(model.config, savedNames(model));
  return parameters.flatMap(([name, { shape, data }]): NamedEntry[] =>
    stored({ name, shape, data: data as Float32Array<ArrayBuffer> })
      .map(({ name, ...entry }) => [name, entry])
  );
}
