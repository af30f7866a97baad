/**
 * Induction heads: a head of layer 2 finds what followed the present token before, because a head
 * of layer 1 wrote into each place which token stands before it.
 *
 * Rows repeat random tokens, with a period drawn anew for each row: with one period for all, a
 * single layer solves the task by a trick of positions. The models are attention only.
 *
 * @module
 */
import { formatItems } from "../../lib/cli/numbers.ts";
import { GPT, Random, withHooks } from "../../mod.ts";
import { attentionGridFigure, type Curve, curvesFigure } from "../../lib/plot/mod.ts";
import { headScores, type Repeated, repeated } from "./repeated_rows.ts";
import {
  above,
  below,
  control,
  type Findings,
  measured,
  share,
  type Study,
  type StudyOptions,
} from "./study.ts";
import { accuracyOf, idsOf, train, wideWeights } from "./training.ts";

/** Sizes of the quick and of the whole study; `previous` is the least score of such a head. */
const QUICK = {
  tokens: 64,
  time: 32,
  batchSize: 32,
  heads: 2,
  width: 64,
  steps: 220,
  previous: 0.4,
};
const WHOLE = { ...QUICK, time: 48, heads: 4, steps: 1000, previous: 0.6 };
type Sizes = typeof QUICK;

export const induction: Study = {
  title: "Induction heads in two layers of attention",
  source: "Olsson et al. 2022, arXiv 2209.11895; Elhage et al. 2021, transformer-circuits.pub/2021",
  async run({ seeds, quick, report }: StudyOptions): Promise<Findings> {
    const sizes = quick ? QUICK : WHOLE;
    const found: Circuit[] = [], single: Circuit[] = [];
    const lines: Curve[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      for (const [list, layers] of [[found, 2], [single, 1]] as const) {
        const { circuit, points } = await trained(seed, layers, sizes);
        list.push(circuit);
        lines.push({
          label: `${layers === 1 ? "1 layer" : "2 layers"}, seed ${seed}`,
          points,
          group: layers,
        });
        report(`seed ${seed}, ${formatItems(layers, "layer")}: ${described(circuit)}`);
      }
    }
    const of = (name: Measured) => found.map((circuit) => circuit[name]);
    const textbook = found.map((circuit) => isTextbook(circuit, sizes));
    const facts = [
      measured("share of the repeated tokens that two layers predict", {
        published: "nearly all",
        values: of("accuracy"),
        holds: above(0.8),
      }),
      measured("best induction head, layer 2: attention behind earlier occurrences", {
        published: "> 0.6",
        values: of("induction"),
        holds: above(0.6),
      }),
      measured("best previous-token head, layer 1: attention to the token before", {
        published: "> 0.6",
        values: of("previous"),
        holds: above(sizes.previous),
      }),
      measured("induction without the previous-token heads (at 0; even attention has 0.1 to 0.2)", {
        published: "≈ 0",
        values: of("ablated"),
        holds: below(0.25),
      }),
      {
        what: "models that are this textbook circuit",
        published: "not said",
        here: share(textbook),
        agrees: textbook.some(Boolean),
      },
      control("share that one layer predicts", {
        published: "fails",
        values: single.map(({ accuracy }) => accuracy),
        holds: below(0.5),
      }),
    ];
    const figures = {
      scores: curvesFigure(lines, { title: "Best induction head", yLabel: "attention" }),
      heads: found[0].figure,
    };
    return { facts, figures };
  },
};

/** What a trained model does. */
interface Circuit {
  /** Share of the repeated tokens that are predicted. */
  readonly accuracy: number;
  /** The best induction head's score, of the last layer. */
  readonly induction: number;
  /** The same with the previous-token heads of layer 1 at zero; in one layer, as it is. */
  readonly ablated: number;
  /** The best previous-token head's score, of layer 1. */
  readonly previous: number;
  readonly figure: ReturnType<typeof attentionGridFigure>;
}

type Measured = Exclude<keyof Circuit, "figure">;

/** Whether a model is the circuit that textbooks draw. */
function isTextbook({ accuracy, induction, ablated, previous }: Circuit, sizes: Sizes): boolean {
  return accuracy > 0.8 && induction > 0.6 && previous > sizes.previous && ablated < 0.25;
}

function described({ accuracy, induction, ablated, previous }: Circuit): string {
  return `accuracy ${accuracy.toFixed(2)}, induction ${induction.toFixed(2)} ` +
    `(${ablated.toFixed(2)} ablated), previous token ${previous.toFixed(2)}`;
}

async function trained(seed: number, layers: number, sizes: Sizes) {
  const { tokens: vocabSize, time: contextLength, batchSize, heads, width, steps } = sizes;
  const model = new GPT({
    vocabSize,
    contextLength,
    layers,
    heads,
    width,
    feedForward: false,
    bias: false,
    tiedHead: false,
  }, {
    random: new Random(seed),
    initial: wideWeights(layers),
  });
  const random = new Random(seed, 1);
  const test = repeated(new Random(seed, 2), sizes);
  const points: { step: number; value: number }[] = [];
  await train(model, {
    batchSize,
    contextLength,
    next: () => repeated(random, sizes),
    steps,
    learningRate: 3e-3,
    every: Math.ceil(steps / 12),
    async watch(step) {
      points.push({ step, value: Math.max(...(await headScores(model, test)).induction) });
    },
  });
  return { circuit: await circuitOf(model, test, sizes), points };
}

/** Takes the model apart. */
async function circuitOf(model: GPT, test: Repeated, sizes: Sizes): Promise<Circuit> {
  const { time, heads } = sizes;
  const { layers } = model.config;
  const ids = idsOf(test.inputs, time);
  const accuracy = accuracyOf(await model.forward(ids).data(), test.targets);
  const scores = await headScores(model, test);
  const first = scores.previous.slice(0, heads);
  const [previous, induction] = [Math.max(...first), Math.max(...scores.induction)];
  const head = first.flatMap((score, head) => score > previous / 2 ? [head] : []);
  const zero = { "blocks.0.attn.hook_z": { zero: true, head } } as const;
  const without = layers === 1
    ? scores
    : await withHooks(model, zero, () => headScores(model, test));
  const weights = await model.attentionWeights(idsOf(test.inputs.slice(0, time), time)).data();
  const title = `Attention to a row of period ${test.periods[0]}`;
  const figure = attentionGridFigure(weights, { layers, heads, queries: time, title });
  return { accuracy, induction, previous, ablated: Math.max(...without.induction), figure };
}
