/**
 * Sparse autoencoders: activations as sums of few of many learned directions (features).
 *
 * N rows, C width of the activations, F features.
 *
 * @module
 */
import { expectPositive, expectWholeNumber } from "../nn/config_checks.ts";
import { constant, normal, parameter } from "../nn/initializers.ts";
import { Module, type Parts } from "../nn/module.ts";
import { relu } from "../ops/activation.ts";
import { add, greater, mul, sub } from "../ops/binary.ts";
import { linear, matmul } from "../ops/matmul.ts";
import { mean, sum } from "../ops/reduce.ts";
import { slice } from "../ops/slice.ts";
import { topK } from "../ops/top_k.ts";
import { sqrt, square } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Random } from "../random.ts";
import { withoutTape } from "../tensor/autograd.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fitRows } from "./fit_rows.ts";

/** Options of `sparseAutoencoder`. */
export interface SparseAutoencoderOptions {
  /** F, the features. Default: 4·C. */
  features?: number;
  /**
   * How many features are active: the `k` largest of each row (TopK), or as many as the penalty
   * `l1` leaves. Default: `{ k: 8 }`.
   */
  sparsity?: { readonly k: number } | { readonly l1: number };
  /** Updates. Default: 1000. */
  steps?: number;
  /** Rows of an update. Default: 256. */
  batch?: number;
  /** Learning rate, which falls to 0. Default: 3e-3. */
  learningRate?: number;
  /** What weights and batches are drawn with. Default: 0. */
  seed?: number;
}

const OPTIONS: OptionNames<SparseAutoencoderOptions> = {
  features: "4·C",
  sparsity: { k: 8 },
  steps: 1000,
  batch: 256,
  learningRate: 3e-3,
  seed: 0,
};

/** How well features explain rows, and how many of them are in use. */
export interface SparseReport {
  /** 1 − Σ|x − x̂|² / Σ|x − mean|²: 1 is perfect. */
  readonly explained: number;
  /** Mean number of active features of a row (L0). */
  readonly active: number;
  /** The share of features that no row uses. */
  readonly dead: number;
}

/**
 * f = sparse(relu((x − c)·E + b)), x̂ = f·D + c. The rows of D are the features' directions.
 *
 * `sparseAutoencoder` trains one.
 */
export class SparseAutoencoder extends Module {
  /** E, [C,F]. */
  readonly encoder: Tensor;
  /** b, [F]. */
  readonly bias: Tensor;
  /** D, [F,C]. */
  readonly decoder: Tensor;
  /** c, [C]. */
  readonly center: Tensor;

  /** Random directions and a random encoder; `sparseAutoencoder` ties them before it trains. */
  constructor(
    width: number,
    readonly features: number,
    readonly sparsity: { readonly k: number } | { readonly l1: number },
    random: Random = new Random(0),
  ) {
    super();
    expectWholeNumber("width", width, "SparseAutoencoder");
    expectWholeNumber("features", features, "SparseAutoencoder");
    this.encoder = parameter([width, features], normal(1 / Math.sqrt(width)), random);
    this.bias = parameter([features], constant(0), random);
    this.decoder = parameter([features, width], normal(1 / Math.sqrt(width)), random);
    this.center = parameter([width], constant(0), random);
  }

  /** `encoder`, `bias`, `decoder` and `center`. */
  override parts(): Parts {
    const { encoder, bias, decoder, center } = this;
    return { encoder, bias, decoder, center };
  }

  /** x [...,C] → f [...,F]. */
  encode(x: Tensor): Tensor {
    const active = relu(linear(sub(x, this.center), this.encoder, this.bias));
    if (!("k" in this.sparsity)) return active;
    const { k } = this.sparsity;
    const least = withoutTape(() => slice(topK(active, k).values, { axis: -1, start: k - 1 }));
    return where(greater(least, active), 0, active);
  }

  /** f [...,F] → x̂ [...,C]. */
  decode(features: Tensor): Tensor {
    return add(matmul(features, this.decoder), this.center);
  }

  /** What it is trained on: mean |x − x̂|², and with `l1` the penalty l1·Σ f·‖direction‖. */
  loss(x: Tensor): Tensor {
    const features = this.encode(x);
    const error = mean(sum(square(sub(this.decode(features), x)), { axis: -1 }));
    if (!("l1" in this.sparsity)) return error;
    const lengths = sqrt(add(sum(square(this.decoder), { axis: 1 }), 1e-12));
    const size = mean(sum(mul(features, lengths), { axis: -1 }));
    return add(error, mul(size, this.sparsity.l1));
  }

  /** How well it explains rows [N,C]. */
  async report(rows: Tensor): Promise<SparseReport> {
    const found = scope(() => {
      const features = this.encode(rows);
      const isActive = greater(features, 0);
      const spread = sub(rows, mean(rows, { axis: 0 }));
      return {
        error: sum(square(sub(this.decode(features), rows))),
        variance: sum(square(spread)),
        uses: sum(isActive, { axis: 0 }),
      };
    });
    const [[error], [variance], uses] = [
      await found.error.data(),
      await found.variance.data(),
      await found.uses.data(),
    ];
    for (const tensor of Object.values(found)) tensor.dispose();
    const counts = Array.from(uses);
    return {
      explained: 1 - error / variance,
      active: counts.reduce((sum, count) => sum + count, 0) / rows.shape[0],
      dead: counts.filter((count) => count === 0).length / counts.length,
    };
  }
}

/**
 * Trains a sparse autoencoder on rows of activations [N,C], such as
 * `cache.get("blocks.1.hook_resid_post").view([-1, width])` of many texts.
 *
 * The center starts at the rows' mean. Source: Gao et al., arXiv 2406.04093 (TopK); Bricken et al.
 * 2023 and Conerly et al. 2024 (the penalty, times the directions' lengths).
 *
 * ```ts
 * import { openDevice, randomNormal, sparseAutoencoder, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const rows = randomNormal([64, 8], tensor(Int32Array.of(1, 2)));
 * const options = { features: 16, sparsity: { k: 2 }, steps: 20, batch: 16 };
 * const autoencoder = await sparseAutoencoder(rows, options);
 * console.log(`${autoencoder.encode(rows)}`, await autoencoder.report(rows)); // f32 [64,16] …
 * device.close();
 * ```
 *
 * @throws {TypeError} unless the rows are a matrix, or if an option is unknown
 * @throws {RangeError} if a number is out of range
 */
export async function sparseAutoencoder(
  rows: Tensor,
  options: SparseAutoencoderOptions = {},
): Promise<SparseAutoencoder> {
  const operation = "sparseAutoencoder";
  checkOptions(operation, options, OPTIONS);
  if (rows.shape.length !== 2) {
    throw new TypeError(`${operation}: expected rows [N,C], got ${rows}; use view([-1, C])`);
  }
  const [, width] = rows.shape;
  const { features = 4 * width, sparsity = { k: 8 }, steps = 1000, batch = 256 } = options;
  const { learningRate = 3e-3, seed = 0 } = options;
  for (const [name, value] of Object.entries({ features, steps, batch })) {
    expectWholeNumber(name, value, operation);
  }
  if ("k" in sparsity) {
    expectWholeNumber("k", sparsity.k, operation);
    if (sparsity.k > features) {
      throw new RangeError(`${operation}: k is at most features ${features}, got ${sparsity.k}`);
    }
  } else expectPositive("l1", sparsity.l1);
  const autoencoder = new SparseAutoencoder(width, features, sparsity, new Random(seed));
  await start(autoencoder, rows);
  const fit = { steps, batch, learningRate, seed };
  await fitRows([rows], autoencoder.parameters(), (x) => autoencoder.loss(x), fit);
  return autoencoder;
}

/** Directions of length 1, the encoder their transpose, the center the rows' mean. */
async function start({ encoder, decoder, center }: SparseAutoencoder, rows: Tensor): Promise<void> {
  const average = scope(() => mean(rows, { axis: 0 }));
  center.write(await average.data());
  average.dispose();
  const [features, width] = decoder.shape;
  const values = await decoder.data();
  const length = (f: number) => Math.hypot(...values.subarray(f * width, (f + 1) * width));
  const directions = values.map((value, i) => value / length(Math.floor(i / width)));
  decoder.write(directions);
  encoder.write(directions.map((_, i) => {
    const [c, f] = [Math.floor(i / features), i % features];
    return directions[f * width + c];
  }));
}
