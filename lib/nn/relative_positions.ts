/**
 * Relative position bias, as in T5: a learned number for each head and each range of distances,
 * added to the attention scores.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import { add } from "../ops/binary.ts";
import { embedding } from "../ops/embedding.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Random } from "../random.ts";
import { DeviceCache } from "../tensor/device_cache.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { expectWholeNumber } from "./config_checks.ts";
import { Embedding } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** Options of `RelativePositions`. */
export interface RelativePositionsOptions {
  /** H. */
  heads: number;
  /** Ranges of distances, which are even in number if keys after a query are seen. Default: 32. */
  buckets?: number;
  /** The distance from which on all keys share the last range. Default: 128. */
  maxDistance?: number;
  /** Whether keys after a query are seen, too, with own ranges. Default: false. */
  bidirectional?: boolean;
  /** Where the table is drawn from. Default: one stream that all such layers share. */
  random?: Random;
}

const OPTIONS: OptionNames<RelativePositionsOptions> = {
  heads: true,
  buckets: 32,
  maxDistance: 128,
  bidirectional: false,
  random: true,
};

/**
 * bias[h, t, s] = table[bucket(s − t), h]. Source: Raffel et al., arXiv 1910.10683, section 2.1.
 */
export class RelativePositions extends Module {
  /** The table, [buckets, H]. */
  readonly table: Embedding;
  readonly #options: BucketOptions;

  /**
   * Draws the table N(0, 0.02²).
   *
   * @throws {RangeError} unless heads, buckets and distance are whole numbers from 1
   */
  constructor(options: RelativePositionsOptions) {
    super();
    checkOptions("RelativePositions", options, OPTIONS);
    const { heads, buckets = 32, maxDistance = 128, bidirectional = false, random } = options;
    for (const [name, value] of Object.entries({ heads, buckets, maxDistance })) {
      expectWholeNumber(name, value, "RelativePositions");
    }
    this.#options = { buckets, maxDistance, bidirectional };
    this.table = new Embedding(buckets, heads, { random });
  }

  /** `table`. */
  override parts(): Parts {
    return { table: this.table };
  }

  /**
   * The bias of each of `places` positions P to those up to it, −∞ to the others: [P, H·P], a row
   * for each query's position.
   */
  causalRows(places: number): Tensor {
    const { device } = this.table.weight;
    const [, heads] = this.table.weight.shape;
    const hidden = Float32Array.from(
      { length: places * places },
      (_, i) => i % places > Math.floor(i / places) ? -Infinity : 0,
    );
    const mask = tensor(hidden, { shape: [places, 1, places], device });
    const bias = transpose(this.forward(places, places), [1, 0, 2]);
    return reshape(add(bias, mask), [places, heads * places]);
  }

  /** The bias of `queries` T and `keys` S, both from position 0 on: [H,T,S]. */
  forward(queries: number, keys: number): Tensor {
    const { weight } = this.table;
    const buckets = bucketTensor(weight.device, queries, keys, this.#options);
    return transpose(embedding(weight, buckets), [2, 0, 1]);
  }
}

/** How distances are divided into ranges. */
export interface BucketOptions {
  readonly buckets: number;
  readonly maxDistance: number;
  readonly bidirectional: boolean;
}

/**
 * The range that a key at `distance` (its position minus the query's) is in: half of the ranges
 * hold one distance each, the others grow by a constant factor up to `maxDistance`. Rounded as
 * float32, as in `transformers`.
 */
export function relativeBucket(
  distance: number,
  { buckets, maxDistance, bidirectional }: BucketOptions,
): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && distance > 0 ? count : 0;
  const steps = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(count / 2);
  if (steps < exact) return first + steps;
  const { fround } = Math;
  const ratio = fround(Math.log(fround(steps / exact)));
  const part = fround(ratio / fround(Math.log(maxDistance / exact)));
  return first + Math.min(count - 1, exact + Math.trunc(fround(part * (count - exact))));
}

const tables = new DeviceCache<Tensor>();

/** The ranges of all pairs, i32 [T,S], made once for each device and size. */
function bucketTensor(
  device: Device,
  queries: number,
  keys: number,
  options: BucketOptions,
): Tensor {
  return tables.get(device, JSON.stringify([queries, keys, options]), () => {
    const values = Int32Array.from(
      { length: queries * keys },
      (_, i) => relativeBucket(i % keys - Math.floor(i / keys), options),
    );
    return keep(tensor(values, { shape: [queries, keys], device }));
  });
}
