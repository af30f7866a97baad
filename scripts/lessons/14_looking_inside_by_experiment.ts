/**
 * Lesson 14: looking inside by experiment: cache what a model computes, take heads out of it, and
 * put values of one run into another. Advanced, three code tasks; about 40 minutes.
 *
 *     deno task lesson 14
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/14_looking_inside_by_experiment.ts
 *
 * `deno task study induction` does the same with several seeds and a control.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  integer,
  Lesson,
  notWritten,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  attentionGridFigure,
  scoresFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  GPT,
  gpt2Weights,
  normal,
  Random,
  runWithCache,
  softmax,
  type Tensor,
  tensor,
  Trainer,
  withHooks,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Task 1: the mean attention that a head pays to the token that followed the present one before.
 * pattern[query][key] is its attention; the text repeats with this period.
 */
function inductionScore(pattern: number[][], period: number): number {
  // The token at place `query` stood at `query - period`, too, if query >= period. What followed it?
  return notWritten(pattern, period);
}

/** Task 2: z[place][head] is a vector → the same, with the vectors of one head at 0. */
function withoutHead(z: number[][][], head: number): number[][][] {
  // Leave z as it is, and return a new array: other experiments need the old one.
  return notWritten(z, head);
}

/**
 * Task 3: how much of the difference between two runs does a patch bring back? 0 if the patched run
 * is as the corrupted one, 1 if it is as the clean one.
 */
function recovered(clean: number, corrupted: number, patched: number): number {
  return notWritten(clean, corrupted, patched);
}

/** Steps after which the trick is there. */
const STEPS = 300;

export const lesson = new Lesson(
  {
    number: 14,
    title: "Looking inside by experiment",
    level: "advanced",
    minutes: 40,
    tasks: 3,
    url: import.meta.url,
    flags: { steps: integer(STEPS, "training steps of the model", { min: 1 }) },
  },
  async (page, { steps }) => {
    page.section("A model with one trick");
    const model = await trained(steps);
    const { layers, heads } = model.config;
    const test = repeatedRows(new Random(7), 32);
    page.say(`
      Lesson 8 looked at a model: attention, embeddings, predictions. Looking shows what goes along
      with what. To learn what a part is for, one has to change it and see what happens.
    `);
    page.say(`
      Here is a model that is small enough to be understood: ${layers} layers of ${heads} heads, and
      nothing but attention. It reads random tokens that repeat, each row with a period of its own:
        17 4 52 9 31 17 4 52 9 31 17 4 ...
      There is nothing to know about such a row in advance, but once a token returns, the next one
      can be told: the one that followed it before. After ${steps} steps the model predicts
      ${percent(await accuracy(model, test))} of the tokens that can be told. How?
    `);
    if (steps < STEPS) {
      page.say(`
        (The sentences below are about ${STEPS} steps. After fewer, the figures and tables show how
        much of that is there already.)
      `);
    }

    page.section("Cache");
    page.say(`
      runWithCache(model, ids, { names }) runs a model and keeps what it computed at the places that
      are named, such as the attention of each head, blocks.0.attn.hook_pattern. hookPoints(model)
      lists all of them. Attention to one row, whose period is ${test.periods[0]}:
    `);
    const row = tensor(test.inputs.slice(0, TIME), { shape: [1, TIME] });
    const { cache } = runWithCache(model, row, { names: /hook_pattern$/ });
    page.table(cache.names.map((name) => [name, `${cache.get(name)}`]));
    await page.save(
      "heads",
      attentionGridFigure(await model.attentionWeights(row).data(), {
        layers,
        heads,
        queries: TIME,
        title: `Attention to a row of period ${test.periods[0]}`,
      }),
    );
    page.say(`
      A head of layer 1 has a line below the diagonal: it looks at the token before. The heads of
      layer 2 have lines further away. A score says it in a number: the attention to the token that
      followed the present one before, an induction head's.
    `);
    const score = await page.task({
      name: "inductionScore",
      stub: inductionScore,
      answer: inductionScoreAnswer,
      test: async (inductionScore) => {
        const pattern = [
          [1, 0, 0, 0, 0],
          [0.5, 0.5, 0, 0, 0],
          [0.1, 0.8, 0.1, 0, 0],
          [0, 0.2, 0.7, 0.1, 0],
          [0.1, 0.1, 0.3, 0.3, 0.2],
        ];
        await expectMatch(inductionScore(pattern, 2), 0.6, {
          what: "a row of five tokens with the period 2",
          mistakes: [
            { result: 0.1333, hint: "those are the places where the present token stood" },
            { result: 0.36, hint: "the mean is over the places from `period` on only" },
            { result: 1.8, hint: "that is the sum; divide by the number of places" },
          ],
        });
        await expectMatch(inductionScore(pattern, 3), 0.25, {
          what: "the same attention with the period 3",
        });
      },
    });
    const patterns = await Promise.all(cache.names.map((name) => cache.get(name).toArray()));
    const scores = patterns.flatMap((pattern, layer) =>
      (pattern as number[][][][])[0].map((head, index) => [
        `layer ${layer + 1}, head ${index + 1}`,
        mean(head.slice(1).map((keys, query) => keys[query])),
        score(head, test.periods[0]),
      ])
    );
    page.table([["", "looks at the token before", "at what followed before"], ...scores]);

    page.section("Ablate");
    page.say(`
      Is the head of layer 1 needed, or is it there by chance? Take it out. A head's result is a
      vector at each place, z; if it is 0, the head has no effect.
    `);
    const without = await page.task({
      name: "withoutHead",
      stub: withoutHead,
      answer: withoutHeadAnswer,
      test: async (withoutHead) => {
        const z = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]];
        const expected = [[[1, 2], [0, 0]], [[5, 6], [0, 0]]];
        await expectMatch(withoutHead(z, 1), expected, {
          what: "two places, two heads, without the second",
          mistakes: [
            { result: [[[1, 2], [3, 4]], [[0, 0], [0, 0]]], hint: "that is a place, not a head" },
            { result: [[[0, 0], [3, 4]], [[0, 0], [7, 8]]], hint: "that is the other head" },
          ],
        });
        await expectMatch(z, [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], {
          what: "z itself, which stays as it was",
        });
      },
    });
    page.say(`
      withHooks(model, { name: edit }, body) runs body with a change at a place of the model. The
      change may be a function of the value, as here your own, or data: { zero: true, head: 1 }.
    `);
    const ablated: (string | number)[][] = [["taken out", "of the predictable tokens"]];
    ablated.push(["nothing", percent(await accuracy(model, test))]);
    for (let layer = 0; layer < layers; layer++) {
      for (let head = 0; head < heads; head++) {
        const name = `blocks.${layer}.attn.hook_z`;
        const z = await zOf(model, name, test);
        const edit = { [name]: { set: tensor(z.map((row) => without(row, head))) } };
        const right = await withHooks(model, edit, () => accuracy(model, test));
        ablated.push([`layer ${layer + 1}, head ${head + 1}`, percent(right)]);
      }
    }
    page.table(ablated);
    page.say(`
      One head of layer 1 carries the trick. Of the two in layer 2 each may do the other's work.
      Beware: a head that can be taken out without harm is not useless, if another one steps in.
    `);

    page.section("Patch");
    page.say(`
      So layer 1 looks one back, and layer 2 finds what followed. But how does layer 2 know? Its
      heads can only compare what is written at the places. Make two runs that differ in one token:
      the clean row, and a corrupted one in which the earlier occurrence of the present token is
      another token. Then, in the corrupted run, put back the clean value at one place and one
      layer. Where it brings the answer back, the information was.
    `);
    const share = await page.task({
      name: "recovered",
      stub: recovered,
      answer: recoveredAnswer,
      test: async (recovered) => {
        await expectMatch(recovered(5, 1, 4), 0.75, {
          what: "clean 5, corrupted 1, patched 4",
          mistakes: [
            { result: 0.25, hint: "1 is the clean run, 0 the corrupted one" },
            { result: 0.8, hint: "what the corrupted run has anyway does not count" },
          ],
        });
        await expectMatch(recovered(-1, -5, -5), 0, { what: "a patch that changes nothing" });
      },
    });
    const { clean, corrupted, query, answer } = twoRuns();
    const points = [
      "blocks.0.hook_resid_pre",
      "blocks.1.hook_resid_pre",
      "blocks.1.hook_resid_post",
    ];
    const kept = runWithCache(model, clean, { names: points }).cache;
    const chance = async (ids: Tensor) =>
      Math.log((await softmax(model.forward(ids)).toArray() as number[][][])[0][query][answer]);
    const [whole, broken] = [await chance(clean), await chance(corrupted)];
    const places = Array.from({ length: query + 1 }, (_, place) => place);
    const rows: number[][] = [];
    for (const name of points) {
      const shares: number[] = [];
      for (const place of places) {
        const edit = { [name]: { patch: kept.get(name), place } };
        const patched = await withHooks(model, edit, () => chance(corrupted));
        shares.push(share(whole, broken, patched));
      }
      rows.push(shares);
    }
    page.say(`
      The answer's log-probability is ${whole.toFixed(2)} in the clean run and ${
      broken.toFixed(2)
    } in
      the corrupted one. The present token is at place ${query}, and its earlier occurrence, which
      the corrupted run lacks, at place ${query - PERIOD}.
    `);
    await page.save(
      "patching",
      scoresFigure(rows, {
        rows: ["before 1", "before 2", "after 2"],
        columns: places.map(String),
        columnTitle: "place",
        title: "Share of the answer that comes back",
      }),
    );
    page.table([
      ["", ...places.map(String)],
      ...rows.map((row, i) => [["before 1", "before 2", "after 2"][i], ...row.map(shortNumber)]),
    ]);
    page.say(`
      Before layer 1 the information is where the token is, place ${
      query - PERIOD
    }. Before layer 2 it
      is one place further, ${query - PERIOD + 1}: the head that looks one back has written there
      which token came before. After layer 2 it is at the place that predicts. That is the circuit:
      each place knows its predecessor, and the second layer looks for the place whose predecessor
      is the present token. Elhage et al. (2021) found it, Olsson et al. (2022) found it in large
      models, at the moment when they learn to learn from their context.
    `);

    page.section("Try it");
    page.say(`
      One model is an anecdote. Do others find the same trick, and does one layer alone fail?
        deno task study induction --quick --seeds 3
      Predict before you run: after how many steps does the trick appear, and is it sudden?
        deno task lesson 14 --steps 60
        deno task lesson 14 --steps 120
      Discuss: a head was taken out and nothing changed. What does that say about the head?
    `);

    page.section("What you know now");
    page.say(`
      Three experiments: keep what a model computes, take a part out, put a value of one run into
      another. Further reading: Elhage and others, "A Mathematical Framework for Transformer
      Circuits" (2021); Olsson and others, "In-context Learning and Induction Heads" (2022); Zhang
      and Nanda, "Towards Best Practices of Activation Patching" (2023).
    `);
  },
);

const TOKENS = 64;
const TIME = 32;
const PERIOD = 8;

/** Rows that repeat with a period of their own; what cannot be told is no target. */
function repeatedRows(random: Random, count: number) {
  const periods = Array.from({ length: count }, () => 4 + random.integer(TIME / 2 - 4));
  const rows = periods.map((period) => {
    const part = Array.from({ length: period }, () => random.integer(TOKENS));
    return Array.from({ length: TIME + 1 }, (_, t) => part[t % period]);
  });
  const inputs = Int32Array.from(rows.flatMap((row) => row.slice(0, -1)));
  const targets = Int32Array.from(
    rows.flatMap((row, i) => row.slice(1).map((id, t) => t < periods[i] ? -100 : id)),
  );
  return { inputs, targets, periods };
}

/** Two layers of two heads and nothing else. */
async function trained(steps: number): Promise<GPT> {
  const [table, queryKeyValue] = [normal(0.3), normal(0.1)];
  const model = new GPT({
    vocabSize: TOKENS,
    contextLength: TIME,
    layers: 2,
    heads: 2,
    width: 64,
    feedForward: false,
    tiedHead: false,
  }, { initial: { ...gpt2Weights(2), tokens: table, positions: table, queryKeyValue } });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0.01, clip: 1 });
  const trainer = new Trainer(model, optimizer, { learningRate: 3e-3 });
  const random = new Random(1);
  const source = { batchSize: 32, contextLength: TIME, next: () => repeatedRows(random, 32) };
  for (let step = 0; step < steps; step++) {
    trainer.step(source);
    if (trainer.figuresDue) await trainer.figures();
  }
  return model;
}

type Rows = ReturnType<typeof repeatedRows>;

/** The share of the targets that the model predicts. */
async function accuracy(model: GPT, { inputs, targets, periods }: Rows): Promise<number> {
  const logits = await model.forward(tensor(inputs, { shape: [periods.length, TIME] })).data();
  const right: number[] = [];
  targets.forEach((target, i) => {
    if (target === -100) return;
    const row = logits.subarray(i * TOKENS, (i + 1) * TOKENS);
    right.push(row.indexOf(Math.max(...row)) === target ? 1 : 0);
  });
  return mean(right);
}

/** The heads' results at a point: [rows][places][heads] vectors. */
async function zOf(model: GPT, name: string, { inputs, periods }: Rows): Promise<number[][][][]> {
  const ids = tensor(inputs, { shape: [periods.length, TIME] });
  const { cache } = runWithCache(model, ids, { names: name });
  return await cache.get(name).toArray() as number[][][][];
}

/**
 * A row of period 8, and the same without the earlier occurrence of the last token that is read.
 */
function twoRuns() {
  const part = [17, 4, 52, 9, 31, 60, 23, 45];
  const query = PERIOD + 4;
  const row = Array.from({ length: query + 1 }, (_, t) => part[t % PERIOD]);
  const other = row.with(query - PERIOD, 12);
  const [clean, corrupted] = [row, other].map((ids) =>
    tensor(Int32Array.from(ids), { shape: [1, ids.length] })
  );
  return { clean, corrupted, query, answer: part[(query + 1) % PERIOD] };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function shortNumber(x: number): string {
  return x.toFixed(1).replace("-0.0", "0.0");
}

// The answers. Try first.

function inductionScoreAnswer(pattern: number[][], period: number): number {
  const attended = pattern.slice(period).map((keys, i) => keys[i + 1]);
  return attended.reduce((sum, weight) => sum + weight, 0) / attended.length;
}

function withoutHeadAnswer(z: number[][][], head: number): number[][][] {
  return z.map((heads) =>
    heads.map((vector, index) => index === head ? vector.map(() => 0) : vector)
  );
}

function recoveredAnswer(clean: number, corrupted: number, patched: number): number {
  return (patched - corrupted) / (clean - corrupted);
}

if (import.meta.main) await lesson.run(Deno.args);
