/**
 * Features of a model: a sparse autoencoder trained on its residual stream as it reads a text file.
 * For each feature how often and where it is active, and the tokens that it speaks for.
 *
 * @module
 */
import { escape } from "../../lib/plot/markup.ts";
import { histogramFigure } from "../../lib/plot/mod.ts";
import {
  directionLogits,
  embedding,
  featureSummaries,
  type FeatureSummary,
  type GPT,
  mul,
  runWithCache,
  type SparseAutoencoder,
  sparseAutoencoder,
  type Tensor,
  tensor,
  type Tokenizer,
  topK,
  UserError,
} from "../../mod.ts";
import type { Section } from "./page.ts";

/** Tokens that are read at most, and shown before and after an example's. */
const MOST = 16384;
const BEFORE = 24;
const AFTER = 8;
const EXAMPLES = 5;
const NAMED = 6;

/** A model that features are learned of, and the texts that it reads for that. */
export interface Learned {
  /** The model. */
  readonly model: GPT;
  /** Makes texts of ids. */
  readonly tokenizer: Tokenizer;
  /** A text file. */
  readonly file: string;
  /** How many features are shown. */
  readonly count: number;
}

/** A section on the features in general, and one on each of the `count` that are most active. */
export async function featureSections(learned: Learned): Promise<Section[]> {
  const { model, tokenizer, file, count } = learned;
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
  const text =
    `A sparse autoencoder of ${autoencoder.features} features, trained on ${rows.shape[0]} ` +
    `vectors at ${point}, explains ${(100 * explained).toFixed(0)} % of their variance with ` +
    `${active.toFixed(1)} features each; ${(100 * dead).toFixed(0)} % of the features are not ` +
    `used. Below are the ${count} that are most active somewhere: how strongly (1 is the most), on ` +
    "what text, and which tokens the feature's direction speaks for and against by itself.";
  const summaries = await featureSummaries(autoencoder, rows, { examples: EXAMPLES });
  const strongest = summaries
    .map((summary, feature) => ({ summary, feature }))
    .filter(({ summary }) => summary.largest > 0)
    .sort((a, b) => b.summary.largest - a.summary.largest)
    .slice(0, count);
  const values = await autoencoder.encode(rows).data();
  const general: Section = { title: "Features", text, figures: [] };
  if (strongest.length === 0) return [general];
  const { towards, away } = await spokenFor(
    model,
    autoencoder,
    strongest.map(({ feature }) => feature),
  );
  const textOf = (id: number) => tokenizer.decode([id]);
  const single = strongest.map(({ summary, feature }, i): Section => {
    const lines = summary.examples.map(({ row }) => {
      const start = Math.max(row - row % length, row - BEFORE);
      const end = Math.min(row - row % length + length, row + AFTER);
      const shown = Array.from({ length: end - start }, (_, i) => start + i);
      return line(shown.map((at) => {
        const strength = values[at * autoencoder.features + feature] / summary.largest;
        return { text: textOf(ids[at]), strength };
      }));
    });
    const names = (ids: readonly number[]) =>
      ids.map((id) => `<span class="token">${visible(textOf(id))}</span>`).join(" ");
    return {
      title: `Feature ${feature}`,
      text: described(summary),
      figures: [histogramFigure(summary.histogram, {
        range: [0, summary.largest],
        xLabel: "activation",
        yLabel: "tokens",
        width: 320,
        title: `Feature ${feature}: activations above 0`,
      })],
      html: `<p>for ${names(towards[i])}<br>against ${names(away[i])}</p>${lines.join("")}`,
    };
  });
  return [general, ...single];
}

function described({ frequency, largest, histogram }: FeatureSummary): string {
  const count = histogram.reduce((sum, n) => sum + n, 0);
  return `Active on ${(100 * frequency).toFixed(2)} % of the tokens (${count}), at most with ` +
    `${largest.toFixed(2)}.`;
}

/** For each of the features the tokens whose logits its direction raises and lowers most. */
async function spokenFor(
  model: GPT,
  { decoder }: SparseAutoencoder,
  features: readonly number[],
): Promise<{ towards: number[][]; away: number[][] }> {
  const logits = directionLogits(model, embedding(decoder, tensor(Int32Array.from(features))));
  const named = Math.min(NAMED, logits.shape[1]);
  const largest = (x: Tensor) => topK(x, named).indices.toArray<number[][]>();
  return { towards: await largest(logits), away: await largest(mul(logits, -1)) };
}

/** A text whose tokens have a color as strong as the feature there. */
function line(tokens: readonly { text: string; strength: number }[]): string {
  const spans = tokens.map(({ text, strength }) => {
    if (strength <= 0) return visible(text);
    const percent = `--strength: ${Math.round(100 * strength)}%`;
    return `<span class="active" style="${percent}" title="${strength.toFixed(2)}">${
      visible(text)
    }</span>`;
  });
  return `<p class="example">${spans.join("")}</p>`;
}

/** Markup of a token in its text, with a sign for a line break. */
function visible(text: string): string {
  return escape(text.replaceAll("\n", "⏎"));
}
