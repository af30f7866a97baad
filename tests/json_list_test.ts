/** Long lists of a JSON text against what JSON.parse makes of the whole. */
import assert from "node:assert/strict";
import { isList, JsonList, parseWithLists } from "../lib/text/json_list.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { Random } from "../lib/random.ts";

const NAMES = ["merges", "vocab"];
const LIST = Array.from({ length: 5000 }, (_, i) => [`a"\\]{ ${i}`, [i, { "x,": ["\n"] }], i]);

/** The text parsed, its long lists read. */
function read(json: string): unknown {
  const file = parseWithLists(json, "model", NAMES) as { model?: Record<string, unknown> };
  for (const [key, value] of Object.entries(file?.model ?? {})) {
    if (!(value instanceof JsonList)) continue;
    file.model![key] = [...value];
    assert.equal((file.model![key] as unknown[]).length, value.length);
  }
  return file;
}

Deno.test("a long list of the model is read in parts, and is the list", () => {
  const file = {
    vocab: 1,
    added: [{ model: LIST }],
    model: { vocab: LIST, merges: LIST, a: LIST },
  };
  const spaced = JSON.stringify(file, undefined, "\t");
  for (const json of [JSON.stringify(file), spaced]) {
    const { model } = parseWithLists(json, "model", NAMES) as typeof file;
    assert.equal(model.vocab instanceof JsonList && model.merges instanceof JsonList, true);
    assert.equal(isList(model.vocab) && isList(model.a) && Array.isArray(model.a), true);
    assert.deepEqual(read(json), file);
  }
});

Deno.test("short lists, and keys that are there twice or spelled otherwise, are parsed as they are", () => {
  const list = JSON.stringify(LIST);
  const texts = [
    '{"model": {"vocab": [1, 2, 3]}}',
    `{"model": {"vocab": ${list}, "vocab": [1]}}`,
    `{"model": {"vocab": ${list}}, "model": {"merges": ${list}}}`,
    `{"model": {"vocab": ${list}, "voc\\u0061b": 3}}`,
    `{"model": [${list}], "x": {"model": {"vocab": ${list}}}}`,
    `{"model": {"model": {"vocab": ${list}}, "x": {"merges": ${list}}}}`,
  ];
  for (const json of texts) {
    assert.deepEqual(parseWithLists(json, "model", NAMES), JSON.parse(json));
  }
});

Deno.test("mutated texts are what JSON.parse makes of them, or refused", () => {
  const random = new Random(5);
  const sound = JSON.stringify({ model: { merges: LIST.slice(0, 2200), type: "BPE" } });
  const marks = ['"', "\\", "[", "]", "{", "}", ",", ":", "1", ""];
  let refused = 0;
  for (let n = 0; n < 150; n++) {
    const at = Math.floor(random.uniform() * sound.length);
    const mark = marks[Math.floor(random.uniform() * marks.length)];
    const json = sound.slice(0, at) + mark + sound.slice(at + Math.floor(random.uniform() * 3));
    let expected: unknown;
    try {
      expected = JSON.parse(json);
    } catch {
      assert.throws(() => read(json), SyntaxError);
      refused++;
      continue;
    }
    assert.deepEqual(read(json), expected);
  }
  assert.equal(refused > 20, true);
});

Deno.test("a comma before a bracket is refused, wherever a part ends", () => {
  for (const length of [1024, 2048, 3000]) {
    const list = Array(length).fill(`"${"a".repeat(70)}"`).join();
    assert.throws(() => read(`{"model": {"vocab": [${list},]}}`), /not JSON: a list of the model/);
  }
});

Deno.test("a large tokenizer.json is the same as text and as an object", async () => {
  const letters = Array.from({ length: 110 }, (_, i) => String.fromCodePoint(0x4E00 + i));
  const pairs = letters.flatMap((left) => letters.map((right) => [left, right]));
  const tokens = ["<unk>", ...letters, ...pairs.map((pair) => pair.join(""))];
  const models = [
    {
      type: "BPE",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: ["#version: 0.2", ...pairs],
      unk_token: "<unk>",
    },
    { type: "Unigram", unk_id: 0, vocab: tokens.map((token, id) => [token, -1 - id / 7]) },
    { unk_id: 0, vocab: tokens.map((token, id) => [token, id === 0 ? 0 : id - 9000]) },
  ];
  const text = letters.slice(5, 90).join("") + "ab" + letters.slice(0, 9).reverse().join("");
  for (const model of models) {
    const file = { added_tokens: [], model };
    const [own, other] = [
      await parseTokenizer(JSON.stringify(file)),
      await parseTokenizer(file),
    ];
    assert.deepEqual(own.encode(text), other.encode(text));
    assert.equal(own.encode(text).length > 20, true);
    assert.deepEqual(own.toJSON(), other.toJSON());
  }
});
