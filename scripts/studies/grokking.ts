/**
 * Grokking: a model learns a + b mod p by heart, and thousands of steps later suddenly in general,
 * by turning a and b around circles of a few frequencies.
 *
 * One layer without norms reads `a b =`; weight decay is strong. What it has learned is tested by
 * keeping in the logits nothing but the waves of those frequencies, and by taking them out.
 *
 * @module
 */
import { ForwardContext, GPT, normal, Random } from "../../mod.ts";
import { type Curve, curvesFigure } from "../../lib/plot/mod.ts";
import { keyFrequencies, logitsByWaves, lossOfSums } from "./frequencies.ts";
import {
  above,
  control,
  type Findings,
  measured,
  spread,
  type Study,
  type StudyOptions,
} from "./study.ts";
import { accuracyOf, idsOf, type Rows, train } from "./training.ts";

/**
 * Sizes; `share` of all pairs are trained on, in `accumulate` parts that fit in the caches; the rest
 * must be known `wait` times as late.
 */
const QUICK = {
  ...{ p: 53, width: 32, share: 0.5, accumulate: 1, steps: 400, every: 25, wait: 1 },
  ...{ learningRate: 5e-3, weightDecay: 2 },
};
/** Those of the paper, but for the share, which is 0.3 there. */
const WHOLE = {
  ...{ p: 113, width: 128, share: 0.4, accumulate: 10, steps: 20_000, every: 100, wait: 4 },
  ...{ learningRate: 1e-3, weightDecay: 1 },
};
type Sizes = typeof QUICK;
type Pair = readonly [a: number, b: number];

/** Frequencies with a smaller share of the embeddings' power are none of the model's own. */
const KEY_SHARE = 0.03;

export const grokking: Study = {
  title: "Grokking: a + b mod p in one layer",
  source: "Nanda et al. 2023, arXiv 2301.05217",
  async run({ seeds, quick, report }: StudyOptions): Promise<Findings> {
    const sizes = quick ? QUICK : WHOLE;
    const found: Grown[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const grown = await trained(seed, sizes, report);
      found.push(grown);
      report(`seed ${seed}: frequencies ${grown.keys.join(", ")} of p = ${sizes.p}`);
    }
    const of = (name: Measured) => found.map((grown) => grown[name]);
    const [known, general] = [of("knownAt"), of("generalAt")];
    const facts = [
      measured("accuracy on pairs that were not trained on", {
        published: "1",
        values: of("accuracy"),
        holds: above(0.9),
      }),
      {
        what: "steps to 99 % of the trained pairs → to 90 % of the others",
        published: "1,400 → 10,000",
        here: `${spread(known, 0)} → ${spread(general, 0)}`,
        agrees: found.filter((_, i) => general[i] >= sizes.wait * known[i]).length > seeds / 2,
      },
      measured(`frequencies with ${100 * KEY_SHARE} % of the embeddings' power or more`, {
        published: "5",
        values: found.map(({ keys }) => keys.length),
        holds: (count) => count >= 2 && count <= 7,
        digits: 1,
      }),
      {
        what: "loss on those pairs → with only the waves of these frequencies in the logits",
        published: "as low, or lower",
        here: `${spread(of("loss"), 3)} → ${spread(of("only"), 3)}`,
        agrees: found.filter(({ loss, only }) => only <= loss).length > seeds / 2,
      },
      control("loss on the trained pairs without these waves / of chance", {
        published: "high",
        values: of("without").map((loss) => loss / Math.log(sizes.p)),
        holds: above(0.5),
      }),
    ];
    const lines = found.flatMap(({ lines }) => lines);
    const title = `a + b mod ${sizes.p}: accuracy on trained and on other pairs`;
    return { facts, figures: { accuracy: curvesFigure(lines, { title, yLabel: "accuracy" }) } };
  },
};

/** What one model learned. */
interface Grown {
  /** On pairs that were not trained on. */
  readonly accuracy: number;
  readonly loss: number;
  /** The loss on them with only the key frequencies' waves, and that on trained ones without. */
  readonly only: number;
  readonly without: number;
  /** Steps until 99 % of the trained pairs were right. */
  readonly knownAt: number;
  /** Steps until 90 % of the others were. */
  readonly generalAt: number;
  readonly keys: readonly number[];
  readonly lines: readonly Curve[];
}

type Measured = Exclude<keyof Grown, "keys" | "lines">;

async function trained(
  seed: number,
  sizes: Sizes,
  report: (line: string) => void,
): Promise<Grown> {
  const { p, share, accumulate, every } = sizes;
  const model = modelOf(seed, sizes);
  const pairs = shuffledPairs(new Random(seed, 1), p);
  const batchSize = Math.floor(share * pairs.length / accumulate);
  const cut = batchSize * accumulate;
  const [learned, others] = [pairs.slice(0, cut), pairs.slice(cut)];
  const parts = Array.from(
    { length: accumulate },
    (_, i) => rowsOf(learned.slice(i * batchSize, (i + 1) * batchSize), p),
  );
  const at = { learned: [] as Curve["points"][number][], others: [] as Curve["points"][number][] };
  let drawn = 0;
  await train(model, {
    ...sizes,
    batchSize,
    contextLength: 3,
    lastOnly: true,
    next: () => parts[drawn++ % accumulate],
    beta2: 0.98,
    async watch(step, loss) {
      const value = await accuracy(model, others);
      at.learned.push({ step, value: await accuracy(model, learned) });
      at.others.push({ step, value });
      if (step % (10 * every) === 0) {
        report(`seed ${seed}, step ${step}: loss ${loss.toExponential(1)}, others ${value}`);
      }
      return value > 0.99;
    },
  });
  const reached = (points: Curve["points"], value: number) =>
    points.find((point) => point.value >= value)?.step ?? sizes.steps;
  const keys = await keyFrequencies(model, p, KEY_SHARE);
  const logits = await logitsOf(model, [...pairs].sort(([a, b], [c, d]) => a - c || b - d));
  const { only, without } = logitsByWaves(logits, p, keys);
  return {
    accuracy: at.others.at(-1)!.value,
    loss: lossOfSums(logits, p, others),
    only: lossOfSums(only, p, others),
    without: lossOfSums(without, p, learned),
    knownAt: reached(at.learned, 0.99),
    generalAt: reached(at.others, 0.9),
    keys,
    lines: [
      { label: `trained, seed ${seed}`, points: at.learned, group: 0 },
      { label: `others, seed ${seed}`, points: at.others, group: 1 },
    ],
  };
}

/** One layer, no norms, no biases; every matrix as N(0, 1/inputs). */
function modelOf(seed: number, { p, width }: Sizes): GPT {
  const inner = normal(1 / Math.sqrt(width));
  const tables = { tokens: inner, positions: inner, head: inner };
  const block = { queryKeyValue: inner, attentionProjection: inner, up: inner };
  return new GPT({
    vocabSize: p + 1,
    outputSize: p,
    contextLength: 3,
    layers: 1,
    heads: 4,
    width,
    norm: "none",
    activation: "relu",
    bias: false,
    tiedHead: false,
  }, {
    random: new Random(seed),
    initial: { ...tables, ...block, down: normal(0.5 / Math.sqrt(width)) },
  });
}

function shuffledPairs(random: Random, p: number): Pair[] {
  const pairs = Array.from({ length: p * p }, (_, i): Pair => [Math.floor(i / p), i % p]);
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  return pairs;
}

/** Rows a b =, and a + b mod p. */
function rowsOf(pairs: readonly Pair[], p: number): Rows {
  return {
    inputs: Int32Array.from(pairs.flatMap(([a, b]) => [a, b, p])),
    targets: Int32Array.from(pairs.map(([a, b]) => (a + b) % p)),
  };
}

/** The logits of the pairs' sums: [pairs, p]. */
function logitsOf(model: GPT, pairs: readonly Pair[]) {
  const { inputs } = rowsOf(pairs, model.config.outputSize!);
  return model.forward(idsOf(inputs, 3), new ForwardContext({ lastOnly: true })).data();
}

async function accuracy(model: GPT, pairs: readonly Pair[]): Promise<number> {
  const { targets } = rowsOf(pairs, model.config.outputSize!);
  return accuracyOf(await logitsOf(model, pairs), targets);
}
