/**
 * The tokens that a run of `deno task train` learns from, and what it is measured on.
 *
 * @module
 */
import { Batches, type BatchesOptions } from "../../data/batches.ts";
import { loadCorpus } from "../../data/load_corpus.ts";
import { isPreparedCorpus, readPreparedCorpus } from "../../data/prepared_files.ts";
import { splitCorpus } from "../../data/split_corpus.ts";
import { UserError } from "../../errors.ts";
import { CharacterTokenizer } from "../../text/character_tokenizer.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { WordTokenizer } from "../../text/word_tokenizer.ts";
import { loadRunTokenizer } from "../../train/checkpoint.ts";
import type { LoopOptions } from "../../train/loop.ts";
import { stderr } from "../output.ts";
import { followDownload } from "../progress.ts";
import { userInput } from "../run.ts";
import type { Plan } from "./plan.ts";

/** Tokens to train on and their tokenizer. */
export interface TrainData {
  /** What the ids are of. */
  tokenizer: Tokenizer;
  /** Tokens to learn from. */
  train: Uint16Array | Uint32Array;
  /** Tokens held out, to measure on. */
  validation: Uint16Array | Uint32Array;
  /** The corpus, as a user would name it. */
  source: string;
  /** SHA-256 of the text. */
  hash: string;
}

/** Reads the plan's corpus and cuts it into tokens; for a resumed run it must be the same text. */
export async function loadTrainData(plan: Plan): Promise<TrainData> {
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
    await userInput(() => tokenizerOf(corpus.text, plan.tokenizer));
  const tokens = await userInput(() => tokenizer.encode(corpus.text));
  return { tokenizer, ...splitCorpus(tokens), source: corpus.name, hash: corpus.sha256 };
}

function tokenizerOf(text: string, kind: Plan["tokenizer"]): Tokenizer {
  if (kind === "char") return CharacterTokenizer.fromText(text);
  return WordTokenizer.fromText(text, { unknown: kind === "word" ? "<unk>" : undefined });
}

function checkHash({ folder, corpusHash }: Plan, hash: string, source: string): void {
  if (corpusHash === undefined || corpusHash === hash) return;
  const short = corpusHash.slice(0, 12);
  throw new UserError(
    `${folder}: it was trained on another text (SHA-256 ${short}…) than ${source} holds now; ` +
      "give that text with --dataset",
  );
}

/** What a run learns from and, where it measures, what on: the loop's options for that. */
export interface TrainBatches {
  /** What to learn from. */
  batches: Batches;
  /**
   * What to measure on, always the same; in epochs the whole held-out part at the end, and as much
   * of it as `evalBatches` in between.
   */
  held?: Required<Pick<LoopOptions, "heldOut" | "evalBatches">> & Pick<LoopOptions, "finalBatches">;
}

/**
 * Cuts both parts into batches as the plan's settings say. UserError for a text that is too short.
 */
export async function trainBatches(
  { settings, reports: { evalEvery, evalBatches } }: Plan,
  data: TrainData,
): Promise<TrainBatches> {
  const { batch, context, seed, order, minimumBatches } = settings;
  const windows = { batchSize: batch, contextLength: context, order };
  const batches = await userInput(() =>
    new Batches(data.train, { ...windows, seed, minimumBatches })
  );
  if (evalEvery === 0) return { batches };
  const heldOut = await heldOutBatches(data, { ...windows, seed: seed ^ 1 });
  if (order === "random") return { batches, held: { heldOut, evalBatches } };
  const finalBatches = heldOut.batchesPerEpoch;
  return {
    batches,
    held: { heldOut, evalBatches: Math.min(evalBatches, finalBatches), finalBatches },
  };
}

async function heldOutBatches(
  { validation }: TrainData,
  windows: BatchesOptions,
): Promise<Batches> {
  try {
    return await userInput(() => new Batches(validation, windows));
  } catch (error) {
    throw new UserError(`the held-out part: ${(error as Error).message}; or --eval-every 0`, {
      cause: error,
    });
  }
}
