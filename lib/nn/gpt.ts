/**
 * The GPT family: token and position embeddings, blocks, a final norm and a head.
 *
 * B batch, T time, C width, V vocabulary. See lib/train for training, lib/generate for sampling and
 * lib/hub for files.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Random } from "../random.ts";
import { sameShape } from "../shape.ts";
import { add, mul } from "../ops/binary.ts";
import { cacheAppend } from "../ops/attention_decode.ts";
import { concatenate } from "../ops/concatenate.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { embedding } from "../ops/embedding.ts";
import { linearCrossEntropy } from "../ops/linear_cross_entropy.ts";
import { quantizedLinear } from "../ops/quantized_linear.ts";
import type { QuantizedMatrix } from "../ops/quantized_matrix.ts";
import { linear } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions } from "../options.ts";
import { tanh } from "../ops/unary.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { lastPosition } from "./attention.ts";
import { Block, byLayer } from "./block.ts";
import { headSizeOf } from "./block_config.ts";
import { layerConfig, type ModelConfig, modelConfig, type ModelConfigInput } from "./config.ts";
import { type Cache, ForwardContext, type LayerCache } from "./context.ts";
import { expectIdTensor } from "./expect_id_tensor.ts";
import { gpt2Weights, type InitialOptions, type InitialWeights } from "./initial_weights.ts";
import type { Initializer } from "./initializers.ts";
import { Embedding, Linear, makeNorm, type NormLayer } from "./layers.ts";
import { Module, ModuleGroup, ModuleList, type Parts } from "./module.ts";
import { normedAt, type Points, pointsOf, visited } from "./points.ts";
import { sinusoidalPositions } from "./positions.ts";
import { forEachText, ofLayer, rowNumbers, type VirtualTokens } from "./virtual_tokens.ts";

/** Options of `GPT`. */
export interface GPTOptions extends InitialOptions {
  /** Initializers of the matrices. Default: `gpt2Weights(layers)`. */
  initial?: InitialWeights;
}

/**
 * A decoder-only transformer.
 *
 * Weights start as GPT-2's do, unless others are given: N(0, 0.02²), residual projections divided
 * by √(2·layers), biases 0, gains 1. Parameter names and layouts are those of a Hugging Face GPT-2.
 * Source: Radford et al. 2019.
 *
 * ```ts
 * import { GPT, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 65, contextLength: 32, layers: 2, heads: 2, width: 16 });
 * const ids = tensor(new Int32Array([1, 2, 3]), { shape: [1, 3] });
 * console.log(`${model.forward(ids)}`, model.parameterCount); // f32 [1,3,65] 8144
 * device.close();
 * ```
 */
export class GPT extends Module {
  /** Every choice that the model was built from, defaults filled in. */
  readonly config: ModelConfig;
  /** The token table, [V,C]; also the head if `config.tiedHead`. */
  readonly tokens: Embedding;
  /**
   * The position table, [contextLength, C]; undefined unless positions are learned or shortformer.
   */
  readonly positions: Embedding | undefined;
  /** Each layer's table of what it adds to values, [V, Hkv·D]; undefined for a layer without. */
  readonly valueTables: readonly (Embedding | undefined)[];
  /** The norm of the embeddings; undefined unless `config.embeddingNorm`. */
  readonly embeddingNorm: NormLayer | undefined;
  /** The decoder blocks, first to last. */
  readonly blocks: ModuleList<Block>;
  /** The norm before the head; undefined with post-norm and without norms. */
  readonly finalNorm: NormLayer | undefined;
  /** The untied head, C → V or `outputSize`; undefined if the token table serves as the head. */
  readonly head: Linear | undefined;
  /** The token table in 16, 8 or 4 bits if it serves as the head; see `quantize`. */
  quantizedHead: QuantizedMatrix | undefined;
  /** Learned vectors before every text; see `attachPrefix` and `attachPrompt`. */
  virtualTokens: VirtualTokens | undefined;
  readonly #fixedPositions: Tensor | undefined;

  /**
   * Draws the initial weights.
   *
   * @throws {RangeError} for an impossible configuration
   */
  constructor(input: ModelConfigInput, options: GPTOptions = {}) {
    super();
    checkOptions("GPT", options, { random: true, initial: true });
    const config = this.config = modelConfig(input);
    const { vocabSize, contextLength, layers, width, tiedHead, headBias } = config;
    const { outputSize = vocabSize, positions } = config;
    const { random = new Random(0), initial = gpt2Weights(layers) } = options;
    const table = (rows: number, initializer: Initializer) =>
      new Embedding(rows, width, { initializer, random });
    this.tokens = table(vocabSize, initial.tokens);
    if (positions === "learned" || positions === "shortformer") {
      this.positions = table(contextLength, initial.positions);
    } else if (positions === "sinusoidal") {
      this.#fixedPositions = sinusoidalPositions(contextLength, width);
    }
    this.valueTables = Array.from({ length: layers }, (_, layer) => {
      if (!config.valueEmbeddings?.[layer]) return undefined;
      const { heads, keyValueHeads = heads } = config;
      const initializer = initial.valueEmbeddings ?? initial.tokens;
      return new Embedding(vocabSize, keyValueHeads * headSizeOf(config), { initializer, random });
    });
    this.embeddingNorm = config.embeddingNorm ? makeNorm(config) : undefined;
    this.blocks = new ModuleList(
      Array.from({ length: layers }, (_, layer) => {
        const window = config.window?.[layer];
        const block = layerConfig(config, layer);
        return new Block(block, { causal: true, packed: true, window, random, initial });
      }),
    );
    this.finalNorm = config.normPlacement === "post" ? undefined : makeNorm(config);
    if (!tiedHead) {
      this.head = new Linear(width, outputSize, {
        bias: headBias,
        transposed: true,
        random,
        initializer: initial.head,
      });
    }
  }

  /**
   * Whether hooks are active; see `withHooks`.
   *
   * @internal
   */
  get isHooked(): boolean {
    return pointsOf(this) !== undefined;
  }

  /** The longest text, in tokens: the context length without the virtual tokens. */
  get textLength(): number {
    return this.config.contextLength - (this.virtualTokens?.count ?? 0);
  }

  /** `transformer.wte`, `.wpe`, `.wve`, `.h`, `.ln_f` and, if the head is untied, `lm_head`. */
  override parts(): Parts {
    const transformer = new ModuleGroup({
      wte: this.tokens,
      wpe: this.positions,
      wve: new ModuleGroup(Object.fromEntries(this.valueTables.entries())),
      ln_e: this.embeddingNorm,
      h: new ModuleList(this.blocks.items.map(gpt2Parts)),
      ln_f: this.finalNorm,
    });
    return { transformer, lm_head: this.head };
  }

  /**
   * ids i32 [B,T] → logits [B,T,V], or [B,T,outputSize]; with the context's `lastOnly` [B,1,·].
   *
   * @throws {RangeError} if T exceeds the context length
   */
  forward(ids: Tensor, context: ForwardContext = new ForwardContext()): Tensor {
    return this.logits(this.hidden(ids, context));
  }

  /** ids i32 [B,T] → the last block's normalized value [B,T,C], or [B,1,C] with `lastOnly`. */
  hidden(ids: Tensor, context: ForwardContext = new ForwardContext()): Tensor {
    const steps = this.hiddenSteps(ids, context);
    let step = steps.next();
    while (!step.done) step = steps.next();
    return step.value;
  }

  /**
   * Computes `hidden` in steps, for a caller that yields to events between them: yields the value
   * [B,T,C] before each block, and returns the last one.
   *
   * @internal
   */
  *hiddenSteps(ids: Tensor, context: ForwardContext): Generator<Tensor, Tensor, void> {
    this.#expectInputs(ids, context);
    const { dropout, embeddingDropout = dropout, layers } = this.config;
    const { cache, lastOnly = false } = context.options;
    const points = pointsOf(this);
    const cutsEarly = lastOnly && !points; // hooks see all positions
    const before = cache ? undefined : this.virtualTokens; // a cache begins with them
    const embedded = this.#embedded(ids, before, context);
    const start = normedAt(points, "ln_embed", this.embeddingNorm, embedded);
    const prefix = before?.kind === "prefix" ? forEachText(before, ids.shape[0]) : undefined;
    const placed = this.#queryKeyPositions(ids, context);
    const queryKeyPositions = placed && visited(points, "hook_pos_embed", placed);
    let x = context.dropout(start, embeddingDropout);
    for (const [layer, block] of this.blocks.items.entries()) {
      yield x;
      const addedValues = this.valueTables[layer]?.forward(ids);
      const own = points?.within(`blocks.${layer}`);
      const added = { addedValues, queryKeyPositions, points: own };
      const input = { ...added, prefix: prefix && ofLayer(prefix, layer, layers) };
      const cut = { lastOnly: cutsEarly && layer === layers - 1 };
      x = block.forward(x, { cache: context.cacheOf(layer), ...input, ...cut }, context);
    }
    const hasPrompt = before?.kind === "prompt" && !cutsEarly;
    const text = hasPrompt ? slice(x, { axis: 1, start: before.count }) : x;
    const normed = normedAt(points, "ln_final", this.finalNorm, text);
    return lastOnly ? lastPosition(normed) : normed;
  }

  /** The scaled vectors of the tokens with their positions, after those of a learned prompt. */
  #embedded(ids: Tensor, before: VirtualTokens | undefined, context: ForwardContext): Tensor {
    const { embeddingScale } = this.config;
    const all = this.#addedPositions;
    const positions = all && before ? slice(all, { axis: 0, start: before.count }) : all;
    const points = pointsOf(this);
    const scale = (x: Tensor) => embeddingScale === undefined ? x : mul(x, embeddingScale);
    const scaled = points?.wants("hook_embed", "hook_pos_embed")
      ? this.#placedAt(points, ids, { positions, scale }, context)
      : scale(this.#placed(ids, positions, context));
    if (before?.kind !== "prompt") return scaled;
    return concatenate([this.#promptRows(before, ids.shape[0]), scaled], { axis: 1 });
  }

  /** A learned prompt at the first positions, for each of `batch` texts: [B,P,C]. */
  #promptRows({ values, count }: VirtualTokens, batch: number): Tensor {
    const positions = this.#addedPositions;
    return embedding(values, rowNumbers(batch, count, values), { positions });
  }

  /** The table whose rows are added to the tokens' vectors. */
  get #addedPositions(): Tensor | undefined {
    if (this.config.positions === "shortformer") return undefined;
    return this.positions?.weight ?? this.#fixedPositions;
  }

  /** What shortformer positions add in every layer: [B,T,C]. */
  #queryKeyPositions(ids: Tensor, context: ForwardContext): Tensor | undefined {
    if (this.config.positions !== "shortformer") return undefined;
    const { weight } = this.positions!;
    const { documents } = context.options;
    if (documents) return embedding(weight, documents.positions);
    const { device } = weight;
    const nothing = zeros([1, this.config.width], { device }); // embedding alone knows the offset
    const rows = zeros(ids.shape, { dtype: "i32", device });
    return embedding(nothing, rows, { positions: weight, offset: context.cachePosition() });
  }

  /** Refuses inputs of a pass that do not fit the model, or exclude each other. */
  #expectInputs(ids: Tensor, context: ForwardContext): void {
    if (!(context instanceof ForwardContext)) {
      throw new TypeError(
        `GPT: expected a ForwardContext after the ids, got ${describe(context)}; ` +
          "model.loss(ids, targets) takes targets",
      );
    }
    const { cache, documents } = context.options;
    if (cache && this.isHooked) {
      throw new Error("GPT: hooks need a pass without a cache; generate makes one by itself");
    }
    expectIdTensor("GPT", ids, this.textLength);
    this.#expectCache(cache);
    if (documents && this.virtualTokens) {
      throw new TypeError("GPT: expected one document a row with virtual tokens, got several");
    }
  }

  #expectCache(cache: Cache | undefined): void {
    const { count = 0 } = this.virtualTokens ?? {};
    if (!cache || (cache.virtualTokens ?? 0) === count) return;
    throw new Error(
      `GPT: expected a cache of ${count} virtual tokens, as the model has them now, got one of ` +
        `${cache.virtualTokens ?? 0}; make another with makeCache`,
    );
  }

  /** token + position: ids i32 [B,T] → [B,T,C]. */
  #placed(ids: Tensor, positions: Tensor | undefined, context: ForwardContext): Tensor {
    const { documents } = context.options;
    if (this.tokens.quantized) return this.tokens.forward(ids);
    if (!documents || !positions) {
      return embedding(this.tokens.weight, ids, { positions, offset: context.cachePosition() });
    }
    const tokens = embedding(this.tokens.weight, ids);
    return add(tokens, embedding(positions, documents.positions));
  }

  /** scale(token) + scale(position), with the points `hook_embed` and `hook_pos_embed`. */
  #placedAt(
    points: Points,
    ids: Tensor,
    { positions, scale }: { positions: Tensor | undefined; scale: (x: Tensor) => Tensor },
    { options: { documents } }: ForwardContext,
  ): Tensor {
    const tokens = points.visit("hook_embed", scale(this.tokens.forward(ids)));
    if (!positions) return tokens;
    const [batch, time] = ids.shape;
    const places = documents?.positions ?? rowNumbers(batch, time, ids);
    return add(tokens, points.visit("hook_pos_embed", scale(embedding(positions, places))));
  }

  /** The head: [..., C] → [..., V]. */
  logits(hidden: Tensor): Tensor {
    const logits = this.#project(hidden);
    const { logitSoftCap: cap } = this.config;
    const capped = cap === undefined ? logits : mul(tanh(mul(logits, 1 / cap)), cap);
    return visited(pointsOf(this), "logits", capped);
  }

  #project(hidden: Tensor): Tensor {
    if (this.quantizedHead) return quantizedLinear(hidden, this.quantizedHead);
    return this.head?.forward(hidden) ??
      linear(hidden, this.tokens.weight, undefined, { transposed: true });
  }

  /**
   * The mean cross-entropy, in nats, of predicting `targets` i32 [B,T] after `ids` i32 [B,T];
   * targets of −100 are ignored. With an `outputSize` targets are below it; with the context's
   * `lastOnly` they are [B,1], of the last positions.
   */
  loss(ids: Tensor, targets: Tensor, context: ForwardContext = new ForwardContext()): Tensor {
    const { width, vocabSize, outputSize = vocabSize } = this.config;
    expectIdTensor("GPT.loss", targets, this.textLength, "targets");
    const { lastOnly } = context.options;
    if (!sameShape(lastOnly ? [ids.shape[0], 1] : ids.shape, targets.shape)) {
      const each = lastOnly ? "row of ids" : "id";
      throw new TypeError(
        `GPT.loss: expected a target for each ${each}; got ${ids} and ${targets}`,
      );
    }
    const hidden = this.hidden(ids, context);
    const rows = reshape(hidden, [targets.size, width]);
    const weight = this.head?.weight ?? this.tokens.weight;
    const flat = targets.view([targets.size]);
    if (pointsOf(this)?.wants("logits")) {
      return crossEntropy(reshape(this.logits(hidden), [targets.size, outputSize]), flat);
    }
    const isPlain = this.config.logitSoftCap === undefined && !this.quantizedHead &&
      !this.head?.quantized && !this.head?.updates.length;
    if (!isPlain) return crossEntropy(this.logits(rows), flat);
    return linearCrossEntropy(rows, weight, this.head?.bias, flat, { transposed: true });
  }

  /**
   * ids i32 [B,T] → the weights of attention [B,L,H,T,T]: of each layer and head, rows queries,
   * columns keys; virtual tokens come first, among the keys, and those of a prompt among the
   * queries too. No gradient flows. RangeError as for `forward`.
   *
   * ```ts
   * import { GPT, openDevice, tensor } from "../../mod.ts";
   * const device = await openDevice({ device: "cpu", threads: 1 });
   * const model = new GPT({ vocabSize: 65, contextLength: 32, layers: 2, heads: 4, width: 16 });
   * const ids = tensor(new Int32Array([1, 2, 3]), { shape: [1, 3] });
   * console.log(`${model.attentionWeights(ids)}`); // f32 [1,2,4,3,3]
   * device.close();
   * ```
   */
  attentionWeights(ids: Tensor): Tensor {
    return scope(() => {
      const attentionWeights: Tensor[] = [];
      this.hidden(ids, new ForwardContext({ attentionWeights }));
      return byLayer(attentionWeights);
    });
  }

  /**
   * A key-value cache for generating `batch` sequences of at most `length` tokens, default the
   * longest text. It holds the virtual tokens, if there are any, and nothing else.
   */
  makeCache(batch: number, length: number = this.textLength): Cache {
    const { layers, heads, keyValueHeads = heads } = this.config;
    const { count: virtualTokens = 0 } = this.virtualTokens ?? {};
    const shape = [batch, keyValueHeads, length + virtualTokens, headSizeOf(this.config)];
    const device = this.tokens.weight.device;
    const cache = {
      layers: Array.from({ length: layers }, () => ({
        keys: zeros(shape, { device }),
        values: zeros(shape, { device }),
      })),
      position: zeros([1], { dtype: "i32", device }),
      virtualTokens,
    };
    this.fillCache(cache);
    return cache;
  }

  /**
   * Writes the virtual tokens to the first places of a cache whose position is 0.
   *
   * @internal
   */
  fillCache(cache: Cache): void {
    const { virtualTokens } = this;
    if (!virtualTokens) return;
    const [batch] = cache.layers[0].keys.shape;
    const caches = cache.layers.map((layer) => ({ ...layer, position: cache.position }));
    scope(() => {
      if (virtualTokens.kind === "prefix") {
        return appendPrefix(caches, forEachText(virtualTokens, batch));
      }
      const prompt = this.#promptRows(virtualTokens, batch);
      let x = this.embeddingNorm?.forward(prompt) ?? prompt;
      for (const [layer, block] of this.blocks.items.entries()) {
        x = block.forward(x, { cache: caches[layer] });
      }
    });
  }
}

/** Puts a prefix [B, P, 2·L·n] into the layers' caches. */
function appendPrefix(caches: readonly LayerCache[], prefix: Tensor): void {
  for (const [layer, cache] of caches.entries()) {
    const rows = ofLayer(prefix, layer, caches.length);
    const queries = zeros([...rows.shape.slice(0, 2), 1], { device: rows.device });
    cacheAppend(cache, concatenate([queries, rows], { axis: 2 }), cache.position);
  }
}

/** A block's parts by the names of GPT-2's files, in their order. */
function gpt2Parts(block: Block): ModuleGroup {
  const { norm1, attention, outputNorm1, norm2, feedForward, outputNorm2 } = block;
  const { queryKeyValue, projection, queryNorm, keyNorm } = attention;
  return new ModuleGroup({
    ln_1: norm1,
    attn: new ModuleGroup({
      c_attn: queryKeyValue,
      c_proj: projection,
      q_norm: queryNorm,
      k_norm: keyNorm,
    }),
    ln_1_out: outputNorm1,
    ln_2: norm2,
    mlp: feedForward,
    ln_2_out: outputNorm2,
  });
}
