/**
 * Batches of documents: each row holds one, or several that are told apart.
 *
 * See batches.ts for windows of one long text.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { expectSeed, Random } from "../random.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import type { Batch } from "./batches.ts";
import type { EncodedDocument } from "./encode_documents.ts";

/** The target that a loss ignores. */
const IGNORED = -100;

/** The first stream of the seed's random numbers, one for each epoch: "docs" in ASCII. */
const STREAM = 0x646f6373;

/** A batch of documents. */
export interface DocumentBatch extends Batch {
  /** [B·T]: where the document of each token begins in its row; undefined unless packed. */
  starts?: Int32Array<ArrayBuffer>;
}

/** How to draw batches of documents. */
export interface DocumentBatchesOptions {
  /** B, rows in a batch. */
  batchSize: number;
  /** T, inputs in a row. */
  contextLength: number;
  /** An integer in [0, 2^32). Default 1337. */
  seed?: number;
  /** Put several documents into a row where they fit, told apart by `starts`. Default: false. */
  pack?: boolean;
}

/** A part of a document that fits a row: its inputs are ids start … start + length − 1. */
interface Piece {
  readonly document: EncodedDocument;
  readonly start: number;
  readonly length: number;
}

/** The pieces in a row. */
type Row = readonly Piece[];

/**
 * An endless sequence of batches. A document longer than T + 1 is cut into rows, a shorter one is
 * filled up with its last id, whose targets are ignored, as are those of a prompt. Each epoch takes
 * every row once, newly shuffled; a batch may end one epoch and begin the next.
 *
 * With `pack` a row is filled with pieces of several documents, the longest first, each where it
 * leaves the least room. A `Trainer` hides them from each other and counts positions anew, so that
 * losses and gradients are those of separate rows; less is computed for nothing.
 *
 * ```ts
 * const documents = [{ ids: Uint32Array.of(5, 6, 7, 0), prompt: 1 }];
 * const batches = new DocumentBatches(documents, { batchSize: 1, contextLength: 4 });
 * console.log(batches.next().targets); // Int32Array [ 6, 7, 0, -100 ]
 * ```
 */
export class DocumentBatches {
  /** B, rows in a batch. */
  readonly batchSize: number;
  /** T, inputs in a row. */
  readonly contextLength: number;
  /** Batches in an epoch, the last of which may reach into the next. */
  readonly batchesPerEpoch: number;
  /** Whether a row may hold several documents. */
  readonly pack: boolean;
  readonly #rows: readonly Row[];
  readonly #seed: number;
  #state = 0;
  #shuffled: { epoch: number; rows: readonly Row[] } | undefined;

  /**
   * Starts at batch 0.
   *
   * @throws {RangeError} if no document has a target, or an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  constructor(documents: readonly EncodedDocument[], options: DocumentBatchesOptions) {
    const names = { batchSize: true, contextLength: true, seed: true, pack: true };
    checkOptions("DocumentBatches", options, names);
    const { batchSize, contextLength, seed = 1337, pack = false } = options;
    for (const [name, value] of Object.entries({ batchSize, contextLength })) {
      expectValue(`DocumentBatches: ${name}`, wholeNumber({ min: 1 }), value);
    }
    expectSeed("DocumentBatches", seed);
    const pieces = documents.flatMap((document) => piecesOf(document, contextLength));
    this.#rows = pack ? packed(pieces, contextLength) : pieces.map((piece) => [piece]);
    if (this.#rows.length === 0) {
      throw new RangeError(
        `DocumentBatches: no token to learn in ${documents.length} documents; ` +
          "each needs a text, or a completion after its prompt",
      );
    }
    this.pack = pack;
    this.batchSize = batchSize;
    this.contextLength = contextLength;
    this.batchesPerEpoch = Math.ceil(this.#rows.length / batchSize);
    this.#seed = seed;
  }

  /** The number of the next batch, from 0; set it to continue from there. */
  get state(): number {
    return this.#state;
  }

  set state(batch: number) {
    if (!Number.isSafeInteger(batch) || batch < 0) {
      throw new RangeError(`DocumentBatches: state must be a whole number from 0, got ${batch}`);
    }
    this.#state = batch;
  }

  /** The next batch, in new arrays. */
  next(): DocumentBatch {
    const { batchSize, contextLength } = this;
    const inputs = new Int32Array(batchSize * contextLength);
    const targets = new Int32Array(batchSize * contextLength).fill(IGNORED);
    const starts = this.pack ? new Int32Array(batchSize * contextLength) : undefined;
    for (let index = 0; index < batchSize; index++) {
      const row = this.#row(this.#state * batchSize + index);
      const from = index * contextLength;
      let at = 0;
      for (const { document: { ids, prompt }, start, length } of row) {
        inputs.set(ids.subarray(start, start + length), from + at);
        const first = Math.max(start + 1, prompt);
        targets.set(ids.subarray(first, start + 1 + length), from + at + first - start - 1);
        starts?.fill(at, from + at, from + at + length);
        at += length;
      }
      inputs.fill(row.at(-1)!.document.ids.at(-1)!, from + at, from + contextLength);
      starts?.fill(at, from + at, from + contextLength);
    }
    this.#state++;
    return { inputs, targets, ...starts ? { starts } : {} };
  }

  /** The row at a place of the endless sequence. */
  #row(place: number): Row {
    const epoch = Math.floor(place / this.#rows.length);
    if (this.#shuffled?.epoch !== epoch) this.#shuffled = { epoch, rows: this.#shuffle(epoch) };
    return this.#shuffled.rows[place % this.#rows.length];
  }

  /** All rows in random order. */
  #shuffle(epoch: number): Row[] {
    return new Random(this.#seed, (STREAM + epoch) % 2 ** 32).shuffled(this.#rows);
  }
}

/** The parts of a document that have a target: windows that follow each other. */
function piecesOf({ ids, prompt }: EncodedDocument, contextLength: number): Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start < ids.length - 1; start += contextLength) {
    const length = Math.min(contextLength, ids.length - 1 - start);
    if (start + length >= prompt) pieces.push({ document: { ids, prompt }, start, length });
  }
  return pieces;
}

/** Rows of pieces, the longest first, each put where it leaves the least room (best fit). */
function packed(pieces: readonly Piece[], contextLength: number): Row[] {
  const rows: Piece[][] = [];
  /** The rows with this much room. */
  const withRoom = Array.from({ length: contextLength + 1 }, (): Piece[][] => []);
  for (const piece of pieces.toSorted((a, b) => b.length - a.length)) {
    let room = piece.length;
    while (room < contextLength && withRoom[room].length === 0) room++;
    const row = room < contextLength ? withRoom[room].pop()! : [];
    if (row.length === 0) rows.push(row);
    row.push(piece);
    withRoom[(row.length === 1 ? contextLength : room) - piece.length].push(row);
  }
  return rows;
}
