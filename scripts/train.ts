/**
 * Trains a GPT on a text and writes a run: weights, tokenizer, metrics and the loss as a figure.
 *
 *     deno task train
 *     deno task train --dataset book.txt --steps 500 --out runs/book
 *     deno task train --out runs/book --resume
 *
 * @module
 */
import { choice, type FlagValues, group, integer, number, text, toggle } from "../lib/cli/flags.ts";
import { stderr } from "../lib/cli/output.ts";
import { followDownload, TrainingProgress } from "../lib/cli/progress.ts";
import { onInterrupt, runScript, userInput } from "../lib/cli/run.ts";
import { printSample } from "../lib/cli/sample.ts";
import {
  AdamW,
  Batches,
  type BatchesOptions,
  CharacterTokenizer,
  CheckpointFolder,
  expressible,
  Generator,
  GPT,
  holdsCheckpoint,
  isPreparedCorpus,
  loadCorpus,
  loadModel,
  loadRunConfig,
  loadRunState,
  loadRunTokenizer,
  MetricsLog,
  openDevice,
  openingTokens,
  PRESETS,
  Random,
  readPreparedCorpus,
  restoreOptimiser,
  saveCheckpoint,
  splitCorpus,
  type Tokenizer,
  Trainer,
  type TrainSettings,
  UserError,
  warmupDecay,
  WordTokenizer,
} from "../mod.ts";

const whole = (meaning: string) =>
  integer(undefined, `${meaning}. Default: the preset's`, { min: 1 });
const count = (meaning: string) =>
  integer(undefined, `${meaning}. Default: the preset's`, { min: 0 });
const share = (meaning: string) =>
  number(undefined, `${meaning}. Default: the preset's`, { min: 0, max: 1 });
const positive = (meaning: string) =>
  number(undefined, `${meaning}. Default: the preset's`, { min: 0 });

const flags = {
  ...group("Corpus", {
    dataset: text(
      undefined,
      "a corpus's name, a text file, a URL, a folder of `deno task tokenize`, or -",
    ),
    tokenizer: choice("char", "how the text is cut into tokens", { choices: ["char", "word"] }),
  }),
  ...group("Model", {
    preset: choice("baby", "settings to start from", { choices: ["baby", "small"] }),
    layers: whole("blocks"),
    heads: whole("attention heads; they divide the width"),
    width: whole("size of a token's vector"),
    context: whole("tokens the model sees at once"),
    dropout: share("chance of dropping an activation"),
    initFrom: text(undefined, "start from the weights and the tokenizer of this run", {
      placeholder: "DIR",
    }),
  }),
  ...group("Training", {
    batch: whole("sequences in a batch"),
    steps: whole("updates"),
    accumulate: whole("batches for one update"),
    learningRate: positive("rate after the warm-up"),
    minLearningRate: positive("rate at the last step"),
    warmupSteps: count("steps in which the rate rises"),
    weightDecay: positive("decay of matrices"),
    beta1: share("AdamW's beta1"),
    beta2: share("AdamW's beta2"),
    clip: positive("largest gradient norm; 0 is off"),
    seed: integer(undefined, "seed of everything random. Default: the preset's", {
      min: 0,
      max: 2 ** 32 - 1,
    }),
  }),
  ...group("Reports", {
    evalEvery: integer(250, "steps between evaluations; 0 is off", { min: 0 }),
    evalBatches: integer(20, "batches in an evaluation", { min: 1 }),
    logEvery: integer(10, "steps between log lines; 0 is off", { min: 0 }),
    sampleEvery: integer(0, "steps between samples; 0 is off", { min: 0 }),
    checkpointEvery: integer(250, "steps between checkpoints; 0: at the end only", { min: 0 }),
  }),
  ...group("Where", {
    device: choice("auto", "what computes", { choices: ["auto", "webgpu", "cpu"] }),
    threads: integer(undefined, "CPU threads. Default: all cores", { min: 1, max: 64 }),
    out: text(
      undefined,
      "folder of the run. Default: the first free of runs/PRESET, runs/PRESET-2, …",
      {
        placeholder: "DIR",
      },
    ),
    resume: toggle(false, "continue the run in --out"),
  }),
};

type Flags = FlagValues<typeof flags>;

const REPORTS = ["evalEvery", "evalBatches", "logEvery", "sampleEvery", "checkpointEvery"] as const;

/** What a run is made of, and what run.json keeps of it. */
interface Plan {
  folder: string;
  preset: string;
  settings: TrainSettings;
  reports: Reports;
  dataset?: string;
  tokenizer: "char" | "word";
  initFrom?: string;
  /** Whether the folder holds the checkpoint to go on from, of `step` and `corpusHash`. */
  resume: boolean;
  step: number;
  corpusHash?: string;
}

/** How often what is done besides training. */
type Reports = Pick<Flags, typeof REPORTS[number]>;

/** Tokens to train on and their tokenizer. */
interface Data {
  tokenizer: Tokenizer;
  train: Uint16Array | Uint32Array;
  validation: Uint16Array | Uint32Array;
  source: string;
  hash: string;
}

const command = {
  name: "deno task train",
  summary:
    "Trains a GPT on a text. With no flags: a small one on Tiny Shakespeare, a few minutes on a CPU.",
  flags,
  examples: [
    ["deno task train --dataset book.txt --steps 500", "learn from a file of your own"],
    ["deno task train --out runs/baby --resume", "continue a run that was stopped"],
  ] as const,
};

await runScript(command, async ({ flags, given }) => {
  const plan = await planRun(flags, given);
  const { settings } = plan;
  const { evalEvery, evalBatches, logEvery, sampleEvery, checkpointEvery } = plan.reports;
  const data = await loadData(plan);
  const device = await openDevice({ device: flags.device, threads: flags.threads });
  console.log(`device   ${device.description}`);
  const model = await makeModel(plan, data);
  const sizes = `${settings.layers} layers, ${settings.heads} heads, width ${settings.width}`;
  console.log(`corpus   ${data.source}: ${data.train.length} + ${data.validation.length} tokens`);
  console.log(`model    ${sizes}, context ${settings.context}, ${model.parameterCount} parameters`);
  const { beta1, beta2, weightDecay, clip, seed, batch, context, accumulate } = settings;
  const windows = { batchSize: batch, contextLength: context, seed };
  const batches = await userInput(() => new Batches(data.train, windows));
  const held = evalEvery > 0 ? await heldOut(data, { ...windows, seed: seed ^ 1 }) : undefined;
  const decays = { beta1, beta2, weightDecay, clip };
  const optimiser = await userInput(() => new AdamW(model.parameters(), decays));
  using folder = await CheckpointFolder.open(plan.folder);
  if (plan.resume) await restoreOptimiser(plan.folder, model, optimiser, plan.step);
  const schedule = warmupDecay(settings);
  const options = { batchSize: batch, contextLength: context, accumulate, schedule, seed };
  const trainer = new Trainer(model, optimiser, options);
  batches.state = plan.step * accumulate;
  const metrics = await MetricsLog.open(`${plan.folder}/metrics.jsonl`, plan.step);
  const progress = new TrainingProgress(settings.steps, { firstStep: plan.step });
  const generator = new Generator(model);

  let saved = plan.step;
  const diverged = (what: string) =>
    new UserError(
      `training: ${what}; the checkpoint of step ${saved} in ${plan.folder} is untouched. ` +
        "Try a lower --learning-rate, or a --clip above 0",
    );
  const save = async () => {
    const step = trainer.stepsDone;
    const run = runState(plan, data, step, device.description);
    try {
      await saveCheckpoint(folder, { model, optimiser, tokenizer: data.tokenizer, run });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw diverged(`after step ${step} the model cannot be saved: ${error.message}`);
    }
    saved = step;
  };
  if (!plan.resume) await save(); // from here on the run can be resumed
  const started = performance.now() - 1000 * elapsedBefore(metrics);
  let trainMilliseconds = 0, timedSteps = 0;
  const report = async () => {
    const before = performance.now();
    const figures = await trainer.figures();
    trainMilliseconds += performance.now() - before;
    const first = trainer.stepsDone - figures.length + 1;
    const bad = figures.findIndex(({ loss, gradientNorm }) =>
      !Number.isFinite(loss + gradientNorm)
    );
    if (bad >= 0) {
      const { loss, gradientNorm } = figures[bad];
      const what = Number.isFinite(loss)
        ? `gradient norm became ${gradientNorm}`
        : `loss became ${loss}`;
      throw diverged(`the ${what} at step ${first + bad}`);
    }
    const latest = figures.at(-1);
    if (!latest || logEvery === 0) return;
    const step = trainer.stepsDone;
    const tokensPerSecond = Math.round(
      timedSteps * batch * context * accumulate / trainMilliseconds * 1000,
    );
    const elapsedSeconds = +((performance.now() - started) / 1000).toFixed(3);
    await metrics.append({
      step,
      ...latest,
      learningRate: schedule(step - 1),
      tokensPerSecond,
      elapsedSeconds,
    });
    progress.report({ step, loss: latest.loss, tokensPerSecond });
    trainMilliseconds = timedSteps = 0;
  };
  const evaluate = async (held: Batches, count: number) => {
    held.state = 0;
    const step = trainer.stepsDone;
    const validationLoss = await trainer.evaluate(held, count);
    await metrics.append({ step, validationLoss });
    progress.report({ step, validationLoss });
    return validationLoss;
  };
  const sample = async (length: number) => {
    const prompt = openingTokens(data.tokenizer);
    const tokens: number[] = [];
    const choices = {
      maxNewTokens: length,
      temperature: 0.8,
      topK: Math.min(200, data.tokenizer.vocabSize),
      seed,
    };
    for await (const token of generator.generate(prompt, choices)) tokens.push(token);
    return data.tokenizer.decode(tokens);
  };

  let interrupted = false;
  using _interrupt = onInterrupt(() => interrupted = true);
  const due = (every: number) => every > 0 && trainer.stepsDone % every === 0;
  let yielded = performance.now();
  while (trainer.stepsDone < settings.steps && !interrupted) {
    const before = performance.now();
    trainer.step(batches);
    trainMilliseconds += performance.now() - before;
    timedSteps++;
    progress.advance(trainer.stepsDone);
    const last = trainer.stepsDone === settings.steps;
    if (due(logEvery) || trainer.figuresDue || trainer.stepsDone === 1) await report();
    if (held && due(evalEvery) && !last) await evaluate(held, evalBatches);
    if (due(sampleEvery)) progress.note(await sample(120));
    if (due(checkpointEvery) && !last) {
      await report();
      await save();
    }
    if (performance.now() - yielded > 100) {
      await new Promise((resolve) => setTimeout(resolve)); // lets Ctrl-C through
      yielded = performance.now();
    }
  }
  await report();
  if (interrupted) {
    progress.finish();
    await save();
    const again = `deno task train --out ${shellWord(plan.folder)} --resume`;
    console.log(`\nstopped after step ${trainer.stepsDone}; continue with: ${again}`);
    return Deno.exit(130);
  }
  const validationLoss = held && await evaluate(held, Math.max(200, evalBatches));
  progress.finish();
  await save();
  console.log("");
  printSample("", await sample(300));
  const names = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "optimizer.safetensors",
    "run.json",
    "metrics.jsonl",
  ];
  if (await drawLoss(plan.folder, metrics)) names.push("loss.svg");
  if (validationLoss !== undefined) console.log(`\nvalidation loss ${validationLoss.toFixed(4)}`);
  console.log(
    `${validationLoss === undefined ? "\n" : ""}wrote ${plan.folder}/${names.join(", ")}`,
  );
  const prompt = expressible(data.tokenizer, "ROMEO:") ? ' --prompt "ROMEO:"' : "";
  console.log(`try   deno task sample ${shellWord(plan.folder)}${prompt}`);
  device.close();
});

/** Reads flags and, for --resume, the run's own settings; refuses to overwrite a run. */
async function planRun(flags: Flags, given: ReadonlySet<string>): Promise<Plan> {
  const preset = PRESETS[flags.preset];
  const names = Object.keys(preset) as (keyof TrainSettings)[];
  const chosen = names.filter((name) => given.has(name)).map((name) => [name, flags[name]]);
  const folder = flags.out ?? freeFolder(`runs/${flags.preset}`, flags.resume);
  const reports = Object.fromEntries(REPORTS.map((name) => [name, flags[name]])) as Reports;
  if (!flags.resume) {
    if (holdsCheckpoint(folder)) {
      throw new UserError(
        `${folder} holds a run already; continue it with --resume, or name another folder with --out`,
      );
    }
    const settings: TrainSettings = { ...preset, ...Object.fromEntries(chosen) };
    if (!given.has("minLearningRate") && given.has("learningRate")) {
      settings.minLearningRate = settings.learningRate / 10;
    }
    const { preset: name, dataset, tokenizer, initFrom } = flags;
    if (initFrom) await takeShape(settings, initFrom, given);
    const start = { preset: name, settings, reports, dataset, tokenizer, initFrom };
    return { folder, ...start, resume: false, step: 0 };
  }
  const run = await loadRunState(folder);
  const settings = { ...preset, ...run.settings as TrainSettings };
  for (const [name, value] of chosen) {
    if (name === "steps") settings.steps = value as number;
    else if (settings[name as keyof TrainSettings] !== value) {
      throw new UserError(
        `${folder}: its run has ${name} ${
          settings[name as keyof TrainSettings]
        }, so --resume cannot take ${value}; leave the flag out or start a new run`,
      );
    }
  }
  for (const name of ["preset", "tokenizer", "initFrom"] as const) {
    if (given.has(name) && flags[name] !== run[name]) {
      throw new UserError(
        `${folder}: its run has ${name} ${run[name] ?? "none"}, so --resume cannot take ${
          flags[name]
        }; ` +
          "leave the flag out or start a new run",
      );
    }
  }
  if (settings.steps < run.step) {
    throw new UserError(
      `${folder}: its run has done ${run.step} steps; --steps ${settings.steps} is behind that`,
    );
  }
  const chosenReports = REPORTS.filter((name) => given.has(name)).map((
    name,
  ) => [name, flags[name]]);
  return {
    folder,
    preset: run.preset as string,
    settings,
    reports: { ...reports, ...run.reports as Reports, ...Object.fromEntries(chosenReports) },
    dataset: flags.dataset ?? run.dataset as string | undefined,
    tokenizer: run.tokenizer as Plan["tokenizer"],
    initFrom: run.initFrom as string | undefined,
    resume: true,
    step: run.step,
    corpusHash: run.corpusHash as string,
  };
}

/** Puts the shape of another run's model into the settings; a flag that says otherwise is refused. */
async function takeShape(
  settings: TrainSettings,
  source: string,
  given: ReadonlySet<string>,
): Promise<void> {
  const config = await loadRunConfig(source);
  for (const name of ["layers", "heads", "width"] as const) {
    if (given.has(name) && settings[name] !== config[name]) {
      throw new UserError(
        `--init-from ${source}: its model has ${name} ${config[name]}, got ${
          settings[name]
        }; leave the flag out`,
      );
    }
    settings[name] = config[name];
  }
  if (given.has("context") && settings.context > config.contextLength) {
    throw new UserError(
      `--init-from ${source}: its context is ${config.contextLength}, got ${settings.context}; take at most that`,
    );
  }
  settings.context = Math.min(settings.context, config.contextLength);
}

/** The first free folder of base, base-2, …; to resume, the last one in use. */
function freeFolder(base: string, resume: boolean): string {
  let path = base;
  for (let i = 2; holdsCheckpoint(path); i++) {
    const next = `${base}-${i}`;
    if (resume && !holdsCheckpoint(next)) return path;
    path = next;
  }
  return path;
}

async function loadData(plan: Plan): Promise<Data> {
  const { dataset } = plan;
  const given = plan.resume
    ? await loadRunTokenizer(plan.folder)
    : plan.initFrom
    ? await loadRunTokenizer(plan.initFrom)
    : undefined;
  if (dataset !== undefined && await isPreparedCorpus(dataset)) {
    const { sha256, ...prepared } = await userInput(() => readPreparedCorpus(dataset));
    checkHash(plan, sha256, dataset);
    if (given && JSON.stringify(given.toJSON()) !== JSON.stringify(prepared.tokenizer.toJSON())) {
      throw new UserError(
        `${dataset}: its tokenizer is not that of ${
          plan.initFrom ?? plan.folder
        }; tokens would mean something else`,
      );
    }
    return { ...prepared, source: dataset, hash: sha256 };
  }
  const download = followDownload(dataset ?? "corpus");
  const corpus = await loadCorpus(dataset, download);
  download.finish();
  if (corpus.notice) stderr.write(`${corpus.notice}\n`);
  checkHash(plan, corpus.sha256, corpus.source);
  const tokenizer = given ??
    (plan.tokenizer === "word"
      ? WordTokenizer.fromText(corpus.text, { unknown: "<unk>" })
      : CharacterTokenizer.fromText(corpus.text));
  const tokens = await userInput(() => tokenizer.encode(corpus.text));
  return { tokenizer, ...splitCorpus(tokens), source: corpus.name, hash: corpus.sha256 };
}

function checkHash({ folder, corpusHash }: Plan, hash: string, source: string): void {
  if (corpusHash === undefined || corpusHash === hash) return;
  const short = corpusHash.slice(0, 12);
  throw new UserError(
    `${folder}: it was trained on another text (SHA-256 ${short}…) than ${source} holds now; ` +
      "give that text with --dataset",
  );
}

/** Batches to measure on, always the same. */
async function heldOut({ validation }: Data, windows: BatchesOptions): Promise<Batches> {
  try {
    return await userInput(() => new Batches(validation, windows));
  } catch (error) {
    throw new UserError(`the held-out part: ${(error as Error).message}; or --eval-every 0`, {
      cause: error,
    });
  }
}

async function makeModel(
  { settings, folder, resume, initFrom }: Plan,
  { tokenizer }: Data,
): Promise<GPT> {
  const { layers, heads, width, context, dropout, seed } = settings;
  const source = resume ? folder : initFrom;
  if (source) {
    const model = await loadModel(source, { dropout });
    if (model.config.vocabSize !== tokenizer.vocabSize) {
      throw new UserError(
        `${source}: its model has ${model.config.vocabSize} tokens, the tokenizer ${tokenizer.vocabSize}`,
      );
    }
    return model;
  }
  const shape = {
    vocabSize: tokenizer.vocabSize,
    contextLength: context,
    layers,
    heads,
    width,
    dropout,
  };
  return await userInput(() => new GPT(shape, new Random(seed)));
}

function runState(plan: Plan, data: Data, step: number, device: string) {
  return {
    step,
    preset: plan.preset,
    settings: plan.settings,
    reports: plan.reports,
    dataset: plan.dataset,
    tokenizer: plan.tokenizer,
    initFrom: plan.initFrom,
    corpusHash: data.hash,
    versions: Deno.version,
    device,
    commandLine: ["deno task train", ...Deno.args].join(" "),
  };
}

/** Seconds of training before this one, by the metrics of a run that is resumed. */
function elapsedBefore({ lines }: MetricsLog): number {
  const last = lines.findLast((line) => "elapsedSeconds" in line);
  return last?.elapsedSeconds ?? 0;
}

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** Draws loss.svg; without the plotting package (no network at the first use) it says so and gives false. */
async function drawLoss(folder: string, { path }: MetricsLog): Promise<boolean> {
  try {
    const { lossFigure } = await import("../lib/plot/loss.ts");
    const { readMetrics } = await import("../lib/plot/metrics.ts");
    const { train, validation } = readMetrics(await Deno.readTextFile(path), path);
    await lossFigure([{ label: "", train, validation }]).save(`${folder}/loss.svg`);
    return true;
  } catch (error) {
    stderr.write(`loss.svg was not drawn: ${(error as Error).message.split("\n")[0]}\n`);
    return false;
  }
}
