/**
 * Trains a classifier of texts by one method: all weights, an adapter and a head, the head alone,
 * or counted words.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { print } from "../../lib/cli/output.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  AdamW,
  attachLora,
  type ClassificationReport,
  classificationReport,
  ClassifierTrainer,
  classifyIds,
  type GPT,
  holdsCheckpoint,
  type LabeledIds,
  type LabeledParts,
  type LabeledText,
  loadPretrained,
  type LoraAdapter,
  Random,
  type Tensor,
  TextClassifier,
  type Tokenizer,
  UserError,
  warmupDecay,
  WordsClassifier,
} from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { chosenModules, type FinetuneFlags, loraOptions } from "./flags.ts";

/** How a classifier is trained. */
export type Method = FinetuneFlags["method"];

/** What a method trains on. */
export interface MethodInput {
  readonly flags: FinetuneFlags;
  readonly given: Given;
  readonly location: string | undefined;
  readonly parts: LabeledParts;
  /** Names of the classes. */
  readonly labels: readonly string[];
  /** Ends the training. */
  readonly signal: AbortSignal;
}

/** A text with its class and the predicted one. */
interface Prediction {
  readonly right: string;
  readonly predicted: string;
  readonly text: string;
}

/** A trained classifier and what it cost and brought. */
export interface Trained {
  readonly method: Method;
  /** How many numbers were trained. */
  readonly trained: number;
  /** How long that took. */
  readonly seconds: number;
  /** The epoch with the highest validation accuracy. */
  readonly epoch?: number;
  /** Texts that were longer than the context, and cut. */
  readonly cut?: number;
  /** On the texts to choose by; absent if there are none. */
  readonly validation?: ClassificationReport;
  /** On the texts to measure on; absent if there are none. */
  readonly test?: ClassificationReport;
  /** Of the texts to measure on. */
  readonly predictions: readonly Prediction[];
  readonly model?: TextClassifier;
  readonly tokenizer?: Tokenizer;
  /** On the model: what was trained of it besides the head, which is among its parameters. */
  readonly adapter?: LoraAdapter<TextClassifier>;
}

/** Learning rates at the end of the warm-up. */
const RATES = { lora: 1e-3, full: 3e-4, frozen: 1e-2 };

/** Strengths of `WordsClassifier` to choose from. */
const STRENGTHS = [1, 10, 100];

/** The mean and the longest part of a text that is read, in tokens. */
const LONGEST = 256;

/** Trains by a method; without validation texts the last epoch counts. */
export async function trainByMethod(method: Method, input: MethodInput): Promise<Trained> {
  return method === "words" ? trainWords(input) : await trainModel(method, input);
}

function trainWords({ parts, labels }: MethodInput): Trained {
  const started = performance.now();
  const strengths = parts.validation.length > 0 ? STRENGTHS : [10];
  const tried = strengths.map((strength) => {
    const classifier = WordsClassifier.train(parts.train, { labels, strength });
    const predict = (rows: readonly LabeledText[]) =>
      rows.map(({ text }) => classifier.classify(text).label);
    const validation = measured(labels, parts.validation, predict(parts.validation));
    return { classifier, predict, validation };
  });
  const best = tried.reduce((best, next) =>
    (next.validation?.accuracy ?? 0) > (best.validation?.accuracy ?? 0) ? next : best
  );
  const predicted = best.predict(parts.test);
  print(`words    ${best.classifier.parameterCount} numbers trained`);
  return {
    method: "words",
    trained: best.classifier.parameterCount,
    seconds: (performance.now() - started) / 1000,
    validation: best.validation,
    test: measured(labels, parts.test, predicted),
    predictions: predictionsOf(parts.test, predicted),
  };
}

async function trainModel(
  method: "lora" | "full" | "frozen",
  input: MethodInput,
): Promise<Trained> {
  const { flags, location, parts, labels, signal } = input;
  const { model: base, tokenizer } = await fromModelPlace(
    location!,
    (onProgress) =>
      loadPretrained(location!, {
        dropout: flags.dropout ?? 0,
        revision: flags.revision,
        onProgress,
      }),
  );
  const { encoded, cut } = await encodeParts(tokenizer, base, input);
  const classifier = new TextClassifier(base, { labels, random: new Random(flags.seed ?? 1337) });
  const adapter = method === "lora"
    ? await userInput(() => newAdapter(classifier, input))
    : undefined;
  const { weight } = classifier.score;
  const parameters = method === "full"
    ? classifier.parameters().filter((tensor) => tensor !== base.head?.weight)
    : adapter?.parameters() ?? [weight];
  const trained = parameters.reduce((sum, { size }) => sum + size, 0);
  print(`${method.padEnd(8)} ${trained} numbers trained${cut > 0 ? `; ${cut} texts are cut` : ""}`);
  const started = performance.now();
  const best = await learn(classifier, parameters, { method, input, encoded });
  const seconds = (performance.now() - started) / 1000;
  if (signal.aborted) return { method, trained, seconds, predictions: [] };
  const predicted = await predict(classifier, encoded.test);
  return {
    method,
    trained,
    seconds,
    epoch: best.epoch,
    cut,
    validation: best.validation,
    test: measured(labels, parts.test, predicted),
    predictions: predictionsOf(parts.test, predicted),
    model: classifier,
    tokenizer,
    adapter,
  };
}

function newAdapter(
  model: TextClassifier,
  { flags, location }: MethodInput,
): LoraAdapter<TextClassifier> {
  const modules = chosenModules(flags) ?? (holdsCheckpoint(location!) ? "all-linear" : undefined);
  const random = new Random(flags.seed ?? 1337);
  return attachLora(model, { ...loraOptions(flags), random, ...modules ? { modules } : {} });
}

/** The parts as ids. */
type EncodedParts = Readonly<Record<"train" | "validation" | "test", LabeledIds[]>>;

async function encodeParts(
  tokenizer: Tokenizer,
  { config }: GPT,
  { flags, parts, labels }: MethodInput,
): Promise<{ encoded: EncodedParts; cut: number }> {
  const longest = Math.min(config.contextLength, flags.context ?? LONGEST);
  let cut = 0;
  const encode = ({ text, label }: LabeledText): LabeledIds => {
    const ids = tokenizer.encode(text);
    if (ids.length > longest) cut++;
    if (ids.length === 0) {
      throw new UserError(`--labels: a text has no token: ${JSON.stringify(text)}`);
    }
    return { ids: ids.subarray(0, longest), label: labels.indexOf(label) };
  };
  return await userInput(() => {
    const encoded = {
      train: parts.train.map(encode),
      validation: parts.validation.map(encode),
      test: parts.test.map(encode),
    };
    return { encoded, cut };
  });
}

/** A way to learn. */
interface Lesson {
  readonly method: "lora" | "full" | "frozen";
  readonly input: MethodInput;
  readonly encoded: EncodedParts;
}

/** The epoch whose numbers were kept. */
interface BestEpoch {
  readonly epoch: number;
  readonly validation?: ClassificationReport;
}

/** Trains for all epochs, and puts back the numbers of the one with the highest accuracy. */
async function learn(
  classifier: TextClassifier,
  parameters: readonly Tensor[],
  { method, input, encoded }: Lesson,
): Promise<BestEpoch> {
  const { flags, given, parts, labels, signal } = input;
  const { train, validation } = encoded;
  const batchSize = given.has("batch") ? flags.batch! : 32;
  const epochs = Math.max(1, Math.round(flags.epochs));
  const perEpoch = Math.ceil(train.length / batchSize);
  const steps = perEpoch * epochs;
  const learningRate = flags.learningRate ?? RATES[method];
  const schedule = warmupDecay({
    learningRate,
    minLearningRate: flags.minLearningRate ?? learningRate / 10,
    warmupSteps: flags.warmupSteps ?? Math.ceil(0.06 * steps),
    steps,
  });
  const weightDecay = flags.weightDecay ?? (method === "full" ? 0.01 : 0);
  const optimizer = new AdamW(parameters, { clip: flags.clip ?? 1, weightDecay });
  const seed = flags.seed ?? 1337;
  const trainer = new ClassifierTrainer(classifier, optimizer, {
    learningRate: schedule,
    batchSize,
    seed,
  });
  let best: BestEpoch & { numbers?: Float32Array[] } = { epoch: 0 };
  for (let epoch = 1; epoch <= epochs && !signal.aborted; epoch++) {
    const loss = await oneEpoch(trainer, shuffled(train, new Random(seed, epoch)), {
      batchSize,
      signal,
    });
    if (signal.aborted) break;
    const report = measured(labels, parts.validation, await predict(classifier, validation));
    const isBest = !report || report.accuracy > (best.validation?.accuracy ?? -1);
    if (isBest) best = { epoch, validation: report, numbers: await read(parameters) };
    const accuracy = report ? `  validation accuracy ${report.accuracy.toFixed(4)}` : "";
    print(
      `epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}${accuracy}${
        report && isBest ? " (best)" : ""
      }`,
    );
  }
  parameters.forEach((parameter, i) => best.numbers && parameter.write(best.numbers[i]));
  return best;
}

async function oneEpoch(
  trainer: ClassifierTrainer,
  texts: readonly LabeledIds[],
  { batchSize, signal }: { batchSize: number; signal: AbortSignal },
): Promise<number> {
  const losses: number[] = [];
  const note = async () => {
    for (const { loss } of await trainer.figures()) losses.push(loss);
    if (losses.every(Number.isFinite)) return;
    throw new UserError(
      "training: the loss is not finite; start again with a lower --learning-rate",
    );
  };
  for (let first = 0; first < texts.length && !signal.aborted; first += batchSize) {
    trainer.step(texts.slice(first, first + batchSize));
    if (first / batchSize % 10 === 9) await note(); // so that a Ctrl-C is heard
  }
  await note();
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [all[last], all[other]] = [all[other], all[last]];
  }
  return all;
}

async function predict(
  classifier: TextClassifier,
  texts: readonly LabeledIds[],
): Promise<string[]> {
  if (texts.length === 0) return [];
  return (await classifyIds(classifier, texts.map(({ ids }) => ids))).map(({ label }) => label);
}

function measured(
  labels: readonly string[],
  rows: readonly LabeledText[],
  predicted: readonly string[],
): ClassificationReport | undefined {
  if (rows.length === 0) return undefined;
  return classificationReport(labels, {
    right: rows.map(({ label }) => labels.indexOf(label)),
    predicted: predicted.map((label) => labels.indexOf(label)),
  });
}

function predictionsOf(rows: readonly LabeledText[], predicted: readonly string[]): Prediction[] {
  return rows.map(({ text, label }, i) => ({ right: label, predicted: predicted[i], text }));
}

async function read(parameters: readonly Tensor[]): Promise<Float32Array[]> {
  return await Promise.all(parameters.map(async (tensor) => await tensor.data() as Float32Array));
}
