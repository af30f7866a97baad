/**
 * Runs the same text through transformers.js and through Folio, and shows both results and times.
 *
 *     deno task transformers text-generation "Once upon a time"
 *     deno task transformers sentiment-analysis "I loved it." "I did not."
 *
 * transformers.js reads a model's ONNX files, Folio its safetensors. Both use transformers.js's
 * tokenizer.
 *
 * @module
 */
import { DEVICE_KINDS } from "../lib/cli/device_flags.ts";
import { choice, group, integer, text } from "../lib/cli/flags.ts";
import { fromModelPlace, revisionFlag } from "../lib/cli/model_place.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import {
  classifyIds,
  Generator,
  loadClassifier,
  loadPretrained,
  openDevice,
  UserError,
} from "../mod.ts";
import {
  openPipeline,
  type Pipeline,
  TRANSFORMERS_VERSION,
} from "./transformers/transformers_js.ts";

/** Models that are loaded if the user names none: the same weights in two formats. */
const DEFAULTS = {
  "text-generation": { onnx: "Xenova/gpt2", own: "openai-community/gpt2" },
  "sentiment-analysis": {
    onnx: "Xenova/distilbert-base-uncased-finetuned-sst-2-english",
    own: "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
  },
};
type Task = keyof typeof DEFAULTS;

const flags = {
  ...group("Models", {
    model: text(undefined, "folder, or name on the hub, of the ONNX model", {
      shownDefault: "one for the task",
    }),
    folioModel: text(undefined, "folder, address or hub name of the same model for Folio", {
      shownDefault: "--model, if given",
    }),
    revision: revisionFlag("the models"),
    dtype: choice("fp32", "transformers.js's weights", {
      choices: ["fp32", "fp16", "q8", "int8", "uint8", "q4"],
    }),
    cache: text(".cache/transformers", "folder in which transformers.js caches its downloads", {
      placeholder: "DIR",
    }),
  }),
  ...group("Run", {
    maxNewTokens: integer(50, "maximum number of tokens to write, for text-generation", { min: 1 }),
    device: choice("cpu", "device on which Folio computes", DEVICE_KINDS),
    threads: integer(undefined, "Folio's CPU threads", {
      min: 1,
      max: 64,
      shownDefault: "all cores",
    }),
  }),
};

const command = {
  name: "deno task transformers",
  summary: "Runs transformers.js (downloads 490 MB on first use) and Folio on the same text.",
  flags,
  positionals: {
    name: "TASK TEXT",
    meaning: "text-generation or sentiment-analysis, and the texts",
    min: 2,
    max: 1000,
  },
  examples: [
    ['deno task transformers text-generation "Once upon a time"', "the most likely continuation"],
    ['deno task transformers sentiment-analysis "I loved it."', "a label and its probability"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [task, ...texts] }) => {
  if (!(task in DEFAULTS)) {
    throw new UserError(`${task}: expected one of ${Object.keys(DEFAULTS).join(", ")}`);
  }
  const { onnx, own } = DEFAULTS[task as Task];
  const { model = onnx, folioModel = flags.model ?? own, revision } = flags;
  const { dtype, cache } = flags;
  const load = () => openPipeline(task, model, { revision, dtype, cacheFolder: cache });
  const [pipeline, seconds] = await timed(load);
  print(`transformers.js ${TRANSFORMERS_VERSION}, cpu: ${model} in ${seconds}`);
  const device = await openDevice({ device: flags.device, threads: flags.threads });
  const compare = task === "text-generation" ? compareTexts : compareLabels;
  await compare(pipeline, texts, { folioModel, revision, maxNewTokens: flags.maxNewTokens });
  device.close();
  await pipeline.dispose();
});

interface CompareOptions {
  readonly folioModel: string;
  readonly revision: string | undefined;
  readonly maxNewTokens: number;
}

async function compareTexts(
  pipeline: Pipeline,
  prompts: readonly string[],
  { folioModel, revision, maxNewTokens }: CompareOptions,
): Promise<void> {
  const { model, endTokens } = await loadOwn(folioModel, revision, loadPretrained);
  const generator = new Generator(model);
  const greedy = { temperature: 0, maxNewTokens, endToken: endTokens[0] };
  for (const prompt of prompts) {
    const theirs = async () => {
      const options = { max_new_tokens: maxNewTokens, do_sample: false };
      const [{ generated_text }] = await pipeline(prompt, options) as { generated_text: string }[];
      return generated_text;
    };
    const ours = async () => {
      const ids = Array.from(pipeline.tokenizer(prompt).input_ids.data, Number);
      for await (const token of generator.generate(ids, greedy)) ids.push(token);
      return pipeline.tokenizer.decode(ids, { skip_special_tokens: true });
    };
    const results = [await timedTwice("transformers.js", theirs), await timedTwice("Folio", ours)];
    results.forEach((result) => print(result));
    print(results[0] === results[1] ? "the same text" : "the texts differ");
  }
}

interface Label {
  readonly label: string;
  readonly score: number;
}

async function compareLabels(
  pipeline: Pipeline,
  texts: readonly string[],
  { folioModel, revision }: CompareOptions,
): Promise<void> {
  const { model } = await loadOwn(folioModel, revision, loadClassifier);
  const theirs = async () => {
    const results = await pipeline(texts, { top_k: 1 }) as (Label | Label[])[];
    return results.flat();
  };
  const ours = async () => {
    const sequences = texts.map((text) =>
      Array.from(pipeline.tokenizer(text).input_ids.data, Number)
    );
    return await userInput(() => classifyIds(model, sequences));
  };
  const their = await timedTwice("transformers.js", theirs);
  const our = await timedTwice("Folio", ours);
  texts.forEach((text, i) => {
    const { label, score } = their[i];
    print(`${text}`);
    print(`  transformers.js ${label} ${score.toFixed(5)}`);
    print(`  Folio           ${our[i].label} ${our[i].score.toFixed(5)}`);
  });
}

/** Loads Folio's model, with a progress bar, and prints how long it took. */
async function loadOwn<Loaded>(
  model: string,
  revision: string | undefined,
  load: (model: string, options: object) => Promise<Loaded>,
): Promise<Loaded> {
  const [loaded, seconds] = await timed(() =>
    fromModelPlace(
      model,
      (onProgress) => load(model, { revision, tokenizer: false, onProgress }),
      `--folio-model ${model}`,
    )
  );
  print(`Folio: ${model} in ${seconds}`);
  return loaded;
}

/** Runs a function once to warm it up and once to time it. */
async function timedTwice<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  await run();
  const [result, seconds] = await timed(run);
  print(`${name}: ${seconds}`);
  return result;
}

async function timed<Result>(run: () => Promise<Result>): Promise<[Result, seconds: string]> {
  const start = performance.now();
  const result = await run();
  return [result, `${((performance.now() - start) / 1000).toFixed(3)} s`];
}
