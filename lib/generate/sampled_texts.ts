/**
 * Texts whose tokens are drawn: all rows grow together until each has ended.
 *
 * The programs are in sequences.ts, what ends a text in continuation.ts.
 *
 * @module
 */
import { GPT } from "../nn/gpt.ts";
import type { CachedModel } from "./cache_rows.ts";
import {
  type CertainToken,
  Continuation,
  type Endings,
  type FinishReason,
} from "./continuation.ts";
import { excludedIds } from "./excluded_ids.ts";
import type { Generated, GenerationOptions } from "./generation.ts";
import { expectSampling } from "./options.ts";
import { type Choice, NO_TOKEN, type Sequences, type SequencesShape } from "./sequences.ts";
import { withOwnSequences, withSequences } from "./sequences_pool.ts";
import { echoed, streamAfter } from "./texts.ts";

/** Continues each prompt `sequences` times. RangeError for a sampling option out of range. */
export async function sampledTexts(
  model: CachedModel,
  prompts: readonly number[][],
  endings: Endings,
  options: GenerationOptions,
): Promise<Generated[]> {
  const { sequences = 1 } = options;
  const excluded = excludedIds(model.config.vocabSize, options.tokenizer, endings);
  const choice = { ...choiceOf(endings, options), excluded };
  expectSampling("generate", { ...choice, maxNewTokens: endings.most });
  const rows = prompts.flatMap((prompt) => Array.from({ length: sequences }, () => prompt));
  const texts = new SampledTexts(rows, endings, options);
  const shape = shapeOf(rows, choice, endings, options);
  const grow = (grown: Sequences) => texts.grow(grown, choice);
  if (model instanceof GPT) await withSequences(model, shape, grow);
  else await withOwnSequences(model, shape, grow);
  return texts.results();
}

function choiceOf({ ends }: Endings, options: GenerationOptions): Omit<Choice, "excluded"> {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0 } = options;
  const { minNewTokens = 0, repetitionPenalty = 1, noRepeatNgram = 0 } = options;
  const rules = { minNewTokens, repetitionPenalty, noRepeatNgram, ends: [...ends] };
  return { temperature, topK, topP, minP, seed, ...rules };
}

/** Rules, and with them a history on the device, only if an option needs them. */
function shapeOf(
  prompts: readonly number[][],
  { repetitionPenalty, noRepeatNgram, minNewTokens, ends, excluded }: Choice,
  { most }: Endings,
  { sequences = 1, scores = false }: GenerationOptions,
): SequencesShape {
  const ruled = repetitionPenalty !== 1 || noRepeatNgram > 0 ||
    (minNewTokens > 0 && ends.length > 0);
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  return {
    rows: prompts.length,
    perPrompt: sequences,
    history: ruled ? longest + most : 0,
    ends: ruled ? ends.length : 0,
    excludes: excluded.length > 0,
    scores,
  };
}

/** A text for each row. */
class SampledTexts {
  readonly #prompts: readonly number[][];
  readonly #options: GenerationOptions;
  readonly #texts: readonly Continuation[];
  readonly #most: number;

  constructor(prompts: readonly number[][], endings: Endings, options: GenerationOptions) {
    const { tokenizer } = options;
    this.#prompts = prompts;
    this.#options = options;
    this.#most = endings.most;
    this.#texts = prompts.map((prompt) =>
      new Continuation(endings, tokenizer && streamAfter(prompt, tokenizer))
    );
  }

  /** Draws tokens until every text has ended. */
  async grow(rows: Sequences, choice: Choice): Promise<void> {
    const { signal, overflow } = this.#options;
    rows.start(this.#prompts, choice);
    for (let given = 0; given < this.#most;) {
      if (signal?.aborted) break;
      if (overflow === "stop") this.#stopFull(rows);
      if (this.#open().length === 0) return;
      const block = await rows.next(this.#most - given, signal);
      if (!block) break;
      const { steps, tokens, scores } = block;
      for (let step = 0; step < steps && !signal?.aborted; step++) {
        for (const row of this.#open()) {
          const at = step * this.#texts.length + row;
          if (tokens[at] === NO_TOKEN) this.#finish(row, "forbidden");
          else this.#report(row, this.#texts[row].push(tokens[at], scores?.[at]));
          if (this.#texts[row].reason) rows.finish(row);
        }
      }
      given += steps;
    }
    for (const row of this.#open()) this.#finish(row, "aborted");
  }

  results(): Generated[] {
    return this.#texts.map((text, row) => ({
      ...this.#place(row),
      ...echoed(this.#prompts[row], text.tokens, text.text, this.#options),
      finishReason: text.reason!,
      scores: this.#options.scores ? text.scores : undefined,
      score: undefined,
    }));
  }

  /** The rows whose text has not ended. */
  #open(): number[] {
    return [...this.#texts.keys()].filter((row) => !this.#texts[row].reason);
  }

  #stopFull(rows: Sequences): void {
    for (const row of this.#open()) if (rows.isFull(row)) this.#finish(row, "context");
  }

  #finish(row: number, reason: FinishReason): void {
    this.#report(row, this.#texts[row].finish(reason));
  }

  #report(row: number, certain: readonly CertainToken[]): void {
    for (const token of certain) this.#options.onToken?.({ ...this.#place(row), ...token });
  }

  #place(row: number): { prompt: number; sequence: number } {
    const { sequences = 1 } = this.#options;
    return { prompt: Math.floor(row / sequences), sequence: row % sequences };
  }
}
