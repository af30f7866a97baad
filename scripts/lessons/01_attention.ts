/**
 * Lesson 1: attention as a dot product between word vectors. Beginner, with one code task for the
 * intermediate; about 20 minutes.
 *
 *     deno task lesson 1
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/01_attention.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is copied as a single file, which finds Folio by its address

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
  // 1. scores [Tp,Th]: the dot product of each previous state with each hidden state. A matrix
  //    product gives them all at once: matmul(a, b, { transposeB: true }) is a · bᵀ.
  // 2. weights [Tp,Th]: softmax(scores) makes each row positive, with the sum 1.
  // 3. context [Tp,d]: the hidden states, weighed: matmul(weights, …).
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
      A network cannot read words; it reads numbers. So each word gets a list of numbers, a vector, and the vectors are chosen such that words which
      are used in similar ways get similar vectors. This lesson uses vectors of 100 numbers from GloVe, which learned them by counting which words
      stand near each other in six billion words of text.
    `);
    const table = await loadVectors(vectors);
    expectWords(table, vectors);
    const king = Array.from(table.vector("king"));
    page.say(`"king" begins ${king.slice(0, 6).map((x) => x.toFixed(2)).join(", ")}, …`);
    page.say(`
      How similar are two words? Multiply their vectors number by number and add up: that is the dot product. Of vectors scaled to length 1 it is the
      cosine of the angle between them: 1 for the same direction, 0 for directions that have nothing to do with each other.
    `);
    const pairs = [["king", "queen"], ["king", "royalty"], ["apple", "pear"], ["king", "pear"]];
    page.table(pairs.map(([a, b]) => [a, b, table.similarity(a, b)]));
    page.say(`The words nearest to "king", and one that has two meanings:`);
    page.table(["king", "apple"].map((word) => [
      word,
      ...table.nearest(word, { count: 6 }).map((near) => near.word),
    ]));
    const [answer] = table.analogy("man", "king", "woman", { count: 1 });
    page.say(`
      Directions mean something, too. Go from "man" to "king", then take the same step from "woman": you arrive nearest to "${answer.word}".
    `);

    page.section("From similarity to attention");
    page.say(`
      Attention asks, for each word, which other words it should listen to. The simplest answer: to those that are similar. Take all dot products,
      turn each row into shares that sum to 1 (softmax does that: exp of each number, divided by their sum), and mix the vectors by those shares.
        weights = softmax(previousState · hiddenStatesᵀ)
        context = weights · hiddenStates
    `);
    const attend = await page.task({
      name: "dotProductAttention",
      stub: dotProductAttention,
      answer: dotProductAnswer,
      test: async (attend) => {
        // Two states that attend to themselves: the numbers of the practical.
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
      page.say(`A word without a vector cannot take part, and is named: ${found.warning}.`);
    }
    const { weights } = attend(found.vectors, found.vectors);
    const figure = attentionFigure(await weights.data(), {
      queries: found.words,
      title: "Which word attends to which",
    });
    await page.save("words", figure);
    page.say(`
      Each row is a word that attends, and its numbers sum to 1. The royal words give each other more than they give to food, and the fruits
      do the same. Look at "apple": next to "pear" it listens to "computers". The vectors were learned from news, where Apple is a company.
    `);
    const raw = table.lookup(found.words).vectors;
    const sharp = await attend(raw, raw).weights.data();
    page.say(`
      Without the scaling to length 1 the dot products are large (around 30), softmax turns them into all or nothing, and every word hears itself
      alone: the weight of "king" on "king" is then ${
      sharp[0].toFixed(6)
    }. Lesson 3 shows how transformers keep their scores small.
    `);

    page.section("Try it");
    page.say(`
      Change the list of words above. Find words whose weights surprise you: which sense of a word did the vectors catch? ("bank", "bear" and
      "page" are good ones.) How would a sentence around the word help?
    `);
  },
);

/** Another table must know the words that this lesson speaks of. */
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
