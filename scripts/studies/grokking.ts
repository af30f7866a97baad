/**
 * Grokking: a model learns a + b mod p by heart, and thousands of steps later suddenly in general,
 * by turning a and b around circles of a few frequencies.
 *
 * One layer without norms reads `a b =`; weight decay is strong. What it has learned is tested by
 * taking frequencies out of the embeddings.
 *
 * @module
 */
import { GPT, normal, Random } from "../../mod.ts";
import { type Curve, curvesFigure } from "../../lib/plot/mod.ts";
import { keyFrequencies, withFrequencies } from "./frequencies.ts";
import {
  above,
  below,
  control,
  type Findings,
  measured,
  spread,
  type Study,
  type StudyOptions,
} from "./study.ts";
import { accuracyOf, idsOf, type Rows, train } from "./training.ts";

/** Sizes; `share` of all pairs are trained on; the rest must be known `wait` times as late. */
const QUICK = {
  ...{ p: 53, width: 32, share: 0.5, steps: 400, every: 25, wait: 1 },
  ...{ learningRate: 5e-3, weightDecay: 2 },
};
/** Those of the paper, whose model knows the rest after 10,000 steps. */
const WHOLE = {
  ...{ p: 113, width: 128, share: 0.3, steps: 20_000, every: 100, wait: 4 },
  ...{ learningRate: 1e-3, weightDecay: 1 },
};
type Sizes = typeof QUICK;

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
      measured("accuracy with only these frequencies in the embeddings", {
        published: "as good as whole",
        values: of("only"),
        holds: above(0.9),
      }),
      control("accuracy without them", {
        published: "chance",
        values: of("without"),
        holds: below(0.2),
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
  /** Steps until 99 % of the trained pairs were right. */
  readonly knownAt: number;
  /** Steps until 90 % of the others were. */
  readonly generalAt: number;
  /** Accuracy with only the key frequencies, and without them. */
  readonly only: number;
  readonly without: number;
  readonly keys: readonly number[];
  readonly lines: readonly Curve[];
}

type Measured = Exclude<keyof Grown, "keys" | "lines">;

async function trained(
  seed: number,
  sizes: Sizes,
  report: (line: string) => void,
): Promise<Grown> {
  const { p, share, every } = sizes;
  const model = modelOf(seed, sizes);
  const pairs = shuffledPairs(new Random(seed, 1), p);
  const cut = Math.floor(share * pairs.length);
  const [learned, others] = [rowsOf(pairs.slice(0, cut), p), rowsOf(pairs.slice(cut), p)];
  const at = { learned: [] as Curve["points"][number][], others: [] as Curve["points"][number][] };
  await train(model, {
    ...sizes,
    batchSize: cut,
    contextLength: 3,
    next: () => learned,
    beta2: 0.98,
    async watch(step, loss) {
      at.learned.push({ step, value: await accuracy(model, learned) });
      at.others.push({ step, value: await accuracy(model, others) });
      const { value } = at.others.at(-1)!;
      if (step % (10 * every) === 0) {
        report(`seed ${seed}, step ${step}: loss ${loss.toExponential(1)}, others ${value}`);
      }
      return value > 0.99;
    },
  });
  const reached = (points: Curve["points"], value: number) =>
    points.find((point) => point.value >= value)?.step ?? sizes.steps;
  const general = () => accuracy(model, others);
  const keys = await keyFrequencies(model, p, KEY_SHARE);
  return {
    accuracy: await general(),
    knownAt: reached(at.learned, 0.99),
    generalAt: reached(at.others, 0.9),
    only: await withFrequencies(model, p, (k) => keys.includes(k), general),
    without: await withFrequencies(model, p, (k) => !keys.includes(k), general),
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

function shuffledPairs(random: Random, p: number): [number, number][] {
  const pairs = Array.from(
    { length: p * p },
    (_, i): [number, number] => [Math.floor(i / p), i % p],
  );
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  return pairs;
}

/** Rows a b =, and a + b mod p at the last place. */
function rowsOf(pairs: readonly [number, number][], p: number): Rows {
  return {
    inputs: Int32Array.from(pairs.flatMap(([a, b]) => [a, b, p])),
    targets: Int32Array.from(pairs.flatMap(([a, b]) => [-100, -100, (a + b) % p])),
  };
}

async function accuracy(model: GPT, { inputs, targets }: Rows): Promise<number> {
  return accuracyOf(await model.forward(idsOf(inputs, 3)).data(), targets);
}
