/**
 * Rows of random tokens that repeat with a period of their own, and where heads look in them.
 *
 * @module
 */
import { type GPT, type Random, runWithCache } from "../../mod.ts";
import { mean } from "./study.ts";
import { idsOf, type Rows } from "./training.ts";

/** Rows of random tokens that repeat, and the period of each; new tokens are no targets. */
export interface Repeated extends Rows {
  readonly periods: readonly number[];
}

/** Draws rows with periods from 4 to half a row. */
export function repeated(
  random: Random,
  { tokens, time, batchSize }: { tokens: number; time: number; batchSize: number },
): Repeated {
  const periods = Array.from({ length: batchSize }, () => 4 + random.integer(time / 2 - 4));
  const rows = periods.map((period) => {
    const part = Array.from({ length: period }, () => random.integer(tokens));
    return Array.from({ length: time + 1 }, (_, t) => part[t % period]);
  });
  const inputs = Int32Array.from(rows.flatMap((row) => row.slice(0, -1)));
  const targets = rows.flatMap((row, i) => row.slice(1).map((id, t) => t < periods[i] ? -100 : id));
  return { inputs, targets: Int32Array.from(targets), periods };
}

/**
 * Mean attention of each head to the token before, [layers·heads], while all tokens are new; and,
 * of those of the last layer, to the tokens behind earlier occurrences of the present one, [heads].
 */
export async function headScores(
  model: GPT,
  { inputs, periods }: Repeated,
): Promise<{ previous: number[]; induction: number[] }> {
  const { contextLength: time, heads } = model.config;
  const { cache } = runWithCache(model, idsOf(inputs, time), { names: /hook_pattern$/ });
  const patterns = await Promise.all(cache.names.map((name) => cache.get(name).data()));
  cache.dispose();
  const scored = (pattern: ArrayLike<number>, places: typeof before) =>
    Array.from(
      { length: heads },
      (_, head) =>
        mean(periods.flatMap((period, row) =>
          places(period, time).map(({ query, keys }) => {
            const start = ((row * heads + head) * time + query) * time;
            return keys.reduce((sum, key) => sum + pattern[start + key], 0);
          })
        )),
    );
  return {
    previous: patterns.flatMap((pattern) => scored(pattern, before)),
    induction: scored(patterns.at(-1)!, behindEarlier),
  };
}

/** Each place of the first period with the place before it. */
function before(period: number, _time: number): { query: number; keys: number[] }[] {
  return Array.from({ length: period - 1 }, (_, i) => ({ query: i + 1, keys: [i] }));
}

/** Each later place with those behind the earlier occurrences of its token. */
function behindEarlier(period: number, time: number): ReturnType<typeof before> {
  return Array.from({ length: time - period }, (_, i) => {
    const query = period + i;
    const count = Math.floor(query / period);
    return { query, keys: Array.from({ length: count }, (_, n) => query - (n + 1) * period + 1) };
  });
}
