/**
 * Beam search: of all continuations by one token, the likeliest are kept at each step.
 *
 * The model's cache, the log-probabilities and the largest of them are on the device; this file
 * decides which beams survive, from 2·beams numbers per beam. The bookkeeping (2·beams candidates,
 * length penalty, early stopping) follows the documentation of beam search in transformers.
 *
 * @module
 */
import { adjustLogits } from "../ops/adjust_logits.ts";
import { add } from "../ops/binary.ts";
import { concatenate } from "../ops/concatenate.ts";
import { compile } from "../tensor/compile.ts";
import { scope } from "../tensor/scope.ts";
import { logSoftmax } from "../ops/softmax.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { type TopK, topK } from "../ops/top_k.ts";
import { type CachedModel, CacheRows } from "./cache_rows.ts";
import type { FinishReason } from "./continuation.ts";
import { exclusionMask } from "./excluded_ids.ts";

/** Options of `beamSearch`, all required; their meaning is that of `generate`'s. */
export interface BeamOptions {
  readonly beams: number;
  readonly maxNewTokens: number;
  readonly minNewTokens: number;
  readonly repetitionPenalty: number;
  readonly noRepeatNgram: number;
  readonly lengthPenalty: number;
  /** Tokens of the prompt that count as written in a score's number of tokens. */
  readonly counted: number;
  /** An end token follows a text of `maxNewTokens` for certain. */
  readonly forcedEnd: boolean;
  readonly earlyStopping: boolean | "never";
  readonly ends: readonly number[];
  /** Ids that are never chosen. */
  readonly excluded: readonly number[];
  readonly signal: AbortSignal | undefined;
}

/** A continuation that was found. */
export interface FoundBeam {
  /** Its tokens, without the end token. */
  readonly tokens: number[];
  /** The log-probability of each, after the rules. */
  readonly scores: number[];
  /**
   * Σ log p / n^lengthPenalty over the n tokens, including the end token.
   */
  readonly score: number;
  readonly finishReason: Exclude<FinishReason, "stop">;
}

/** A beam that still grows. */
interface Beam {
  readonly tokens: number[];
  readonly scores: number[];
  readonly sum: number;
}

/** A beam and a token that may follow it. */
interface Candidate {
  readonly beam: number;
  readonly token: number;
  readonly score: number;
  readonly sum: number;
}

/**
 * The best continuations of one prompt, best first, at least one and at most `beams` of them. The
 * prompt is shorter than the context.
 */
export async function beamSearch(
  model: CachedModel,
  prompt: readonly number[],
  options: BeamOptions,
): Promise<FoundBeam[]> {
  const room = Math.min(options.maxNewTokens, model.textLength - prompt.length + 1);
  const rows = new BeamRows(model, prompt, options);
  const ended = new EndedBeams(options, room);
  let beams: Beam[] = [{ tokens: [], scores: [], sum: 0 }];
  let reason: FoundBeam["finishReason"] = room < options.maxNewTokens ? "context" : "length";
  try {
    for (let step = await rows.first();; step = await rows.next(beams, options.beams)) {
      if (!step) {
        reason = "aborted";
        break;
      }
      const candidates = likeliest(beams, step, options);
      if (candidates.length === 0) {
        reason = "forbidden";
        break;
      }
      beams = select(beams, candidates, options, ended);
      if (options.signal?.aborted) reason = "aborted";
      const length = beams[0]?.tokens.length ?? room;
      if (length === room || reason === "aborted" || ended.done(beams)) break;
    }
  } finally {
    rows.dispose();
  }
  return ended.best(beams, reason);
}

/** The result of a step: the likeliest tokens of each beam. */
interface Step {
  readonly values: ArrayLike<number>;
  readonly indices: ArrayLike<number>;
  readonly picks: number;
}

/** The likeliest tokens after any of the beams, most likely first, without the forbidden ones. */
function likeliest(
  beams: readonly Beam[],
  { values, indices, picks }: Step,
  { beams: count }: BeamOptions,
): Candidate[] {
  const candidates = beams.flatMap(({ sum }, beam): Candidate[] =>
    Array.from({ length: picks }, (_, i) => {
      const score = values[beam * picks + i];
      return { beam, token: indices[beam * picks + i], score, sum: sum + score };
    })
  );
  return candidates
    .filter(({ sum }) => sum > -Infinity)
    .sort((a, b) => b.sum - a.sum || a.beam - b.beam)
    .slice(0, 2 * count);
}

/**
 * The surviving beams, each with the index of its parent; those that end are added to `ended`.
 */
function select(
  beams: readonly Beam[],
  candidates: readonly Candidate[],
  { beams: count, ends }: BeamOptions,
  ended: EndedBeams,
): Grown[] {
  const grown: Grown[] = [];
  candidates.forEach(({ beam, token, score, sum }, rank) => {
    const { tokens, scores } = beams[beam];
    if (ends.includes(token)) {
      if (rank < count) ended.add({ tokens, scores, sum }, tokens.length + 1);
    } else if (grown.length < count) {
      grown.push({ tokens: [...tokens, token], scores: [...scores, score], sum, parent: beam });
    }
  });
  return grown;
}

interface Grown extends Beam {
  readonly parent: number;
}

/** The texts that have ended, at most as many as beams: the best. */
class EndedBeams {
  readonly #found: FoundBeam[] = [];

  constructor(readonly options: BeamOptions, readonly mostTokens: number) {}

  add(
    { tokens, scores, sum }: Beam,
    length: number,
    finishReason: FoundBeam["finishReason"] = "end",
  ) {
    this.#found.push({ tokens, scores, score: this.#score(sum, length), finishReason });
    this.#found.sort((a, b) => b.score - a.score);
    this.#found.length = Math.min(this.#found.length, this.options.beams);
  }

  /** Whether no running beam can change the result. */
  done(beams: readonly Beam[]): boolean {
    const { beams: count, earlyStopping, lengthPenalty } = this.options;
    if (this.#found.length < count) return false;
    if (earlyStopping === true) return true;
    const { sum, tokens } = beams.reduce((a, b) => a.sum >= b.sum ? a : b);
    // A sum only falls; divided by more tokens it may still rise, up to the longest text.
    const atBest = earlyStopping === "never" && lengthPenalty > 0;
    const most = this.mostTokens + (this.options.forcedEnd ? 1 : 0);
    return this.#found[count - 1].score >= this.#score(sum, atBest ? most : tokens.length);
  }

  /** The best of the beams that have ended and those still running. */
  best(running: readonly Beam[], finishReason: FoundBeam["finishReason"]): FoundBeam[] {
    if (!this.done(running.length > 0 ? running : [{ tokens: [], scores: [], sum: -Infinity }])) {
      const isForced = this.options.forcedEnd && finishReason === "length";
      for (const beam of running) {
        if (isForced) this.add(beam, beam.tokens.length + 1);
        else this.add(beam, beam.tokens.length, finishReason);
      }
    }
    return this.#found;
  }

  #score(sum: number, length: number): number {
    const { counted, lengthPenalty } = this.options;
    return sum / Math.max(1, counted + length) ** lengthPenalty;
  }
}

/** The beams' rows on the device. */
class BeamRows {
  readonly #cache: CacheRows;
  readonly #parents: Tensor;
  readonly #history: Tensor;
  readonly #lengths: Tensor;
  readonly #penalty: Tensor;
  readonly #rules: Tensor;
  readonly #state: Tensor;
  readonly #ends: Tensor;
  /** f32 [V], added to the log-probabilities: −∞ for excluded ids. */
  readonly #mask: Tensor | undefined;
  readonly #picks: number;
  readonly #step;
  readonly #reorder;
  /** Whether the cache lacks tokens that were read without it. */
  #isBehind = false;

  constructor(
    readonly model: CachedModel,
    readonly prompt: readonly number[],
    readonly options: BeamOptions,
  ) {
    const { beams, maxNewTokens, ends, excluded } = options;
    const { vocabSize } = model.config;
    const { device } = model.tokens.weight;
    const integers = (shape: number[]) => zeros(shape, { dtype: "i32", device });
    this.#picks = Math.min(2 * beams, vocabSize);
    this.#cache = new CacheRows(model, beams);
    this.#parents = integers([beams]);
    this.#history = integers([beams, prompt.length + maxNewTokens]);
    this.#lengths = integers([beams]);
    this.#state = integers([2]);
    this.#penalty = zeros([1], { device });
    this.#penalty.write([options.repetitionPenalty]);
    this.#rules = integers([2]);
    this.#rules.write([options.noRepeatNgram, ends.length > 0 ? options.minNewTokens : 0]);
    this.#ends = integers([Math.max(1, ends.length)]);
    if (ends.length > 0) this.#ends.write(ends);
    if (excluded.length > 0) {
      this.#mask = zeros([vocabSize], { device });
      this.#mask.write(exclusionMask(vocabSize, excluded));
    }
    this.#step = compile(() => this.#likeliest(this.#cache.decode()));
    this.#reorder = compile(() => this.#cache.reorder(this.#parents));
  }

  /** Reads the prompt; the one row's likeliest tokens, or undefined if the signal is aborted. */
  async first(): Promise<Step | undefined> {
    const { beams, signal } = this.options;
    this.#writeHistory(Array.from({ length: beams }, () => []));
    const logits = await this.#cache.read(0, this.prompt, signal);
    if (!logits) return undefined;
    scope(() => {
      for (let row = 1; row < beams; row++) this.#cache.copyRow(0, row);
    });
    this.#isBehind = this.model.isHooked;
    return await this.#stepOf([logits]);
  }

  /**
   * Gives each beam its own row with its last token, and predicts the next token; undefined if the
   * signal is aborted.
   */
  async next(beams: readonly Beam[], count: number): Promise<Step | undefined> {
    // With fewer beams than rows, the last rows repeat the first one.
    const rows = Array.from({ length: count }, (_, row) => beams[row] ?? beams[0]) as Grown[];
    if (this.model.isHooked || this.#isBehind) return await this.#readWhole(rows);
    if (rows.some(({ parent }, row) => parent !== row)) {
      this.#parents.write(rows.map(({ parent }) => parent));
      this.#reorder();
    }
    const places = this.prompt.length + rows[0].tokens.length - 1;
    this.#cache.position.write(rows.map(() => places));
    this.#cache.token.write(rows.map(({ tokens }) => tokens[tokens.length - 1]));
    this.#writeHistory(rows.map(({ tokens }) => tokens));
    return await this.#read(this.#step());
  }

  /** Reads each beam's whole text: with hooks, and once after them. */
  async #readWhole(rows: readonly Beam[]): Promise<Step | undefined> {
    this.#writeHistory(rows.map(({ tokens }) => tokens));
    const logits: Tensor[] = [];
    for (const [row, { tokens }] of rows.entries()) {
      const text = [...this.prompt, ...tokens];
      const own = await this.#cache.read(row, text, this.options.signal);
      if (!own) {
        for (const tensor of logits) tensor.dispose();
        return undefined;
      }
      logits.push(own);
    }
    this.#isBehind = this.model.isHooked;
    return await this.#stepOf(logits);
  }

  /** The likeliest tokens after rows of logits [1,V], which it frees. */
  async #stepOf(logits: readonly Tensor[]): Promise<Step> {
    const top = scope(() => this.#likeliest(concatenate([...logits])));
    const step = await this.#read(top);
    for (const tensor of [...logits, top.values, top.indices]) tensor.dispose();
    return step;
  }

  dispose(): void {
    this.#step.dispose();
    this.#reorder.dispose();
    this.#cache.dispose();
    const own = [this.#parents, this.#history, this.#lengths, this.#penalty, this.#rules];
    for (const tensor of [...own, this.#state, this.#ends, this.#mask]) tensor?.dispose();
  }

  /** Log-probabilities after the rules: [B,V] → the likeliest of each row. */
  #likeliest(logits: Tensor): TopK {
    const all = logSoftmax(logits);
    const logProbabilities = this.#mask ? add(all, this.#mask) : all;
    const { repetitionPenalty, noRepeatNgram, minNewTokens, ends } = this.options;
    const ruled = repetitionPenalty !== 1 || noRepeatNgram > 0 ||
      (minNewTokens > 0 && ends.length > 0);
    if (!ruled) return topK(logProbabilities, this.#picks);
    const rows = logits.shape[0];
    const capacity = this.#history.size / this.options.beams;
    const rules = {
      history: rows === 1 ? this.#history.part(0, [1, capacity]) : this.#history,
      lengths: rows === 1 ? this.#lengths.part(0, [1]) : this.#lengths,
      penalty: this.#penalty,
      rules: this.#rules,
      state: this.#state,
      ends: this.#ends,
    };
    return topK(adjustLogits(logProbabilities, rules), this.#picks);
  }

  #writeHistory(tokens: readonly (readonly number[])[]): void {
    const capacity = this.#history.size / tokens.length;
    const values = new Int32Array(this.#history.size);
    tokens.forEach((own, row) => values.set([...this.prompt, ...own], row * capacity));
    this.#history.write(values);
    this.#lengths.write(tokens.map((own) => this.prompt.length + own.length));
    this.#state.write([0, tokens[0].length]);
  }

  async #read({ values, indices }: TopK): Promise<Step> {
    const [v, i] = await Promise.all([values.data(), indices.data()]);
    return { values: v, indices: i, picks: this.#picks };
  }
}
