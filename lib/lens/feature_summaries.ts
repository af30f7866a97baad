/**
 * What the features of a sparse autoencoder do on rows of activations: how often and how strongly
 * they are active, and where most.
 *
 * @module
 */
import { expectWholeNumber } from "../nn/config_checks.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { SparseAutoencoder } from "./sparse_autoencoder.ts";

/** Options of `featureSummaries`. */
export interface FeatureSummariesOptions {
  /** Rows of each feature that are returned, those where it is most active. Default: 10. */
  examples?: number;
  /** Bins of the histograms. Default: 20. */
  bins?: number;
}

const OPTIONS: OptionNames<FeatureSummariesOptions> = { examples: 10, bins: 20 };

/** Where a feature is most active. */
export interface FeatureExample {
  /** The row, from 0. */
  readonly row: number;
  /** How active it is there. */
  readonly activation: number;
}

/** What a feature does. */
export interface FeatureSummary {
  /** The share of rows at which it is active; 0 for a dead feature. */
  readonly frequency: number;
  /** Its largest activation, or 0. */
  readonly largest: number;
  /** The rows at which it is active, counted in equal bins from 0 to its largest activation. */
  readonly histogram: number[];
  /** The rows where it is most active, the first the most. */
  readonly examples: FeatureExample[];
}

/**
 * For each feature how often it is active on rows [N,C], how strongly, and where most.
 *
 * Row b·T + t of activations [B,T,C] is token t of text b: what stands there and before says what
 * the feature means. Source: Bricken et al. 2023 (the page of a feature).
 *
 * ```ts
 * import { featureSummaries, openDevice, randomNormal, SparseAutoencoder, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const rows = randomNormal([64, 8], tensor(Int32Array.of(1, 2)));
 * const features = await featureSummaries(new SparseAutoencoder(8, 16, { k: 2 }), rows);
 * console.log(features[0]); // { frequency, largest, histogram, examples: [{ row, activation }, …] }
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option is unknown
 * @throws {RangeError} unless `examples` and `bins` are whole numbers from 1
 */
export async function featureSummaries(
  autoencoder: SparseAutoencoder,
  rows: Tensor,
  options: FeatureSummariesOptions = {},
): Promise<FeatureSummary[]> {
  checkOptions("featureSummaries", options, OPTIONS);
  const { examples = 10, bins = 20 } = options;
  expectWholeNumber("examples", examples, "featureSummaries");
  expectWholeNumber("bins", bins, "featureSummaries");
  const encoded = scope(() => autoencoder.encode(rows));
  const values = await encoded.data();
  encoded.dispose();
  const { features } = autoencoder;
  const [count] = rows.shape;
  return Array.from({ length: features }, (_, feature): FeatureSummary => {
    const active = Array.from({ length: count }, (_, row): FeatureExample => ({
      row,
      activation: values[row * features + feature],
    })).filter(({ activation }) => activation > 0).sort((a, b) => b.activation - a.activation);
    const largest = active[0]?.activation ?? 0;
    const histogram = new Array<number>(bins).fill(0);
    for (const { activation } of active) {
      histogram[Math.min(bins - 1, Math.floor(bins * activation / largest))]++;
    }
    return {
      frequency: active.length / count,
      largest,
      histogram,
      examples: active.slice(0, examples),
    };
  });
}
