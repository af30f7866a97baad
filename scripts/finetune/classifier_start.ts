/**
 * The classifier that a run with `--labels` trains: a new one, or a language model with a head,
 * all of it, the head alone, or an adapter and the head.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { formatCount, formatItems } from "../../lib/cli/numbers.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  attachLora,
  type Classifier,
  GPT,
  gpt2Weights,
  holdsCheckpoint,
  loadClassifierBase,
  type LoraAdapter,
  type LoraOptions,
  lowerCaseWords,
  Random,
  SequenceClassifier,
  type Tensor,
  TextClassifier,
  type Tokenizer,
  UserError,
} from "../../mod.ts";
import { memoryTaken } from "./base.ts";
import { type ClassifierSettings, FROM_SCRATCH } from "./classifier_settings.ts";
import type { LabeledTask } from "./labeled_parts.ts";

/** A classifier to train. */
export interface ClassifierStart {
  readonly classifier: Classifier;
  readonly tokenizer: Tokenizer;
  /** The adapter that is trained, with the head among its parameters. */
  readonly adapter?: LoraAdapter<Classifier>;
  /** The longest text in tokens. */
  readonly limit: number;
  /** What is trained, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** What it is made of, and what is trained, in lines to print. */
  readonly lines: readonly string[];
}

/** What a classifier is made for. */
export interface StartInput {
  readonly settings: ClassifierSettings;
  readonly task: LabeledTask;
  /** The model to start from; undefined for a new one. */
  readonly base?: string;
  readonly revision?: string;
}

/**
 * Makes the classifier before its first step: always the same for the same settings and texts.
 *
 * @throws {UserError} if the base cannot be loaded, or the settings do not fit it
 */
export async function startClassifier(input: StartInput): Promise<ClassifierStart> {
  return input.settings.preset ? await fromScratch(input) : await fromBase(input);
}

async function fromScratch(
  { settings: { preset, context, dropout, seed }, task: { parts, labels } }: StartInput,
): Promise<ClassifierStart> {
  const texts = parts.train.map(({ text }) => text);
  const classToken = preset === "encoder" ? "first" : "last";
  const tokenizer = await userInput(() => lowerCaseWords(texts, { classToken }));
  const random = new Random(seed);
  const { vocabSize } = tokenizer;
  const limit = context!;
  const sizes = { ...FROM_SCRATCH, vocabSize, contextLength: limit, dropout };
  const classifier = preset === "encoder"
    ? new SequenceClassifier({ ...sizes, ...DISTILBERT, labels }, { random })
    : new TextClassifier(new GPT(sizes, { random, initial: gpt2Weights(sizes.layers) }), {
      labels,
      random,
    });
  const parameters = trainable(classifier);
  const { layers, heads, width } = FROM_SCRATCH;
  const lines = [
    `model    ${preset} from scratch: ${formatItems(layers, "layer")}, ${
      formatItems(heads, "head")
    }, width ${width}, ` +
    `${formatItems(vocabSize, "word")}: ${
      formatItems(sizeOf(parameters), "parameter")
    }, all trained`,
    memoryTaken({ frozen: 0, trained: 4 * sizeOf(parameters) }),
  ];
  return { classifier, tokenizer, limit, parameters, lines };
}

/** What makes an encoder one that transformers opens as a DistilBERT. */
const DISTILBERT = {
  activation: "gelu",
  normEpsilon: 1e-12,
  attentionOutputDropout: 0,
  poolerActivation: "relu",
} as const;

async function fromBase({ settings, task, base, revision }: StartInput): Promise<ClassifierStart> {
  const { method, dropout, seed } = settings;
  const { labels } = task;
  const { model: classifier, tokenizer } = await fromModelPlace(
    base!,
    (onProgress) => {
      const random = new Random(seed);
      return loadClassifierBase(base!, { labels, random, dropout, revision, onProgress });
    },
  );
  const limit = limitOf(settings, classifier, base!);
  const all = trainable(classifier);
  const total = sizeOf(all);
  if (method === "full") {
    const lines = [
      `base     ${base}: ${formatItems(total, "parameter")} with a head, all trained`,
      memoryTaken({ frozen: 0, trained: 4 * total }),
    ];
    return { classifier, tokenizer, limit, parameters: all, lines };
  }
  const head = new Map([...all].filter(([name]) => HEAD.test(name)));
  const adapter = method === "lora"
    ? await userInput(() => newAdapter(classifier, settings, base!))
    : undefined;
  const parameters = adapter?.namedParameters() ?? head;
  const trained = sizeOf(parameters);
  const what = adapter ? `${adapterLine(adapter)} and a head` : "head     the head alone";
  const lines = [
    `base     ${base}: ${formatItems(total - sizeOf(head), "parameter")}, frozen`,
    `${what}: ${formatCount(trained)} trained (${(100 * trained / total).toPrecision(2)} %)`,
    memoryTaken({ frozen: 4 * total, trained: 4 * trained }),
  ];
  return { classifier, tokenizer, limit, adapter, parameters, lines };
}

/** Parameters of a head: of a language model's, or of an encoder's. */
const HEAD = /^(score|pooler|pooler_norm|classifier)\./;

/** The longest text that is read unless the user says otherwise, in tokens. */
const LONGEST = 256;

function limitOf(
  { context }: ClassifierSettings,
  { config: { contextLength } }: Classifier,
  base: string,
): number {
  if (context === undefined) return Math.min(LONGEST, contextLength);
  if (context <= contextLength) return context;
  throw new UserError(
    `--context ${context}: the context of ${base} is ${contextLength}; take at most that`,
  );
}

function newAdapter(
  classifier: Classifier,
  { adapter, seed }: ClassifierSettings,
  base: string,
): LoraAdapter<Classifier> {
  const modules = holdsCheckpoint(base) ? { modules: "all-linear" } : {};
  const options: LoraOptions = { ...modules, ...adapter };
  return attachLora(classifier, { ...options, random: new Random(seed) });
}

function adapterLine({ choices: { rank, alpha }, layers }: LoraAdapter<Classifier>): string {
  return `adapter  LoRA rank ${rank}, alpha ${alpha} on ${formatItems(layers.length, "layer")}`;
}

/** All parameters but those of a language model's own head, which a classifier does not use. */
function trainable(classifier: Classifier): Map<string, Tensor> {
  const named = [...classifier.namedParameters()];
  return new Map(named.filter(([name]) => !name.startsWith("lm_head.")));
}

function sizeOf(parameters: ReadonlyMap<string, Tensor>): number {
  return parameters.values().reduce((sum, { size }) => sum + size, 0);
}
