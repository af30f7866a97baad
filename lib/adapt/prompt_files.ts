/**
 * Learned prompts as the files that Python's PEFT opens: `adapter_config.json` and
 * `adapter_model.safetensors` with the tensor `prompt_embeddings`.
 *
 * Source: `PrefixTuningConfig` and `PromptTuningConfig` of github.com/huggingface/peft. See
 * adapter_files.ts and load_adapter.ts for LoRA.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { jsonContent, makeFolder, type NamedFile, writeFileAtomically } from "../files.ts";
import { ConfigFields, show } from "../hub/config_fields.ts";
import { openRepository, PLACES } from "../hub/open_repository.ts";
import { assertFinite, encodeSafetensors } from "../hub/safetensors.ts";
import { headSizeOf } from "../nn/block_config.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import type { VirtualTokens } from "../nn/virtual_tokens.ts";
import { checkOptions } from "../options.ts";
import { expectPlace, localPath } from "../place.ts";
import { tensor } from "../tensor/tensor.ts";
import { VERSION } from "../version.ts";
import { CONFIG_FILE, expectAdapterType, malformed, parseAdapterConfig } from "./adapter_config.ts";
import { BASE_HASH, WEIGHTS_FILE } from "./adapter_files.ts";
import { fingerprint } from "./fingerprint.ts";
import {
  expectPlain,
  expectRoom,
  LearnedPrompt,
  prefixWidth,
  PROMPT_KEY,
} from "./learned_prompt.ts";
import { LOAD_ADAPTER_OPTIONS, type LoadAdapterOptions } from "./load_adapter.ts";
import { expectBase, openTensors, readAdapterFile, readTensor } from "./read_adapter.ts";

/** PEFT's names of the kinds. */
const TYPES = { PREFIX_TUNING: "prefix", PROMPT_TUNING: "prompt" } as const;

/** What the files say besides the prompt. */
export interface SavePromptOptions {
  /** The base's name on the hub, or its path. Default: none. */
  readonly base?: string;
}

/**
 * Saves a learned prefix or prompt to a folder, which is made if it is missing, in PEFT's form.
 *
 * ```ts
 * import { attachPrefix, GPT, loadPrompt, openDevice, savePrompt } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const folder = await Deno.makeTempDir();
 * const prefix = attachPrefix(model, { tokens: 4 });
 * await savePrompt(folder, prefix, { base: "runs/baby" });
 * prefix.detach();
 * console.log((await loadPrompt(folder, model)).tokens); // 4
 * device.close();
 * ```
 *
 * @throws {UserError} if the folder cannot be written
 * @throws {RangeError} if a number is NaN or infinite
 * @throws {TypeError} if `folder` is no path, `prompt` none, or an option is unknown
 */
export async function savePrompt(
  folder: string | URL,
  prompt: LearnedPrompt,
  options: SavePromptOptions = {},
): Promise<void> {
  const path = localPath("savePrompt", folder);
  checkOptions("savePrompt", options, { base: undefined });
  if (!(prompt instanceof LearnedPrompt)) {
    throw new TypeError(
      `savePrompt: expected what attachPrefix or attachPrompt returns, got ${describe(prompt)}`,
    );
  }
  const { virtualTokens: { values }, model } = prompt;
  const data = await values.data() as Float32Array<ArrayBuffer>;
  assertFinite(PROMPT_KEY, data);
  const metadata = {
    format: "pt",
    folio_version: VERSION,
    [BASE_HASH]: await fingerprint(model.namedParameters()),
  };
  const files: NamedFile[] = [
    [WEIGHTS_FILE, encodeSafetensors([[PROMPT_KEY, { shape: values.shape, data }]], metadata)],
    [CONFIG_FILE, jsonContent(writeConfig(prompt, options.base))],
  ];
  await makeFolder(path);
  for (const [name, chunks] of files) await writeFileAtomically(`${path}/${name}`, chunks);
}

function writeConfig(
  { kind, tokens, model: { config } }: LearnedPrompt,
  base: string | undefined,
): Record<string, unknown> {
  const { layers, width, heads, keyValueHeads = heads } = config;
  const size = kind === "prefix"
    ? { token_dim: keyValueHeads * headSizeOf(config), num_attention_heads: keyValueHeads }
    : { token_dim: width, num_attention_heads: heads };
  const own = kind === "prefix"
    ? { encoder_hidden_size: size.token_dim, peft_type: "PREFIX_TUNING", prefix_projection: false }
    : { peft_type: "PROMPT_TUNING", prompt_tuning_init: "RANDOM" };
  const all = {
    ...own,
    ...size,
    auto_mapping: null,
    base_model_name_or_path: base ?? null,
    inference_mode: true,
    num_layers: layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: tokens,
    revision: null,
    task_type: "CAUSAL_LM",
  };
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * Loads a prefix or a prompt of PEFT or of `savePrompt` from a folder, an address or the hub, and
 * puts it before every text of the model, its base.
 *
 * ```ts
 * import { attachPrompt, GPT, loadPrompt, openDevice, savePrompt } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const folder = await Deno.makeTempDir();
 * const trained = attachPrompt(model, { tokens: 2 });
 * await savePrompt(folder, trained);
 * trained.detach();
 * const prompt = await loadPrompt(folder, model, { trainable: true });
 * console.log(prompt.kind, prompt.parameters().length); // prompt 1
 * device.close();
 * ```
 *
 * @throws {UserError} if it is not found, is a Python pickle, or was trained on other weights
 * @throws {SyntaxError} if a file is malformed, of another kind, or does not fit the model
 * @throws {RangeError} if a number is NaN or infinite, or the model cannot take virtual tokens, as
 *   in `attachPrefix` and `attachPrompt`
 * @throws {Error} if the model has virtual tokens already
 * @throws {TypeError} if `place` is none, or an option is unknown
 */
export async function loadPrompt(
  place: string | URL,
  model: GPT,
  options: LoadAdapterOptions = {},
): Promise<LearnedPrompt> {
  expectPlace("loadPrompt", place, PLACES);
  expectModel("loadPrompt", model);
  checkOptions("loadPrompt", options, LOAD_ADAPTER_OPTIONS);
  const repository = openRepository(place, options);
  const { kind, count } = await readAdapterFile(repository, readConfig);
  expectRoom("loadPrompt", model, count);
  expectPlain("loadPrompt", model, kind);
  const file = await openTensors(repository);
  try {
    const shape = [count, kind === "prefix" ? prefixWidth(model) : model.config.width];
    const data = await readTensor(file, PROMPT_KEY, shape);
    const other = [...file.tensors.keys()].find((key) => key !== PROMPT_KEY);
    if (other) throw new SyntaxError(`${file.name}: ${other} is no part of a learned prompt`);
    await expectBase(file, model);
    const values = tensor(data, { shape, device: model.tokens.weight.device });
    return new LearnedPrompt(model, { kind, count, values }, options.trainable ?? false);
  } finally {
    file.close();
  }
}

/** The kind and the number of tokens; what a network computed is in the tensor. */
function readConfig(text: string): Pick<VirtualTokens, "kind" | "count"> {
  const json = parseAdapterConfig(text);
  const { peft_type: type, task_type: task, num_virtual_tokens: count } = json;
  if (type === "LORA") throw malformed("it is a LoRA adapter; load it with loadAdapter");
  const known = expectAdapterType(new ConfigFields(json), ["PREFIX_TUNING", "PROMPT_TUNING"]);
  if (task !== undefined && task !== null && task !== "CAUSAL_LM") {
    throw malformed(`task_type: expected "CAUSAL_LM", got ${show(task)}`);
  }
  const sides = json.num_transformer_submodules ?? 1;
  if (sides !== 1) throw malformed(`num_transformer_submodules: expected 1, got ${show(sides)}`);
  if (typeof count === "number" && Number.isSafeInteger(count) && count > 0) {
    return { kind: TYPES[known], count };
  }
  throw malformed(`num_virtual_tokens: expected a whole number from 1, got ${show(count)}`);
}
