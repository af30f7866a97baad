/**
 * Lesson 1: attention as a dot product between word vectors. Beginner, with one code task for the
 * intermediate; about 20 minutes.
 *
 *     deno task lesson 1
 *     deno task lesson 1 --words "river bank money boat"
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
  text,
  userInput,
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
      words: text(
        "king queen royalty food apple pear computers quokka",
        "the words of the figure",
      ),
      vectors: vectorsFlag,
    },
  },
  async (page, { words: chosen, vectors }) => {
    page.section("What attention is for");
    page.say(`
      Look at a picture of a dog in a park: you do not study every leaf, you look at the dog, and at
      its eyes first. You attend to what matters. Reading is the same. Take the word "apple":
        She ate an apple and a pear.
        He bought shares of apple when computers were new.
      Nothing in "apple" says whether it is a fruit or a company. The words "ate" and "pear", or
      "shares" and "computers", do. To understand a word, a reader attends to those others; attention
      is the part of a language model that does this. You need no mathematics beyond multiplying and
      adding to follow; the code task is for those who program.
    `);
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
      ones. Compute all dot products; they are the scores. Turn each row into weights that sum to 1.
      Softmax does that: exp makes every score positive, and a larger one much larger (each point
      more multiplies it by 2.718); then each is divided by their sum. Then add up the vectors, each
      multiplied by its weight.
        weights = softmax(previousState · hiddenStatesᵀ)
        context = weights · hiddenStates
      previousState holds the vectors that attend, one in each row, hiddenStates those that are
      attended to; here both are the same. The ᵀ turns rows into columns, so that the product holds
      the dot product of every pair.
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
    const words = chosen.split(/[\s,]+/).filter((word) => word !== "");
    const found = await userInput(() => table.lookup(words, { unit: true }));
    if (found.warning) {
      page.say(`Words without a vector are left out of the figure: ${found.warning}.`);
    }
    const { weights } = attend(found.vectors, found.vectors);
    const figure = attentionFigure(await weights.data(), {
      queries: found.words,
      fromLeast: true,
      title: "Which word attends to which",
    });
    await page.save("words", figure);
    page.say(`
      Each row is a word that attends (a query), each column a word that is attended to (a key), and
      the numbers of a row sum to 1. The differences are small because softmax makes similar weights
      of similar scores; in a trained model they are larger.
    `);
    if (["king", "queen", "apple", "pear", "computers"].every((word) => words.includes(word))) {
      page.say(`
        The royal words attend to each other more than to food, and so do the fruits. Look at
        "apple": after "pear" it attends most to "computers". The vectors were learned from texts
        that include news, in which Apple is a company.
      `);
    }
    const raw = table.lookup(found.words).vectors;
    const sharp = await attend(raw, raw).weights.data();
    page.say(`
      Without the scaling to length 1 the dot products are large (around 30). Softmax then gives
      nearly all the weight to one word, and every word attends only to itself: the weight of
      "${found.words[0]}" on itself is ${
      sharp[0].toFixed(6)
    }. Lesson 3 shows how transformers keep their scores small.
    `);

    page.section("Try it");
    page.say(`
      Choose your own words; a group can bet on the result before it runs:
        deno task lesson 1 --words "bank river money boat loan"
        deno task lesson 1 --words "nurse doctor man woman king"
      Find words whose weights surprise you. Which sense of a word do the vectors have? ("bank",
      "bear" and "page" are good ones.) How would a sentence around the word help? Which habits of
      people has the table learned from its texts, and who could be harmed by them?
    `);

    page.section("What you know now");
    page.say(`
      A word is a vector; the dot product measures how similar two are; softmax turns such scores
      into weights; attention is the sum of vectors with those weights. Other scores than the dot
      product are in lesson 2, and Lilian Weng's "Attention? Attention!" compares them all. Further
      reading: Pennington and others, "GloVe" (2014); "The Illustrated Word2vec" by Jay Alammar. To
      watch: the videos on transformers and attention by 3Blue1Brown (2024). On paths for beginners,
      lesson 5 is next: where the vectors of a model come from.
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
  // [Tp,d] · [d,Th] → [Tp,Th]: how similar is each previous state to each hidden state?
  const scores = matmul(previousState, hiddenStates, { transposeB: true });
  // Each row is positive now, and sums to 1.
  const weights = softmax(scores);
  // [Tp,Th] · [Th,d] → [Tp,d]: a mixture of the hidden states for each previous state.
  return { weights, context: matmul(weights, hiddenStates) };
}

if (import.meta.main) await lesson.run(Deno.args);
