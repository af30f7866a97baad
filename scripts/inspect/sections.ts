/**
 * What a report says about a model and a text: surprise, logit lens, attribution, heads, attention.
 *
 * @module
 */
import {
  attentionGridFigure,
  contributionsFigure,
  curvesFigure,
  lensFigure,
  nextTokenFigure,
  scoresFigure,
  tokenValuesFigure,
} from "../../lib/plot/mod.ts";
import {
  directLogitAttribution,
  type GPT,
  headScores,
  type LensLayer,
  logitLens,
  tensor,
  type Tokenizer,
  topNextTokens,
} from "../../mod.ts";
import type { Section } from "./page.ts";

/** A model, its tokenizer and the text that it reads. */
export interface Inspected {
  /** The model. */
  readonly model: GPT;
  /** Makes texts of ids. */
  readonly tokenizer: Tokenizer;
  /** The text. */
  readonly ids: readonly number[];
}

/** All sections of a report, in their order. */
export async function sections(inspected: Inspected): Promise<Section[]> {
  const lens = await logitLens(inspected.model, inspected.ids, { k: 1 });
  return [
    ...surprise(inspected, lens),
    await nextTokens(inspected),
    lensSection(inspected, lens),
    await attribution(inspected),
    await heads(inspected),
    await attention(inspected),
  ];
}

function textOf({ tokenizer }: Inspected, id: number): string {
  return tokenizer.decode([id]);
}

function surprise(inspected: Inspected, lens: readonly LensLayer[]): Section[] {
  const { ids } = inspected;
  if (ids.length < 2) return [];
  const next = lens.at(-1)!.next[0];
  const values = ids.map((id, at) => ({
    token: textOf(inspected, id),
    value: at === 0 ? NaN : Math.log(next[at - 1]),
  }));
  return [{
    title: "How likely each token was",
    text:
      "Below each token is the logarithm of the probability that the model gave it after what " +
      "stands before: 0 is certain, −2.3 is one in ten, −4.6 one in a hundred.",
    figures: [tokenValuesFigure(values, { title: "Log-probability of each token (nats)" })],
  }];
}

async function nextTokens(inspected: Inspected): Promise<Section> {
  const { model, ids } = inspected;
  const next = await topNextTokens(model, ids, { k: 12 });
  const tokens = next.map(({ id, probability }) => ({ token: textOf(inspected, id), probability }));
  return {
    title: "What comes next",
    text: "The likeliest tokens after the text, with their probabilities.",
    figures: [nextTokenFigure(tokens, { title: "Next token" })],
  };
}

function lensSection(inspected: Inspected, lens: readonly LensLayer[]): Section {
  const { ids } = inspected;
  const predictions = lens.map(({ top }) =>
    top[0].map(([{ id, probability }]) => ({ token: textOf(inspected, id), probability }))
  );
  const tokens = ids.map((id) => textOf(inspected, id));
  const mean = lens.map(({ next }) =>
    next[0].reduce((sum, p) => sum + Math.log(p), 0) / next[0].length
  );
  const points = mean.map((value, step) => ({ step, value }));
  const curve = curvesFigure([{ points }], {
    title: "Mean log-probability of the text's tokens by layer",
    xLabel: "layers done",
    yLabel: "nats",
  });
  return {
    title: "The logit lens",
    text: "What the model would predict if it stopped after each layer: its final norm and head " +
      "applied to the residual stream. Row 0 is the embeddings, the top row the model's own answer.",
    figures: [lensFigure(predictions, { tokens }), ...(ids.length > 1 ? [curve] : [])],
  };
}

async function attribution(inspected: Inspected): Promise<Section> {
  const title = "Who made the answer";
  const { model, ids } = inspected;
  const [first, second] = await topNextTokens(model, ids, { k: 2 });
  const options = { correct: first.id, wrong: second?.id };
  const [answer, other] = [first, second].map((token) =>
    token && JSON.stringify(textOf(inspected, token.id))
  );
  try {
    const { contributions } = await directLogitAttribution(model, ids, options);
    return {
      title,
      text: `How much the embeddings, each head and each feed-forward push towards ${answer}` +
        `${
          other ? ` and away from ${other}, the second choice` : ""
        }: their direct effect on the ` +
        "logits, in which later layers take no part.",
      figures: [
        contributionsFigure(
          contributions.map(({ part, value }) => ({ part: named(part), value })),
          {
            title: `Direct logit attribution: ${answer}${other ? ` − ${other}` : ""}`,
          },
        ),
      ],
    };
  } catch (error) {
    const { message } = error as Error; // such as logits that are no sum of parts
    return { title, text: `It cannot be told for this model: ${message}.`, figures: [] };
  }
}

/** A part's name with layers and heads counted from 1, as in the other figures. */
function named(part: string): string {
  const found = /^(\d+)\.(\D+)(\d*)$/.exec(part);
  if (!found) return part.replace("_", " ");
  const [, layer, what, number] = found;
  const name = what.replace("mlp", "feed-forward").replace("attn", "attention").replace("_", " ");
  return `layer ${Number(layer) + 1} ${name}${number && ` ${Number(number) + 1}`}`;
}

async function heads({ model }: Inspected): Promise<Section> {
  const title = "What heads attend to";
  if (model.textLength < 4 || model.virtualTokens) {
    return { title, text: "The model reads too little text for this.", figures: [] };
  }
  const scores = await headScores(model);
  const { layers, heads } = model.config;
  const labels = (count: number) => Array.from({ length: count }, (_, i) => String(i + 1));
  const figure = (name: string, values: number[][]) =>
    scoresFigure(values, {
      rows: labels(layers),
      columns: labels(heads),
      range: [0, 1],
      title: name,
    });
  return {
    title,
    text:
      "Mean attention on random tokens that repeat: to the token before, to earlier copies of " +
      "the token, and to what followed those (induction). 1 is a head that does nothing else.",
    figures: [
      figure("Previous token", scores.previous),
      figure("Earlier copies", scores.duplicate),
      figure("Induction", scores.induction),
    ],
  };
}

async function attention({ model, ids }: Inspected): Promise<Section> {
  const { layers, heads } = model.config;
  const read = tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  const weights = await model.attentionWeights(read).data();
  return {
    title: "Attention of every head",
    text: "Rows are queries, columns keys, from the first token at the upper left.",
    figures: [attentionGridFigure(weights, { layers, heads, queries: ids.length })],
  };
}
