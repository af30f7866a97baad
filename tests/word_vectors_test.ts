/**
 * Word vectors: reading, looking up with unknown words named, cosines against float64, and the
 * table that ships.
 */
import assert from "node:assert/strict";
import { loadWordVectors } from "../lib/hub/load_word_vectors.ts";
import { scaledDotProductAttention } from "../lib/nn/scaled_dot_product_attention.ts";
import { parseWordVectors } from "../lib/hub/parse_word_vectors.ts";
import { WordVectors } from "../lib/hub/word_vectors.ts";
import { dotProductAttention } from "../lib/lesson/dot_product_attention.ts";
import { sharedDevice } from "./support/devices.ts";
import { serveTree } from "./support/by_url.ts";
import { sharedText } from "./support/shared_text.ts";
import { useDevice } from "../lib/device/current_device.ts";

useDevice(await sharedDevice("cpu-1"));

const GLOVE = "king 1 0.5 0\nqueen 0.9 0.6 0.1\nNew York 0 -1 2\npear -1 2 1e-1\n";

Deno.test("word vectors: GloVe's and word2vec's text give the same table", () => {
  const table = parseWordVectors(GLOVE);
  assert.deepEqual(table.words, ["king", "queen", "New York", "pear"]);
  assert.deepEqual([...table.vector("New York")], [0, -1, 2]);
  // word2vec's own program ends each line with a space.
  const word2vec = parseWordVectors("4 3\n" + GLOVE.replaceAll("\n", " \n"));
  assert.deepEqual(word2vec.words, table.words);
  assert.deepEqual(word2vec.values, table.values);
  assert.deepEqual(parseWordVectors(GLOVE.replaceAll("\n", "\r\n")).values, table.values);
});

Deno.test("word vectors: a malformed text is refused with its line", () => {
  const cases: [text: string, kind: typeof Error, message: RegExp][] = [
    ["", SyntaxError, /expected words, got none/],
    ["3 2\n", SyntaxError, /expected words, got none/],
    ["king\n", SyntaxError, /line 1: expected a word and numbers/],
    ["a 1 2\nb 1\n", SyntaxError, /line 2: expected a word and 2 numbers, got "b 1"/],
    ["a 1 2\nb 1 x\n", SyntaxError, /line 2: expected a number, got "x"/],
    ["a 1 2\nb 1 NaN\n", SyntaxError, /line 2: expected a number, got "NaN"/],
    ["a 1 2\n\nb 1 2\n", SyntaxError, /line 2/],
    ["3 2\na 1 2\nb 1 2\n", SyntaxError, /expected 3 words, as the first line says, got 2/],
    ["1 999999999\na 1 2\n", SyntaxError, /too short/],
    ["a 1 2\na 1 2\n", RangeError, /"a" occurs twice, as word 1 and 2/],
  ];
  for (const [text, kind, message] of cases) {
    assert.throws(() => parseWordVectors(text), (error: Error) => {
      assert.ok(error instanceof kind, `${JSON.stringify(text)}: ${error}`);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => new WordVectors(["a", "b"], Float32Array.of(1, 2, 3)), TypeError);
  assert.throws(() => new WordVectors(["a"], Float32Array.of(Infinity)), /"a" holds Infinity/);
});

Deno.test("word vectors: unknown words are named, never dropped in silence", async () => {
  const table = parseWordVectors(GLOVE);
  const found = table.lookup(["King", "plum", "pear", "fig"]);
  assert.deepEqual(found.words, ["King", "pear"]);
  assert.deepEqual(found.unknown, ["plum", "fig"]);
  assert.equal(found.warning, "not in the table of word vectors: plum, fig");
  assert.deepEqual(found.vectors.shape, [2, 3]);
  assert.deepEqual([...await found.vectors.data()], [
    ...table.vector("king"),
    ...table.vector("pear"),
  ]);
  assert.equal(table.lookup(["king"]).warning, undefined);
  assert.throws(() => table.lookup(["plum"]), /not in the table of word vectors: plum/);
  for (const ask of [() => table.vector("plum"), () => table.nearest("plum")]) {
    assert.throws(ask, /"plum" is not among the 4 words/);
  }
  assert.throws(() => table.analogy("king", "queen", "fig"), /"fig"/);
});

Deno.test("word vectors: a sentence loses its punctuation and keeps its words", () => {
  const table = parseWordVectors("i 1 2\ndon't 3 4\neat 5 6\nnaïve 1 1\n");
  const { words, vectors, unknown } = table.embedSentence("“I don't eat,” – naïve? plums!");
  assert.deepEqual(words, ["I", "don't", "eat", "naïve"]);
  assert.deepEqual(unknown, ["plums"]);
  assert.deepEqual(vectors.shape, [1, 4, 2]);
});

Deno.test("word vectors: similarity, nearest and analogy follow the cosine", async () => {
  const table = parseWordVectors(GLOVE);
  const cosine = (a: string, b: string) => {
    const [x, y] = [a, b].map((word) => Array.from(table.vector(word)));
    const dot = x.reduce((sum, value, k) => sum + value * y[k], 0);
    return dot / Math.hypot(...x) / Math.hypot(...y);
  };
  for (const [a, b] of [["king", "queen"], ["king", "pear"], ["pear", "New York"]]) {
    assert.ok(Math.abs(table.similarity(a, b) - cosine(a, b)) < 1e-6);
  }
  const nearest = table.nearest("king", { count: 2 });
  assert.deepEqual(nearest.map(({ word }) => word), ["queen", "pear"]);
  assert.ok(Math.abs(nearest[0].similarity - cosine("king", "queen")) < 1e-6);
  const plane = parseWordVectors("man 1 0\nking 1 1\nwoman 2 0\nqueen 2 1\npear 0 -1\n");
  assert.equal(plane.analogy("man", "king", "woman")[0].word, "queen");
  const unit = await table.lookup(["pear"], { unit: true }).vectors.data();
  assert.ok(Math.abs(Math.hypot(...unit) - 1) < 1e-6);
});

Deno.test("word vectors: a word of zeros is similar to nothing", () => {
  const table = parseWordVectors("nil 0 0\none 1 0\n");
  assert.equal(table.similarity("nil", "one"), 0);
});

Deno.test("word vectors: the table that ships knows kings and cities, and attends by meaning", async () => {
  const table = await loadWordVectors();
  assert.deepEqual([table.words.length, table.width], [4096, 100]);
  assert.equal(table.analogy("man", "king", "woman")[0].word, "queen");
  assert.equal(table.analogy("france", "paris", "germany")[0].word, "berlin");
  const words = ["king", "queen", "royalty", "food", "apple", "pear", "computers"];
  const { vectors, unknown } = table.lookup(words, { unit: true });
  assert.deepEqual(unknown, []);
  const weights = await dotProductAttention(vectors, vectors).weights.data();
  const weight = (a: string, b: string) => weights[words.indexOf(a) * 7 + words.indexOf(b)];
  assert.ok(weight("king", "queen") > 1.5 * weight("king", "pear"));
  assert.ok(weight("pear", "apple") > 1.5 * weight("pear", "king"));
});

const practical = sharedText("golden/practical.json");
Deno.test({
  name: "word vectors: the practical's sentence attends as its figure shows",
  ignore: practical === undefined,
  async fn() {
    const { words, weights: figure } = JSON.parse(practical!).sentence_attention_6x6_approx;
    const table = await loadWordVectors();
    const sentence = table.embedSentence("I drink coke, but eat steak", { unit: true });
    assert.deepEqual(sentence.words, words);
    const { vectors } = sentence;
    const { weights } = scaledDotProductAttention(vectors, vectors, vectors);
    assert.deepEqual(weights.shape, [1, 6, 6]);
    const [rows] = await weights.toArray<number[][][]>();
    rows.forEach((row, i) => {
      assert.ok(Math.abs(row.reduce((sum, weight) => sum + weight) - 1) < 1e-5);
      assert.equal(row.indexOf(Math.max(...row)), i); // each word attends most to itself
      // The figure has another table's vectors, and the same small differences.
      row.forEach((weight, j) => assert.ok(Math.abs(weight - figure[i][j]) < 0.012, `${i}, ${j}`));
    });
    const [drink, but, eat] = ["drink", "but", "eat"].map((word) => words.indexOf(word));
    assert.ok(rows[drink][eat] > rows[drink][but] && figure[drink][eat] > figure[drink][but]);
  },
});

Deno.test("word vectors are loaded from a path, a file: address and a server", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/mine.txt`;
  await Deno.writeTextFile(path, GLOVE);
  await using server = await serveTree(new URL(`file://${folder}/`));
  for (const place of [path, new URL(`file://${path}`), `${server.url}mine.txt`]) {
    assert.deepEqual((await loadWordVectors(place)).words, parseWordVectors(GLOVE).words);
  }
  await assert.rejects(loadWordVectors(`${path}2`), { name: "UserError" });
  await Deno.writeTextFile(path, "king 1 2\nqueen 1 x\n");
  const message = `word vectors ${path}: line 2: expected a number, got "x"`;
  await assert.rejects(loadWordVectors(path), { name: "SyntaxError", message });
  await Deno.remove(folder, { recursive: true });
});

const glove = sharedText("data/glove100d-4k.txt");
Deno.test({
  name: "word vectors: the table that ships is GloVe's within 8 bits a value",
  ignore: glove === undefined,
  async fn() {
    const [exact, shipped] = [parseWordVectors(glove!), await loadWordVectors()];
    // After them come the words that were added later.
    assert.deepEqual(shipped.words.slice(0, exact.words.length), exact.words);
    for (let row = 0; row < exact.words.length; row++) {
      const part = [100 * row, 100 * row + 100] as const;
      const [a, b] = [exact.values.subarray(...part), shipped.values.subarray(...part)];
      const greatest = Math.max(...a.map(Math.abs));
      const error = Math.max(...a.map((value, k) => Math.abs(value - b[k])));
      assert.ok(error <= greatest / 250, exact.words[row]);
    }
  },
});
