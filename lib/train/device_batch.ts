/**
 * Sources of batches, and the token ids of a batch on the device, checked before they are written.
 * See lib/data for sources and trainer.ts for the step.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { GPT } from "../nn/gpt.ts";
import { IGNORED } from "../ops/cross_entropy.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import type { RowDocuments } from "../nn/context.ts";
import { expectIds } from "../token_ids.ts";

/** A source of batches, such as `Batches`: each call of `next` returns the next one. */
export interface BatchSource {
  /** B, sequences in a batch. */
  readonly batchSize: number;
  /** T, tokens in a sequence. */
  readonly contextLength: number;
  /** Whether a row may hold several documents, which do not see each other. Default: false. */
  readonly pack?: boolean;
  /**
   * Whether only the last token of each row has a target, as in prompts with one answer: `targets`
   * are [B] then, and the last block computes the last position only. Default: false.
   */
  readonly lastOnly?: boolean;
  /**
   * The next batch, all [B·T], row after row: token ids for the model to read, and the id that
   * follows each of them, or −100 for one to ignore; with `pack` also where the document of each
   * token begins in its row.
   */
  next(): {
    readonly inputs: Int32Array;
    readonly targets: Int32Array;
    readonly starts?: Int32Array;
  };
}

/** Tensors for one batch; each next batch of the source overwrites it. */
export class DeviceBatch {
  /** i32 [B,T]. */
  readonly inputs: Tensor;
  /** i32 [B,T], or [B,1] if only the last tokens have targets. */
  readonly targets: Tensor;
  /** Whether only the last tokens have targets. */
  readonly lastOnly: boolean;
  /** f32 []: this batch's fraction of the counted targets of an update, in [0, 1]. */
  readonly share: Tensor;
  /** The documents in its rows; undefined unless the source packs them. */
  readonly documents: RowDocuments | undefined;
  readonly #vocabSize: number;
  readonly #outputSize: number;

  /**
   * Allocates tensors for a batch of this source.
   *
   * @throws {RangeError} if a size is not a whole number from 1, or T exceeds the model's context
   */
  constructor(model: GPT, { batchSize, contextLength, pack, lastOnly = false }: BatchSource) {
    const maximum = model.config.contextLength;
    for (const [name, value] of Object.entries({ batchSize, contextLength })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new RangeError(
        `Trainer: expected batches with a ${name} from 1, got ${describe(value)}`,
      );
    }
    if (contextLength > maximum) {
      throw new RangeError(
        `Trainer: the batches' context of ${contextLength} exceeds the model's, ${maximum}`,
      );
    }
    const { device } = model.parameters()[0];
    const ids = (time = contextLength) => keep(zeros([batchSize, time], { dtype: "i32", device }));
    this.inputs = ids();
    this.targets = ids(lastOnly ? 1 : contextLength);
    this.lastOnly = lastOnly;
    this.documents = pack ? { starts: ids(), positions: ids() } : undefined;
    this.share = keep(zeros([], { device }));
    const { vocabSize, outputSize = vocabSize } = model.config;
    this.#vocabSize = vocabSize;
    this.#outputSize = outputSize;
  }

  /** Whether a source's batches have this shape. */
  fits({ batchSize, contextLength, pack = false, lastOnly = false }: BatchSource): boolean {
    const [rows, time] = this.inputs.shape;
    const packs = this.documents !== undefined;
    const hasSize = batchSize === rows && contextLength === time;
    return hasSize && pack === packs && lastOnly === this.lastOnly;
  }

  /**
   * Writes the source's next batch; returns how many of its targets count.
   *
   * @throws {RangeError} if an id is outside the model's vocabulary, or a document begins after its
   *   token
   */
  write(batches: BatchSource): number {
    const { inputs, targets, starts } = batches.next();
    expectIds("Trainer: inputs", inputs, this.#vocabSize);
    expectIds("Trainer: targets", targets, this.#outputSize, IGNORED);
    this.inputs.write(inputs);
    this.targets.write(targets);
    if (this.documents) writeDocuments(this.documents, starts);
    return targets.reduce((counted, target) => counted + (target === IGNORED ? 0 : 1), 0);
  }

  /** Frees the memory. */
  dispose(): void {
    this.inputs.dispose();
    this.targets.dispose();
    this.share.dispose();
    this.documents?.starts.dispose();
    this.documents?.positions.dispose();
  }
}

function writeDocuments({ starts, positions }: RowDocuments, from: Int32Array | undefined): void {
  const [, time] = starts.shape;
  const isStart = (start: number, i: number) =>
    start >= (i % time === 0 ? 0 : from![i - 1]) && start <= i % time;
  if (from?.length !== starts.size || !from.every(isStart)) {
    throw new RangeError(
      `Trainer: expected starts of documents for ${starts.size} tokens of packed rows, from 0 to the ` +
        `token's place and never falling, got ${describe(from)}`,
    );
  }
  starts.write(from);
  positions.write(from.map((start, i) => i % time - start));
}

/** Throws a TypeError unless `batches` is a source of batches. */
export function expectBatchSource(operation: string, batches: BatchSource): void {
  if (typeof batches === "object" && typeof batches?.next === "function") return;
  throw new TypeError(
    `${operation}: expected batches, such as new Batches(tokens, { batchSize, contextLength }), ` +
      `got ${describe(batches)}`,
  );
}
