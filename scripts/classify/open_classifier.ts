/**
 * The classifier at a place: an encoder with a head, a language model with one, or an adapter of
 * either, whose base it names.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  type AdaptableModel,
  type Classifier,
  loadAdapter,
  loadAdapterConfig,
  loadClassifier,
  loadClassifierBase,
  loadTextClassifier,
  loadTokenizer,
  type LoraAdapter,
  type Tokenizer,
  UserError,
} from "../../mod.ts";

/** The file beside an adapter that names the classes: a JSON list. PEFT's files do not. */
const LABELS_FILE = "labels.json";

/** A classifier and the tokenizer of its ids. */
export interface OpenedClassifier {
  readonly model: Classifier;
  readonly tokenizer: Tokenizer;
  /** The adapter that was loaded onto it. */
  readonly adapter?: LoraAdapter<AdaptableModel>;
}

/** Where a classifier is. */
export interface ClassifierPlace {
  /** Folder, address, or name on the hub. */
  readonly location: string;
  /** The base of an adapter. Default: as the adapter names it. */
  readonly base?: string;
  /** Branch, tag or commit of a base on the hub. */
  readonly revision?: string;
}

/** Whether a folder holds the first file and not the second. */
async function holds(folder: string, file: string, not: string): Promise<boolean> {
  const exists = (name: string) => Deno.stat(`${folder}/${name}`).then(() => true, () => false);
  return await exists(file) && !await exists(not);
}

/**
 * Opens the classifier at a place.
 *
 * @throws {UserError} if there is none, or a file is malformed
 */
export async function openClassifier(place: ClassifierPlace): Promise<OpenedClassifier> {
  const { location, base, revision } = place;
  const isAdapter = await holds(location, "adapter_config.json", "config.json");
  if (base !== undefined || isAdapter) return await openAdapter(place);
  if (await holds(location, LABELS_FILE, "config.json")) {
    throw new UserError(
      `${location}: it holds results and no model, as finetune --method words leaves it; ` +
        "give the folder of another method",
    );
  }
  return await openModel(location, revision);
}

async function openAdapter(
  { location, base, revision }: ClassifierPlace,
): Promise<OpenedClassifier> {
  const config = await userInput(() => loadAdapterConfig(location));
  if (config.task !== "SEQ_CLS") {
    throw new UserError(`${location}: it is an adapter that writes texts, not one that classifies`);
  }
  const place = base ?? config.base;
  if (place === undefined) {
    throw new UserError(`${location}: it does not name its base; give it with --base MODEL`);
  }
  const labels = await readLabels(location);
  const { model, ...ofBase } = labels === undefined
    ? await openModel(place, revision)
    : await openBase(place, { labels, revision });
  const adapter = await userInput(() => loadAdapter<Classifier>(location, model));
  const own = await loadTokenizer(location).catch(() => undefined);
  return { model, tokenizer: own ?? ofBase.tokenizer, adapter };
}

/** The base gets a head for the labels, which the adapter fills. */
async function openBase(
  location: string,
  { labels, revision }: { labels: readonly string[]; revision?: string },
): Promise<OpenedClassifier> {
  return await fromModelPlace(
    location,
    (onProgress) => loadClassifierBase(location, { labels, revision, onProgress }),
  );
}

async function readLabels(folder: string): Promise<string[] | undefined> {
  const path = `${folder}/${LABELS_FILE}`;
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const labels: unknown = JSON.parse(text);
    const isList = Array.isArray(labels) && labels.every((label) => typeof label === "string");
    if (isList && labels.length > 1) return labels;
  } catch { /* not JSON: the same message */ }
  throw new UserError(`${path}: expected a JSON list of two or more names of classes`);
}

async function openModel(location: string, revision?: string): Promise<OpenedClassifier> {
  return await fromModelPlace(location, async (onProgress) => {
    try {
      return await loadClassifier(location, { revision, onProgress });
    } catch (error) {
      const isOther = error instanceof SyntaxError && error.message.includes("model_type");
      if (!isOther) throw error;
      return await loadTextClassifier(location, { revision, onProgress });
    }
  });
}
