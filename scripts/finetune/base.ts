/**
 * The model that `deno task finetune` starts from, and the adapter on it.
 *
 * @module
 */
import { formatBytes, formatCount, formatItems } from "../../lib/cli/numbers.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  attachLora,
  type GPT,
  holdsCheckpoint,
  loadAdapter,
  loadPretrained,
  type LoraAdapter,
  Random,
  type Tensor,
  type Tokenizer,
  UserError,
} from "../../mod.ts";
import type { InitialModel } from "../train/initial_model.ts";
import { chosenModules, type FinetuneFlags, loraOptions } from "./flags.ts";
import type { OpenPlan } from "./plan.ts";

/** Opens the base, or the model of a resumed run, with its adapter. */
export async function startModel(
  plan: OpenPlan,
  flags: FinetuneFlags,
  tokenizer: Tokenizer,
): Promise<InitialModel> {
  const { finetune: { method, base }, settings: { dropout }, resume, folder } = plan;
  const source = resume && method === "full" ? folder : base;
  const { revision } = flags;
  const { model, beginToken, endTokens } = await fromModelPlace(
    source,
    (onProgress) => loadPretrained(source, { dropout, revision, tokenizer: false, onProgress }),
  );
  const { vocabSize } = model.config;
  if (tokenizer.vocabSize > vocabSize) {
    throw new UserError(
      `${base}: its model has ${vocabSize} tokens, the tokenizer ${tokenizer.vocabSize}`,
    );
  }
  const { endId } = tokenizer;
  const ownEnds = endId === undefined ? [] : [endId];
  const ends = { beginToken, endTokens: endTokens.length > 0 ? endTokens : ownEnds };
  if (method === "full") return { model, ...ends };
  const adapter = resume
    ? await userInput(() => loadAdapter(folder, model, { trainable: true }))
    : await userInput(() => newAdapter(model, flags, { base, seed: plan.settings.seed }));
  return { model, ...ends, adapter };
}

/** A new adapter of a base: on all linear layers if that is a run of Folio's own. */
export function newAdapter(
  model: GPT,
  flags: FinetuneFlags,
  { base, seed }: { base: string; seed: number },
): LoraAdapter {
  const modules = chosenModules(flags) ?? (holdsCheckpoint(base) ? "all-linear" : undefined);
  const random = new Random(seed);
  return attachLora(model, { ...loraOptions(flags), random, modules });
}

/** What is trained, and what it takes: lines to print before the training starts. */
export function describeTraining({ model, adapter }: InitialModel, base: string): string[] {
  const total = model.parameterCount;
  if (!adapter) {
    return [
      `base     ${base}: ${formatItems(total, "parameter")}, all trained`,
      memoryTaken({ frozen: 0, trained: 4 * total }),
    ];
  }
  const { trained, share, bytes, modules } = adapter.report;
  const { rank, alpha } = adapter.choices;
  const scale = adapter.layers[0].update.scale;
  return [
    `base     ${base}: ${formatItems(total, "parameter")}, frozen`,
    `adapter  LoRA rank ${rank}, alpha ${alpha} (scale ${+scale.toPrecision(3)}) on ` +
    `${formatItems(modules.length, "layer")}: ${formatCount(trained)} trained ` +
    `(${(100 * share).toPrecision(2)} %), ${formatBytes(bytes)} on disk`,
    memoryTaken({ frozen: 4 * total, trained: bytes }),
  ];
}

/** Gradients take as much as what is trained, AdamW's two moments twice that. */
export function memoryTaken({ frozen, trained }: { frozen: number; trained: number }): string {
  const base = frozen > 0 ? `${formatBytes(frozen)} base, ` : "";
  return `takes    ${base}${formatBytes(trained)} trained, ${formatBytes(trained)} gradients, ` +
    `${formatBytes(2 * trained)} optimizer, and activations`;
}

/** What an optimizer trains. */
export function trainedParameters({ model, adapter }: InitialModel): Tensor[] {
  return (adapter ?? model).parameters();
}
