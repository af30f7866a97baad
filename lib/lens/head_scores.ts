/**
 * Detectors of heads by their attention: to the previous token, to earlier copies of the token, and
 * to what followed those (induction).
 *
 * @module
 */
import { expectWholeNumber } from "../nn/config_checks.ts";
import { Transformer } from "../nn/transformer.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Random } from "../random.ts";
import { idsOfSide, inputOf, type LensInput, type LensModel, longestText } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";
import { stackOf, type StackOptions } from "./stack.ts";

/** Options of `headScores`. */
export interface HeadScoresOptions extends StackOptions {
  /**
   * The texts that are read: i32 [B,T], or rows of one length; `{ source, target }` for an
   * encoder–decoder. Default: `repeatedTokens`, on both sides.
   */
  ids?: LensInput;
  /** Texts that are drawn, if none are given. Default: 8. */
  batch?: number;
  /** Their tokens. Default: 64, or the longest text if that is shorter. */
  length?: number;
  /** What they are drawn from. Default: 0. */
  seed?: number;
}

const OPTIONS: OptionNames<HeadScoresOptions> = {
  ids: true,
  batch: 8,
  length: 64,
  seed: 0,
  side: true,
};

/** The scores of each layer's heads, from 0 to 1: `[layer][head]`. */
export interface HeadScores {
  /** Mean attention to the token before. */
  readonly previous: number[][];
  /** Mean attention to earlier copies of the token, where there are some. */
  readonly duplicate: number[][];
  /** Mean attention to the tokens that followed earlier copies of the token. */
  readonly induction: number[][];
}

/**
 * Rows of random ids that repeat: a segment of random length from T/4 to T/2, over and over. The
 * period differs from row to row, because one of fixed length is found by position alone.
 *
 * ```ts
 * const [row] = repeatedTokens({ vocabSize: 50, batch: 1, length: 12, seed: 3 });
 * console.log(row.length); // 12
 * ```
 *
 * @throws {RangeError} unless sizes are whole numbers, and the length at least 4
 */
export function repeatedTokens(
  { vocabSize, batch, length, seed = 0 }: {
    vocabSize: number;
    batch: number;
    length: number;
    seed?: number;
  },
): number[][] {
  for (const [name, value] of Object.entries({ vocabSize, batch, length })) {
    expectWholeNumber(name, value, "repeatedTokens");
  }
  if (length < 4) throw new RangeError(`repeatedTokens: length is at least 4, got ${length}`);
  const random = new Random(seed);
  return Array.from({ length: batch }, () => {
    const least = Math.floor(length / 4);
    const period = least + random.integer(Math.floor(length / 2) - least + 1);
    const segment = Array.from({ length: period }, () => random.integer(vocabSize));
    return Array.from({ length }, (_, t) => segment[t % period]);
  });
}

/**
 * How much each head attends to the previous token, to earlier copies of its token, and to what
 * followed those copies, as means over the places where there are such tokens. Of an encoder's
 * heads, which look both ways, these are the shares of attention to earlier tokens.
 *
 * An induction head has an induction score near 1 on repeated random tokens. Source: Elhage et al.
 * 2021; Olsson et al., arXiv 2209.11895.
 *
 * ```ts
 * import { GPT, headScores, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 50, contextLength: 32, layers: 2, heads: 2, width: 16 });
 * const { induction } = await headScores(model);
 * console.log(induction); // [[…, …], […, …]]
 * device.close();
 * ```
 *
 * @throws {TypeError} if an option is unknown, or the ids do not fit
 * @throws {RangeError} if a size is impossible, or no token is repeated
 */
export async function headScores(
  model: LensModel,
  options: HeadScoresOptions = {},
): Promise<HeadScores> {
  checkOptions("headScores", options, OPTIONS);
  const { layers, point } = stackOf("headScores", model, options.side);
  const ids = inputOf("headScores", model, options.ids ?? drawn(model, options));
  const rows = await idsOfSide(ids, options.side).toArray<number[][]>();
  const targets = rows.map(targetsOf);
  const scores: HeadScores = { previous: [], duplicate: [], induction: [] };
  for (let layer = 0; layer < layers; layer++) {
    const name = point(layer, "attn.hook_pattern");
    const { logits, cache } = runWithCache(model, ids, { names: name });
    const pattern = await cache.get(name).toArray<number[][][][]>();
    cache.dispose();
    logits.dispose();
    for (const kind of ["previous", "duplicate", "induction"] as const) {
      const heads = pattern[0].map((_, head) =>
        meanAttention(pattern.map((row) => row[head]), targets.map((target) => target[kind]))
      );
      scores[kind].push(heads);
    }
  }
  return scores;
}

/** Random ids that repeat, for a model. */
function drawn(
  model: LensModel,
  { batch = 8, length = Math.min(64, longestText(model)), seed = 0 }: HeadScoresOptions,
): LensInput {
  const rows = (vocabSize: number) => repeatedTokens({ vocabSize, batch, length, seed });
  if (!(model instanceof Transformer)) return rows(model.config.vocabSize);
  const { sourceVocabSize, targetVocabSize } = model.config;
  return { source: rows(sourceVocabSize), target: rows(targetVocabSize) };
}

/** For each query the keys that a kind of head attends to. */
type Targets = Readonly<Record<keyof HeadScores, readonly (readonly number[])[]>>;

function targetsOf(row: readonly number[]): Targets {
  const copies = row.map((id, t) => row.flatMap((other, s) => other === id && s < t ? [s] : []));
  return {
    previous: row.map((_, t) => t > 0 ? [t - 1] : []),
    duplicate: copies,
    induction: copies.map((places, t) => places.map((s) => s + 1).filter((s) => s <= t)),
  };
}

/** The mean attention to the targets, over rows and queries that have some. */
function meanAttention(
  patterns: readonly number[][][],
  targets: readonly (readonly (readonly number[])[])[],
): number {
  let [sum, count] = [0, 0];
  patterns.forEach((pattern, row) =>
    targets[row].forEach((keys, query) => {
      if (keys.length === 0) return;
      count++;
      for (const key of keys) sum += pattern[query].at(key - targets[row].length)!;
    })
  );
  if (count === 0) throw new RangeError("headScores: no token of the texts is repeated");
  return sum / count;
}
