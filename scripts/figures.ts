/**
 * Draws what a model has learned: attention, token embeddings and the predicted next tokens.
 *
 *     deno task figures runs/baby --text "First Citizen:"
 *
 * @module
 */
import { expectFolder } from "../lib/cli/expect_folder.ts";
import { choice, integer, number, text } from "../lib/cli/flags.ts";
import { formatItems } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError, userInput } from "../lib/cli/run.ts";
import { makeFolder } from "../lib/cli/write_text.ts";
import {
  attentionFigure,
  attentionGridFigure,
  embeddingFigure,
  nextTokenFigure,
  principalComponents,
} from "../lib/plot/mod.ts";
import {
  Generator,
  type GPT,
  loadPretrained,
  openDevice,
  openingTokens,
  tensor,
  type Tokenizer,
  topNextTokens,
} from "../mod.ts";

const command = {
  name: "deno task figures",
  summary: "Draws what a model has learned, as SVG files: heads.svg with the attention of every " +
    "layer and head, attention.svg with one head, embeddings.svg with the token embeddings on a " +
    "plane, next_token.svg with the predicted next tokens.",
  positionals: { name: "RUN", meaning: "folder of a run or of a model", min: 1, max: 1 },
  flags: {
    text: text(undefined, "text for the model to read", {
      shownDefault: "48 tokens that it generates",
    }),
    layer: integer(1, "layer of attention.svg", { min: 1 }),
    head: integer(1, "head of attention.svg", { min: 1 }),
    topP: number(0.9, "probability that top-p sampling keeps, marked in next_token.svg", {
      min: 0,
      max: 1,
    }),
    out: text(undefined, "folder to write to", { placeholder: "DIR", shownDefault: "RUN" }),
    theme: choice("light", "colors", { choices: ["light", "dark"] }),
  },
  examples: [
    ['deno task figures runs/baby --text "to be or not"', "attention and prediction for this text"],
    [
      "deno task figures runs/baby --layer 2 --head 3 --theme dark",
      "another head, on a dark background",
    ],
  ] as const,
};

/** Number of tokens that the model generates if no text is given. */
const GENERATED_TOKENS = 48;
/** Maximum number of points in embeddings.svg. */
const MAX_POINTS = 200;
const TEMPERATURES = [0.5, 1, 1.5];

await runScript(command, async ({ flags, positionals: [run] }) => {
  const { theme, topP, out = run } = flags;
  await expectFolder(run);
  const device = await openDevice({ device: "cpu" });
  const { model, tokenizer } = await userInput(() => loadPretrained(run));
  const { layers, heads, contextLength } = model.config;
  if (flags.layer > layers || flags.head > heads) {
    throw new UserError(
      `${run}: its model has ${formatItems(layers, "layer")} of ${
        formatItems(heads, "head")
      }; there is no layer ` +
        `${flags.layer}, head ${flags.head}`,
    );
  }
  const ids = await read(model, tokenizer, flags.text);
  if (ids.length > contextLength) {
    throw new UserError(`--text: the model reads ${contextLength} tokens; got ${ids.length}`);
  }
  const tokens = ids.map((id) => tokenizer.decode([id]));
  const weights = await attention(model, ids);
  const [layer, head] = [flags.layer - 1, flags.head - 1];
  const size = ids.length ** 2;
  const chosen = weights.subarray((layer * heads + head) * size).subarray(0, size);
  const next = await topNextTokens(model, ids, { k: tokenizer.vocabSize });
  const bars = next.map(({ id, probability }) => ({ token: tokenizer.decode([id]), probability }));
  const title = `Attention of layer ${flags.layer}, head ${flags.head}`;
  await makeFolder(out);
  const figures = {
    heads: attentionGridFigure(weights, { layers, heads, queries: ids.length, tokens, theme }),
    attention: attentionFigure(chosen, { queries: tokens, title, theme }),
    embeddings: await embeddings(model, tokenizer, theme),
    next_token: nextTokenFigure(bars, {
      prompt: tokens.join(""),
      topP,
      temperatures: TEMPERATURES,
      count: 12,
      theme,
    }),
  };
  for (const [name, figure] of Object.entries(figures)) {
    await figure.save(`${out}/${name}.svg`);
    print(`wrote ${out}/${name}.svg`);
  }
  device.close();
});

/** The tokens of the text, or some that the model generates. */
async function read(model: GPT, tokenizer: Tokenizer, text?: string): Promise<number[]> {
  if (text !== undefined) {
    const ids = Array.from(await userInput(() => tokenizer.encode(text)));
    if (ids.length === 0) throw new UserError("--text: it holds no token; give at least one");
    return ids;
  }
  const prompt = openingTokens(tokenizer);
  const room = model.config.contextLength - prompt.length;
  const options = { maxNewTokens: Math.max(1, Math.min(GENERATED_TOKENS, room)), temperature: 0.8 };
  return [...prompt, ...await Array.fromAsync(new Generator(model).generate(prompt, options))];
}

/** Attention weights [layers, heads, tokens, tokens] for these tokens. */
async function attention(model: GPT, ids: readonly number[]): Promise<Float32Array> {
  const read = tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  return await model.attentionWeights(read).data() as Float32Array;
}

/** The embeddings of the first tokens of the vocabulary, by their two principal components. */
async function embeddings(model: GPT, tokenizer: Tokenizer, theme: "light" | "dark") {
  const { width } = model.config;
  const count = Math.min(MAX_POINTS, tokenizer.vocabSize);
  const vectors = (await model.tokens.weight.data()).slice(0, count * width);
  const { projected, shares } = principalComponents(vectors, { width });
  const points = Array.from({ length: count }, (_, id) => {
    const label = tokenizer.decode([id]);
    return { label, group: kind(label), x: projected[2 * id], y: projected[2 * id + 1] };
  });
  const share = (100 * (shares[0] + shares[1])).toFixed(0);
  const title = `Token embeddings, two principal components (${share} % of the variance)`;
  return embeddingFigure(points, { title, theme });
}

/**
 * The group of a token, such as upper-case letters, whose embeddings should be close to each other.
 */
function kind(token: string): string {
  if (/^[aeiou]$/.test(token)) return "vowels";
  if (/^\s*\p{Lu}/u.test(token)) return "capitals";
  return /^\s*\p{L}/u.test(token) ? "lower-case letters" : "other";
}
