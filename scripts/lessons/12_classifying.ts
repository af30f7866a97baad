/**
 * Lesson 12: classifying texts, with baselines that tell what an accuracy is worth. Intermediate,
 * three code tasks; about 35 minutes.
 *
 *     deno task lesson 12
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/12_classifying.ts
 *
 * `deno task finetune MODEL --labels FILE --compare` does the same with files of your own.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  integer,
  Lesson,
  notWritten,
  smallLanguage,
  trainSmallModel,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { confusionFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  attachLora,
  ClassifierTrainer,
  classifyIds,
  compile,
  crossEntropy,
  type GPT,
  keep,
  Linear,
  padSequences,
  SequenceClassifier,
  type Tensor,
  tensor,
  TextClassifier,
  valueAndGrad,
  WordsClassifier,
  type WordTokenizer,
  zeros,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Task 1: hidden[b][t] is the vector of token t of text b → the vector of each text's last token.
 */
function lastVectors(hidden: number[][][], lengths: number[]): number[][] {
  // Texts of different lengths are padded to the longest: text b has lengths[b] tokens.
  return notWritten(hidden, lengths);
}

/** Task 2: counts[i][j], how many texts of class i were predicted as class j. */
function confusionOf(right: number[], predicted: number[], classes: number): number[][] {
  return notWritten(right, predicted, classes);
}

/** Task 3: F1 of one class, 2·precision·recall / (precision + recall). */
function f1Of(confusion: number[][], ofClass: number): number {
  // precision: of the texts predicted as this class (a column), the share that are of it.
  // recall: of the texts of this class (a row), the share that were predicted as such.
  // F1 is 0 if no text of the class was found.
  return notWritten(confusion, ofClass);
}

export const lesson = new Lesson(
  {
    number: 12,
    title: "Classifying texts",
    level: "intermediate",
    minutes: 35,
    tasks: 3,
    url: import.meta.url,
    flags: {
      steps: integer(500, "training steps of the model", { min: 1 }),
      texts: integer(120, "labeled texts to learn from", { min: 30 }),
    },
  },
  async (page, { steps, texts }) => {
    page.section("The texts");
    const train = labeledTexts(texts, { subjects: [0, 1], seed: 10 });
    const known = labeledTexts(TESTS, { subjects: [0, 1], seed: 20 });
    const test = [...known, ...labeledTexts(TESTS, { subjects: [2, 3], seed: 30 })];
    page.say(`
      Sentences of the small language without their ends, and the question who they are about:
      royalty, workers or animals? The subject decides, not the one who is seen or heard. There are
      ${train.length} sentences to learn from, and two tests of ${TESTS}: one with the same subjects,
      and one about others, such as a princess or a goat, who are only seen or heard in the first
      ones. New texts always bring new words.
    `);
    page.table([["label", "text"], ...train.slice(0, 5).map(({ label, text }) => [label, text])]);

    page.section("98 % may be nothing");
    page.say(`
      A filter says "no spam" of every message. If 2 of 100 messages are spam, it is right 98 times,
      and finds nothing. So an accuracy needs another one beside it: that of the most frequent
      class. The confusion matrix shows what happened: a row for each true class, a column for each
      predicted one.
    `);
    const confusion = await page.task({
      name: "confusionOf",
      stub: confusionOf,
      answer: confusionAnswer,
      test: async (confusionOf) => {
        await expectMatch(confusionOf([0, 0, 0, 1, 1], [0, 0, 1, 1, 0], 2), [[2, 1], [1, 1]], {
          what: "two classes",
        });
        await expectMatch(
          confusionOf([0, 1, 1, 2], [0, 2, 2, 2], 3),
          [[1, 0, 0], [0, 0, 2], [0, 0, 1]],
          {
            what: "three classes",
            mistakes: [{
              result: [[1, 0, 0], [0, 0, 0], [0, 2, 1]],
              hint: "rows and columns are exchanged: rows are the true classes",
            }],
          },
        );
      },
    });
    page.say(`
      F1 measures one class: high only if most of what is found is right (precision) and most of
      what is there is found (recall).
    `);
    const f1 = await page.task({
      name: "f1Of",
      stub: f1Of,
      answer: f1Answer,
      test: async (f1Of) => {
        await expectMatch(f1Of([[90, 2], [4, 4]], 1), 0.5714, {
          what: "F1 of the second class of [[90, 2], [4, 4]]",
          mistakes: [
            { result: 0.6667, hint: "that is the precision alone" },
            { result: 0.5, hint: "that is the recall alone" },
            { result: 0.5833, hint: "the mean of both; F1 is 2·precision·recall / their sum" },
            { result: 0.9677, hint: "that is the first class" },
            { result: 0.94, hint: "that is the accuracy" },
          ],
        });
        await expectMatch(f1Of([[98, 0], [2, 0]], 1), 0, {
          what: "F1 of a class that is never predicted",
          mistakes: [{ result: NaN, hint: "0 / 0: return 0 where nothing was found" }],
        });
      },
    });
    const lazy = confusion(
      Array.from({ length: 100 }, (_, i) => i < 98 ? 0 : 1),
      Array(100).fill(0),
      2,
    );
    page.table([
      ["the lazy spam filter", "predicted ham", "predicted spam", "F1"],
      ["ham", ...lazy[0], f1(lazy, 0)],
      ["spam", ...lazy[1], f1(lazy, 1)],
    ]);

    page.section("Counted words");
    page.say(`
      The baseline to beat needs no transformer: count the words of a text (TF-IDF: rare ones weigh
      more), and add up what each says for each class. It is trained in milliseconds, and on many
      real tasks nothing small is better. Here it cannot tell who is seen from who sees; with pairs
      of neighboring words it sees a little of the order.
    `);
    const results: Result[] = [];
    const frequencies = LABELS.map((label) => train.filter((row) => row.label === label).length);
    const most = frequencies.indexOf(Math.max(...frequencies));
    results.push({ name: "most frequent class", trained: 0, predicted: test.map(() => most) });
    for (const pairs of [false, true]) {
      const words = WordsClassifier.train(train, { labels: LABELS, pairs });
      results.push({
        name: pairs ? "words and pairs" : "words",
        trained: words.parameterCount,
        predicted: test.map(({ text }) => LABELS.indexOf(words.classify(text).label)),
      });
    }

    page.section("An encoder from scratch");
    const { model, tokenizer, loss } = await trainSmallModel(steps);
    const [learned, measured] = [train, test].map((rows) => encoded(rows, tokenizer));
    const rounds = Math.min(steps, ROUNDS);
    page.say(`
      A small transformer that reads in both directions, trained on the ${train.length} texts alone.
      It knows the order of words, but starts with random numbers, and ${train.length} texts are few.
    `);
    results.push(await fromScratch(learned, measured, { tokenizer, rounds }));

    page.section("A frozen model");
    page.say(`
      The model of lesson 8 has read 1,000 sentences without labels (${steps} steps, loss
      ${loss.toFixed(3)}). To predict how a sentence ends it must know whom it is about. Its vector
      of a text's last token has read the whole text: take that vector, and train only a linear layer
      on it. For this the last token of each row must be found, and a row may end in padding:
    `);
    const last = await page.task({
      name: "lastVectors",
      stub: lastVectors,
      answer: lastVectorsAnswer,
      test: async (lastVectors) => {
        const hidden = [[[1, 2], [3, 4], [5, 6]], [[7, 8], [0, 0], [0, 0]]];
        await expectMatch(lastVectors(hidden, [3, 1]), [[5, 6], [7, 8]], {
          what: "texts of 3 and 1 tokens",
          mistakes: [
            { result: [[5, 6], [0, 0]], hint: "the last place of row 1 is padding" },
            { result: [[1, 2], [7, 8]], hint: "those are the first tokens" },
          ],
        });
        await expectMatch(lastVectors(hidden, [2, 2]), [[3, 4], [0, 0]], {
          what: "a text whose last vector is zeros",
          mistakes: [{
            result: [[3, 4], [7, 8]],
            hint: "go by the length: zeros may be a token, too",
          }],
        });
      },
    });
    page.say(`
      The vectors never change, so they are computed once. (An id for padding would not do: many
      models have the end token's id for both, and then the end of the text is taken for padding.)
    `);
    results.push(await onFrozen(model, { learned, measured, last, rounds }));

    page.section("LoRA");
    page.say(`
      The same head, and the adapter of lesson 11 below it: now the model's own layers can change a
      little, too.
    `);
    results.push(await withLora(model, { learned, measured, rounds }));

    page.section("What it brought");
    const right = measured.map(({ label }) => label);
    const countsOf = (from: number) => {
      const to = from + TESTS;
      return results.map(({ predicted }) =>
        confusion(right.slice(from, to), predicted.slice(from, to), LABELS.length)
      );
    };
    const [same, counts] = [countsOf(0), countsOf(TESTS)];
    page.table([
      ["", "numbers trained", "accuracy", "on other subjects", "mean F1 there"],
      ...results.map(({ name, trained }, i) => [
        name,
        String(trained),
        accuracyOf(same[i]),
        accuracyOf(counts[i]),
        LABELS.reduce((sum, _, c) => sum + f1(counts[i], c), 0) / LABELS.length,
      ]),
    ]);
    for (const [name, title] of [["words", "Counted words"], ["frozen", "A frozen model"]]) {
      const at = results.findIndex((result) => result.name === name);
      await page.save(name, confusionFigure(counts[at], { labels: LABELS, title }));
    }
    page.say(`
      Of ${TESTS} texts one is ${(100 / TESTS).toFixed(1)} points, and the standard error of an
      accuracy near 0.5 is ${(100 * Math.sqrt(0.25 / TESTS)).toFixed(1)}: smaller differences mean
      nothing. Pairs of words and the encoder solve the first test and fail in the second: nobody
      told them that a princess is like a queen, and no number of such texts would (try --texts
      2000). The model had read sentences about all of them, and a linear layer on its vectors is
      enough. It is worth as much as its base: try --steps 20, with a base that knows nothing. On
      real SMS spam counted words reach an accuracy of 0.98, and a base that has read those messages
      alone is no better. With your own texts:
        deno task finetune runs/baby --labels sms.tsv --compare
    `);

    page.section("Try it");
    page.say(`
      Write texts that fool the counted words and not the encoder, and the other way round, and test
      them with deno task classify. What happens with --steps 20? Discuss: a filter that is right in
      98 of 100 cases blocks an important message. Which number of the table would have warned you?
    `);

    page.section("What you know now");
    page.say(`
      A classifier is a model with a head for classes; compare it with simple methods, and look at
      precision, recall and F1, not at accuracy alone. Further reading: Devlin and others, "BERT"
      (2018), section 4; Almeida and others on the SMS corpus (2011); Socher and others on SST (2013).
    `);
  },
);

const LABELS = ["royal", "worker", "animal"];
const KINDS = [
  ["king", "queen", "prince", "princess"],
  ["farmer", "baker", "smith", "miller"],
  ["horse", "cow", "sheep", "goat"],
];
const TESTS = 300;

/** Updates of each method that trains step by step. */
const ROUNDS = 150;

/** A sentence without its end, and the kind of its subject. */
interface Labeled {
  readonly label: string;
  readonly text: string;
}

/** The same as ids. */
interface LabeledIds {
  readonly label: number;
  readonly ids: Uint32Array;
}

/** How a method did. */
interface Result {
  readonly name: string;
  readonly trained: number;
  readonly predicted: number[];
}

/** Sentences that name two, the first of which is one of the chosen subjects of each kind. */
function labeledTexts(
  count: number,
  { subjects, seed }: { subjects: number[]; seed: number },
): Labeled[] {
  const chosen = KINDS.map((kind) => subjects.map((at) => kind[at]));
  const found: Labeled[] = [];
  for (let more = seed; found.length < count; more += 100) {
    for (const line of smallLanguage(1000, more).split("\n")) {
      const parts = /^the (\w+) who \w+ the \w+(?: (?:in|near|on|at) the \w+)?/.exec(line);
      const kind = parts ? chosen.findIndex((kind) => kind.includes(parts[1])) : -1;
      if (parts && kind >= 0) found.push({ label: LABELS[kind], text: parts[0] });
    }
  }
  return found.slice(0, count);
}

function encoded(rows: readonly Labeled[], tokenizer: WordTokenizer): LabeledIds[] {
  return rows.map(({ label, text }) => ({
    label: LABELS.indexOf(label),
    ids: tokenizer.encode(text),
  }));
}

function accuracyOf(confusion: number[][]): number {
  const total = confusion.flat().reduce((sum, count) => sum + count, 0);
  return confusion.reduce((sum, row, c) => sum + row[c], 0) / total;
}

const sizeOf = (parameters: readonly Tensor[]) =>
  parameters.reduce((sum, { size }) => sum + size, 0);

/** The texts of batch number `step`, each text once in a round. */
function batch(rows: readonly LabeledIds[], step: number): LabeledIds[] {
  return Array.from({ length: BATCH }, (_, i) => rows[(step * BATCH + i) % rows.length]);
}

const BATCH = 30;

/** An encoder with random numbers, trained on the labeled texts alone. */
async function fromScratch(
  learned: readonly LabeledIds[],
  measured: readonly LabeledIds[],
  { tokenizer, rounds }: { tokenizer: WordTokenizer; rounds: number },
): Promise<Result> {
  const encoder = new SequenceClassifier({
    vocabSize: tokenizer.vocabSize,
    contextLength: LONGEST,
    layers: 1,
    heads: 4,
    width: 48,
    pooling: "mean",
    poolerActivation: "tanh",
    labels: LABELS,
  });
  const optimizer = new AdamW(encoder.parameters(), { clip: 1, weightDecay: 0.05 });
  const integers = (...shape: number[]) => keep(zeros(shape, { dtype: "i32" }));
  const [ids, lengths, labels] = [integers(BATCH, LONGEST), integers(BATCH), integers(BATCH)];
  // Recorded once, and replayed at each step.
  const update = compile(() => {
    const loss = () => encoder.loss(ids, labels, { lengths });
    const { value, gradients } = valueAndGrad(loss, encoder.parameters());
    optimizer.update(gradients);
    return value;
  });
  for (let step = 0; step < rounds; step++) {
    const rows = batch(learned, step);
    ids.write(rows.flatMap(({ ids }) => [...ids, ...Array(LONGEST - ids.length).fill(0)]));
    lengths.write(rows.map(({ ids }) => ids.length));
    labels.write(rows.map(({ label }) => label));
    optimizer.prepare(3e-3);
    update();
  }
  const found = await classifyIds(encoder, measured.map(({ ids }) => ids));
  return {
    name: "encoder from scratch",
    trained: encoder.parameterCount,
    predicted: found.map(({ label }) => LABELS.indexOf(label)),
  };
}

/** The longest text in words: the queen who sees the horse near the castle. */
const LONGEST = 9;

/** A linear layer on the last token's vector of a model that stays as it is. */
async function onFrozen(
  model: GPT,
  { learned, measured, last, rounds }: {
    learned: readonly LabeledIds[];
    measured: readonly LabeledIds[];
    last: typeof lastVectors;
    rounds: number;
  },
): Promise<Result> {
  const features = async (rows: readonly LabeledIds[]) => {
    const { ids } = padSequences(rows.map(({ ids }) => ids), { length: LONGEST });
    const hidden = await model.hidden(ids).toArray() as number[][][];
    return tensor(last(hidden, rows.map(({ ids }) => ids.length)));
  };
  const [inputs, others] = [await features(learned), await features(measured)];
  const labels = tensor(Int32Array.from(learned, ({ label }) => label));
  const head = new Linear(model.config.width, LABELS.length);
  const optimizer = new AdamW(head.parameters(), { weightDecay: 0 });
  const update = compile(() => {
    const loss = () => crossEntropy(head.forward(inputs), labels);
    const { value, gradients } = valueAndGrad(loss, head.parameters());
    optimizer.update(gradients);
    return value;
  });
  for (let step = 0; step < 2 * rounds; step++) {
    optimizer.prepare(3e-2);
    update();
  }
  const logits = await head.forward(others).toArray() as number[][];
  return {
    name: "frozen",
    trained: head.parameterCount,
    predicted: logits.map((row) => row.indexOf(Math.max(...row))),
  };
}

/** A head on a model, and an adapter in it. */
async function withLora(
  model: GPT,
  { learned, measured, rounds }: {
    learned: readonly LabeledIds[];
    measured: readonly LabeledIds[];
    rounds: number;
  },
): Promise<Result> {
  const classifier = new TextClassifier(model, { labels: LABELS });
  const adapter = attachLora(model, { rank: 4, alpha: 8, modules: "all-linear" });
  const parameters = [...adapter.parameters(), classifier.score.weight];
  const optimizer = new AdamW(parameters, { weightDecay: 0, clip: 1 });
  const trainer = new ClassifierTrainer(classifier, optimizer, {
    learningRate: 3e-3,
    batchSize: BATCH,
  });
  for (let step = 0; step < rounds; step++) trainer.step(batch(learned, step));
  const found = await classifyIds(classifier, measured.map(({ ids }) => ids));
  return {
    name: "LoRA, rank 4",
    trained: sizeOf(parameters),
    predicted: found.map(({ label }) => LABELS.indexOf(label)),
  };
}

// The answers. Try first.

function lastVectorsAnswer(hidden: number[][][], lengths: number[]): number[][] {
  // A text of n tokens has its last one at n − 1; padding comes after it.
  return hidden.map((text, b) => text[lengths[b] - 1]);
}

function confusionAnswer(right: number[], predicted: number[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => Array<number>(classes).fill(0));
  // Row: what it is. Column: what was said.
  right.forEach((row, i) => counts[row][predicted[i]]++);
  return counts;
}

function f1Answer(confusion: number[][], ofClass: number): number {
  const hits = confusion[ofClass][ofClass];
  // Without a hit the formula would be 0 / 0.
  if (hits === 0) return 0;
  const predicted = confusion.reduce((sum, row) => sum + row[ofClass], 0);
  const there = confusion[ofClass].reduce((sum, count) => sum + count, 0);
  const [precision, recall] = [hits / predicted, hits / there];
  return 2 * precision * recall / (precision + recall);
}

if (import.meta.main) await lesson.run(Deno.args);
