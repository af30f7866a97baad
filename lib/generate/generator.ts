/**
 * Generation of one sequence as a stream of tokens.
 *
 * See generate.ts for batches, stop strings, penalties, beams and text.
 *
 * @module
 */
import { expectLanguageModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions } from "../options.ts";
import { expectPrompt, expectSampling, SAMPLING_OPTIONS, type SamplingOptions } from "./options.ts";
import { Sequences, type TokenBlock } from "./sequences.ts";

/** How tokens are chosen. */
export interface GenerateOptions extends SamplingOptions {
  /** Ends the text; not included in the result. Default: none. */
  endToken?: number;
}

const OPTIONS = { ...SAMPLING_OPTIONS, endToken: true };

/**
 * Generates from one model, one sequence at a time; it keeps the cache and the program between
 * calls.
 *
 * When the context is full, its last half is read again and generation continues from there.
 *
 * ```ts
 * import { Generator, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const generator = new Generator(model);
 * const options = { maxNewTokens: 4, seed: 7 };
 * for await (const token of generator.generate([1, 2, 3], options)) console.log(token);
 * device.close();
 * ```
 */
export class Generator {
  #sequences: Sequences;
  #virtualTokens: GPT["virtualTokens"];
  /** The text begun last, whose tokens are in the cache. */
  #text: object | undefined;
  /** Whether tokens of it are being read. */
  #isReading = false;

  /**
   * Makes a cache of the model's context length for one sequence; the program is recorded at the
   * first token.
   */
  constructor(readonly model: GPT) {
    expectLanguageModel("Generator", model);
    this.#sequences = oneSequence(model);
    this.#virtualTokens = model.virtualTokens;
  }

  /**
   * Yields the tokens after `prompt`, [T] ids, one by one.
   *
   * @throws {RangeError} if the prompt is empty, an id is outside the vocabulary, or an option is
   *   out of range
   * @throws {TypeError} if an option is unknown, or the prompt is no list of ids
   * @throws {Error} once another text of this generator is begun
   */
  async *generate(
    prompt: ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void> {
    const { maxNewTokens = 200, temperature = 1, topK = 0, topP = 1, minP = 0, seed = 0 } = options;
    checkOptions("Generator.generate", options, OPTIONS);
    expectPrompt("Generator.generate", prompt, this.model.config.vocabSize);
    const sampling = { maxNewTokens, temperature, topK, topP, minP, seed };
    expectSampling("Generator.generate", sampling);
    const rules = {
      repetitionPenalty: 1,
      noRepeatNgram: 0,
      minNewTokens: 0,
      ends: [],
      excluded: [],
    };
    const choice = { temperature, topK, topP, minP, seed, ...rules };
    if (this.#isReading) throw twoTexts();
    this.#followModel();
    const text = this.#text = {};
    this.#sequences.start([Array.from(prompt)], choice);
    let given = 0;
    while (given < maxNewTokens && !options.signal?.aborted) {
      if (this.#text !== text) throw twoTexts();
      const block = await this.#next(maxNewTokens - given, options.signal);
      for (const token of block?.tokens ?? []) {
        if (token === options.endToken || options.signal?.aborted) return;
        given++;
        yield token;
      }
    }
  }

  async #next(most: number, signal: AbortSignal | undefined): Promise<TokenBlock | undefined> {
    this.#isReading = true;
    try {
      return await this.#sequences.next(most, signal);
    } finally {
      this.#isReading = false;
    }
  }

  /** Virtual tokens that came or went since the last text need another cache. */
  #followModel(): void {
    const { model } = this;
    if (this.#virtualTokens === model.virtualTokens) return;
    this.#sequences.dispose();
    this.#sequences = oneSequence(model);
    this.#virtualTokens = model.virtualTokens;
  }
}

function twoTexts(): Error {
  return new Error(
    "Generator.generate: a generator writes one text at a time, and another one was begun; make a " +
      "Generator for each, or call generate with all prompts",
  );
}

function oneSequence(model: GPT): Sequences {
  const plain = { history: 0, ends: 0, excludes: false, scores: false };
  return new Sequences(model, { rows: 1, perPrompt: 1, ...plain });
}
