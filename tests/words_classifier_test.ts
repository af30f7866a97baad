/** Labeled files and their parts, the baseline of counted words, and reports on predictions. */
import assert from "node:assert/strict";
import { givenParts, parseLabeledFile, splitLabeled } from "../lib/data/labeled_files.ts";
import { classificationReport } from "../lib/train/classification_report.ts";
import { minimize } from "../lib/minimize.ts";
import { WordsClassifier } from "../lib/train/words_classifier.ts";
import { sharedText } from "./support/shared_text.ts";

const sms = sharedText("data/classification/SMSSpamCollection.tsv");

Deno.test("labeled texts in four forms are the same rows", () => {
  const rows = [{ text: "Ok lar, see you", label: "ham" }, { text: 'Free "entry"', label: "spam" }];
  const files = {
    "a.tsv": 'ham\tOk lar, see you\n\nspam\t Free "entry"\r\n',
    "b.tsv": 'Label\tText\nham\tOk lar, see you\nspam\tFree "entry"\n',
    "a.csv": 'id,text,label\n1,"Ok lar, see you",ham\n2,"Free ""entry""",spam\n',
    "a.jsonl": rows.map((row) => JSON.stringify(row)).join("\n"),
    "stsa.train": 'ham Ok lar, see you\nspam Free "entry"\n',
  };
  for (const [name, content] of Object.entries(files)) {
    assert.deepEqual(parseLabeledFile(content, name), rows, name);
  }
});

Deno.test("a labeled row that is malformed is named by its line", () => {
  const wrong: [content: string, name: string, message: RegExp][] = [
    ["ham\tone\nspam\t \n", "a.tsv", /a\.tsv: line 2: expected a label and a text, got no text/],
    ["ham\tone\nspam\n", "a.tsv", /line 2: .*no text/],
    ["\ttwo\n", "a.tsv", /line 1: .*no label/],
    ['{"text": "one"}\n', "a.jsonl", /line 1: .*no label/],
    ["text\n", "a.jsonl", /line 1: it is not JSON/],
    ["content,label\n", "a.csv", /expected the columns text and label, got content, label/],
    ["", "a.tsv", /got an empty file/],
    ["label\ttext\n", "a.tsv", /got an empty file/],
    ["sentence\tlabel\nfine\t1\n", "a.tsv", /a\.tsv: expected the label first and the text after/],
  ];
  for (const [content, name, message] of wrong) {
    assert.throws(() => parseLabeledFile(content, name), message);
  }
});

Deno.test("parts depend on each text alone, and hold no text twice", async () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({ text: `text ${i}`, label: `${i % 2}` }));
  const { train, validation, test, duplicates } = await splitLabeled([...rows, rows[0], rows[7]]);
  assert.equal(duplicates, 2);
  assert.equal(train.length + validation.length + test.length, 300);
  assert.ok(train.length > 210 && validation.length > 10 && test.length > 10);
  const fewer = await splitLabeled(rows.slice(100).toReversed());
  const texts = new Set(train.map(({ text }) => text));
  assert.ok(fewer.train.every(({ text }) => texts.has(text)));
  const given = givenParts({ train: rows.slice(0, 3), validation: rows.slice(2, 4), test: [] });
  assert.deepEqual([given.validation.length, given.duplicates], [1, 1]);
});

Deno.test("a report counts what was right", () => {
  const report = classificationReport(["ham", "spam", "none"], {
    right: [0, 0, 0, 1, 1],
    predicted: [0, 0, 1, 1, 0],
  });
  assert.deepEqual(report.confusion, [[2, 1, 0], [1, 1, 0], [0, 0, 0]]);
  assert.equal(report.accuracy, 0.6);
  assert.deepEqual(report.classes[1], {
    label: "spam",
    precision: 0.5,
    recall: 0.5,
    f1: 0.5,
    texts: 2,
  });
  assert.equal(report.classes[2].f1, 0);
  assert.equal(report.macroF1, (2 / 3 + 0.5) / 3);
  assert.throws(() => classificationReport(["a"], { right: [0], predicted: [] }), /got 0 for 1/);
});

Deno.test("minimize finds the minimum of a quadratic function", () => {
  const scales = [1, 10, 100], at = [3, -2, 0.5];
  const f = (w: Float64Array, gradient: Float64Array) => {
    w.forEach((value, i) => gradient[i] = scales[i] * (value - at[i]));
    return w.reduce((sum, value, i) => sum + scales[i] * (value - at[i]) ** 2 / 2, 0);
  };
  minimize(f, new Float64Array(3)).forEach((value, i) =>
    assert.ok(Math.abs(value - at[i]) < 1e-2, `${value}, ${at[i]}`)
  );
});

Deno.test("a classifier of words learns what pairs say, and ignores unknown words", () => {
  const rows = ["not good", "not bad", "good film", "bad film", "good", "bad"].map((text) => {
    const isPositive = /^not bad|^good/.test(text);
    return { text, label: isPositive ? "positive" : "negative" };
  });
  const classifier = WordsClassifier.train(rows, { strength: 100 });
  assert.deepEqual(classifier.labels, ["negative", "positive"]);
  for (const { text, label } of rows) assert.equal(classifier.classify(text).label, label, text);
  const { scores } = classifier.classify("a word unseen");
  assert.ok(Math.abs(scores[0] + scores[1] - 1) < 1e-12);
  assert.throws(() => WordsClassifier.train(rows.slice(0, 1)), /two or more classes/);
  assert.throws(
    () => WordsClassifier.train(rows, { labels: ["positive", "neutral"] }),
    /unknown class "negative"/,
  );
});

Deno.test({
  name: "words alone find spam among SMS: accuracy 0.992 and F1 0.970, as scikit-learn",
  ignore: sms === undefined,
  fn: async () => {
    const { train, validation, test } = await splitLabeled(parseLabeledFile(sms!, "sms.tsv"));
    assert.deepEqual([train.length, validation.length, test.length], [4093, 549, 518]);
    const classifier = WordsClassifier.train(train);
    const { labels } = classifier;
    const report = classificationReport(labels, {
      right: test.map(({ label }) => labels.indexOf(label)),
      predicted: test.map(({ text }) => labels.indexOf(classifier.classify(text).label)),
    });
    assert.ok(report.accuracy >= 0.99, `${report.accuracy}`);
    assert.ok(report.classes[1].f1 >= 0.955, `${report.classes[1].f1}`);
  },
});
