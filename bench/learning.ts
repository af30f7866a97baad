/**
 * How fast recipes learn: trains presets, and `modern` without one ingredient or with one more, on
 * a text's characters, and writes each run's losses as a line of JSON.
 *
 *     deno run -A bench/learning.ts --variants modern,baby --seeds 1,2,3 --steps 300
 *
 * Losses are of 200 held-out batches, as after a run of `deno task train`. A seed gives the same
 * losses on any number of threads, so that a run's time is its steps times a quiet step's.
 *
 * @module
 */
import { blasFlag } from "../lib/cli/device_flags.ts";
import { integer, text } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import {
  Batches,
  CharacterTokenizer,
  type GPT,
  loadCorpus,
  type ModelConfigInput,
  modelOf,
  openDevice,
  optimizerOf,
  type PresetName,
  PRESETS,
  splitCorpus,
  Trainer,
  type TrainSettings,
  warmupDecay,
} from "../mod.ts";
import { GPT as Model } from "../lib/nn/gpt.ts";
import { zeroProjectionWeights } from "../lib/nn/initial_weights.ts";
import { normal } from "../lib/nn/initializers.ts";
import { Random } from "../lib/random.ts";

/** What a variant changes of `modern`, or of another preset. */
interface Variant {
  readonly preset?: PresetName;
  readonly settings?: Partial<TrainSettings>;
  readonly model?: Partial<ModelConfigInput>;
}

const { modern } = PRESETS;
const every = (value: boolean) => Array.from({ length: modern.layers }, () => value);

/** `modern` but for one ingredient, or with one more. */
const VARIANTS: Readonly<Record<string, Variant>> = {
  modern: {},
  baby: { preset: "baby" },
  "AdamW for all": {
    settings: { optimizer: "adamw", learningRate: 3e-3, clip: 1, weightDecay: 0.1, beta2: 0.99 },
  },
  "learned positions": { model: { positions: "learned" } },
  "no q/k norm": { model: { queryKeyNorm: false } },
  "GELU": { model: { activation: "gelu_tanh" } },
  "GPT-2's weights": { settings: { initialWeights: "gpt2" } },
  "tied head": { model: { tiedHead: true } },
  "RMS norms without gains": { model: { norm: "rms", normGain: false } },
  "no biases": { model: { bias: false } },
  "linear from the start": { settings: { decayShare: 1 } },
  "decay in the last 20 %": { settings: { decayShare: 0.2 } },
  "cosine to a tenth": {
    settings: { decay: "cosine", decayShare: 1, minLearningRate: modern.learningRate / 10 },
  },
  "constant momentum": { settings: { momentumWarmupSteps: 0 } },
  "momentum 0.85": { settings: { momentum: 0.85 } },
  "momentum 0.95": { settings: { momentum: 0.95 } },
  "momentum 0.98": { settings: { momentum: 0.98 } },
  "Jordan's iterations": { settings: { iterations: 5, coefficients: "jordan" } },
  "weight decay 0.1": { settings: { weightDecay: 0.1 } },
  "soft-cap 15": { model: { logitSoftCap: 15 } },
  "value embeddings": { model: { valueEmbeddings: every(true) } },
  "value embeddings in the outer layers": {
    model: { valueEmbeddings: every(true).map((_, i) => i === 0 || i === modern.layers - 1) },
  },
  "rate 0.01": { settings: { learningRate: 0.01 } },
  "rate 0.04": { settings: { learningRate: 0.04 } },
  "AdamW's share 0.075": { settings: { adamWShare: 0.075 } },
  "AdamW's share 0.3": { settings: { adamWShare: 0.3 } },
};

const command = {
  name: "deno run -A bench/learning.ts",
  summary: "Trains variants of a recipe with several seeds and writes their losses.",
  flags: {
    variants: text("modern", "names, separated by commas; all: every one"),
    seeds: text("1", "seeds, separated by commas"),
    steps: integer(300, "steps of a run", { min: 1 }),
    evalEvery: integer(0, "steps between evaluations; 0: after the last step only", { min: 0 }),
    threads: integer(1, "threads", { min: 1 }),
    blas: blasFlag,
    dataset: text("tiny-shakespeare", "corpus name or text file"),
    out: text("runs/learning.jsonl", "file to append to"),
  },
};

await runScript(command, async ({ flags }) => {
  const { text } = await loadCorpus(flags.dataset);
  const tokenizer = CharacterTokenizer.fromText(text);
  const corpus = splitCorpus(tokenizer.encode(text), { validationFraction: 0.1 });
  const device = await openDevice({ device: "cpu", threads: flags.threads, blas: flags.blas });
  const names = flags.variants === "all" ? Object.keys(VARIANTS) : flags.variants.split(",");
  for (const name of names) {
    if (!Object.hasOwn(VARIANTS, name)) {
      throw new UserError(
        `--variants ${name}: expected some of ${Object.keys(VARIANTS).join(", ")}`,
      );
    }
  }
  for (const seed of flags.seeds.split(",").map(Number)) {
    for (const name of names) {
      const run = { variant: name, seed, steps: flags.steps };
      const { losses, seconds } = await train(
        VARIANTS[name],
        { ...flags, seed },
        corpus,
        tokenizer.vocabSize,
      );
      const line = JSON.stringify({ ...run, losses, seconds });
      print(line);
      await Deno.writeTextFile(flags.out, `${line}\n`, { append: true });
    }
  }
  device.close();
});

interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly evalEvery: number;
}

/** What a run leaves. */
interface Result {
  /** Losses on held-out text, by step. */
  readonly losses: Readonly<Record<number, number>>;
  /** Time of the training itself, without evaluations. */
  readonly seconds: number;
}

/** Trains a variant. */
async function train(
  variant: Variant,
  { seed, steps, evalEvery }: RunOptions,
  corpus: {
    readonly train: Uint16Array | Uint32Array;
    readonly validation: Uint16Array | Uint32Array;
  },
  vocabSize: number,
): Promise<Result> {
  const { preset = "modern" } = variant;
  const settings: TrainSettings = { ...PRESETS[preset], ...variant.settings, seed, steps };
  const model = makeModel(settings, variant, vocabSize);
  const optimizer = optimizerOf(settings, model);
  const trainer = new Trainer(model, optimizer, { learningRate: scheduleOf(settings), seed });
  const windows = { batchSize: settings.batch, contextLength: settings.context };
  const batches = new Batches(corpus.train, { ...windows, seed });
  const heldOut = new Batches(corpus.validation, { ...windows, seed: seed ^ 1 });
  const losses: Record<number, number> = {};
  let milliseconds = 0;
  for (let step = 1; step <= steps; step++) {
    const before = performance.now();
    trainer.step(batches);
    if (trainer.figuresDue) await trainer.figures();
    milliseconds += performance.now() - before;
    const last = step === steps;
    if (!last && (evalEvery === 0 || step % evalEvery !== 0)) continue;
    await trainer.figures();
    heldOut.state = 0;
    losses[step] = Number((await trainer.evaluate(heldOut, last ? 200 : 50)).toFixed(4));
  }
  for (const parameter of model.parameters()) parameter.dispose();
  return { losses, seconds: Number((milliseconds / 1e3).toFixed(2)) };
}

/** The model of the settings, or of the variant's changes, which need not be settings. */
function makeModel(settings: TrainSettings, { model }: Variant, vocabSize: number): GPT {
  if (!model) return modelOf(settings, vocabSize);
  const { layers, heads, width, context: contextLength, seed } = settings;
  const sizes = { vocabSize, contextLength, layers, heads, width };
  const config: ModelConfigInput = { ...sizes, ...settings.model, ...model };
  const zero = zeroProjectionWeights();
  const initial = model.tiedHead ? { ...zero, tokens: normal() } : zero;
  return new Model(config, { random: new Random(seed), initial });
}

function scheduleOf(settings: TrainSettings) {
  const { learningRate, minLearningRate, warmupSteps, steps, decay, decayShare } = settings;
  return warmupDecay({ learningRate, minLearningRate, warmupSteps, steps, decay, decayShare });
}
