/**
 * Lesson 5: tokens and their positions. Beginner, two code tasks; about 30 minutes.
 *
 *     deno task lesson 5
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/05_tokens_and_positions.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  Lesson,
  notWritten,
  smallLanguage,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { positionsFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  CharacterTokenizer,
  loadWordVectors,
  matmul,
  rotary,
  scaledDotProductAttention,
  sinusoidalPositions,
  type Tensor,
  tensor,
  type Tokenizer,
  trainBytePair,
  WordTokenizer,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Code task 1: the distinct words of a text, the most frequent first; equally frequent ones in
 * alphabetical order.
 */
function vocabulary(text: string): string[] {
  // text.split(/\s+/) splits at white space. Count each word in a Map, then sort the entries: by
  // count, largest first, and if the counts are equal by the word (a < b ? -1 : 1).
  return notWritten(text);
}

/** Code task 2: sinusoidal position vectors of `time` tokens, as rows of `width` numbers. */
function positions(time: number, width: number): number[][] {
  // Row t, even column i:  sin(t / 10000^(i / width));  the column after it: cos of the same angle.
  return notWritten(time, width);
}

export const lesson = new Lesson(
  {
    number: 5,
    title: "Tokens and their positions",
    level: "beginner",
    minutes: 30,
    tasks: 2,
    url: import.meta.url,
  },
  async (page) => {
    const text = smallLanguage(500, 1);
    const sentence = "the queen likes the goat .";

    page.section("From text to numbers");
    page.say(`
      A model reads a sequence of whole numbers, the ids of tokens. A token may be a word, a
      character or something between. With words the sequences are short and the vocabulary is
      large, and a word that was not in the corpus has no id. With characters it is the other way
      round. Byte-pair encoding is between the two: it starts from single bytes and makes the most
      frequent pair of neighbors a new token, again and again. Common words become one token, rare
      ones a few, and nothing is unknown. GPT-2 uses it. The corpus of this lesson is a small
      invented language:
        ${text.split("\n")[0]}
        ${text.split("\n")[1]}
    `);
    const makeVocabulary = await page.task({
      name: "vocabulary",
      stub: vocabulary,
      answer: vocabularyAnswer,
      test: async (vocabulary) => {
        await expectMatch(vocabulary("b c b a"), ["b", "a", "c"], {
          what: 'vocabulary("b c b a")',
        });
        await expectMatch(vocabulary("to be or not to be"), ["be", "to", "not", "or"]);
      },
    });
    const words = makeVocabulary(text.trim());
    page.say(`
      The corpus has ${words.length} words. The first ids go to the most frequent:
      ${words.slice(0, 8).join(" ")} … The order must be the same each time, otherwise the ids would
      mean other words to a saved model.
    `);
    const tokenizers: [string, Tokenizer][] = [
      ["characters", CharacterTokenizer.fromText(text)],
      ["words", WordTokenizer.fromText(text, { padding: "<pad>", unknown: "<unk>" })],
      ["byte pairs", trainBytePair(text, { vocabSize: 320, specialTokens: ["<|end|>"] })],
    ];
    page.say(`"${sentence}" in three ways:`);
    page.table([
      ["tokenizer", "vocabulary", "tokens", "the first ones, and their ids"],
      ...tokenizers.map(([name, tokenizer]) => {
        const ids = [...tokenizer.encode(sentence)];
        const first = ids.slice(0, 7).map((id) => `${tokenizer.token(id)}=${id}`).join("  ");
        return [name, String(tokenizer.vocabSize), String(ids.length), first];
      }),
    ]);
    page.say("(Ġ is a space in GPT-2's byte-pair vocabulary.)");
    const [, [, word], [, pairs]] = tokenizers;
    const unknown = "the dragon likes the goat .";
    page.say(`
      A word that is not in the vocabulary: the word tokenizer reads
      "${word.decode(word.encode(unknown))}". Byte pairs lose nothing:
      "${pairs.decode(pairs.encode(unknown))}", with ${[...pairs.encode(" dragon")].length} tokens
      for "dragon".
    `);

    page.section("Several sentences in one batch");
    const ragged = [sentence, "the king works ."].map((line) => [...word.encode(line)]);
    const longest = Math.max(...ragged.map((ids) => ids.length));
    page.say(`
      Sentences of a batch are filled up with padding, here id ${word.paddingId}, to the length of
      the longest one. A mask (or the lengths) marks the real tokens:
    `);
    page.table(ragged.map((ids) => {
      const padding = Array(longest - ids.length).fill(word.paddingId);
      const mask = Array.from({ length: longest }, (_, i) => i < ids.length ? 1 : 0);
      return [`ids ${[...ids, ...padding].join(" ")}`, `mask ${mask.join(" ")}`];
    }));

    page.section("Attention ignores the order");
    const table = await loadWordVectors();
    const outputs = await Promise.all(["people like dogs", "dogs like people"].map(async (line) => {
      const { vectors } = table.embedSentence(line);
      const { output } = scaledDotProductAttention(vectors, vectors, vectors);
      return [...await output.data()].slice(table.width, table.width + 4);
    }));
    page.say(`
      Attention is a weighted sum, and a sum does not depend on order. The output for the word
      "like" is the same in both of these sentences:
    `);
    page.table([["people like dogs", ...outputs[0]], ["dogs like people", ...outputs[1]]]);
    page.say(`
      So a second vector, which depends on the position, is added to every token's vector. Position
      vectors should differ from position to position, be the same in every sentence, have the same
      length everywhere, and change in the same way from each position to the next.
    `);

    page.section("Sine and cosine");
    page.say(`
      The first transformer used waves of many frequencies, like the hands of a clock: the first
      columns change fast, the last ones slowly.
        even column i:   sin(t / 10000^(i / width))
        column after it: cos of the same angle
    `);
    const wave = await page.task({
      name: "positions",
      stub: positions,
      answer: positionsAnswer,
      test: async (positions) => {
        await expectMatch(positions(2, 2), [[0, 1], [0.841471, 0.540302]], {
          what: "positions(2, 2)",
        });
        await expectMatch(positions(4, 8), [
          [0, 1, 0, 1, 0, 1, 0, 1],
          [0.841471, 0.540302, 0.099833, 0.995004, 0.01, 0.99995, 0.001, 1],
          [0.909297, -0.416147, 0.198669, 0.980067, 0.019999, 0.9998, 0.002, 0.999998],
          [0.14112, -0.989992, 0.29552, 0.955336, 0.029996, 0.99955, 0.003, 0.999996],
        ], { what: "positions(4, 8)" });
      },
    });
    await page.save("positions-4x8", positionsFigure(wave(4, 8), { positions: 4, width: 8 }));
    for (const [time, width] of [[50, 128], [1000, 768], [50, 10000]]) {
      const values = await sinusoidalPositions(time, width).data();
      const title = `Position encodings: ${time} positions, width ${width}`;
      await page.save(
        `positions-${time}x${width}`,
        positionsFigure(values, { positions: time, width, title }),
      );
    }
    page.say(`
      Every row is a different pattern. In 1000 × 768 the columns on the right hardly change: 10000
      is so large that the slowest wave needs more than 60,000 tokens for one period, so no two
      positions are equal. In 50 × 10000 nearly all columns are constant: 50 positions do not need
      so much width. The dot product of two positions depends only on their distance. For width 128:
    `);
    const p = sinusoidalPositions(64, 128);
    const products = await matmul(p, p, { transposeB: true }).data();
    page.table([
      ["position", "itself", "+1", "+2", "+5", "+20"],
      ...[0, 10, 40].map((
        t,
      ) => [String(t), ...[0, 1, 2, 5, 20].map((k) => products[64 * t + t + k])]),
    ]);
    try {
      sinusoidalPositions(4, 7);
    } catch (error) {
      page.say(
        `Each sine has its cosine, so the width must be even: ${(error as Error).message}.`,
      );
    }

    page.section("Two other ways");
    page.say(`
      GPT-2 learns its position vectors: a table with a row for each position, trained like the
      token table (positions: "learned"). This works as well, but only up to the length of the
      table. Modern models rotate the queries and keys instead (rotary): at position t each pair of
      numbers is rotated by an angle proportional to t. So the score of a query and a key depends on
      how far apart they are, and nothing is added to the values. Here are the scores of one query
      and one key, both rotated to six positions. They are the same along each diagonal:
    `);
    await showRotary(page.table.bind(page));
  },
);

/**
 * Prints the scores of one query and one key at six positions each, rotated by rotary positions.
 */
async function showRotary(table: (rows: number[][]) => void): Promise<void> {
  const repeated = (values: number[]) => tensor(Array(6).fill(values).flat(), { shape: [1, 6, 4] });
  const rotated = (x: Tensor) => rotary(x, { heads: 1, headSize: 4 });
  const [q, k] = [repeated([1, 0.5, -0.5, 1]), repeated([0.5, 1, 0.5, 0.2])].map(rotated);
  const scores = await matmul(q, k, { transposeB: true }).data();
  table(Array.from({ length: 6 }, (_, row) => [...scores.slice(6 * row, 6 * row + 6)]));
}

// The answers. Try first.

function vocabularyAnswer(text: string): string[] {
  const counts = new Map<string, number>();
  for (const word of text.split(/\s+/)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const entries = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return entries.map(([word]) => word);
}

function positionsAnswer(time: number, width: number): number[][] {
  return Array.from({ length: time }, (_, t) =>
    Array.from({ length: width }, (_, i) => {
      const angle = t / 10000 ** ((i - i % 2) / width);
      return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }));
}

if (import.meta.main) await lesson.run(Deno.args);
