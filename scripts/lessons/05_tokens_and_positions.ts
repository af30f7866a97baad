/**
 * Lesson 5: tokens and their positions. Beginner, two code tasks; about 30 minutes.
 *
 *     deno task lesson 5
 *     deno task lesson 5 --positions 200 --width 64
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/05_tokens_and_positions.ts
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
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  positionsFigure,
  tokensFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  CharacterTokenizer,
  loadWordVectors,
  matmul,
  parseTokenizer,
  rotary,
  scaledDotProductAttention,
  sinusoidalPositions,
  type Tensor,
  tensor,
  type Tokenizer,
  trainBytePair,
  UserError,
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
    flags: {
      positions: integer(50, "number of positions of the figure", { min: 1, max: 4096 }),
      width: integer(128, "width of the position vectors of the figure: an even number", {
        min: 2,
        max: 16384,
      }),
    },
  },
  async (page, { positions: time, width }) => {
    if (width % 2 === 1) throw new UserError(`--width ${width}: expected an even number`);
    const text = smallLanguage(500, 1);
    const sentence = "the queen likes the goat .";

    page.section("From text to numbers");
    page.say(`
      A model reads a sequence of whole numbers, the ids of tokens: the token's place in the
      vocabulary, the list of all tokens. The model has a vector of numbers for each id, its
      embedding, and looks it up. A token may be a word, a
      character or something between. With words the sequences are short and the vocabulary is
      large, and a word that was not in the corpus, the text to learn from, has no id. With
      characters it is the other way round. Byte-pair encoding is between the two: it starts from
      single bytes (an English letter is one byte, an é two) and makes the most frequent pair of
      neighbors a new token, again and again. Common words become one token, rare ones a few, and
      nothing is unknown. GPT-2 uses it. The corpus of this lesson is a small invented language:
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

    const shown = [...word.encode("the queen likes the goat")];
    await page.save(
      "tokens",
      tokensFigure({ tokens: shown.map((id) => word.token(id)), ids: shown }),
    );
    page.say(`
      The figure has the whole way, from a text to what a model computes with. Both occurrences of
      "the" have the same id and the same vector; only the position vector, which the rest of this
      lesson is about, tells them apart.
    `);

    page.section("BERT's tokens, and [MASK]");
    page.say(`
      BERT (2018) reads in both directions. It cuts words into pieces from a fixed list (WordPiece):
      the longest piece that fits first, and ## marks a piece that continues a word. It adds special
      tokens, which are no text: [CLS] at the start, whose vector stands for the whole sentence when
      it is classified (is it praise or blame?), [SEP] at the end and between two sentences, [PAD] for
      filling up, [UNK] for what no piece fits. A tokenizer with a tiny list of pieces:
    `);
    const bert = await wordPieces();
    const encoded = bert.encodeBatch(["The queen is unlikely to play chess"]).ids[0];
    page.table([
      ["tokenize", bert.tokenize("The queen is unlikely to play chess").join(" ")],
      ["ids, with special tokens", [...encoded].join(" ")],
      ["idsOf(queen, play, ##ing)", [...bert.idsOf(["queen", "play", "##ing"])].join(" ")],
      ["decode", bert.decode(encoded)],
      ["decode without special tokens", bert.decode(encoded, { skipSpecialTokens: true })],
    ]);
    page.say(`
      This list is uncased: "The" becomes "the". A cased one keeps capitals, as names need them.
      BERT learns by filling gaps: some tokens of a sentence are replaced by [MASK], and it predicts
      what was there, from both sides. Here counting does the same: which word is most often between
      these two in the corpus?
    `);
    page.table([["who [MASK] the", ...between(text, "who", "the")], [
      "sells [MASK] bread",
      ...between(text, "sells", "bread"),
    ], ["the [MASK] .", ...between(text, "the", ".")]]);
    page.say(`
      GPT sees only what is before the gap, so it can write; BERT sees both sides, so it understands
      a given text better. With a network, a real one fills gaps with one command:
        const model = await loadMaskedLanguageModel("google-bert/bert-base-uncased");
        await fillMask(model.model, model.tokenizer, "Paris is the [MASK] of France.");
      A smaller relative of BERT was fine-tuned (trained further) to tell praise from blame in film
      reviews, the data set SST-2. Lesson 12 trains such classifiers:
        const name = "distilbert/distilbert-base-uncased-finetuned-sst-2-english";
        const critic = await loadClassifier(name);
        await classify(critic.model, critic.tokenizer, ["I loved it.", "I fell asleep."]);
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
    page.say(`
      encodeBatch does that for every tokenizer. Padding goes to the longest text of the batch, or to
      a fixed length (max_length); a text that is too long for the model is cut (truncation), and
      special tokens are kept inside the limit:
    `);
    const texts = ["the king plays", "the queen likes to play chess with the king"];
    const variants = [
      ['padding: "longest"', { padding: "longest" }],
      ['padding: "max_length", maxLength: 14', { padding: "max_length", maxLength: 14 }],
      ['truncation, maxLength: 6, padding: "longest"', {
        truncation: true,
        maxLength: 6,
        padding: "longest",
      }],
    ] as const;
    page.table(variants.flatMap(([name, options]) => {
      const { ids, attentionMask } = bert.encodeBatch(texts, options);
      return ids.map((row, i) => [i === 0 ? name : "", row.join(" "), attentionMask[i].join("")]);
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
      So a second vector, which depends on the position, is added to every token's vector. Four
      wishes for such vectors, before you read on: which would you make?
        1. unique         every position has another vector
        2. deterministic  the same position has the same vector in every sentence
        3. even steps     the way from one position to the next is the same everywhere
        4. generalizes    there are vectors for texts longer than any seen in training, too, and
                          their numbers stay in the same range
    `);

    page.section("Sine and cosine");
    page.say(`
      Sine (sin) and cosine (cos) are waves: as their input grows, they swing between −1 and 1
      again and again. The first transformer used waves of many frequencies, like the hands of a
      clock. Each position t is a row of as many numbers as a token's vector has (its width): the
      first columns change fast from row to row, the last ones slowly.
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
    for (const [rows, columns] of [[time, width], [1000, 768], [50, 10000]]) {
      const values = await sinusoidalPositions(rows, columns).data();
      const title = `Position encodings: ${rows} positions, width ${columns}`;
      await page.save(
        `positions-${rows}x${columns}`,
        positionsFigure(values, { positions: rows, width: columns, title }),
      );
    }
    page.say(`
      Every row is a different pattern. In 1000 × 768 the columns on the right hardly change: 10000
      is so large that the slowest wave needs more than 60,000 tokens for one swing (a period), so no
      two positions are equal. In 50 × 10000 nearly all columns are constant: 50 positions do not need
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
      table of embeddings (positions: "learned"). This works as well, but only up to the length of
      the table. Modern models rotate the queries and keys instead (rotary). These are two vectors
      that attention makes of each token: the query is the one that attends, the key the one that is
      attended to; a third, the value, is what is added up (lesson 3). At position t each pair of
      numbers is rotated by an angle proportional to t. So the score, the dot product of a query and
      a key, depends on how far apart they are, and nothing is added to the values. Here are the
      scores of one query and one key, both rotated to six positions. They are the same along each
      diagonal:
    `);
    await showRotary(page.table.bind(page));

    page.section("Try it");
    page.say(`
      Other sizes, alone or in a group; say first what you expect to see:
        deno task lesson 5 --positions 1000 --width 16     all waves, for many positions
        deno task lesson 5 --positions 50 --width 10000    how many columns are still different?
      What would happen with 100 instead of 10000 in the formula, for 1000 positions? Change it in
      your function of task 2 and look at the first figure. Which of the four wishes do learned
      positions fulfill?
    `);

    page.section("What you know now");
    page.say(`
      Text becomes tokens, tokens become ids, ids become vectors, and positions are added. Further
      reading: Sennrich and others on byte pairs (2016), Devlin and others, "BERT" (2018), and "The
      Illustrated BERT" by Jay Alammar. On the beginner's path, lesson 8 looks inside a model that
      was trained on such tokens.
    `);
  },
);

/** BERT's way of cutting words into pieces, with a small list of them. */
async function wordPieces(): Promise<Tokenizer> {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const pieces = ["the", "queen", "king", "is", "to", "with", "like", "play", "un", "chess"];
  const tokens = [...special, ...pieces, "##s", "##ly", "##ing", "##like"];
  const id = (token: string) => tokens.indexOf(token);
  const file = {
    version: "1.0",
    added_tokens: special.map((content) => ({
      id: id(content),
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "BertProcessing",
      cls: ["[CLS]", id("[CLS]")],
      sep: ["[SEP]", id("[SEP]")],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, i) => [token, i])),
    },
  };
  return await parseTokenizer(file, { config: { pad_token: "[PAD]" } });
}

/** The three most frequent words between two words of a text, with their shares. */
function between(text: string, before: string, after: string): (string | number)[] {
  const words = text.split(/\s+/);
  const found = words.filter((_, i) => words[i - 1] === before && words[i + 1] === after);
  const counts = Map.groupBy(found, (word) => word);
  const sorted = [...counts].sort(([, a], [, b]) => b.length - a.length).slice(0, 3);
  return sorted.flatMap(([word, { length }]) => [`${word} ${(length / found.length).toFixed(2)}`]);
}

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
  // A word that is not in the map yet has been seen 0 times.
  const counts = new Map<string, number>();
  for (const word of text.split(/\s+/)) counts.set(word, (counts.get(word) ?? 0) + 1);
  // n - m is 0 for equal counts; then the alphabet decides.
  const entries = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return entries.map(([word]) => word);
}

function positionsAnswer(time: number, width: number): number[][] {
  return Array.from({ length: time }, (_, t) =>
    Array.from({ length: width }, (_, i) => {
      // i - i % 2 is the even column of the pair, so sine and cosine have the same angle.
      const angle = t / 10000 ** ((i - i % 2) / width);
      return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }));
}

if (import.meta.main) await lesson.run(Deno.args);
