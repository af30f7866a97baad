/**
 * Prefix tuning and prompt tuning: learned vectors that a frozen language model reads before every
 * text.
 *
 * lib/nn/virtual_tokens.ts is what the model does with them; prompt_files.ts saves and loads them
 * as PEFT does.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { onDevice } from "../device/current_device.ts";
import { headSizeOf } from "../nn/block_config.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { normal, parameter } from "../nn/initializers.ts";
import type { VirtualTokens } from "../nn/virtual_tokens.ts";
import { checkOptions } from "../options.ts";
import { Random } from "../random.ts";
import { copy } from "../tensor/copy.ts";
import { keep, scope } from "../tensor/scope.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { expectIds } from "../token_ids.ts";
import { Attached } from "./attached.ts";

/** The name of the numbers in PEFT's files. */
export const PROMPT_KEY = "prompt_embeddings";

/** Options of `attachPrefix`. */
export interface PrefixOptions {
  /** P, the number of learned keys and values in each layer, from 1. Default 20. */
  readonly tokens?: number;
  /** Where they are drawn from. Default: `new Random(0)`. */
  readonly random?: Random;
}

/** Options of `attachPrompt`. */
export interface PromptOptions extends PrefixOptions {
  /** P, the number of learned vectors, from 1. Default 20. */
  readonly tokens?: number;
  /**
   * Ids of a text whose vectors they start as, repeated or cut to P tokens, such as
   * `tokenizer.encode("Answer in one word:")`. Default: ids that are drawn from the vocabulary.
   */
  readonly text?: ArrayLike<number>;
}

/** Learned vectors before every text of a model. See `attachPrefix` and `attachPrompt`. */
export class LearnedPrompt extends Attached {
  /**
   * Puts the vectors before every text.
   *
   * @internal
   */
  constructor(model: GPT, readonly virtualTokens: VirtualTokens, trainable = true) {
    super(model, trainable);
    this.enabled = true;
  }

  /** `"prefix"`, keys and values of each layer, or `"prompt"`, embeddings. */
  get kind(): VirtualTokens["kind"] {
    return this.virtualTokens.kind;
  }

  /** P, the number of vectors. */
  get tokens(): number {
    return this.virtualTokens.count;
  }

  /** `prompt_embeddings`: [P, 2·L·n] for a prefix, [P, C] for a prompt. */
  override namedParameters(): Map<string, Tensor> {
    return new Map([[PROMPT_KEY, this.virtualTokens.values]]);
  }

  /** Puts the vectors before every text of the model, or takes them away. */
  protected override switch(on: boolean): void {
    const { model } = this;
    if (on && model.virtualTokens) {
      throw new Error(
        "enabled: expected a model without virtual tokens; switch the other ones off before",
      );
    }
    model.virtualTokens = on ? this.virtualTokens : undefined;
  }
}

/**
 * Prefix tuning: softmax(scale·q·[Pₖ; K]ᵀ)·[Pᵥ; V] in every layer, Pₖ and Pᵥ [P, Hkv·D] learned;
 * the text's positions begin at P, and the longest text is P tokens shorter.
 *
 * An optimizer of `prefix.parameters()` trains the keys and values alone, which start as N(0,
 * 0.02²). Generation, with its cache, and evaluation follow. `savePrompt` writes the file that PEFT
 * opens. Source: Li & Liang, arXiv 2101.00190, without its network between.
 *
 * ```ts
 * import { AdamW, attachPrefix, Batches, GPT, openDevice, Trainer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const prefix = attachPrefix(model, { tokens: 4 });
 * const trainer = new Trainer(model, new AdamW(prefix.parameters()), { learningRate: 1e-2 });
 * trainer.step(new Batches([1, 2, 3, 4, 5, 6, 7], { batchSize: 2, contextLength: 4 }));
 * console.log(prefix.report.trained, model.textLength); // 128 4
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, or an option is unknown
 * @throws {RangeError} if there is no room for the tokens, or the model has ALiBi or shortformer
 *   positions, windows or value embeddings, whose meaning for a prefix is not defined
 * @throws {Error} if the model has virtual tokens already
 */
export function attachPrefix(model: GPT, options: PrefixOptions = {}): LearnedPrompt {
  expectModel("attachPrefix", model);
  checkOptions("attachPrefix", options, { tokens: 20, random: undefined });
  const { tokens: count = 20, random = new Random(0) } = options;
  expectRoom("attachPrefix", model, count);
  expectPlain("attachPrefix", model, "prefix");
  const shape = [count, prefixWidth(model)];
  const { device } = model.tokens.weight;
  const values = onDevice(device, () => parameter(shape, normal(), random));
  return new LearnedPrompt(model, { kind: "prefix", count, values });
}

/**
 * Prompt tuning: P learned vectors [P, C] before the embeddings of every text, at positions 0 …
 * P − 1; the longest text is P tokens shorter.
 *
 * An optimizer of `prompt.parameters()` trains the vectors alone. Generation, with its cache, and
 * evaluation follow; logits and losses are those of the text. `savePrompt` writes the file that
 * PEFT opens. Source: Lester et al., arXiv 2104.08691.
 *
 * ```ts
 * import { attachPrompt, GPT, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const prompt = attachPrompt(model, { tokens: 4, text: [1, 2] }); // starts as 1 2 1 2
 * const ids = tensor(Int32Array.of(5, 6), { shape: [1, 2] });
 * console.log(`${model.forward(ids)}`, prompt.report.trained); // f32 [1,2,8] 64
 * prompt.enabled = false; // the model is the base again
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, or an option is unknown
 * @throws {RangeError} if there is no room for the tokens, an id of the text is outside the
 *   vocabulary, or the model has shortformer positions, value embeddings, windows or scaled
 *   embeddings, whose meaning for learned vectors is not defined
 * @throws {Error} if the model has virtual tokens already
 */
export function attachPrompt(model: GPT, options: PromptOptions = {}): LearnedPrompt {
  expectModel("attachPrompt", model);
  checkOptions("attachPrompt", options, { tokens: 20, text: undefined, random: undefined });
  const { tokens: count = 20, text, random = new Random(0) } = options;
  expectRoom("attachPrompt", model, count);
  expectPlain("attachPrompt", model, "prompt");
  const { vocabSize } = model.config;
  if (text) expectIds("attachPrompt", text, vocabSize);
  const idAt = (i: number) => text?.length ? text[i % text.length] : random.integer(vocabSize);
  const ids = Int32Array.from({ length: count }, (_, i) => idAt(i));
  const { device } = model.tokens.weight;
  const values = scope(() => keep(copy(model.tokens.forward(tensor(ids, { device })))));
  return new LearnedPrompt(model, { kind: "prompt", count, values });
}

/** 2·L·n: the keys and values of all layers at one position. */
export function prefixWidth({ config }: GPT): number {
  const { layers, heads, keyValueHeads = heads } = config;
  return 2 * layers * keyValueHeads * headSizeOf(config);
}

/** Throws unless some context remains for a text. */
export function expectRoom(operation: string, model: GPT, count: number): void {
  const { contextLength } = model.config;
  if (model.virtualTokens) {
    throw new Error(`${operation}: the model has virtual tokens already; detach them before`);
  }
  if (Number.isSafeInteger(count) && count >= 1 && count < contextLength) return;
  throw new RangeError(
    `${operation}: expected 1 to ${contextLength - 1} tokens, for a context of ${contextLength}, ` +
      `got ${describe(count)}`,
  );
}

/** Throws a RangeError for models in which virtual tokens have no meaning that others share. */
export function expectPlain(
  operation: string,
  { config }: GPT,
  kind: VirtualTokens["kind"],
): void {
  const { positions, window, valueEmbeddings, embeddingScale } = config;
  const found = [
    kind === "prefix" && positions === "alibi" && "ALiBi positions",
    positions === "shortformer" && "shortformer positions",
    window?.some((size) => size !== undefined) && "attention windows",
    valueEmbeddings?.some(Boolean) && "value embeddings",
    kind === "prompt" && embeddingScale !== undefined && "scaled embeddings",
  ].find(Boolean);
  if (!found) return;
  throw new RangeError(`${operation}: expected a model without ${found}; use attachLora`);
}
