/**
 * The model that a run of `deno task train` starts from: a new one, that of its checkpoint, or a
 * published one (`--init-from`).
 *
 * data.ts loads the tokenizer; plan.ts checks the flags against the model's shape.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import { type GPT, loadPretrained, type LoraAdapter, modelOf, UserError } from "../../mod.ts";
import type { Plan } from "./choices.ts";
import type { TrainData } from "./data.ts";

/** A model to train, and the tokens that begin and end its texts. */
export interface InitialModel {
  readonly model: GPT;
  readonly beginToken?: number;
  readonly endTokens: readonly number[];
  /** The adapter that `deno task finetune` trains instead of the weights. */
  readonly adapter?: LoraAdapter;
}

/**
 * Makes or loads the model. Its table may have more rows than the tokenizer has tokens, as padded
 * tables of published models do: those ids are no targets, and are never sampled.
 *
 * @throws {UserError} if the model cannot be loaded, or the tokenizer has ids that it lacks
 */
export async function initialModel(plan: Plan, { tokenizer }: TrainData): Promise<InitialModel> {
  const { settings, folder, resume, initFrom } = plan;
  const { endId } = tokenizer;
  const ownEnds = endId === undefined ? [] : [endId];
  const source = resume ? folder : initFrom;
  if (!source) {
    const model = await userInput(() => modelOf(settings, tokenizer.vocabSize));
    return { model, endTokens: ownEnds };
  }
  const { dropout } = settings;
  const { model, beginToken, endTokens } = await fromModelPlace(
    source,
    (onProgress) => loadPretrained(source, { dropout, tokenizer: false, onProgress }),
  );
  const { vocabSize } = model.config;
  if (vocabSize < tokenizer.vocabSize) {
    throw new UserError(
      `${source}: its model has ${vocabSize} tokens, fewer than its tokenizer's ` +
        `${tokenizer.vocabSize}; give a folder in which both belong together`,
    );
  }
  return { model, beginToken, endTokens: endTokens.length > 0 ? endTokens : ownEnds };
}
