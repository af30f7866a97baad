/**
 * The encoder–decoder transformer, which reads one sequence and writes another.
 *
 * B batch, S time of the source, T time of the target, C width, V vocabulary. See
 * transformer_config.ts for its choices, gpt.ts for decoder-only models, lib/generate for decoding.
 *
 * @module
 */
import { Random } from "../random.ts";
import { mul } from "../ops/binary.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { linearCrossEntropy } from "../ops/linear_cross_entropy.ts";
import { linear } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { checkOptions } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { byLayer } from "./block.ts";
import { ForwardContext } from "./context.ts";
import type { InitialOptions } from "./initial_weights.ts";
import { lecunNormal, normal } from "./initializers.ts";
import { Embedding, Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";
import { pointsOf, visited } from "./points.ts";
import { checkTransformer, type TransformerConfig } from "./transformer_config.ts";
import { TransformerStack } from "./transformer_stack.ts";

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
 * An encoder–decoder: by default Vaswani's, with post-norm blocks, sinusoidal positions and
 * separate embedding tables for source and target; by other choices T5 or BART.
 *
 * Matrices start by Glorot's rule, tables as N(0, 1), the head as LeCun's normal. Source: Vaswani
 * et al., arXiv 1706.03762; Raffel et al., arXiv 1910.10683 (T5); Lewis et al., arXiv 1910.13461
 * (BART).
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
  /** Reads the source. */
  readonly encoder: TransformerStack;
  /** Reads the target, and what the encoder made of the source. */
  readonly decoder: TransformerStack;
  /** C → V; undefined if the target's token table serves as the head. */
  readonly head: Linear | undefined;

  /**
   * Draws the initial weights.
   *
   * @throws {RangeError} if the configuration is impossible, such as an odd width or heads that do
   *   not divide it
   */
  constructor(readonly config: TransformerConfig, options: InitialOptions = {}) {
    super();
    checkTransformer(config);
    checkOptions("Transformer", options, { random: true });
    const { random = new Random(0) } = options;
    const { sourceVocabSize, targetVocabSize, width, layers, decoderLayers = layers } = config;
    const table = (rows: number) => new Embedding(rows, width, { initializer: normal(1), random });
    const tokens = table(sourceVocabSize);
    const targets = config.sharedTokens ? tokens : table(targetVocabSize);
    const side = { isDecoder: false, random };
    this.encoder = new TransformerStack(config, { ...side, tokens, layers });
    const decoder = { ...side, tokens: targets, layers: decoderLayers, isDecoder: true };
    this.decoder = new TransformerStack(config, decoder);
    if (config.tiedHead) return;
    const { headBias: bias = true } = config;
    this.head = new Linear(width, targetVocabSize, { bias, initializer: lecunNormal(), random });
  }

  /**
   * Whether hooks are active; see `withHooks`.
   *
   * @internal
   */
  get isHooked(): boolean {
    return pointsOf(this) !== undefined;
  }

  /** `encoder`, `decoder` and, unless it is tied, `head`. */
  override parts(): Parts {
    const { encoder, decoder, head } = this;
    return { encoder, decoder, head };
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
    return this.logits(this.decode(target, memory, lengths, context));
  }

  /** source i32 [B,S] → [B,S,C], the memory that the decoder attends to. */
  encode(
    source: Tensor,
    { sourceLengths: lengths }: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    return this.encoder.forward(source, { lengths }, context);
  }

  /** target i32 [B,T] and the encoder's value [B,S,C] → [B,T,C], before the head. */
  decode(
    target: Tensor,
    memory: Tensor,
    { sourceLengths, targetLengths }: SequenceLengths = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const input = { lengths: targetLengths, memory, memoryLengths: sourceLengths };
    return this.decoder.forward(target, input, context);
  }

  /** The head: the decoder's value [..., C] → logits [..., V]. */
  logits(decoded: Tensor): Tensor {
    const rows = this.#headInput(decoded);
    const { weight } = this.decoder.tokens;
    const logits = this.head?.forward(rows) ??
      linear(rows, weight, undefined, { transposed: true });
    return visited(pointsOf(this), "logits", logits);
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
    const targets = next.view([next.size]);
    const { width, targetVocabSize } = this.config;
    if (pointsOf(this)?.wants("logits")) {
      return crossEntropy(reshape(this.logits(decoded), [next.size, targetVocabSize]), targets);
    }
    const rows = this.#headInput(reshape(decoded, [next.size, width]));
    const { head, decoder: { tokens } } = this;
    if (head) return linearCrossEntropy(rows, head.weight, head.bias, targets);
    return linearCrossEntropy(rows, tokens.weight, undefined, targets, { transposed: true });
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

  #headInput(decoded: Tensor): Tensor {
    const { headScale = 1 } = this.config;
    return headScale === 1 ? decoded : mul(decoded, headScale);
  }
}
