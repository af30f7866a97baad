/**
 * The model that a command writes with: a run of `deno task train`, a folder in Hugging Face's
 * format, an address, or a name on the hub.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  holdsCheckpoint,
  type LearnedPrompt,
  loadAdapter,
  loadAdapterOrigin,
  loadPretrained,
  loadPrompt,
  type LoraAdapter,
  type Pretrained,
  quantize,
  UserError,
  WEIGHT_TYPES,
  type WeightType,
} from "../../mod.ts";

/** A model to write with; the tokens that end its texts include the one of its tokenizer. */
export interface OpenedModel extends Pretrained {
  /** The adapter that was loaded onto it. */
  readonly adapter?: LoraAdapter | LearnedPrompt;
}

/** How to open a model. */
export interface OpenModelOptions {
  /** Branch, tag or commit of a model on the hub. */
  readonly revision?: string;
  /** Number of tokens of its context to use. */
  readonly context?: number;
  /** How the weights are stored. */
  readonly weights: WeightType;
  /** Where an adapter of the model is. */
  readonly adapter?: string;
}

/**
 * Loads a model with its tokenizer.
 *
 * @throws {UserError} if there is none, a file is malformed, or the tokenizer is missing
 */
export async function openModel(
  location: string,
  { weights, adapter: place, ...options }: OpenModelOptions,
): Promise<OpenedModel> {
  await expectNoAdapter(location);
  const open = holdsCheckpoint(location) ? openRun : openPretrained;
  if (place === undefined) return await open(location, { ...options, weights });
  // An adapter is for the exact weights, which it compares.
  const opened = await open(location, { ...options, weights: "f32" });
  const { model } = opened;
  const origin = () => loadAdapterOrigin(place);
  const { type } = await fromModelPlace(place, origin, `--adapter ${place}`);
  const adapter = await userInput<LoraAdapter | LearnedPrompt>(() =>
    type === "LORA" ? loadAdapter(place, model) : loadPrompt(place, model)
  );
  const rounding = WEIGHT_TYPES[weights];
  if (rounding) await quantize(model, rounding);
  return { ...opened, adapter };
}

/** Refuses an adapter in the place of a model; the message has the command with its base. */
async function expectNoAdapter(location: string): Promise<void> {
  const holds = (name: string) => Deno.stat(`${location}/${name}`).then(() => true, () => false);
  if (!await holds("adapter_config.json") || await holds("config.json")) return;
  const { base = "BASE" } = await userInput(() => loadAdapterOrigin(location));
  throw new UserError(
    `${location}: it is an adapter, not a model; give its base, and the adapter beside it: ` +
      `${base} --adapter ${location}`,
  );
}

type Version = Omit<OpenModelOptions, "adapter">;

async function openRun(
  folder: string,
  { revision, context, weights }: Version,
): Promise<OpenedModel> {
  if (revision !== undefined || context !== undefined) {
    throw new UserError(`${folder}: --revision and --context are for published models, not runs`);
  }
  return withEndTokens(await userInput(() => loadPretrained(folder, { weights })));
}

async function openPretrained(
  location: string,
  { revision, context: contextLength, weights }: Version,
): Promise<OpenedModel> {
  return withEndTokens(
    await fromModelPlace(
      location,
      (onProgress) => loadPretrained(location, { revision, contextLength, weights, onProgress }),
    ),
  );
}

/** A loaded model with the end tokens of its configuration and its tokenizer. */
function withEndTokens(loaded: Pretrained): OpenedModel {
  const { endTokens, tokenizer: { endId } } = loaded;
  const all = new Set(endId === undefined ? endTokens : [...endTokens, endId]);
  return { ...loaded, endTokens: [...all] };
}
