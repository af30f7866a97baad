/**
 * Looks inside a model as it reads a text, or at features learned from a text file, and writes one
 * HTML page: `deno task inspect MODEL --text TEXT --features-from FILE`.
 *
 * @module
 */
import { expectNewFile } from "../lib/cli/expect_new_file.ts";
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { fromModelPlace } from "../lib/cli/model_place.ts";
import { formatItems } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError, userInput } from "../lib/cli/run.ts";
import { writeText } from "../lib/cli/write_text.ts";
import { type GPT, loadPretrained, openDevice, type Tokenizer } from "../mod.ts";
import { featureSections } from "./inspect/features.ts";
import { page } from "./inspect/page.ts";
import { sections } from "./inspect/sections.ts";

const command = {
  name: "deno task inspect",
  summary:
    "Looks inside a language model as it reads a text, and writes one HTML page that needs " +
    "no network: log-probabilities, logit lens, direct logit attribution, scores of heads, and the " +
    "attention of every head; or sparse features of its residual stream.",
  positionals: {
    name: "MODEL",
    meaning: "folder of a run or of a model, address, or name on the hub",
    min: 1,
    max: 1,
  },
  flags: {
    text: text(undefined, "text for the model to read", { shownDefault: "none" }),
    out: text("inspect.html", "file to write", { placeholder: "FILE.html" }),
    featuresFrom: text(undefined, "text file for which sparse features are learned and shown", {
      placeholder: "FILE",
      shownDefault: "none",
    }),
    features: integer(8, "number of features to show", { min: 1 }),
    force: toggle(false, "replace the file if it is there"),
  },
  examples: [
    ['deno task inspect runs/baby --text "First Citizen:"', "writes inspect.html"],
    [
      'deno task inspect data/models/shakespeare --text "ROMEO: O Rom" --out romeo.html',
      "the model that ships",
    ],
    [
      "deno task inspect runs/baby --features-from play.txt --features 20",
      "a page of features",
    ],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [place] }) => {
  const { text, out, force, featuresFrom, features } = flags;
  if (text === undefined && featuresFrom === undefined) {
    throw new UserError(
      '--text: give the text to read: --text "To be", or --features-from a text file',
    );
  }
  if (!/\.html?$/.test(out)) {
    throw new UserError(`--out ${out}: the report is a page; give a name that ends in .html`);
  }
  await expectNewFile(out, { force });
  const device = await openDevice({ device: "cpu" });
  const { model, tokenizer } = await fromModelPlace(
    place,
    (onProgress) => loadPretrained(place, { onProgress }),
  );
  const ids = text === undefined ? undefined : await read(model, tokenizer, text);
  const { layers, heads, width } = model.config;
  const learned = featuresFrom === undefined
    ? []
    : await userInput(() =>
      featureSections({ model, tokenizer, file: featuresFrom, count: features })
    );
  const html = await page({
    title: `Inside ${place}`,
    facts: [
      ...(text === undefined ? [] : [["text", text], ["tokens", `${ids!.length}`]] as const),
      ...(featuresFrom === undefined ? [] : [["features from", featuresFrom]] as const),
      ["model", `${formatItems(layers, "layer")} of ${formatItems(heads, "head")}, width ${width}`],
      ["parameters", model.parameterCount.toLocaleString("en")],
    ],
    sections: [...ids ? await sections({ model, tokenizer, ids }) : [], ...learned],
  });
  await writeText(out, html);
  print(`wrote ${out}`);
  device.close();
});

/** The tokens of the text, with what begins every text of the model. */
async function read(model: GPT, tokenizer: Tokenizer, text: string): Promise<number[]> {
  const written = await userInput(() => tokenizer.encode(text));
  const ids = [...tokenizer.surroundings.before, ...written];
  if (written.length === 0) throw new UserError("--text: it holds no token; give at least one");
  if (ids.length <= model.textLength) return ids;
  throw new UserError(`--text: the model reads ${model.textLength} tokens; got ${ids.length}`);
}
