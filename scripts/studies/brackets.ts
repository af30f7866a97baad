/**
 * Balanced brackets: is a string of ( and ) balanced? One head counts, giving each place its
 * elevation (how many are open), and later ones check that it ends at 0 and never falls below.
 *
 * The published model attends in both directions and answers at the first token; this one is
 * causal and answers at the last, with two outputs of its own.
 *
 * @module
 */
import { GPT, Random, runWithCache, withHooks } from "../../mod.ts";
import { attentionGridFigure } from "../../lib/plot/mod.ts";
import { CLOSE, heights, OPEN, type Strings, strings } from "./bracket_strings.ts";
import {
  above,
  below,
  control,
  correlation,
  type Findings,
  mean,
  measured,
  type Study,
  type StudyOptions,
} from "./study.ts";
import { accuracyOf, idsOf, train, wideWeights } from "./training.ts";

const HEADS = 2;

/** Brackets of a string, strings of a batch, and steps. */
const QUICK = { length: 16, batchSize: 48, steps: 260 };
const WHOLE = { length: 24, batchSize: 64, steps: 900 };
type Sizes = typeof QUICK;

export const brackets: Study = {
  title: "Balanced brackets in three layers of width 56",
  source: "ARENA 3.0, chapter 1.5.1, arena.education; after a puzzle of Redwood Research, 2022",
  async run({ seeds, quick, report }: StudyOptions): Promise<Findings> {
    const sizes = quick ? QUICK : WHOLE;
    const found: Result[] = [], single: Result[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      found.push(await trained(seed, 3, sizes));
      single.push(await trained(seed, 1, sizes));
      report(`seed ${seed}: accuracy ${found[seed].accuracy.toFixed(3)}`);
    }
    const of = (name: Measured) => found.map((result) => result[name]);
    const facts = [
      measured("accuracy on new strings", {
        published: "≈ 1",
        values: of("accuracy"),
        holds: above(0.97),
        digits: 3,
      }),
      measured("the same, of balanced strings and of those below 0 at one place (half each)", {
        published: "≈ 1",
        values: of("barely"),
        holds: above(0.9),
        digits: 3,
      }),
      measured("a head of layer 1 counts: correlation of its values with the mean elevation", {
        published: "it does",
        values: of("counts"),
        holds: above(0.9),
      }),
      measured("accuracy without counting (layer 1's heads at their means)", {
        published: "≈ 0.5",
        values: of("uncounted"),
        holds: below(0.75),
      }),
      measured("a later head looks where the string is below 0: attention there / its share", {
        published: "one checks",
        values: of("checks"),
        holds: above(1.5),
      }),
      measured("accuracy on strings that end at 0, without later attention (at its means)", {
        published: "≈ 0.5",
        values: of("unchecked"),
        holds: below(0.75),
        digits: 3,
      }),
      control("one layer: accuracy on the same two kinds (half each)", {
        published: "fails",
        values: single.map(({ barely }) => barely),
        holds: below(0.8),
      }),
    ];
    return { facts, figures: { heads: found[0].figure } };
  },
};

/** What one model does. */
interface Result {
  /** On new strings, half of them balanced. */
  readonly accuracy: number;
  /** On balanced ones, and on those that fall below 0 at one place only: the mean of both. */
  readonly barely: number;
  /** Correlation of a head's values with the elevation; the best head's of layer 1. */
  readonly counts: number;
  /** The accuracy with the heads of layer 1 at their means. */
  readonly uncounted: number;
  /** END's attention to places below 0, relative to their share; the best later head's. */
  readonly checks: number;
  /** The accuracy on strings that end at 0 with later attention at its means. */
  readonly unchecked: number;
  readonly figure: ReturnType<typeof attentionGridFigure>;
}

type Measured = Exclude<keyof Result, "figure">;

async function trained(seed: number, layers: number, sizes: Sizes): Promise<Result> {
  const { length, batchSize, steps } = sizes;
  const contextLength = length + 1;
  const shape = { vocabSize: 3, contextLength, layers, heads: HEADS, width: 56, hidden: 56 };
  const model = new GPT({ ...shape, activation: "relu", tiedHead: false, outputSize: 2 }, {
    random: new Random(seed),
    initial: wideWeights(layers),
  });
  const random = new Random(seed, 1);
  const next = () => strings(random, length, batchSize);
  await train(model, { batchSize, contextLength, next, steps, learningRate: 3e-3 });
  return await examined(model, strings(new Random(seed, 2), length, 300));
}

/** Accuracy on the strings of some kinds. */
async function accuracy(model: GPT, test: Strings, kinds: readonly number[]): Promise<number> {
  const { contextLength } = model.config;
  const targets = test.targets.map((target, i) => {
    return kinds.includes(test.kinds[Math.floor(i / contextLength)]) ? target : -100;
  });
  return accuracyOf(await model.forward(idsOf(test.inputs, contextLength)).data(), targets);
}

async function examined(model: GPT, test: Strings): Promise<Result> {
  const { layers, contextLength } = model.config;
  const at = (layer: number) => [`blocks.${layer}.hook_attn_out`, { mean: true }] as const;
  const later = Object.fromEntries(Array.from({ length: layers - 1 }, (_, i) => at(i + 1)));
  const of = (kinds: number[]) => accuracy(model, test, kinds);
  const unchecked = layers === 1 ? NaN : await withHooks(model, later, () => of([0, 1, 3]));
  const first = idsOf(test.inputs.slice(0, contextLength), contextLength);
  const weights = await model.attentionWeights(first).data();
  return {
    accuracy: await of([0, 1, 2, 3]),
    barely: (await of([0]) + await of([3])) / 2,
    counts: Math.max(...await counting(model, test)),
    uncounted: await withHooks(model, Object.fromEntries([at(0)]), () => of([0, 1, 2, 3])),
    checks: Math.max(...await checking(model, test)),
    unchecked,
    figure: attentionGridFigure(weights, { layers, heads: HEADS, queries: contextLength }),
  };
}

/** Of each later head, END's mean attention to places below 0, divided by their mean share. */
async function checking(model: GPT, { inputs, kinds }: Strings): Promise<number[]> {
  const { contextLength: time, layers } = model.config;
  const weights = await model.attentionWeights(idsOf(inputs, time)).data();
  const falling = kinds.flatMap((kind, row) => kind % 2 === 1 ? [row] : []);
  return Array.from({ length: (layers - 1) * HEADS }, (_, i) => {
    const [attended, expected] = [[] as number[], [] as number[]];
    for (const row of falling) {
      const height = heights([...inputs.subarray(row * time, (row + 1) * time - 1)]);
      const start = ((row * layers * HEADS + HEADS + i + 1) * time - 1) * time;
      height.forEach((h, t) => attended.push(h < 0 ? weights[start + t] : 0));
      height.forEach((h) => expected.push(h < 0 ? 1 / time : 0));
    }
    return mean(attended) / mean(expected);
  });
}

/**
 * Of each head of layer 1, the correlation of the mean elevation at each place with its value along
 * the direction from a first ) to a first (.
 */
async function counting(model: GPT, { inputs }: Strings): Promise<number[]> {
  const { contextLength: time, width } = model.config;
  const { cache } = runWithCache(model, idsOf(inputs, time), { names: "blocks.0.attn.hook_z" });
  const z = await cache.get("blocks.0.attn.hook_z").data();
  cache.dispose();
  const rows = Array.from({ length: inputs.length / time }, (_, row) => row);
  const size = width / HEADS;
  return Array.from({ length: HEADS }, (_, head) => {
    const at = (row: number, t: number) => {
      const start = ((row * time + t) * HEADS + head) * size;
      return z.subarray(start, start + size);
    };
    const first = (bracket: number) => at(rows.find((row) => inputs[row * time] === bracket)!, 0);
    const [open, close] = [first(OPEN), first(CLOSE)];
    const along = (value: ArrayLike<number>) =>
      Array.from(value).reduce((sum, x, d) => sum + x * (open[d] - close[d]), 0);
    const pairs = rows.flatMap((row) => {
      const heightAt = heights([...inputs.subarray(row * time, (row + 1) * time - 1)]);
      return heightAt.slice(1).map((height, i): [number, number] => {
        return [height / (i + 2), along(at(row, i + 1))];
      });
    });
    return correlation(pairs);
  });
}
