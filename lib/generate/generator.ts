/**
 * Generation: a prompt goes through the model once, then one replayed program gives a token at a time.
 *
 * Keys and values stay in a cache on the device, sampling happens there too, and tokens are read in blocks. Text is left to the caller.
 *
 * @module
 */
import { advanceGeneration as cpu } from "../../kernels/cpu/advance_generation.ts";
import code from "../../kernels/webgpu/advance_generation.wgsl" with { type: "text" };
import type { Kernel } from "../device/kernel.ts";
import { type Cache, ForwardContext } from "../nn/context.ts";
import type { GPT } from "../nn/gpt.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { launch } from "../tensor/launch.ts";
import { sampleToken } from "../tensor/sample_token.ts";
import { keep, scope } from "../tensor/scope.ts";
import { slice } from "../tensor/slice.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";

const ADVANCE: Kernel = {
  name: "advance_generation",
  reads: ["next"],
  updates: ["token", "position", "state", "output"],
  writes: [],
  scalars: { length: "u32", tokens: "u32" },
  webgpu: { code, workgroups: () => [1] },
  cpu,
};

/** How tokens are chosen. */
export interface GenerateOptions {
  /** Tokens to generate, from 1. Default 200. */
  maxNewTokens?: number;
  /** Divides the logits: 0 takes the likeliest token, 1 leaves the model's distribution. Default 1. */
  temperature?: number;
  /** Keep the k likeliest tokens; 0 keeps all. Default 0. */
  topK?: number;
  /** Keep the fewest likeliest tokens whose probabilities sum to this; 1 keeps all. Default 1. */
  topP?: number;
  /** Same seed, same tokens: a 32-bit number. Default 0. */
  seed?: number;
  /** Ends the text; it is not given back. Default: none. */
  endToken?: number;
  /** Ends the text after the tokens so far. */
  signal?: AbortSignal;
}

/** Most tokens read back at once: reading takes over 10 ms on WebGPU and nothing on the CPU. */
const BLOCK = { cpu: 1, webgpu: 16 } as const;

/**
 * Generates from one model, one sequence at a time; it keeps the cache and the program between calls.
 *
 * When the context is full, the last half of it is read again and generation goes on from there.
 *
 * ```ts
 * import { Generator, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const generator = new Generator(model);
 * for await (const token of generator.generate([1, 2, 3], { maxNewTokens: 4, seed: 7 })) console.log(token);
 * device.close();
 * ```
 */
export class Generator {
  readonly #cache: Cache;
  readonly #token: Tensor;
  readonly #settings: Tensor;
  readonly #state: Tensor;
  readonly #output: Tensor;
  readonly #step: Compiled<[], Tensor>;
  readonly #block: number;
  /** Tokens in the cache. */
  #cached = 0;

  /** Makes a cache of the model's context length for one sequence; the program is recorded at the first token. */
  constructor(readonly model: GPT) {
    const { device } = model.tokens.weight;
    const integers = (shape: number[]) => keep(zeros(shape, { dtype: "i32", device }));
    this.#block = BLOCK[device.kind];
    this.#cache = model.makeCache(1);
    keep(this.#cache.position);
    for (const { keys, values } of this.#cache.layers) [keys, values].forEach(keep);
    this.#token = integers([1, 1]);
    this.#settings = keep(zeros([3], { device }));
    this.#state = integers([2]);
    this.#output = integers([this.#block]);
    this.#step = compile(() => this.#next(this.#token));
  }

  /**
   * Yields the tokens after `prompt` one by one. RangeError for an empty prompt, an id outside the vocabulary, or an option out of range.
   */
  async *generate(
    prompt: ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void> {
    const { maxNewTokens = 200, temperature = 1, topK = 0, topP = 1, seed = 0 } = options;
    this.#check(prompt, { maxNewTokens, temperature, topK, topP, seed });
    this.#settings.write([temperature, topK, topP]);
    const tokens = Array.from(prompt);
    let given = 0;
    this.#cached = 0;
    while (given < maxNewTokens && !options.signal?.aborted) {
      this.#state.write([seed, given]);
      const made = this.#make(tokens, maxNewTokens - given);
      const values = await this.#output.data();
      for (const end = given + made; given < end; given++) {
        const token = values[given % this.#block];
        if (token === options.endToken || options.signal?.aborted) return;
        tokens.push(token);
        yield token;
      }
    }
  }

  /** Makes a block of tokens, at most `most`, and gives their number. */
  #make(tokens: readonly number[], most: number): number {
    const { contextLength } = this.model.config;
    const room = contextLength - this.#cached;
    if (this.#cached === 0 || room === 0) {
      const kept = this.#cached === 0 ? contextLength : Math.ceil(contextLength / 2);
      this.#read(tokens.slice(-kept));
      this.#cached = Math.min(kept, tokens.length);
      return 1;
    }
    const count = Math.min(this.#block, most, room);
    for (let i = 0; i < count; i++) this.#step();
    this.#cached += count;
    return count;
  }

  /** Puts tokens into the empty cache and samples what follows. */
  #read(tokens: readonly number[]): void {
    this.#cache.position.write([0]);
    scope(() => {
      const { device } = this.#token;
      const ids = tensor(Int32Array.from(tokens), { shape: [1, tokens.length], device });
      this.#next(ids);
    });
  }

  #next(ids: Tensor): Tensor {
    const [, time] = ids.shape;
    const { width } = this.model.config;
    const hidden = this.model.hidden(ids, new ForwardContext({ cache: this.#cache }));
    const rows = hidden.view([time, width]);
    const last = time === 1 ? rows : slice(rows, { axis: 0, start: time - 1 });
    const next = sampleToken(this.model.logits(last), this.#settings, this.#state);
    const buffers = {
      next,
      token: this.#token,
      position: this.#cache.position,
      state: this.#state,
      output: this.#output,
    };
    launch(ADVANCE, buffers, { length: this.#block, tokens: time });
    return next;
  }

  #check(prompt: ArrayLike<number>, options: Record<string, number>): void {
    const { vocabSize } = this.model.config;
    if (prompt.length === 0) {
      throw new RangeError("generate: the prompt is empty; give at least one token");
    }
    const wrong = Array.from(prompt).find((id) =>
      !(Number.isInteger(id) && id >= 0 && id < vocabSize)
    );
    if (wrong !== undefined) {
      throw new RangeError(`generate: expected ids from 0 to ${vocabSize - 1}, got ${wrong}`);
    }
    const { maxNewTokens, temperature, topK, topP } = options;
    const whole = (name: string, value: number, least: number) => {
      if (!Number.isSafeInteger(value) || value < least) {
        throw new RangeError(
          `generate: ${name} must be a whole number from ${least}, got ${value}`,
        );
      }
    };
    whole("maxNewTokens", maxNewTokens, 1);
    whole("topK", topK, 0);
    if (!(temperature >= 0)) {
      throw new RangeError(`generate: temperature must be a number from 0, got ${temperature}`);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new RangeError(`generate: topP must be above 0 and at most 1, got ${topP}`);
    }
  }
}
