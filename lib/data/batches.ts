/**
 * Batches of contiguous windows of a corpus, drawn by a counter: batch number i depends on the seed
 * and i alone, so a resumed run continues as if it had never stopped, on any device.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectSeed, philox4x32 } from "../random.ts";
import { expectIdList, expectIds } from "../token_ids.ts";
import type { TokenArray } from "./split_corpus.ts";

/** What a model reads and what it should predict: targets are the inputs one token later. */
export interface Batch {
  /** [B·T] token ids, row after row. */
  inputs: Int32Array<ArrayBuffer>;
  /** [B·T] token ids. */
  targets: Int32Array<ArrayBuffer>;
}

/** How to draw batches. */
export interface BatchesOptions {
  /** B, windows in a batch. */
  batchSize: number;
  /** T, inputs in a window. */
  contextLength: number;
  /** An integer in [0, 2^32). Default 1337. */
  seed?: number;
  /**
   * `"random"` (default): windows begin anywhere, drawn with replacement, as in nanoGPT.
   * `"epochs"`: the corpus is cut into rows of T + 1 tokens, and each epoch takes all rows, newly
   * shuffled, except those too few for a last batch.
   */
  order?: "random" | "epochs";
  /** Refuse a corpus that holds fewer batches of separate rows than this. Default 0. */
  minimumBatches?: number;
}

const OPTIONS = {
  batchSize: true,
  contextLength: true,
  seed: true,
  order: true,
  minimumBatches: true,
};

// Words that set the draws below apart from every other use of the same seed; see lib/random.ts,
// whose sequences leave the counter's last word 0.
const STREAM = 0x62617463;
const WINDOW = 1, SHUFFLE = 2;
const WORDS = 2 ** 32;

/**
 * An endless sequence of batches.
 *
 * ```ts
 * const tokens = Uint16Array.from({ length: 1000 }, (_, index) => index);
 * const batches = new Batches(tokens, { batchSize: 2, contextLength: 8, seed: 1 });
 * const { inputs, targets } = batches.next();
 * console.assert(inputs.length === 16 && targets[0] === inputs[0] + 1);
 * batches.state = 0; // the same batch again
 * console.assert(batches.next().inputs[0] === inputs[0]);
 * ```
 */
export class Batches {
  /** B, windows in a batch. */
  readonly batchSize: number;
  /** T, inputs in a window. */
  readonly contextLength: number;
  /** How many batches of separate rows of T + 1 tokens the corpus holds: an epoch. */
  readonly batchesPerEpoch: number;
  readonly #tokens: TokenArray;
  readonly #seed: number;
  readonly #order: "random" | "epochs";
  #state = 0;
  #rows: { epoch: number; order: Uint32Array } | undefined;

  /**
   * Starts at batch 0.
   *
   * Ids of a typed array of integers are not checked here, without a vocabulary: a `Trainer` checks
   * each batch.
   *
   * @param tokens [n] token ids, of which n ≥ T + 1
   * @throws {RangeError} if the corpus is shorter than a window or than `minimumBatches` (with
   *   epochs, at least one batch), a number of another array is no id, or an option is out of range
   * @throws {TypeError} if `tokens` is no array, or an option is unknown
   */
  constructor(tokens: TokenArray | readonly number[], options: BatchesOptions) {
    const { batchSize, contextLength, seed, order, minimumBatches } = checked(options);
    this.#tokens = tokenArray(tokens);
    this.batchesPerEpoch = Math.floor(tokens.length / (batchSize * (contextLength + 1)));
    this.batchSize = batchSize;
    this.contextLength = contextLength;
    this.#seed = seed;
    this.#order = order;
    this.#expectTokens(Math.max(minimumBatches, order === "epochs" ? 1 : 0));
  }

  /** The number of the next batch, from 0; set it to continue from there. */
  get state(): number {
    return this.#state;
  }

  set state(batch: number) {
    if (!Number.isSafeInteger(batch) || batch < 0) {
      throw new RangeError(`Batches: state must be a whole number from 0, got ${batch}`);
    }
    this.#state = batch;
  }

  /** The next batch, in new arrays. */
  next(): Batch {
    const length = this.contextLength;
    const inputs = new Int32Array(this.batchSize * length);
    const targets = new Int32Array(this.batchSize * length);
    for (let row = 0; row < this.batchSize; row++) {
      const start = this.#order === "random"
        ? this.#randomStart(this.#state, row)
        : this.#rowStart(this.#state, row);
      inputs.set(this.#tokens.subarray(start, start + length), row * length);
      targets.set(this.#tokens.subarray(start + 1, start + 1 + length), row * length);
    }
    this.#state++;
    return { inputs, targets };
  }

  /** RangeError unless the corpus holds a window, and `fewest` batches. */
  #expectTokens(fewest: number): void {
    const [{ length }, rowLength] = [this.#tokens, this.contextLength + 1];
    if (length < rowLength) {
      throw new RangeError(
        `Batches: a context of ${this.contextLength} needs ${rowLength} tokens, the corpus has ` +
          `${length}: choose a shorter context or a longer corpus`,
      );
    }
    if (this.batchesPerEpoch < fewest) {
      throw new RangeError(
        `Batches: expected a corpus of at least ${fewest} batches of ${this.batchSize}×` +
          `${rowLength} tokens, got ${length} tokens, which make ${this.batchesPerEpoch}: ` +
          "choose smaller batches, a shorter context or a longer corpus",
      );
    }
  }

  #randomStart(batch: number, row: number): number {
    const starts = this.#tokens.length - this.contextLength;
    return this.#draw(starts, [batch % WORDS, Math.floor(batch / WORDS), row, WINDOW]);
  }

  #rowStart(batch: number, row: number): number {
    const epoch = Math.floor(batch / this.batchesPerEpoch);
    if (this.#rows?.epoch !== epoch) this.#rows = { epoch, order: this.#shuffledRows(epoch) };
    const place = (batch % this.batchesPerEpoch) * this.batchSize + row;
    return this.#rows.order[place] * (this.contextLength + 1);
  }

  /** All rows in random order (Fisher–Yates). */
  #shuffledRows(epoch: number): Uint32Array {
    const rows = Math.floor(this.#tokens.length / (this.contextLength + 1));
    const order = Uint32Array.from({ length: rows }, (_, row) => row);
    for (let last = rows - 1; last > 0; last--) {
      const other = this.#draw(last + 1, [last, epoch % WORDS, 0, SHUFFLE]);
      [order[last], order[other]] = [order[other], order[last]];
    }
    return order;
  }

  /** An integer in [0, n) for a counter: `floor(u · n)` with u of 53 bits. */
  #draw(n: number, counter: readonly number[]): number {
    const [high, low] = philox4x32(counter, [this.#seed, STREAM]);
    const fraction = (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
    return Math.floor(fraction * n);
  }
}

/** The options, defaults filled in. */
function checked(options: BatchesOptions): Required<BatchesOptions> {
  checkOptions("Batches", options, OPTIONS);
  const { batchSize, contextLength, seed = 1337, order = "random", minimumBatches = 0 } = options;
  checkInteger("batchSize", batchSize, 1);
  checkInteger("contextLength", contextLength, 1);
  checkInteger("minimumBatches", minimumBatches, 0);
  expectSeed("Batches", seed);
  if (order !== "random" && order !== "epochs") {
    throw new RangeError(
      `Batches: expected the order "random" or "epochs", got ${describe(order)}`,
    );
  }
  return { batchSize, contextLength, seed, order, minimumBatches };
}

/** Token ids as a typed array, from which windows are cut without a copy. */
function tokenArray(tokens: TokenArray | readonly number[]): TokenArray {
  const isInteger = [Uint16Array, Uint32Array, Int32Array, Uint8Array]
    .some((kind) => tokens instanceof kind);
  if (isInteger) return tokens as TokenArray;
  expectIdList("Batches", tokens);
  expectIds("Batches", tokens, 2 ** 31);
  return Int32Array.from(tokens);
}

function checkInteger(name: string, value: number, minimum: number): void {
  if (!Number.isInteger(value) || value < minimum || value >= WORDS) {
    throw new RangeError(
      `Batches: ${name} must be an integer in [${minimum}, 2^32), got ${describe(value)}`,
    );
  }
}
