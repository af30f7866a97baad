/**
 * The tokens that a run of `deno task train` learns from, and those it is measured on.
 *
 * @module
 */
import { stderr } from "../../lib/cli/output.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { withDownloadProgress } from "../../lib/cli/progress.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  Batches,
  type BatchesOptions,
  CharacterTokenizer,
  DocumentBatches,
  type EncodedDocument,
  encodeDocuments,
  holdsDocuments,
  isPreparedCorpus,
  loadCorpus,
  loadDocuments,
  loadPreparedCorpus,
  loadTokenizer,
  type LoopOptions,
  lowerCaseWords,
  splitCorpus,
  type TextDocument,
  type Tokenizer,
  UserError,
  WordTokenizer,
} from "../../mod.ts";
import type { Plan } from "./choices.ts";
import { absolutePath, corpusPlace } from "./corpus_place.ts";
import { type DocumentParts, documentTokenizer, END, joined, splitDocuments } from "./documents.ts";

/** A corpus as tokens. */
export interface TrainData {
  /** The tokenizer of the ids. */
  readonly tokenizer: Tokenizer;
  /** Tokens to learn from. */
  readonly train: Uint16Array | Uint32Array;
  /** Held-out tokens, to measure on. */
  readonly validation: Uint16Array | Uint32Array;
  /** The corpus, as a user would name it. */
  readonly source: string;
  /** Its absolute path, if it is a file or a folder. */
  readonly path?: string;
  /** SHA-256 of the text. */
  readonly hash: string;
  /** The documents of both parts, if no row of a batch may hold more than one. */
  readonly documents?: DocumentParts;
}

/**
 * Reads the plan's corpus and encodes it.
 *
 * @throws {UserError} if it cannot be read, or is not the corpus of the run to continue
 */
export async function loadTrainData(plan: Plan): Promise<TrainData> {
  const run = runOf(plan);
  const tokenizer = run ? await fromModelPlace(run, () => loadTokenizer(run)) : undefined;
  const dataset = corpusPlace(plan);
  if (dataset !== undefined && await isPreparedCorpus(dataset)) {
    return await loadPrepared(dataset, plan, tokenizer);
  }
  return dataset !== undefined && await holdsDocuments(dataset)
    ? await loadDocumentData(dataset, plan, tokenizer)
    : await loadText(dataset, plan, tokenizer);
}

/** The run or model whose tokenizer is used, if it is not a new one. */
function runOf({ resume, folder, initFrom, teacher }: Plan): string | undefined {
  return resume ? folder : initFrom ?? teacher?.model;
}

/** Reads a folder of `deno task tokenize`. */
async function loadPrepared(
  folder: string,
  plan: Plan,
  tokenizer: Tokenizer | undefined,
): Promise<TrainData> {
  const { sha256, ...prepared } = await userInput(() => loadPreparedCorpus(folder));
  expectCorpus(plan, sha256, folder);
  if (tokenizer && !isSameTokenizer(tokenizer, prepared.tokenizer)) {
    throw new UserError(
      `${folder}: its tokenizer is not that of ${plan.initFrom ?? plan.folder}; ` +
        "tokens would mean something else",
    );
  }
  const path = await Deno.realPath(folder);
  return { ...prepared, source: plan.dataset ?? folder, path, hash: sha256 };
}

/** Reads a text and encodes it, with a new tokenizer unless one is passed. */
async function loadText(
  dataset: string | undefined,
  plan: Plan,
  runTokenizer: Tokenizer | undefined,
): Promise<TrainData> {
  const corpus = await withDownloadProgress(
    dataset ?? "corpus",
    (onProgress) => loadCorpus(dataset, { onProgress }),
  );
  if (corpus.notice) stderr.write(`${corpus.notice}\n`);
  expectCorpus(plan, corpus.sha256, corpus.source);
  const { text } = corpus;
  const tokenizer = runTokenizer ?? await userInput(() => makeTokenizer(text, plan.tokenizer));
  const tokens = await userInput(() => tokenizer.encode(text));
  const parts = await textParts(tokens, plan, tokenizer);
  const { name, source, sha256: hash } = corpus;
  return { tokenizer, ...parts, source: name, path: absolutePath(source), hash };
}

/** A text's tokens and those to measure on: its end, or another text. */
async function textParts(
  tokens: Uint32Array<ArrayBuffer>,
  { reading }: Plan,
  tokenizer: Tokenizer,
): Promise<Pick<TrainData, "train" | "validation">> {
  const held = heldOutChoice(reading?.validation);
  if (typeof held === "number") return splitCorpus(tokens, { validationFraction: held });
  const { text } = await loadCorpus(held);
  return { train: tokens, validation: await userInput(() => tokenizer.encode(text)) };
}

/** Reads documents and encodes them, with a new tokenizer unless one is passed. */
async function loadDocumentData(
  dataset: string,
  plan: Plan,
  runTokenizer: Tokenizer | undefined,
): Promise<TrainData> {
  const { column, validation } = plan.reading ?? {};
  const loaded = await loadDocuments(dataset, { column });
  expectCorpus(plan, loaded.sha256, dataset);
  const held = heldOutChoice(validation);
  const parts = typeof held === "number"
    ? splitDocuments(loaded.documents, held)
    : { train: loaded.documents, validation: (await loadDocuments(held, { column })).documents };
  const tokenizer = runTokenizer ??
    await userInput(() => documentTokenizer(parts, plan.tokenizer));
  if (tokenizer.endId === undefined) {
    throw new UserError(
      `${dataset}: it holds documents, and the tokenizer of ${runOf(plan)} has no token that ` +
        "ends one; give a text in one file (.txt), or a model that was trained on documents",
    );
  }
  const encode = (part: readonly TextDocument[]) => {
    return userInput(() => encodeDocuments(tokenizer, part));
  };
  const documents = {
    train: await encode(parts.train),
    validation: await encode(parts.validation),
  };
  return {
    tokenizer,
    train: joined(documents.train),
    validation: joined(documents.validation),
    source: plan.dataset ?? dataset,
    path: absolutePath(dataset),
    hash: loaded.sha256,
    documents,
  };
}

/** The tokenizer of a text; `<|endoftext|>` in it becomes one token, which ends samples. */
async function makeTokenizer(text: string, kind: Plan["tokenizer"]): Promise<Tokenizer> {
  const padding = text.includes(END) ? END : undefined;
  if (kind === "lower-words") {
    if (padding === undefined) return await lowerCaseWords([text], { classToken: "last" });
    throw new UserError(
      `--tokenizer lower-words: its texts end with <cls>, and this one holds ${END}; give ` +
        "documents, such as a .jsonl or a .tsv file",
    );
  }
  const own = padding === undefined ? text : text.replaceAll(END, kind === "char" ? "" : "\n");
  if (kind === "char") return CharacterTokenizer.fromText(own, { padding });
  return WordTokenizer.fromText(own, { padding, unknown: kind === "word" ? "<unk>" : undefined });
}

/** The value of `--validation`: a fraction of the corpus (default 0.1), or a place to read from. */
export function heldOutChoice(validation: string | undefined): number | string {
  if (validation === undefined) return 0.1;
  const share = Number(validation);
  if (validation.trim() === "" || Number.isNaN(share)) return validation;
  if (share > 0 && share < 1) return share;
  throw new UserError(
    `--validation ${validation}: expected a share of the corpus between 0 and 1, or a file`,
  );
}

/** Whether two tokenizers give the same ids. */
export function isSameTokenizer(one: Tokenizer, other: Tokenizer): boolean {
  return JSON.stringify(one.toJSON()) === JSON.stringify(other.toJSON());
}

/** Refuses another text than the one that a resumed run was trained on. */
function expectCorpus({ folder, corpusHash }: Plan, hash: string, source: string): void {
  if (corpusHash === undefined || corpusHash === hash) return;
  throw new UserError(
    `${folder}: it was trained on another text (SHA-256 ${corpusHash.slice(0, 12)}…) than ` +
      `${source} holds now; give that text with --dataset`,
  );
}

/** What a run learns from and, if it evaluates, what it is measured on. */
export interface TrainBatches {
  /** Batches to learn from, starting after those that the run has seen. */
  readonly batches: Batches | DocumentBatches;
  /**
   * Options of the loop: batches to measure on, always the same. In epochs the last evaluation
   * covers the whole held-out part, and those before it at most `evalBatches` of its batches.
   */
  readonly held?: HeldOut;
}

type HeldOut =
  & Required<Pick<LoopOptions, "heldOut" | "evalBatches">>
  & Pick<LoopOptions, "finalBatches">;

/**
 * Cuts both parts of a corpus into batches as the plan's settings say.
 *
 * @throws {UserError} if the text is too short
 */
export async function trainBatches(
  plan: Pick<Plan, "settings" | "reports" | "sequencesSeen" | "reading">,
  data: Pick<TrainData, "train" | "validation" | "documents">,
): Promise<TrainBatches> {
  const { settings, reports: { evalEvery, evalBatches } } = plan;
  const { batch, context, seed, order, minimumBatches } = settings;
  const windows = { batchSize: batch, contextLength: context, order };
  const pack = plan.reading?.pack;
  const batches = await userInput(() =>
    data.documents
      ? documentBatches(data.documents.train, { ...windows, seed, pack })
      : new Batches(data.train, { ...windows, seed, minimumBatches })
  );
  batches.state = Math.floor(plan.sequencesSeen / batch);
  if (evalEvery === 0) return { batches };
  const heldOut = await heldOutBatches(data, { ...windows, seed: seed ^ 1, pack });
  if (order === "random") return { batches, held: { heldOut, evalBatches } };
  const finalBatches = heldOut.batchesPerEpoch;
  const held = { heldOut, evalBatches: Math.min(evalBatches, finalBatches), finalBatches };
  return { batches, held };
}

async function heldOutBatches(
  { validation, documents }: Pick<TrainData, "validation" | "documents">,
  { pack, ...windows }: BatchesOptions & { pack?: boolean },
): Promise<Batches | DocumentBatches> {
  try {
    return await userInput(() =>
      documents
        ? documentBatches(documents.validation, { ...windows, pack })
        : new Batches(validation, windows)
    );
  } catch (cause) {
    const { message } = cause as Error;
    throw new UserError(`the held-out part: ${message}; or --eval-every 0`, { cause });
  }
}

/** Batches of documents, whose order is always in epochs. */
function documentBatches(
  documents: readonly EncodedDocument[],
  { batchSize, contextLength, seed, pack }: BatchesOptions & { pack?: boolean },
): DocumentBatches {
  return new DocumentBatches(documents, { batchSize, contextLength, seed, pack });
}
