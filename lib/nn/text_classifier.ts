/**
 * The classification of texts by a language model: a linear head on the last token's vector.
 *
 * B batch, T time, C width, N labels. See sequence_classifier.ts for encoders, lib/train for
 * training and measuring a classifier.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Random } from "../random.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { embedding } from "../ops/embedding.ts";
import { gather } from "../ops/gather.ts";
import { softmax } from "../ops/softmax.ts";
import { checkOptions } from "../options.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { ForwardContext } from "./context.ts";
import { expectModel } from "./expect_model.ts";
import type { GPT } from "./gpt.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";
import { pointsOf, visited } from "./points.ts";

/** Options of a `TextClassifier`. */
export interface TextClassifierOptions {
  /** Names of the classes, N of them, at least two. */
  readonly labels: readonly string[];
  /** Where the head's weights are drawn from. Default: `new Random(0)`. */
  readonly random?: Random;
}

/** What holds for one batch of texts. */
export interface TextInput {
  /** i32 [B]: text b ends before lengths[b]; what follows is padding. Default: T for all. */
  readonly lengths?: Tensor;
}

/**
 * score·h with h the vector of each text's last token after the final norm: ids i32 [B,T] → logits
 * [B,N]. The last token is found by the text's length, never by the padding's id.
 *
 * The head has no bias and starts as N(0, 0.02²), as in `GPT2ForSequenceClassification`.
 *
 * ```ts
 * import { GPT, openDevice, padSequences, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 9, contextLength: 8, layers: 1, heads: 2, width: 8 });
 * const classifier = new TextClassifier(model, { labels: ["ham", "spam"] });
 * const { ids, lengths } = padSequences([[1, 5, 6, 2], [1, 7, 2]]);
 * console.log(`${classifier.forward(ids, { lengths })}`); // f32 [2,2]
 * device.close();
 * ```
 */
export class TextClassifier extends Module {
  /** C → N, stored as [N,C]. */
  readonly score: Linear;
  /** Names of the classes. */
  readonly labels: readonly string[];

  /**
   * Puts a head on `model`.
   *
   * @throws {TypeError} if `model` is none, or an option is unknown
   * @throws {RangeError} if there are fewer than two labels, or one is named twice
   */
  constructor(readonly model: GPT, options: TextClassifierOptions) {
    super();
    expectModel("TextClassifier", model);
    checkOptions("TextClassifier", options, { labels: true, random: true });
    const { labels, random = new Random(0) } = options;
    if (!Array.isArray(labels) || labels.length < 2 || new Set(labels).size < labels.length) {
      throw new RangeError(
        `TextClassifier: expected at least two different labels, got ${describe(labels)}`,
      );
    }
    this.labels = labels;
    const { width } = model.config;
    this.score = new Linear(width, labels.length, { bias: false, transposed: true, random });
  }

  /** The model's configuration, and the labels. */
  get config(): ModelConfig & { readonly labels: readonly string[] } {
    return { ...this.model.config, labels: this.labels };
  }

  /** The parts of the model, and `score`. */
  override parts(): Parts {
    return { ...this.model.parts(), score: this.score };
  }

  /**
   * ids i32 [B,T] → logits [B,N].
   *
   * @throws {RangeError} if T exceeds the context length
   */
  forward(
    ids: Tensor,
    { lengths }: TextInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    const hidden = this.model.hidden(ids, context);
    const logits = this.score.forward(lastTokens(hidden, lengths), { context });
    return visited(pointsOf(this), "logits", logits);
  }

  /** The probability of each label: logits [B,N] → [B,N]. */
  scores(logits: Tensor): Tensor {
    return softmax(logits);
  }

  /**
   * The mean cross-entropy, in nats, of `labels` i32 [B], indices of the classes' names; −100 is
   * ignored.
   */
  loss(
    ids: Tensor,
    labels: Tensor,
    input: TextInput = {},
    context: ForwardContext = new ForwardContext(),
  ): Tensor {
    return crossEntropy(this.forward(ids, input, context), labels);
  }
}

/** x[b, lengths[b] − 1], or x[b, T − 1] without lengths: f32 [B,T,C] → [B,C]. */
function lastTokens(x: Tensor, lengths: Tensor | undefined): Tensor {
  const [batch, time, width] = x.shape;
  const rows = x.view([batch * time, width]);
  const { device } = x;
  const lastOf = (length: number, b: number) => b * time + Math.max(length, 1) - 1;
  if (!lengths) {
    const last = Int32Array.from({ length: batch }, (_, b) => lastOf(time, b));
    return embedding(rows, tensor(last, { device }));
  }
  const table = Int32Array.from(
    { length: batch * (time + 1) },
    (_, i) => lastOf(i % (time + 1), Math.floor(i / (time + 1))),
  );
  const byLength = tensor(table, { shape: [batch, time + 1], device });
  const last = gather(byLength, lengths.view([batch, 1]));
  return embedding(rows, last.view([batch]));
}
