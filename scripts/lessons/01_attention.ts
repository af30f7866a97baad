/**
 * Lesson 1: attention as a dot product between word vectors. Beginner, with one code task for the
 * intermediate; about 20 minutes.
 *
 *     deno task lesson 1
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/01_attention.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  type HiddenStateAttention,
  Lesson,
  loadVectors,
  notWritten,
  vectorsFlag,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { attentionFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  matmul,
  softmax,
  type Tensor,
  tensor,
  UserError,
  type WordVectors,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * The code task.
 *
 * @param hiddenStates [Th,d]: the vectors that may be attended to
 * @param previousState [Tp,d]: the vectors that attend
 */
function dotProductAttention(hiddenStates: Tensor, previousState: Tensor): HiddenStateAttention {
  // 1. scores [Tp,Th]: the dot product of each previous state with each hidden state. One matrix
  //    product computes all of them: matmul(a, b, { transposeB: true }) is a · bᵀ.
  // 2. weights [Tp,Th]: softmax(scores) makes every weight positive and each row sum to 1.
  // 3. context [Tp,d]: the weighted sum of the hidden states: matmul(weights, …).
  // Then: return { weights, context };
  return notWritten(hiddenStates, previousState, matmul, softmax);
}

export const lesson = new Lesson(
  {
    number: 1,
    title: "Attention is a dot product",
    level: "beginner",
    minutes: 20,
    tasks: 1,
    url: import.meta.url,
    flags: {
      vectors: vectorsFlag,
    },
  },
  async (page, { vectors }) => {
    page.section("Words as vectors");
    page.say(`
      A network cannot read words; it reads numbers. So each word gets a list of numbers, called a
      vector. Words that are used in similar ways get similar vectors. This lesson uses vectors of
      100 numbers from GloVe, which learned them by counting which words appear near each other in
      six billion words of text.
    `);
    const table = await loadVectors(vectors);
    expectWords(table, vectors);
    const king = Array.from(table.vector("king"));
    page.say(`"king" begins ${king.slice(0, 6).map((x) => x.toFixed(2)).join(", ")}, …`);
    page.say(`
      How similar are two words? Multiply their vectors number by number and add the results: that
      is the dot product. If both vectors have length 1, it is the cosine of the angle between them:
      1 for the same direction, 0 for unrelated directions.
    `);
    const pairs = [["king", "queen"], ["king", "royalty"], ["apple", "pear"], ["king", "pear"]];
    page.table(pairs.map(([a, b]) => [a, b, table.similarity(a, b)]));
    page.say(`The words nearest to "king", and to "apple", which has two meanings:`);
    page.table(["king", "apple"].map((word) => [
      word,
      ...table.nearest(word, { count: 6 }).map((near) => near.word),
    ]));
    const [answer] = table.analogy("man", "king", "woman", { count: 1 });
    page.say(`
      Directions mean something, too. Go from "man" to "king", then take the same step from "woman":
      you arrive nearest to "${answer.word}".
    `);

    page.section("From similarity to attention");
    page.say(`
      For each word, attention decides which other words matter. The simplest answer: the similar
      ones. Compute all dot products. Turn each row into weights that sum to 1 (softmax does that:
      exp of each number, divided by their sum). Then add up the vectors, each multiplied by its
      weight.
        weights = softmax(previousState · hiddenStatesᵀ)
        context = weights · hiddenStates
    `);
    const attend = await page.task({
      name: "dotProductAttention",
      stub: dotProductAttention,
      answer: dotProductAnswer,
      test: async (attend) => {
        // Two states that attend to themselves, with the practical's numbers.
        const x = tensor([[0.18693548, 1.0653336], [-1.5593131, -1.5352961]]);
        await expectMatch(attend(x, x), {
          weights: [[0.9567678, 0.0432323], [0.0012103, 0.9987897]],
          context: [[0.1114412, 0.9529026], [-1.5571995, -1.5321486]],
        });
        // One state that attends to three.
        const hidden = tensor([[1, 0], [0, 1], [1, 1]]);
        await expectMatch(attend(hidden, tensor([[0, 2]])), {
          weights: [[0.0634, 0.4683, 0.4683]],
          context: [[0.5317, 0.9366]],
        });
      },
    });

    page.section("Which word attends to which");
    const words = ["king", "queen", "royalty", "food", "apple", "pear", "computers", "quokka"];
    const found = table.lookup(words, { unit: true });
    if (found.warning) {
      page.say(`Words without a vector are left out of the figure: ${found.warning}.`);
    }
    const { weights } = attend(found.vectors, found.vectors);
    const figure = attentionFigure(await weights.data(), {
      queries: found.words,
      title: "Which word attends to which",
    });
    await page.save("words", figure);
    page.say(`
      Each row is a word that attends, and its numbers sum to 1. The royal words attend to each
      other more than to food, and so do the fruits. Look at "apple": after "pear" it attends most
      to "computers". The vectors were learned from texts that include news, in which Apple is a
      company.
    `);
    const raw = table.lookup(found.words).vectors;
    const sharp = await attend(raw, raw).weights.data();
    page.say(`
      Without the scaling to length 1 the dot products are large (around 30). Softmax then gives
      nearly all the weight to one word, and every word attends only to itself: the weight of "king"
      on "king" is ${sharp[0].toFixed(6)}. Lesson 3 shows how transformers keep their scores small.
    `);

    page.section("Try it");
    page.say(`
      Change the list of words above. Find words whose weights surprise you: which sense of the word
      do the vectors have? ("bank", "bear" and "page" are good ones.) How would a sentence around
      the word help?
    `);
  },
);

/** Throws a UserError if the user's table lacks words that the text of this lesson mentions. */
function expectWords(table: WordVectors, file: string | undefined): void {
  const words = ["king", "queen", "royalty", "apple", "pear", "man", "woman"];
  const missing = words.filter((word) => !table.has(word));
  if (missing.length > 0) {
    throw new UserError(`--vectors ${file}: this lesson needs ${missing.join(", ")}, too`);
  }
}

// The answer. Try first.

function dotProductAnswer(hiddenStates: Tensor, previousState: Tensor): HiddenStateAttention {
  const scores = matmul(previousState, hiddenStates, { transposeB: true });
  const weights = softmax(scores);
  return { weights, context: matmul(weights, hiddenStates) };
}

if (import.meta.main) await lesson.run(Deno.args);
