/**
 * Features of a model: a sparse autoencoder trained on its residual stream as it reads a text file,
 * and the places where each feature is most active.
 *
 * @module
 */
import { tokenValuesFigure } from "../../lib/plot/mod.ts";
import {
  runWithCache,
  type SparseAutoencoder,
  sparseAutoencoder,
  strongestRows,
  tensor,
  UserError,
} from "../../mod.ts";
import type { Section } from "./page.ts";
import type { Inspected } from "./sections.ts";

/** Tokens that are read at most, and around an example. */
const MOST = 16384;
const AROUND = 8;
const EXAMPLES = 4;

/** A section on the `count` features that most tokens of the file use. */
export async function featuresSection(
  { model, tokenizer }: Omit<Inspected, "ids">,
  file: string,
  count: number,
): Promise<Section> {
  const { layers, width } = model.config;
  const length = Math.min(model.textLength, 64);
  const ids = Int32Array.from(tokenizer.encode(await Deno.readTextFile(file))).slice(0, MOST);
  const batch = Math.floor(ids.length / length);
  if (batch < 4) throw new UserError(`--features-from ${file}: give at least ${4 * length} tokens`);
  const point = `blocks.${Math.floor(layers / 2)}.hook_resid_pre`;
  const read = tensor(ids.slice(0, batch * length), { shape: [batch, length] });
  const { cache } = runWithCache(model, read, { names: point });
  const rows = cache.get(point).view([batch * length, width]);
  const autoencoder = await sparseAutoencoder(rows, { sparsity: { k: 8 }, steps: 500 });
  const { explained, active, dead } = await autoencoder.report(rows);
  const figures = await examples(autoencoder, rows, count, (feature, row, values) => {
    const start = Math.max(row - row % length, row - AROUND);
    const shown = Array.from(
      { length: Math.min(row + 3, ids.length) - start },
      (_, i) => start + i,
    );
    const tokens = shown.map((at) => ({
      token: tokenizer.decode([ids[at]]),
      value: values[at * autoencoder.features + feature],
    }));
    return tokenValuesFigure(tokens, { title: `Feature ${feature}`, width: 560 });
  });
  return {
    title: "Features",
    text: `A sparse autoencoder of ${autoencoder.features} features, trained on ${rows.shape[0]} ` +
      `vectors at ${point}, explains ${(100 * explained).toFixed(0)} % of their variance with ` +
      `${active.toFixed(1)} features each; ${(100 * dead).toFixed(0)} % of the features are not ` +
      "used. Below, the features that are most active somewhere, each where it is strongest.",
    figures,
  };
}

/** For the strongest features a figure of each of their best places. */
async function examples<Drawn>(
  autoencoder: SparseAutoencoder,
  rows: Parameters<SparseAutoencoder["encode"]>[0],
  count: number,
  draw: (feature: number, row: number, values: ArrayLike<number>) => Drawn,
): Promise<Drawn[]> {
  const values = await autoencoder.encode(rows).data();
  const strongest = (await strongestRows(autoencoder, rows, EXAMPLES))
    .map((places, feature) => ({ places, feature }))
    .filter(({ places }) => places.length > 0)
    .sort((a, b) => b.places[0].activation - a.places[0].activation)
    .slice(0, count);
  return strongest.flatMap(({ places, feature }) =>
    places.map(({ row }) => draw(feature, row, values))
  );
}
