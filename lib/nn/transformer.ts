/**
 * The encoder–decoder transformer, which reads one sequence and writes another.
 *
 * B batch, S time of the source, T time of the target, C width, V vocabulary. See gpt.ts for
 * decoder-only models, lib/generate for decoding.
 *
 * @module
 */
import { Random } from "../random.ts";
import { embedding } from "../ops/embedding.ts";
import { linearCrossEntropy } from "../ops/linear_cross_entropy.ts";
import { reshape } from "../ops/reshape.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Block, byLayer } from "./block.ts";
import { BLOCK_OPTIONS, blockConfig, type BlockConfigInput, pickFields } from "./block_config.ts";
import { expectWholeNumber } from "./config_checks.ts";
import { ForwardContext } from "./context.ts";
import { expectIds } from "./expect_ids.ts";
import { type InitialOptions, sameWeights } from "./initial_weights.ts";
import { lecunNormal, normal, varianceScaling } from "./initializers.ts";
import { Embedding, Linear, makeNorm, type NormLayer } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";
import { sinusoidalPositions } from "./positions.ts";

/**
 * Sizes and choices of a `Transformer`: those of its blocks, post-norm by default, and its own. Its
 * positions are sinusoidal.
 */
export interface TransformerConfig extends Omit<BlockConfigInput, "positions"> {
  /** Ids of the source's tokens. */
  sourceVocabSize: number;
  /** V, ids of the target's tokens. */
  targetVocabSize: number;
  /** The longest source and target, in tokens. */
  contextLength: number;
  /** Number of blocks in the encoder, and in the decoder. */
  layers: number;
  /** Dropout of the embeddings. Default: `dropout`. */
  embeddingDropout?: number;
}

const { positions: _, ...SHARED } = BLOCK_OPTIONS;

const OPTIONS: OptionNames<TransformerConfig> = {
  sourceVocabSize: true,
  targetVocabSize: true,
  contextLength: true,
  layers: true,
  ...SHARED,
  embeddingDropout: true,
};

/**
 * Lengths of a batch's sequences, i32 [B] each: the positions after them, padding, are hidden.
 * Default: none.
 */
export interface SequenceLengths {
  /** Lengths of the sources. */
  sourceLengths?: Tensor;
  /** Lengths of the targets; a loss needs none, because padding is last and no target. */
  targetLengths?: Tensor;
}

/** How much attention each query pays to each key, by layer and head; rows are queries. */
export interface TransformerWeights {
  /** The encoder's, [B,L,H,S,S]. */
  readonly encoder: Tensor;
  /** The decoder's self-attention, [B,L,H,T,T]. */
  readonly decoder: Tensor;
  /** The decoder's attention to the source, [B,L,H,T,S]. */
  readonly cross: Tensor;
}

/**
 * Vaswani's transformer: post-norm blocks, sinusoidal positions, separate embedding tables for
 * source and target.
 *
 * Matrices start by Glorot's rule, tables as N(0, 1), the head as LeCun's normal. Source: arXiv
 * 1706.03762.
 *
 * ```ts
 * import { openDevice, tensor, Transformer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new Transformer({
 *   sourceVocabSize: 9, targetVocabSize: 7, contextLength: 8, layers: 1, heads: 2, width: 8,
 * });
 * const source = tensor(new Int32Array([1, 2, 3, 4]), { shape: [1, 4] });
 * const target = tensor(new Int32Array([1, 5]), { shape: [1, 2] });
 * console.log(`${model.forward(source, target)}`); // f32 [1,2,7]
 * device.close();
 * ```
 */
export class Transformer extends Module {
  /** The source's token table, [source vocabulary, C]. */
  readonly sourceTokens: Embedding;
  /** The target's token table, [V,C]. */
  readonly targetTokens: Embedding;
  /** The encoder's blocks, first to last. */
  readonly encoder: ModuleList<Block>;
  /** The norm after the encoder's last block; undefined with post-norm. */
  readonly encoderNorm: NormLayer | undefined;
  /** The decoder's blocks, first to last. */
  readonly decoder: ModuleList<Block>;
  /** The norm before the head; undefined with post-norm. */
  readonly decoderNorm: NormLayer | undefined;
  /** C → V. */
  readonly head: Linear;
  readonly #positions: Tensor;

  /**
   * Draws the initial weights.
   *
   * @throws {RangeError} for an impossible configuration, such as an odd width or heads that do not
   * divide it
   */
  constructor(readonly config: TransformerConfig, options: InitialOptions = {}) {
    super();
    checkOptions("Transformer", config, OPTIONS);
    checkOptions("Transformer", options, { random: true });
    const { random = new Random(0) } = options;
    const { sourceVocabSize, targetVocabSize, contextLength, layers, width } = config;
    const sizes = { sourceVocabSize, targetVocabSize, contextLength, layers };
    for (const [name, value] of Object.entries(sizes)) expectWholeNumber(name, value);
    const fields = pickFields<BlockConfigInput>(config, SHARED);
    const shared = blockConfig(fields, { normPlacement: "post" });
    this.#positions = sinusoidalPositions(contextLength, width);
    const table = (rows: number) => new Embedding(rows, width, { initializer: normal(1), random });
    this.sourceTokens = table(sourceVocabSize);
    this.targetTokens = table(targetVocabSize);
    const glorot = varianceScaling({ mode: "fan_avg", distribution: "uniform" });
    const drawn = { random, initial: sameWeights(glorot) };
    const list = (make: () => Block) => new ModuleList(Array.from({ length: layers }, make));
    this.encoder = list(() => new Block(shared, drawn));
    this.decoder = list(() => new Block(shared, { ...drawn, causal: true, crossAttention: true }));
    if (shared.normPlacement !== "post") {
      this.encoderNorm = makeNorm(shared);
      this.decoderNorm = makeNorm(shared);
    }
    this.head = new Linear(width, targetVocabSize, { initializer: lecunNormal(), random });
  }

  /** The tables, the blocks, their norms if there are any, and the head. */
  override parts(): Parts {
    return {
      source_tokens: this.sourceTokens,
      target_tokens: this.targetTokens,
      encoder: this.encoder,
      encoder_norm: this.encoderNorm,
      decoder: this.decoder,
      decoder_norm: this.decoderNorm,
      head: this.head,
    };
  }

  /**
   * source i32 [B,S], target i32 [B,T] → logits [B,T,V] of the token after each one of the target.
   *
   * @throws {RangeError} if a sequence exceeds the context length
   */
  forward(
    source: Tensor,
    target: Tensor,
    lengths: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const memory = this.encode(source, lengths, context);
    return this.head.forward(this.decode(target, memory, lengths, context));
  }

  /** source i32 [B,S] → [B,S,C], the memory that the decoder attends to. */
  encode(
    source: Tensor,
    { sourceLengths: lengths }: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    let x = this.#embed("source", this.sourceTokens, source, context);
    for (const block of this.encoder.items) x = block.forward(x, { lengths }, context);
    return this.encoderNorm?.forward(x) ?? x;
  }

  /** target i32 [B,T] and the encoder's value [B,S,C] → [B,T,C], before the head. */
  decode(
    target: Tensor,
    memory: Tensor,
    { sourceLengths, targetLengths }: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    let x = this.#embed("target", this.targetTokens, target, context);
    const input = { lengths: targetLengths, memory, memoryLengths: sourceLengths };
    for (const block of this.decoder.items) x = block.forward(x, input, context);
    return this.decoderNorm?.forward(x) ?? x;
  }

  /**
   * The mean cross-entropy, in nats, of `next` i32 [B,T] after `target` i32 [B,T]; ids of −100 in
   * `next` are ignored.
   */
  loss(
    source: Tensor,
    target: Tensor,
    next: Tensor,
    lengths: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const decoded = this.decode(target, this.encode(source, lengths, context), lengths, context);
    const rows = reshape(decoded, [next.size, this.config.width]);
    return linearCrossEntropy(rows, this.head.weight, this.head.bias, next.view([next.size]));
  }

  /** The weights of attention of every layer and head. No gradient flows. */
  attentionWeights(
    source: Tensor,
    target: Tensor,
    lengths: SequenceLengths = {},
  ): TransformerWeights {
    return scope(() => {
      const [encoder, decoder, cross]: Tensor[][] = [[], [], []];
      const reading = new ForwardContext({ attentionWeights: encoder });
      const memory = this.encode(source, lengths, reading);
      const writing = { attentionWeights: decoder, crossAttentionWeights: cross };
      this.decode(target, memory, lengths, new ForwardContext(writing));
      return { encoder: byLayer(encoder), decoder: byLayer(decoder), cross: byLayer(cross) };
    });
  }

  #embed(name: string, table: Embedding, ids: Tensor, context: ForwardContext): Tensor {
    const { contextLength, dropout = 0, embeddingDropout = dropout } = this.config;
    expectIds("Transformer", ids, contextLength, `${name} ids`);
    const embedded = embedding(table.weight, ids, { positions: this.#positions });
    return context.dropout(embedded, embeddingDropout);
  }
}
