/**
 * What a character model of Shakespeare's plays has learned: heads that look at the character
 * before, at the line's start and at the speaker's name, neurons that announce capitals, and a
 * direction that makes lines end.
 *
 * It reads the folder of a run, or the model that ships with Folio, and trains nothing.
 *
 * @module
 */
import {
  type GPT,
  loadPretrained,
  Random,
  runWithCache,
  softmax,
  tensor,
  withHooks,
} from "../../mod.ts";
import { attentionGridFigure } from "../../lib/plot/mod.ts";
import { SHIPPED_RUN } from "../../lib/lesson/mod.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import { type Reading, readingOf } from "./play.ts";
import { correlation, type Fact, type Findings, mean, type Study } from "./study.ts";
import { idsOf } from "./training.ts";

export const shakespeare: Study = {
  takesModel: true,
  title: "Heads, neurons and directions of a character model of Shakespeare's plays",
  source: "an own run, or the model that ships with Folio",
  async run({ model: folder = SHIPPED_RUN.href, report }): Promise<Findings> {
    const { model, tokenizer } = await fromModelPlace(
      folder,
      (onProgress) => loadPretrained(folder, { onProgress }),
    );
    const reading = await userInput(() => readingOf(model, tokenizer, folder));
    const heads = await headsOf(model, reading);
    const best = (name: keyof Head & ("previous" | "line" | "speaker")) =>
      heads.reduce((a, b) => b[name] > a[name] ? b : a);
    const shown = (head: Head, value: string) => `${value} (head ${head.name})`;
    const [previous, line, speaker] = [best("previous"), best("line"), best("speaker")];
    const neuron = await capitalNeuron(model, reading);
    const steered = await lineEnds(model, reading);
    report(`${reading.rows} windows of ${reading.time} characters; newlines ${steered.text}`);
    const facts: Fact[] = [
      {
        what: "a head looks at the character before: attention to it / its share",
        published: "in most models",
        here: shown(previous, previous.previous.toFixed(1)),
        agrees: previous.previous > 5,
      },
      {
        what: "a head looks at the start of the line: attention to the newline / its share",
        published: "not said",
        here: shown(line, line.line.toFixed(1)),
        agrees: line.line > 2,
      },
      {
        what: "a head looks at the speaker's name: attention to it / its share",
        published: "not said",
        here: shown(speaker, speaker.speaker.toFixed(1)),
        agrees: speaker.speaker > 1.5,
      },
      {
        what: "a neuron announces capitals: correlation with the next character's being one",
        published: "not said",
        here: `${neuron.r.toFixed(2)} (layer ${neuron.layer + 1}, neuron ${neuron.index + 1})`,
        agrees: Math.abs(neuron.r) > 0.5,
      },
      {
        what: "probability of a newline, steered along the direction of line ends / as it is",
        published: "not said",
        here: `${steered.along.toFixed(1)} times`,
        agrees: steered.along > 2,
      },
      {
        what: "the same, steered as far in a random direction",
        published: "nothing",
        here: `${steered.random.toFixed(1)} times`,
        agrees: steered.random < 1.5,
        control: true,
      },
    ];
    const { layers, heads: perLayer } = model.config;
    const row = idsOf(reading.ids.slice(0, reading.time), reading.time);
    const figure = attentionGridFigure(await model.attentionWeights(row).data(), {
      layers,
      heads: perLayer,
      queries: reading.time,
      title: "Attention of every head to the first window",
    });
    return { facts, figures: { heads: figure } };
  },
};

/** Where a head looks. */
interface Head {
  /** Layer and head, from 1. */
  readonly name: string;
  /** Mean attention to the character before, relative to even attention. */
  readonly previous: number;
  /** Mean attention to the last newline, relative to even attention. */
  readonly line: number;
  /** Mean attention to the last speaker's name, relative to even attention. */
  readonly speaker: number;
}

async function headsOf(model: GPT, { ids, characters, rows, time }: Reading): Promise<Head[]> {
  const { layers, heads } = model.config;
  const weights = await model.attentionWeights(idsOf(ids, time)).data();
  return Array.from({ length: layers * heads }, (_, index) => {
    const found: Record<"previous" | "line" | "speaker", number[]> = {
      previous: [],
      line: [],
      speaker: [],
    };
    for (let row = 0; row < rows; row++) {
      const text = characters.slice(row * time, (row + 1) * time).join("");
      for (let query = 1; query < time; query++) {
        const start = ((row * layers * heads + index) * time + query) * time;
        const to = (keys: readonly number[]) =>
          keys.reduce((sum, k) => sum + weights[start + k], 0);
        const relative = (keys: readonly number[]) => to(keys) * (query + 1) / keys.length;
        found.previous.push(relative([query - 1]));
        const before = text.slice(0, query);
        const newline = before.lastIndexOf("\n");
        if (newline >= 0 && newline < query - 1) found.line.push(relative([newline]));
        const name = [...before.matchAll(/[A-Z][A-Za-z ]+:\n/g)].at(-1);
        if (!name) continue;
        const keys = Array.from({ length: name[0].length - 1 }, (_, i) => name.index + i);
        if (name.index + name[0].length < query) found.speaker.push(relative(keys));
      }
    }
    const name = `${Math.floor(index / heads) + 1}.${index % heads + 1}`;
    return {
      name,
      previous: mean(found.previous),
      line: mean(found.line),
      speaker: mean(found.speaker),
    };
  });
}

/** The neuron whose value correlates most with the next character's being a capital. */
async function capitalNeuron(model: GPT, { ids, characters, time }: Reading) {
  const { cache } = runWithCache(model, idsOf(ids, time), { names: /mlp.hook_post$/ });
  const isCapital = Array.from(ids, (_, i) => /[A-Z]/.test(characters[i + 1] ?? "") ? 1 : 0);
  let best = { r: 0, layer: 0, index: 0 };
  for (const [layer, name] of cache.names.entries()) {
    const values = await cache.get(name).data();
    const hidden = values.length / ids.length;
    for (let index = 0; index < hidden; index++) {
      const r = correlation(isCapital.map((is, i) => [values[i * hidden + index], is] as const));
      if (Math.abs(r) > Math.abs(best.r)) best = { r, layer, index };
    }
  }
  cache.dispose();
  return best;
}

/** Steers towards what the middle layer holds where lines end, and in a random direction. */
async function lineEnds(model: GPT, { ids, characters, time, newline }: Reading) {
  const { width, layers, vocabSize } = model.config;
  const name = `blocks.${Math.floor(layers / 2)}.hook_resid_pre`;
  const input = idsOf(ids, time);
  const { cache } = runWithCache(model, input, { names: name });
  const values = await cache.get(name).data();
  cache.dispose();
  const averageOf = (ends: boolean) =>
    Array.from({ length: width }, (_, c) => {
      const places = Array.from(ids.keys()).filter((i) => (characters[i + 1] === "\n") === ends);
      return mean(places.map((i) => values[i * width + c]));
    });
  const [ends, others] = [averageOf(true), averageOf(false)];
  const along = ends.map((x, c) => x - others[c]);
  const length = (vector: readonly number[]) => Math.hypot(...vector);
  const noise = [...new Random(0).normals(width)];
  const random = noise.map((x) => x * length(along) / length(noise));
  const newlines = async () => {
    const probabilities = await softmax(model.forward(input)).data();
    return mean(Array.from(ids.keys()).map((i) => probabilities[i * vocabSize + newline]));
  };
  const steered = (vector: readonly number[]) =>
    withHooks(model, { [name]: { add: tensor([...vector]), scale: 2 } }, newlines);
  const [plain, there, astray] = [await newlines(), await steered(along), await steered(random)];
  const text = [plain, there, astray].map((x) => x.toFixed(3)).join(", steered ");
  return { along: there / plain, random: astray / plain, text };
}
