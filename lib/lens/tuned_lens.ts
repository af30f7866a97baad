/**
 * The tuned lens: for each layer an affine map after which the logit lens agrees best with the
 * model's own predictions.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { constant } from "../nn/initializers.ts";
import { Linear } from "../nn/layers.ts";
import { Module, ModuleList, type Parts } from "../nn/module.ts";
import { mul } from "../ops/binary.ts";
import { negate } from "../ops/unary.ts";
import { mean, sum } from "../ops/reduce.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fitRows } from "./fit_rows.ts";
import { expectTokenModel, lensLogits, type TokenModel } from "./logit_lens.ts";
import { deviceOfModel, inputOf, type LensInput } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";
import { residualPoints, stackOf } from "./stack.ts";

/** Options of `tunedLens`. */
export interface TunedLensOptions {
  /** Updates of each layer's map. Default: 250. */
  steps?: number;
  /** Tokens of an update. Default: 256. */
  batch?: number;
  /** Learning rate, which falls to 0. Default: 1e-3. */
  learningRate?: number;
  /** What tokens are drawn with. Default: 0. */
  seed?: number;
}

const OPTIONS: OptionNames<TunedLensOptions> = {
  steps: 250,
  batch: 256,
  learningRate: 1e-3,
  seed: 0,
};

/** A map x + x·A + b for the residual stream before each layer. */
export class TunedLens extends Module {
  /** A and b of each layer; they start at 0. */
  readonly maps: ModuleList<Linear>;

  /** Maps that change nothing. */
  constructor(layers: number, width: number) {
    super();
    const map = () => new Linear(width, width, { initializer: constant(0) });
    this.maps = new ModuleList(Array.from({ length: layers }, map));
  }

  /** `maps`. */
  override parts(): Parts {
    return { maps: this.maps };
  }

  /**
   * The option `translate` of `logitLens`: after the last layer the stream stays as it is.
   */
  readonly translate = (residual: Tensor, layer: number): Tensor =>
    this.maps.items[layer]?.forward(residual, { residual }) ?? residual;
}

/**
 * Learns, for the residual stream x before each layer, A and b that minimize the mean of
 * KL(model ‖ lens(x + x·A + b)) over the tokens of some texts.
 *
 * Source: Belrose et al., arXiv 2303.08112.
 *
 * ```ts
 * import { GPT, logitLens, openDevice, tunedLens } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const { translate } = await tunedLens(model, [[1, 2, 3], [4, 5, 6]], { steps: 10, batch: 4 });
 * const layers = await logitLens(model, [1, 2, 3], { translate });
 * console.log(layers.map(({ top }) => top[0][2][0])); // the likeliest token at each layer
 * device.close();
 * ```
 *
 * @param input Texts, as `logitLens` takes them.
 * @throws {TypeError} if the model predicts no tokens, an option is unknown, the input does not
 * fit, or weights are rounded
 */
export async function tunedLens(
  model: TokenModel,
  input: LensInput,
  options: TunedLensOptions = {},
): Promise<TunedLens> {
  expectTokenModel("tunedLens", model);
  checkOptions("tunedLens", options, OPTIONS);
  const { steps = 250, batch = 256, learningRate = 1e-3, seed = 0 } = options;
  const { width } = model.config;
  const stack = stackOf("tunedLens", model, undefined);
  const { layers } = stack;
  const names = residualPoints(model, stack);
  const lens = onDevice(deviceOfModel(model), () => new TunedLens(layers, width));
  const { logits, cache } = runWithCache(model, inputOf("tunedLens", model, input), { names });
  logits.dispose();
  const rows = names.map((name) => {
    const x = cache.get(name);
    return x.view([x.size / width, width]);
  });
  const final = rows[layers];
  for (const [layer, map] of lens.maps.items.entries()) {
    const disagreement = (x: Tensor, final: Tensor) => {
      const own = softmax(lensLogits(model, final));
      const guess = logSoftmax(lensLogits(model, lens.translate(x, layer)));
      return negate(mean(sum(mul(own, guess), { axis: -1 })));
    };
    const fit = { steps, batch, learningRate, seed };
    await fitRows([rows[layer], final], map.parameters(), disagreement, fit);
  }
  cache.dispose();
  return lens;
}
