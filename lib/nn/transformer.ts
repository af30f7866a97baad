/**
 * The encoder–decoder transformer, which reads one sequence and writes another.
 *
 * B batch, S time of the source, T time of the target, C width, V vocabulary. Decoder-only models
 * are gpt.ts; decoding is lib/generate's.
 *
 * @module
 */
import { Random } from "../random.ts";
import { concatenate } from "../ops/concatenate.ts";
import { embedding } from "../ops/embedding.ts";
import { linearCrossEntropy } from "../ops/linear_cross_entropy.ts";
import { reshape } from "../ops/reshape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "../ops/activation.ts";
import { DecoderBlock } from "./decoder_block.ts";
import { EncoderBlock } from "./encoder_block.ts";
import { lecunNormal, normal } from "./initializers.ts";
import { Embedding, Linear } from "./layers.ts";
import { Module, ModuleList, type Parts } from "./module.ts";
import { sinusoidalPositions } from "./positions.ts";

/** Sizes and choices of a `Transformer`. */
export interface TransformerConfig {
  /** Ids of the source's tokens. */
  sourceVocabSize: number;
  /** V, ids of the target's tokens. */
  targetVocabSize: number;
  /** The longest source and target, in tokens. */
  contextLength: number;
  /** Blocks of the encoder, and as many of the decoder. */
  layers: number;
  /** H; it divides the width. */
  heads: number;
  /** C, even. */
  width: number;
  /** The feed-forwards' inner size. Default 4 · width. */
  hidden?: number;
  /** Default `gelu_tanh`. */
  activation?: Activation;
}

/**
 * Paddings of a batch, i32 [B] each: what stands from there on in a sequence is hidden. Default:
 * nothing is.
 */
export interface SequenceLengths {
  /** Lengths of the sources. */
  sourceLengths?: Tensor;
  /** Lengths of the targets; a loss needs none, as padding comes last and is no target. */
  targetLengths?: Tensor;
}

/** What each query pays to each key in all layers and heads; rows are queries. */
export interface TransformerWeights {
  /** Of the encoder, [B,L,H,S,S]. */
  readonly encoder: Tensor;
  /** Of the decoder's self-attention, [B,L,H,T,T]. */
  readonly decoder: Tensor;
  /** Of the decoder's attention to the source, [B,L,H,T,S]. */
  readonly cross: Tensor;
}

/**
 * Vaswani's transformer: blocks that normalize after each residual, sinusoidal positions, heads and
 * tables of its own for each side.
 *
 * Matrices start by Glorot's rule, tables as N(0, 1), the head as LeCun's normal. Source: arXiv
 * 1706.03762.
 *
 * ```ts
 * import { openDevice, tensor, Transformer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const sizes = { sourceVocabSize: 9, targetVocabSize: 7, contextLength: 8, layers: 1, heads: 2, width: 8 };
 * const model = new Transformer(sizes);
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
  /** First to last. */
  readonly encoder: ModuleList<EncoderBlock>;
  /** First to last. */
  readonly decoder: ModuleList<DecoderBlock>;
  /** C → V. */
  readonly head: Linear;
  readonly #positions: Tensor;

  /**
   * Draws weights from `random`, default `new Random(0)`. RangeError for an odd width, or heads
   * that do not divide it.
   */
  constructor(readonly config: TransformerConfig, random: Random = new Random(0)) {
    super();
    const { sourceVocabSize, targetVocabSize, contextLength, layers, width, heads } = config;
    const { hidden, activation } = config;
    this.#positions = sinusoidalPositions(contextLength, width);
    this.sourceTokens = new Embedding(sourceVocabSize, width, normal(1), random);
    this.targetTokens = new Embedding(targetVocabSize, width, normal(1), random);
    const options = { heads, hidden, activation, random };
    const list = <M extends Module>(make: () => M) =>
      new ModuleList(Array.from({ length: layers }, make));
    this.encoder = list(() => new EncoderBlock(width, options));
    this.decoder = list(() => new DecoderBlock(width, { ...options, crossAttention: true }));
    this.head = new Linear(width, targetVocabSize, { initializer: lecunNormal(), random });
  }

  /** `source_tokens`, `target_tokens`, `encoder`, `decoder` and `head`. */
  override parts(): Parts {
    const { sourceTokens, targetTokens, encoder, decoder, head } = this;
    return { source_tokens: sourceTokens, target_tokens: targetTokens, encoder, decoder, head };
  }

  /**
   * source i32 [B,S], target i32 [B,T] → logits [B,T,V] of the token after each one of the target.
   * RangeError beyond the context length.
   */
  forward(source: Tensor, target: Tensor, lengths: SequenceLengths = {}): Tensor {
    const memory = this.encode(source, lengths);
    return this.head.forward(this.decode(target, memory, lengths));
  }

  /**
   * source i32 [B,S] → [B,S,C], what the decoder looks at. `weights` is given each block's,
   * [B,H,S,S].
   */
  encode(source: Tensor, { sourceLengths }: SequenceLengths = {}, weights?: Tensor[]): Tensor {
    let x = this.#embed("source", this.sourceTokens, source);
    for (const block of this.encoder.items) {
      x = block.forward(x, { lengths: sourceLengths, weights });
    }
    return x;
  }

  /**
   * target i32 [B,T] and the encoder's value [B,S,C] → [B,T,C], before the head. `weights` and
   * `crossWeights` are given each block's.
   */
  decode(
    target: Tensor,
    memory: Tensor,
    { sourceLengths, targetLengths }: SequenceLengths = {},
    { weights, crossWeights }: { weights?: Tensor[]; crossWeights?: Tensor[] } = {},
  ): Tensor {
    let x = this.#embed("target", this.targetTokens, target);
    const masks = { memory, memoryLengths: sourceLengths, lengths: targetLengths };
    for (const block of this.decoder.items) {
      x = block.forward(x, { ...masks, weights, crossWeights });
    }
    return x;
  }

  /**
   * The mean cross-entropy, in nats, of `next` i32 [B,T] after `target` i32 [B,T]; ids of −100 in
   * `next` count for nothing.
   */
  loss(source: Tensor, target: Tensor, next: Tensor, lengths: SequenceLengths = {}): Tensor {
    const decoded = this.decode(target, this.encode(source, lengths), lengths);
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
      const memory = this.encode(source, lengths, encoder);
      this.decode(target, memory, lengths, { weights: decoder, crossWeights: cross });
      return { encoder: byLayer(encoder), decoder: byLayer(decoder), cross: byLayer(cross) };
    });
  }

  #embed(name: string, table: Embedding, ids: Tensor): Tensor {
    const { contextLength } = this.config;
    if (ids.shape.length !== 2 || ids.shape[1] > contextLength) {
      throw new RangeError(
        `Transformer: expected ${name} ids [B,T] with T of at most ${contextLength}, the context length; got ${ids}`,
      );
    }
    return embedding(table.weight, ids, { positions: this.#positions });
  }
}

/** Tensors [B,…] of each layer as one, [B,L,…]. */
function byLayer(layers: readonly Tensor[]): Tensor {
  const rows = layers.map((x) => x.view([x.shape[0], 1, ...x.shape.slice(1)]));
  return concatenate(rows, { axis: 1 });
}
