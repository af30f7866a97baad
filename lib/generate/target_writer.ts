/**
 * An encoder–decoder that has read its sources, as the model that sequences grow with: each row of
 * the cache writes the target of one source.
 *
 * A source is encoded, and its keys and values for the decoder's cross-attention computed, once.
 * See cache_rows.ts for the cache, sequences.ts and beam_search.ts for how tokens are chosen.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import type { SourceRows } from "../nn/attention.ts";
import { headSizeOf } from "../nn/block_config.ts";
import type { Cache, ForwardContext } from "../nn/context.ts";
import { padSequences } from "../nn/padding.ts";
import type { Transformer } from "../nn/transformer.ts";
import { embedding } from "../ops/embedding.ts";
import { slice } from "../ops/slice.ts";
import { keep, scope } from "../tensor/scope.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import type { CachedModel } from "./cache_rows.ts";

/** Which rows there are, and how long they become. */
export interface TargetShape {
  /** Rows for each source, one after the other. */
  readonly perSource: number;
  /** Most tokens of a target, those that begin it included. */
  readonly length: number;
}

/** A decoder with the sources of its rows. */
export class TargetWriter implements CachedModel {
  /** Sizes of the decoder. */
  readonly config: CachedModel["config"];
  /** The most tokens of a target. */
  readonly textLength: number;
  /** Keys and values of each block's cross-attention, a row for each of the cache's. */
  readonly #memory: readonly SourceRows[];
  /** The encoder's value, a row for each of the cache's; kept only with hooks. */
  readonly #encoded: Tensor | undefined;
  /** i32 [B]: the lengths of the rows' sources. */
  readonly #lengths: Tensor;
  /** The biases of relative positions, a row for each position; undefined without those. */
  #biases: Tensor | undefined;

  /** Reads the sources, which are padded to one length with the padding hidden. */
  constructor(
    readonly model: Transformer,
    sources: readonly ArrayLike<number>[],
    { perSource, length }: TargetShape,
  ) {
    const { targetVocabSize: vocabSize, positions: _, ...sizes } = model.config;
    this.config = { ...sizes, vocabSize };
    this.textLength = length;
    const { device } = model.decoder.tokens.weight;
    const made = onDevice(device, () =>
      scope(() => {
        const { ids, lengths } = padSequences(sources);
        const memory = model.encode(ids, { sourceLengths: lengths });
        const rows = model.decoder.memoryRows(memory);
        const encoded = model.isHooked ? memory : undefined;
        if (perSource === 1) return { rows, lengths, encoded };
        const places = sources.flatMap((_, i) => new Array<number>(perSource).fill(i));
        const index = tensor(Int32Array.from(places));
        const repeated = (x: Tensor) =>
          embedding(x.view([sources.length, x.size / sources.length]), index)
            .view([places.length, ...x.shape.slice(1)]);
        const all = rows.map(({ keys, values }) => ({
          keys: repeated(keys),
          values: repeated(values),
        }));
        const own = tensor(Int32Array.from(places, (i) => sources[i].length));
        return { rows: all, lengths: own, encoded: encoded && repeated(encoded) };
      }));
    this.#memory = made.rows;
    this.#lengths = made.lengths;
    this.#encoded = made.encoded;
    this.#state().forEach(keep);
  }

  /** Whether hooks are active: the decoder then reads whole targets, and the source's values. */
  get isHooked(): boolean {
    if (!this.model.isHooked) return false;
    if (this.#encoded) return true;
    throw new Error("generateTargets: hooks must be active from the first token on");
  }

  /** The table of targets' tokens. */
  get tokens(): CachedModel["tokens"] {
    return this.model.decoder.tokens;
  }

  /** An empty cache of the decoder's self-attention, the only one of this writer. */
  makeCache(rows: number, length: number): Cache {
    const { heads, keyValueHeads = heads } = this.config;
    const shape = [rows, keyValueHeads, length, headSizeOf(this.config)];
    const { device } = this.tokens.weight;
    const { relativePositions } = this.model.decoder;
    if (relativePositions) this.#biases = keep(scope(() => relativePositions.causalRows(length)));
    return {
      layers: this.#memory.map(() => ({
        keys: zeros(shape, { device }),
        values: zeros(shape, { device }),
      })),
      position: zeros([1], { dtype: "i32", device }),
    };
  }

  /** The decoder's value of a row's tokens [1,T], in one step. */
  // deno-lint-ignore require-yield -- a target begins with one or two tokens
  *hiddenSteps(
    ids: Tensor,
    context: ForwardContext,
    row: number,
  ): Generator<Tensor, Tensor, void> {
    const own = (x: Tensor) => slice(x, { axis: 0, start: row, end: row + 1 });
    const memoryLengths = own(this.#lengths);
    if (this.isHooked) {
      const input = { memory: own(this.#encoded!), memoryLengths };
      return this.model.decoder.forward(ids, input, context);
    }
    const memoryRows = this.#memory.map(({ keys, values }) => ({
      keys: own(keys),
      values: own(values),
    }));
    return this.#forward(ids, { memoryRows, memoryLengths }, context);
  }

  /** The decoder's value of the next token of each row, [B,1]. */
  hidden(ids: Tensor, context: ForwardContext): Tensor {
    return this.#forward(ids, { memoryRows: this.#memory, memoryLengths: this.#lengths }, context);
  }

  /** The head: [..., C] → [..., V]. */
  logits(hidden: Tensor): Tensor {
    return this.model.logits(hidden);
  }

  /** Frees the memory. */
  dispose(): void {
    for (const tensor of this.#state()) tensor.dispose();
  }

  #forward(
    ids: Tensor,
    input: { memoryRows: readonly SourceRows[]; memoryLengths: Tensor },
    context: ForwardContext,
  ): Tensor {
    const nextBias = ids.shape[1] === 1 ? this.#nextBias(context.options.cache!) : undefined;
    return this.model.decoder.forward(ids, { ...input, nextBias }, context);
  }

  /** The biases of the rows' positions, [B,H,1,S], with S that of the cache. */
  #nextBias({ position, layers }: Cache): Tensor | undefined {
    const biases = this.#biases;
    if (!biases) return undefined;
    const [, heads, length] = layers[0].keys.shape;
    return embedding(biases, position).view([position.size, heads, 1, length]);
  }

  #state(): Tensor[] {
    const rows = this.#memory.flatMap(({ keys, values }) => [keys, values]);
    const others = [this.#encoded, this.#biases].filter((tensor) => tensor !== undefined);
    return [...rows, this.#lengths, ...others];
  }
}
