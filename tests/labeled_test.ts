import assert from "node:assert/strict";
import { parseLabeledTexts } from "../lib/data/labeled.ts";
import { sharedText } from "./support/shared_text.ts";

const sms = sharedText("data/classification/SMSSpamCollection.tsv");
const sst2 = sharedText("data/classification/stsa.binary.dev");

Deno.test("SMS lines are a label, a tab and a text, which may hold tabs and quotes", () => {
  const read = parseLabeledTexts('ham\tOk "lar\r\nspam\tFree\tentry\n\n', "sms");
  assert.deepEqual(read.texts, ['Ok "lar', "Free\tentry"]);
  assert.deepEqual([...read.labels], [0, 1]);
  assert.deepEqual(read.labelNames, ["ham", "spam"]);
});

Deno.test("SST-2 lines are a digit, a space and a text", () => {
  const read = parseLabeledTexts("1 a stirring film\n0 they presume", "sst2");
  assert.deepEqual(read.texts, ["a stirring film", "they presume"]);
  assert.deepEqual([...read.labels], [1, 0]);
  assert.deepEqual(read.labelNames, ["negative", "positive"]);
});

Deno.test("malformed lines are refused with their number", () => {
  const malformed: [string, RegExp][] = [
    ["ham\tx\nspem\ty", /line 2: expected ham or spam, "\\t" and a text, got "spem\\ty"/],
    ["ham x", /line 1/],
    ["ham\t ", /line 1/],
    ["\tx", /line 1/],
    ["\n \n", /expected lines, got none/],
  ];
  for (const [text, message] of malformed) {
    assert.throws(() => parseLabeledTexts(text, "sms"), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => parseLabeledTexts("x", "imdb" as "sms"), /format sms or sst2, got imdb/);
});

Deno.test({
  name: "the SMS Spam Collection has 5,574 messages",
  ignore: sms === undefined,
  fn() {
    const { texts, labels } = parseLabeledTexts(sms!, "sms");
    assert.equal(texts.length, 5574);
    assert.equal(labels.reduce((sum, label) => sum + label, 0), 747);
  },
});

Deno.test({
  name: "SST-2's development set has 872 sentences",
  ignore: sst2 === undefined,
  fn() {
    const { texts, labels } = parseLabeledTexts(sst2!, "sst2");
    assert.equal(texts.length, 872);
    assert.equal(labels.reduce((sum, label) => sum + label, 0), 444);
  },
});
