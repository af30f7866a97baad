/**
 * The logit lens: what a language model would predict if it stopped after each layer.
 *
 * @module
 */
import { expectWholeNumber } from "../nn/config_checks.ts";
import { describe } from "../errors.ts";
import { GPT } from "../nn/gpt.ts";
import type { NormLayer } from "../nn/layers.ts";
import { MaskedLanguageModel } from "../nn/masked_language_model.ts";
import { Transformer } from "../nn/transformer.ts";
import { softmax } from "../ops/softmax.ts";
import { topK } from "../ops/top_k.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { idsOfSide, inputOf, type LensInput } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";
import { residualPoints, stackOf } from "./stack.ts";

/** Options of `logitLens`. */
export interface LogitLensOptions {
  /** Predictions of each place, the likeliest first. Default: 5. */
  k?: number;
  /**
   * Maps the residual stream before the final norm, of layer 0 … layers, to what the final layer
   * would have made of it, as `tunedLens` learns it. Default: left as it is.
   */
  translate?: (residual: Tensor, layer: number) => Tensor;
}

const OPTIONS: OptionNames<LogitLensOptions> = { k: 5, translate: true };

/** A token that the lens predicts. */
export interface LensToken {
  /** Its id. */
  readonly id: number;
  /** Its probability. */
  readonly probability: number;
}

/** What the lens predicts from the residual stream at one point. */
export interface LensLayer {
  /** `blocks.N.hook_resid_pre`, and the end of the last layer, such as its `hook_resid_post`. */
  readonly point: string;
  /** For each sequence and place the `k` likeliest next tokens. */
  readonly top: LensToken[][][];
  /**
   * For each sequence and place the probability of the token that follows in the text, so that the
   * last place has none; of a masked language model that of the place's own token.
   */
  readonly next: number[][];
}

/** A model whose residual stream a head turns into logits of tokens. */
export type TokenModel = GPT | MaskedLanguageModel | Transformer;

/**
 * softmax(head(norm(x))) of the residual stream x before each layer and after the last, whose
 * predictions are the model's own. Of an encoder–decoder the stream is the decoder's.
 *
 * Source: nostalgebraist 2020; tuned: Belrose et al., arXiv 2303.08112.
 *
 * ```ts
 * import { GPT, logitLens, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const layers = await logitLens(model, [1, 2, 3], { k: 2 });
 * for (const { point, top } of layers) console.log(point, top[0][2]); // [{ id, probability }, …]
 * device.close();
 * ```
 *
 * @param input Tokens: i32 [B,T], or rows of one length; `{ source, target }` for an
 * encoder–decoder.
 * @throws {TypeError} if the model predicts no tokens, an option is unknown, or the input does not
 * fit
 * @throws {RangeError} if `k` is below 1
 */
export async function logitLens(
  model: TokenModel,
  input: LensInput,
  options: LogitLensOptions = {},
): Promise<LensLayer[]> {
  expectTokenModel("logitLens", model);
  checkOptions("logitLens", options, OPTIONS);
  const { k = 5, translate = (x) => x } = options;
  expectWholeNumber("k", k, "logitLens");
  const ids = inputOf("logitLens", model, input);
  const rows = await idsOfSide(ids).toArray<number[][]>();
  const names = residualPoints(model, stackOf("logitLens", model, undefined));
  const { logits, cache } = runWithCache(model, ids, { names });
  const [, , outputSize] = logits.shape;
  logits.dispose();
  const ahead = model instanceof MaskedLanguageModel ? 0 : 1;
  const found: LensLayer[] = [];
  for (const [layer, point] of names.entries()) {
    const { probabilities, top } = scope(() => {
      const x = translate(cache.get(point), layer);
      const probabilities = softmax(lensLogits(model, x));
      return { probabilities, top: topK(probabilities, Math.min(k, outputSize)) };
    });
    const [values, indices, all] = [
      await top.values.toArray<number[][][]>(),
      await top.indices.toArray<number[][][]>(),
      await probabilities.data(),
    ];
    for (const tensor of [probabilities, top.values, top.indices]) tensor.dispose();
    found.push({
      point,
      top: indices.map((row, b) =>
        row.map((ids, t) => ids.map((id, i) => ({ id, probability: values[b][t][i] })))
      ),
      next: rows.map((row, b) =>
        row.slice(ahead).map((id, t) => all[(b * row.length + t) * outputSize + id])
      ),
    });
  }
  cache.dispose();
  return found;
}

/** head(norm(x)): the residual stream [B,T,C] → logits. */
export function lensLogits(model: TokenModel, residual: Tensor): Tensor {
  return model.logits(finalNormOf(model)?.forward(residual) ?? residual);
}

function finalNormOf(model: TokenModel): NormLayer | undefined {
  if (model instanceof GPT) return model.finalNorm;
  return model instanceof Transformer ? model.decoder.norm : model.encoder.finalNorm;
}

/** Throws a TypeError unless the model predicts tokens from its residual stream. */
export function expectTokenModel(operation: string, model: unknown): asserts model is TokenModel {
  if ([GPT, MaskedLanguageModel, Transformer].some((kind) => model instanceof kind)) return;
  throw new TypeError(
    `${operation}: expected a model that predicts tokens (GPT, MaskedLanguageModel, Transformer), ` +
      `got ${describe(model)}`,
  );
}
