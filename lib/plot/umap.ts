/**
 * UMAP: projects vectors onto a plane so that near ones stay near, with the package `umap-js`.
 *
 * The only module that names the package; it is loaded at the first call. See
 * principal_components.ts for a projection that preserves directions instead of neighborhoods.
 *
 * @module
 */

// deno-lint-ignore no-import-prefix -- only types, which are erased
import type * as UmapModule from "npm:umap-js@1.4.0";
import { describe, UserError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Random } from "../random.ts";
import { yieldToEvents } from "../yield_to_events.ts";

// In a variable, because Deno downloads the specifiers of all imports at start.
const UMAP = "npm:umap-js@1.4.0";

/** Options of {@linkcode umap}. */
export interface UmapOptions {
  /** d, the size of a vector. */
  width: number;
  /**
   * Number of nearest neighbors that the projection keeps near each vector. Default 15, or all
   * others if fewer.
   */
  neighbors?: number;
  /** Minimum distance between points of the plane. Default 0.1. */
  minimumDistance?: number;
  /** Seed, a 32-bit number; the same seed gives the same result. Default 0. */
  seed?: number;
}

const OPTIONS: OptionNames<UmapOptions> = {
  width: true,
  neighbors: 15,
  minimumDistance: 0.1,
  seed: 0,
};

/**
 * Points of the plane [n,2], one for each of `vectors`, [n·d] row by row, such as a tensor's data.
 * Source: McInnes et al., arXiv 1802.03426.
 *
 * ```ts
 * const vectors = Array.from({ length: 60 }, (_, i) => i < 30 ? Math.sin(i) : 9 + Math.cos(i));
 * console.log((await umap(vectors, { width: 2 })).length); // 60: a point for each of 30 vectors
 * ```
 *
 * @throws {TypeError} if the vectors are no rows of `width`, or an option is unknown
 * @throws {RangeError} if there are fewer than three vectors
 * @throws {UserError} if the package cannot be downloaded
 */
export async function umap(
  vectors: ArrayLike<number>,
  options: UmapOptions,
): Promise<Float64Array> {
  checkOptions("umap", options, OPTIONS);
  const { width, minimumDistance = 0.1, seed = 0 } = options;
  const rows = vectors?.length / width;
  if (typeof vectors?.[0] === "object") {
    throw new TypeError("umap: expected numbers, got rows; pass rows.flat()");
  }
  if (Number.isNaN(rows)) {
    throw new TypeError(
      `umap: expected numbers and their width, got ${describe(vectors)} and ${describe(width)}`,
    );
  }
  if (!Number.isInteger(rows) || !(width >= 1)) {
    throw new TypeError(`umap: ${vectors.length} values do not make rows of width ${width}`);
  }
  if (rows < 3) throw new RangeError(`umap: expected at least three vectors, got ${rows}`);
  const { UMAP: Umap } = await load();
  const random = new Random(seed);
  const map = new Umap({
    nComponents: 2,
    nNeighbors: Math.min(options.neighbors ?? 15, rows - 1),
    minDist: minimumDistance,
    random: () => random.uniform(),
  });
  const values = Array.from(vectors);
  const epochs = map.initializeFit(
    Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width)),
  );
  for (let epoch = 0; epoch < epochs; epoch++) {
    map.step();
    await yieldToEvents();
  }
  return Float64Array.from(map.getEmbedding().flat());
}

async function load(): Promise<typeof UmapModule> {
  try {
    return await import(UMAP);
  } catch (cause) {
    const [reason] = (cause as Error).message.split("\n");
    throw new UserError(
      `the package that computes UMAP cannot be downloaded (${reason}); the first use needs the ` +
        "network",
      { cause },
    );
  }
}
