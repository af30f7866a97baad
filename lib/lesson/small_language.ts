/**
 * A small language for lessons and tests: sentences from a grammar that a model learns in seconds,
 * so that one can see what it has learned.
 *
 * The subject determines the ending, however far apart they are: queens wear crowns, bakers sell
 * bread, horses eat grass. A model that predicts the ending must attend to the subject.
 *
 * @module
 */
import { Random } from "../random.ts";

/** The subjects of the small language, by kind, and the endings of each kind. */
const KINDS = {
  royal: {
    subjects: ["king", "queen", "prince", "princess"],
    ends: ["wears a crown", "rules the land", "sits on a throne"],
  },
  worker: {
    subjects: ["farmer", "baker", "smith", "miller"],
    ends: ["sells fresh bread", "works all day", "counts the coins"],
  },
  animal: {
    subjects: ["horse", "cow", "sheep", "goat"],
    ends: ["eats green grass", "sleeps in the barn", "drinks from the river"],
  },
} as const;

const SEEN = ["sees", "hears", "likes"];
const PLACES = ["in the garden", "near the castle", "on the hill", "at the market"];

/** Words of the small language, by kind: for figures of a model's vectors of them. */
export const SMALL_LANGUAGE_WORDS: Readonly<Record<string, readonly string[]>> = {
  royal: KINDS.royal.subjects,
  worker: KINDS.worker.subjects,
  animal: KINDS.animal.subjects,
  seen: SEEN,
  place: PLACES.map((place) => place.split(" ").at(-1)!),
};

/**
 * `sentences` lines such as `the queen who sees the horse near the castle wears a crown .`, drawn
 * with `seed`, a 32-bit number; default 0.
 *
 * ```ts
 * console.log(smallLanguage(3, 1));
 * console.assert(smallLanguage(3, 1) === smallLanguage(3, 1));
 * ```
 *
 * @throws {RangeError} if `sentences` is no whole number from 1
 */
export function smallLanguage(sentences: number, seed = 0): string {
  if (!Number.isSafeInteger(sentences) || sentences < 1) {
    throw new RangeError(
      `smallLanguage: expected a whole number of sentences from 1, got ${sentences}`,
    );
  }
  const random = new Random(seed);
  const one = <Item>(items: readonly Item[]) => items[Math.floor(random.uniform() * items.length)];
  const kinds = Object.values(KINDS);
  const lines = Array.from({ length: sentences }, () => {
    const { subjects, ends } = one(kinds);
    const seen = random.uniform() < 0.5 ? [`who ${one(SEEN)} the ${one(one(kinds).subjects)}`] : [];
    const place = random.uniform() < 0.5 ? [one(PLACES)] : [];
    return ["the", one<string>(subjects), ...seen, ...place, one<string>(ends), "."].join(" ");
  });
  return lines.join("\n") + "\n";
}
