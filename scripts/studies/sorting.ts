/**
 * Sorting: what a published model of 85,000 weights does that sorts six digits from 0 to 2.
 *
 * It was trained by others for llm-viz, and reads the digits and what it has sorted so far. All 729
 * inputs are tried. Values are replaced by those of other inputs, place by place.
 *
 * @module
 */
import { type GPT, loadPretrained, withHooks } from "../../mod.ts";
import { attentionGridFigure, scoresFigure } from "../../lib/plot/mod.ts";
import { type Findings, mean, type Study } from "./study.ts";
import { idsOf, largest, type Rows } from "./training.ts";

const DIGITS = 6;
const KINDS = 3;
/** Digits and what is sorted of them, without the last, which is only predicted. */
const TIME = 2 * DIGITS - 1;

export const sorting: Study = {
  title: "A published model that sorts six digits",
  source: "bbycroft, llm-viz, bbycroft.net/llm (weights under the MIT license)",
  async run({ quick, report }): Promise<Findings> {
    const { model } = await loadPretrained(new URL("./sorting/", import.meta.url).href);
    const test = inputsFrom(quick ? 4 : 1);
    const whole = await sortedRight(model, test);
    const effects = await patched(model, test);
    const heads = await looks(model, test);
    const best = heads.reduce((a, b) => b.ratio > a.ratio ? b : a);
    report(`layer ${best.layer + 1}, head ${best.head + 1} looks at the digits of the answer`);
    const astray = await sortedWith("hook_pattern", model, test);
    const blind = await sortedWith("hook_z", model, test);
    const inputs = (layer: number) => mean(effects[layer].slice(0, DIGITS - 1));
    const outputs = (layer: number) => mean(effects[layer].slice(DIGITS - 1));
    const facts = [
      {
        what: "inputs sorted without a mistake",
        published: "nearly all",
        here: `${(100 * mean(whole)).toFixed(1)} % of ${whole.length}`,
        agrees: mean(whole) > 0.99,
      },
      {
        what: "answers lost if a place of the input is another's, before layers 1, 2, 3",
        published: "not said",
        here: [0, 1, 2].map((layer) => inputs(layer).toFixed(2)).join(", "),
        agrees: inputs(2) < inputs(0) / 2,
      },
      {
        what: "the same of a place that answers",
        published: "not said",
        here: [0, 1, 2].map((layer) => outputs(layer).toFixed(2)).join(", "),
        agrees: outputs(2) > outputs(0),
      },
      {
        what: "a head's attention to a digit like the answer / to another digit",
        published: "not said",
        here: `${best.ratio.toFixed(1)} (layer ${best.layer + 1}, head ${best.head + 1})`,
        agrees: best.ratio > 2,
      },
      {
        what: "inputs sorted with the attention weights of other inputs",
        published: "not said",
        here: `${(100 * astray).toFixed(1)} %`,
        agrees: astray < mean(whole),
      },
      {
        what: "inputs sorted with what attention read of other inputs",
        published: "fails",
        here: `${(100 * blind).toFixed(1)} %`,
        agrees: blind < 0.2,
        control: true,
      },
    ];
    return { facts, figures: await figures(model, test, effects) };
  },
};

/** Each `step`-th input: its digits, what is sorted of them, and the answers. */
function inputsFrom(step: number): Rows {
  const rows = Array.from({ length: Math.floor(KINDS ** DIGITS / step) }, (_, i) => {
    return Array.from({ length: DIGITS }, (_, j) => Math.floor(i * step / KINDS ** j) % KINDS);
  });
  const sorted = rows.map((row) => row.toSorted());
  const none = Array(DIGITS - 1).fill(-100);
  return {
    inputs: Int32Array.from(rows.flatMap((row, i) => [...row, ...sorted[i].slice(0, -1)])),
    targets: Int32Array.from(sorted.flatMap((row) => [...none, ...row])),
  };
}

/** Of each place that answers, in each row, whether it is right. */
async function right(model: GPT, { inputs, targets }: Rows): Promise<boolean[][]> {
  const chosen = largest(await model.forward(idsOf(inputs, TIME)).data(), KINDS);
  return Array.from(
    { length: inputs.length / TIME },
    (_, row) =>
      Array.from({ length: DIGITS }, (_, k) => {
        const at = row * TIME + DIGITS - 1 + k;
        return chosen[at] === targets[at];
      }),
  );
}

/** Of each input, 1 if all its answers are right. */
async function sortedRight(model: GPT, test: Rows): Promise<number[]> {
  return (await right(model, test)).map((row) => row.every(Boolean) ? 1 : 0);
}

/** The share of inputs that are sorted if a point in every layer has another input's value. */
async function sortedWith(point: string, model: GPT, test: Rows): Promise<number> {
  const edits = model.blocks.items.map((_, layer) =>
    [`blocks.${layer}.attn.${point}`, { resample: 1 }] as const
  );
  return mean(await withHooks(model, Object.fromEntries(edits), () => sortedRight(model, test)));
}

/** [layers][places]: the share of answers that are lost if this place is that of another input. */
async function patched(model: GPT, test: Rows): Promise<number[][]> {
  const effects: number[][] = [];
  for (let layer = 0; layer < model.config.layers; layer++) {
    const row: number[] = [];
    for (let place = 0; place < TIME; place++) {
      const edit = { [`blocks.${layer}.hook_resid_pre`]: { resample: 1, place } };
      const answers = (await withHooks(model, edit, () => right(model, test))).flat();
      row.push(1 - answers.filter(Boolean).length / answers.length);
    }
    effects.push(row);
  }
  return effects;
}

/**
 * Of each head, its attention from the places that answer to a digit of the input that is the
 * answer, relative to one that is not.
 */
async function looks(model: GPT, { inputs, targets }: Rows) {
  const { layers, heads } = model.config;
  const weights = await model.attentionWeights(idsOf(inputs, TIME)).data();
  const rows = inputs.length / TIME;
  return Array.from({ length: layers * heads }, (_, index) => {
    const [like, other] = [[] as number[], [] as number[]];
    for (let row = 0; row < rows; row++) {
      for (let query = DIGITS - 1; query < TIME; query++) {
        const start = ((row * layers * heads + index) * TIME + query) * TIME;
        const answer = targets[row * TIME + query];
        for (let key = 0; key < DIGITS; key++) {
          (inputs[row * TIME + key] === answer ? like : other).push(weights[start + key]);
        }
      }
    }
    const ratio = mean(like) / mean(other);
    return { layer: Math.floor(index / heads), head: index % heads, ratio };
  });
}

async function figures(model: GPT, { inputs }: Rows, effects: number[][]) {
  const { layers, heads } = model.config;
  const row = inputs.slice(TIME * 140, TIME * 141);
  const weights = await model.attentionWeights(idsOf(row, TIME)).data();
  const columns = Array.from(
    { length: TIME },
    (_, t) => t < DIGITS ? `in ${t + 1}` : `out ${t - 5}`,
  );
  return {
    attention: attentionGridFigure(weights, {
      layers,
      heads,
      queries: TIME,
      title: `Attention while ${row.slice(0, DIGITS).join(" ")} is sorted`,
    }),
    patching: scoresFigure(effects, {
      rows: effects.map((_, layer) => String(layer + 1)),
      columns,
      rowTitle: "before layer",
      columnTitle: "place",
      title: "Share of answers lost if a place is that of another input",
    }),
  };
}
