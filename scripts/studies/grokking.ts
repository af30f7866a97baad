/**
 * Grokking: a model learns a + b mod p by heart, and long afterwards suddenly in general, by
 * turning a and b around circles of a few frequencies.
 *
 * One layer without norms reads `a b =`; weight decay is strong. What it has learned is tested by
 * keeping in the logits nothing but the waves of those frequencies, and by taking them out.
 *
 * @module
 */
import { Random } from "../../mod.ts";
import { type Curve, curvesFigure } from "../../lib/plot/mod.ts";
import { keyFrequencies, meanBySum, onlyWaves, withoutWaves } from "./frequencies.ts";
import { allLogits, modelOf, rowsOf, scoreOf, shuffledPairs } from "./modular_addition.ts";
import {
  above,
  below,
  control,
  type Fact,
  type Findings,
  measured,
  spread,
  type Study,
  type StudyOptions,
} from "./study.ts";
import { train } from "./training.ts";

/**
 * Sizes. `share` of all pairs are trained on, in `accumulate` parts that fit in the caches; the
 * rest must be known `wait` times as late, and training ends when `enough` of them are.
 */
const QUICK = {
  ...{ p: 53, width: 32, share: 0.4, accumulate: 1, steps: 2000, every: 25 },
  ...{ learningRate: 5e-3, weightDecay: 2, wait: 1, enough: 0.99 },
};
/** Those of the paper; `wait` is its 10,000 steps / 1,400. */
const WHOLE = {
  ...{ p: 113, width: 128, share: 0.3, accumulate: 10, steps: 20_000, every: 100 },
  ...{ learningRate: 1e-3, weightDecay: 1, wait: 7, enough: 0.999 },
};
type Sizes = typeof QUICK;
type Report = StudyOptions["report"];

/** Frequencies with a smaller share of the embeddings' power are none of the model's own. */
const KEY_SHARE = 0.03;

export const grokking: Study = {
  title: "Grokking: a + b mod p in one layer",
  source: "Nanda et al. 2023, arXiv 2301.05217",
  async run({ seeds, quick, report }: StudyOptions): Promise<Findings> {
    const sizes = quick ? QUICK : WHOLE;
    const found: Grown[] = [];
    for (let seed = 0; seed < seeds; seed++) found.push(await grown(seed, sizes, report));
    const { steps } = found[0].seen.at(-1)!;
    report(`without weight decay, ${steps} steps`);
    const decayless = await grown(0, { ...sizes, steps, weightDecay: 0, enough: 2 }, report);
    const figures = figuresOf(found, sizes.p);
    return { facts: factsOf(found, decayless, sizes), figures };
  },
};

function factsOf(found: readonly Grown[], decayless: Grown, sizes: Sizes): Fact[] {
  const last = (name: Name) => found.map(({ seen }) => seen.at(-1)![name]);
  const [known, general] = [found.map((each) => each.known), found.map((each) => each.general)];
  const before = found.map(({ seen }) => seen.findLast(({ others }) => others < 0.5)!);
  const majority = (holds: (i: number) => boolean) =>
    found.filter((_, i) => holds(i)).length > found.length / 2;
  return [
    measured("accuracy on pairs that were not trained on", {
      published: "1",
      values: last("others"),
      holds: above(0.9),
    }),
    {
      what: "steps to 99 % of the trained pairs → to 90 % of the others",
      published: "1,400 → 10,000",
      here: `${spread(known, 0)} → ${spread(general, 0)}`,
      agrees: majority((i) => general[i] >= sizes.wait * known[i]),
    },
    measured(`frequencies with ${100 * KEY_SHARE} % of the embeddings' power or more`, {
      published: "5",
      values: found.map(({ keys }) => keys.length),
      holds: (count) => count >= 2 && count <= 7,
      digits: 1,
    }),
    {
      what: "loss on the others → with only these frequencies' waves in the logits",
      published: "as low",
      here: `${spread(last("loss"), 5)} → ${spread(last("only"), 5)}`,
      agrees: majority((i) => last("only")[i] <= last("loss")[i]),
    },
    {
      what: "the same, when less than half of the others are right",
      published: "high → lower",
      here: `${spread(before.map(({ loss }) => loss))} → ${spread(before.map((at) => at.only))}`,
      agrees: majority((i) => before[i].only < before[i].loss / 2),
    },
    control("loss on the trained pairs without these waves / that of chance", {
      published: "high",
      values: found.map(({ without }) => without / Math.log(sizes.p)),
      holds: above(0.5),
    }),
    control("accuracy on the others after as many steps without weight decay, seed 0", {
      published: "fails",
      values: [decayless.seen.at(-1)!.others],
      holds: below(0.5),
    }),
  ];
}

function figuresOf(found: readonly Grown[], p: number): Findings["figures"] {
  const title = `a + b mod ${p}: `;
  const curves = (names: readonly Name[]) =>
    found.flatMap(({ seen }, seed) =>
      names.map((name, group): Curve => {
        const points = seen.map((at) => ({ step: at.steps, value: at[name] }));
        return { points, group, label: seed === 0 ? LABELS[name] : undefined };
      })
    );
  return {
    accuracy: curvesFigure(curves(["trained", "others"]), {
      title: `${title}accuracy on trained and on other pairs`,
      yLabel: "accuracy",
    }),
    losses: curvesFigure(curves(["loss", "only"]), {
      title: `${title}loss on other pairs`,
      yLabel: "loss, nats",
    }),
  };
}

const LABELS = {
  trained: "trained",
  others: "others",
  loss: "whole model",
  only: "only the waves",
};
type Name = keyof typeof LABELS;

/** What a model knew after some steps. */
interface Seen {
  readonly steps: number;
  /** Accuracy on the trained pairs, and on the others. */
  readonly trained: number;
  readonly others: number;
  /** The loss on the others, and on all pairs with only the key frequencies' waves. */
  readonly loss: number;
  readonly only: number;
}

/**
 * Trains a model; `known` are the steps to 99 % of the trained pairs, `general` to 90 % of others.
 */
async function grown(seed: number, sizes: Sizes, report: Report) {
  const { p, share, accumulate, steps, every, enough } = sizes;
  const model = modelOf(seed, sizes);
  const pairs = shuffledPairs(new Random(seed, 1), p);
  const batchSize = Math.floor(share * pairs.length / accumulate);
  const cut = batchSize * accumulate;
  const [learned, others] = [pairs.slice(0, cut), pairs.slice(cut)];
  const parts = Array.from(
    { length: accumulate },
    (_, i) => rowsOf(learned.slice(i * batchSize, (i + 1) * batchSize), p),
  );
  const watched: (Omit<Seen, "only"> & { bySum: Float64Array })[] = [];
  let logits: ArrayLike<number> = [];
  let drawn = 0;
  await train(model, {
    ...{ ...sizes, batchSize, contextLength: 3, lastOnly: true, beta2: 0.98 },
    next: () => parts[drawn++ % accumulate],
    async watch(steps, loss) {
      logits = await allLogits(model, p);
      const { accuracy, loss: left } = scoreOf(logits, others, p);
      const trained = scoreOf(logits, learned, p).accuracy;
      watched.push({ steps, trained, others: accuracy, loss: left, bySum: meanBySum(logits, p) });
      if (steps % (4 * every) === 0) {
        report(`seed ${seed}, step ${steps}: loss ${loss.toExponential(1)}, others ${accuracy}`);
      }
      return accuracy > enough;
    },
  });
  const keys = await keyFrequencies(model, p, KEY_SHARE);
  report(`seed ${seed}: frequencies ${keys.join(", ")} of p = ${p}`);
  const sums = Array.from({ length: p }, (_, s) => [0, s] as const);
  const seen = watched.map(({ bySum, ...at }): Seen => {
    return { ...at, only: scoreOf(onlyWaves(bySum, p, keys), sums, p).loss };
  });
  const without = scoreOf(withoutWaves(logits, p, keys), learned, p).loss;
  const reached = (name: "trained" | "others", value: number) =>
    seen.find((at) => at[name] >= value)?.steps ?? steps;
  return { keys, seen, without, known: reached("trained", 0.99), general: reached("others", 0.9) };
}

type Grown = Awaited<ReturnType<typeof grown>>;
