/**
 * Lesson 3: self-attention with queries, keys and values, scaled scores and masks. Intermediate,
 * two code tasks; about 30 minutes.
 *
 *     deno task lesson 3
 *     deno task lesson 3 --sentence "The chef drinks tea, but her guests drink wine"
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/03_queries_keys_values.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  Lesson,
  loadVectors,
  notWritten,
  text,
  userInput,
  vectorsFlag,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  attentionFigure,
  maskFigure,
  queryKeyValueFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  causalMask,
  Linear,
  matmul,
  mul,
  normal,
  paddingMask,
  Random,
  randomNormal,
  type ScaledDotProduct,
  scaledDotProductAttention,
  softmax,
  type Tensor,
  tensor,
  where,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Code task 1: the causal mask of a sequence of `time` tokens, as rows of 0 and 1: 1 if the token
 * of the row may attend to the token of the column.
 */
function causal(time: number): number[][] {
  // A token attends to itself and to those before it, never to those after: row 0 is [1, 0, 0, …],
  // the last row is all 1. Array.from({ length: time }, (_, i) => …) creates an array of `time`
  // elements.
  return notWritten(time);
}

/**
 * Code task 2: q [...,Tq,d], k [...,Tk,d], v [...,Tk,dv] and a mask of 0 and 1, [Tq,Tk] → output
 * [...,Tq,dv] and weights [...,Tq,Tk].
 */
function maskedAttention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor): ScaledDotProduct {
  // 1. scores = q · kᵀ / √d: matmul(q, k, { transposeB: true }), then mul(…, 1 / Math.sqrt(d)); d
  //    is q.shape.at(-1)!.
  // 2. A hidden key must get the weight 0, so its score becomes -Infinity before the softmax:
  //    where(mask, a, b) selects a's element if the mask is 1 and b's if it is 0; b may be a number
  //    such as -Infinity.
  // 3. weights = softmax(…), output = weights · v.
  return notWritten(q, k, v, mask, where, softmax);
}

const SENTENCE = "I drink coke, but eat steak";

export const lesson = new Lesson(
  {
    number: 3,
    title: "Queries, keys, values and masks",
    level: "intermediate",
    minutes: 30,
    tasks: 2,
    url: import.meta.url,
    flags: {
      sentence: text(SENTENCE, "the sentence that attends to itself"),
      vectors: vectorsFlag,
    },
  },
  async (page, { sentence: chosen, vectors }) => {
    const table = await loadVectors(vectors);

    page.section("A sentence attends to itself");
    const sentence = await userInput(() => table.embedSentence(chosen, { unit: true }));
    page.say(`
      So far one sequence attended to another. In self-attention each word of a sentence attends to
      the words of the same sentence. First the sentence becomes a tensor, a block of numbers whose
      shape says how many there are along each axis: embedSentence removes the punctuation and looks
      up the words, with vectors of length 1.
    `);
    if (sentence.warning) page.say(`Words without a vector are left out: ${sentence.warning}.`);
    const [, time, width] = sentence.vectors.shape;
    page.say(`
      The sentence of this lesson is "${sentence.words.join(" ")}": ${sentence.vectors} is one
      sentence of ${time} words with ${width} numbers each. Without anything learned, every word
      attends to the words that mean something similar:
    `);
    const plain = scaledDotProductAttention(sentence.vectors, sentence.vectors, sentence.vectors);
    await page.save(
      "plain",
      attentionFigure(await plain.weights.data(), {
        queries: sentence.words,
        title: "Self-attention of the words' own vectors",
        fromLeast: true,
      }),
    );
    const found = chosen === SENTENCE
      ? `Then "drink" finds "eat", and "coke" finds "drink" and "steak": what one swallows is near
      to each other.`
      : "Which other word does each find, and would a reader look there?";
    page.say(`
      Each word attends most to itself (and to the same word elsewhere). ${found} All weights are
      close to 1/${time}, because dot products of vectors of length 1 are small, and they are
      divided by √${width} (see below).
    `);

    page.section("Three roles for each word");
    page.say(`
      A word has three jobs. As a query it searches (which words say what it means here?), as a key
      it can be found by such searches, and as a value it is the content that is passed on. One
      vector for all three would be a poor compromise, so each job has its own learned matrix:
        q = x · Wq      k = x · Wk      v = x · Wv
      Think of a library: you search with a query, the catalog compares it with its keys, and the
      book that you take home is the value.
    `);
    await page.save("roles", queryKeyValueFigure());
    const random = new Random(7);
    const project = () => new Linear(width, 32, { bias: false, initializer: normal(0.1), random });
    const [q, k, v] = [project(), project(), project()].map((layer) =>
      layer.forward(sentence.vectors)
    );
    page.table([["query", `${q}`], ["key", `${k}`], ["value", `${v}`]]);

    page.section("Why the scores are divided by √d");
    page.say(`
      A dot product of two random vectors of d numbers is a sum of d random terms: its standard
      deviation is √d. With large scores the softmax gives nearly all the weight to one key. Its
      derivative is then nearly 0, and the model cannot learn. Dividing by √d keeps the scores the
      same size for any d. The table shows the largest of 64 weights, on average, for random queries
      and keys:
    `);
    const rows: (string | number)[][] = [[
      "d",
      "scores: deviation",
      "largest weight",
      "divided: deviation",
      "largest weight",
    ]];
    for (const d of [4, 64, 1024]) {
      rows.push([String(d), ...await spread(d, 1), ...await spread(d, 1 / Math.sqrt(d))]);
    }
    page.table(rows);
    const { weights } = scaledDotProductAttention(q, k, v);
    await page.save(
      "sentence",
      attentionFigure(await weights.data(), {
        queries: sentence.words,
        title: "Self-attention with untrained projections",
      }),
    );
    page.say(`
      The three matrices, also called projections, are not trained, so the picture has no meaning
      yet: each word attends to every other. Training changes the three matrices.
    `);

    page.section("Masks");
    page.say(`
      A language model predicts the next word. In training its input is the whole sentence, so the
      later words must be hidden. Otherwise the model would copy them instead of learning to
      predict. A causal mask says to which keys each query may attend.
    `);
    const makeMask = await page.task({
      name: "causal",
      stub: causal,
      answer: causalAnswer,
      test: async (causal) => {
        await expectMatch(causal(1), [[1]], { what: "causal(1)" });
        await expectMatch(causal(4), [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], {
          what: "causal(4)",
        });
      },
    });
    await page.save(
      "mask",
      maskFigure(makeMask(time), { queries: sentence.words, title: "The causal mask" }),
    );
    const attend = await page.task({
      name: "maskedAttention",
      stub: maskedAttention,
      answer: maskedAnswer,
      test: async (attend) => {
        const x = tensor([[[0.6122652, 1.1225884, 1.1373317], [
          -0.8127326,
          -0.8904051,
          0.1262315,
        ]]]);
        await expectMatch(attend(x, x, x, tensor([[1, 1], [1, 1]])), {
          output: [[[0.5013704, 0.965935, 1.0586468], [-0.5792347, -0.5605592, 0.2919087]]],
          weights: [[[0.9221789, 0.0778211], [0.1638584, 0.8361416]]],
        });
        await expectMatch(attend(x, x, x, tensor([[1, 0], [1, 1]])), {
          output: [[[0.6122652, 1.1225883, 1.1373317], [-0.5792347, -0.5605592, 0.2919087]]],
          weights: [[[1, 0], [0.1638584, 0.8361416]]],
        });
      },
    });
    const masked = attend(q, k, v, tensor(makeMask(time)));
    await page.save(
      "masked",
      attentionFigure(await masked.weights.data(), {
        queries: sentence.words,
        title: "The same with the causal mask",
      }),
    );

    page.section("Sentences of different lengths");
    page.say(`
      In a batch (several texts that are computed at once) all sentences have the same length:
      shorter ones are filled up with padding, and padding must be hidden as well. Multiply masks of
      0 and 1 to combine them: a key is visible if every mask has a 1. Here are the weights of the
      first of two sentences, of 2 and 4 words:
    `);
    const x = randomNormal([2, 4, 8], tensor(Int32Array.of(1, 0)));
    const both = mul(causalMask(4), paddingMask([2, 4], 4));
    const padded = scaledDotProductAttention(x, x, x, { mask: both });
    const values = await padded.weights.data();
    page.table(
      [0, 1, 2, 3].map((row) => [`word ${row + 1}`, ...values.slice(4 * row, 4 * row + 4)]),
    );
    const nothing = scaledDotProductAttention(x, x, x, { mask: paddingMask([0, 4], 4) });
    const output = await nothing.output.data();
    page.say(`
      What if a sentence is only padding? A softmax over no keys at all would be 0/0. Folio returns
      zeros, so that no NaN ("not a number") spreads through the batch: the largest magnitude in its
      output is ${Math.max(...output.slice(0, 32).map(Math.abs))}.
    `);

    page.section("Try it");
    page.say(`
      A sentence of your own, and its three maps:
        deno task lesson 3 --sentence "The cat sleeps on the sofa, but the dog eats"
      Discuss: which word should "it" attend to in "The dog chased the cat because it was angry",
      and how could a model know? In maskedAttention, leave out the division by √d: which of the two
      tests fails, and by how much? What would a model learn in training without the causal mask?
    `);

    page.section("What you know now");
    page.say(`
      Self-attention compares queries with keys, and adds up values. Scores are divided by √d so
      that softmax stays soft; masks hide later words and padding. Further reading: Vaswani and
      others, "Attention Is All You Need" (2017), section 3.2; "The Illustrated Transformer" by Jay
      Alammar. Lesson 4 does all of this several times in parallel.
    `);
  },
);

/**
 * The standard deviation of scaled scores of random vectors, and the average of the largest of 64
 * weights.
 */
async function spread(d: number, scale: number): Promise<[number, number]> {
  const draw = (stream: number) => randomNormal([64, d], tensor(Int32Array.of(3, 0)), stream);
  const scores = mul(matmul(draw(0), draw(1), { transposeB: true }), scale);
  const values = Array.from(await scores.data());
  const weights = await softmax(scores).data();
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  let greatest = 0;
  for (let row = 0; row < 64; row++) {
    greatest += Math.max(...weights.slice(64 * row, 64 * row + 64));
  }
  return [Math.sqrt(square), greatest / 64];
}

// The answers. Try first.

function causalAnswer(time: number): number[][] {
  // Row i is a query: it may look at itself and at the keys before it.
  return Array.from(
    { length: time },
    (_, i) => Array.from({ length: time }, (_, j) => j <= i ? 1 : 0),
  );
}

function maskedAnswer(q: Tensor, k: Tensor, v: Tensor, mask: Tensor): ScaledDotProduct {
  const scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(q.shape.at(-1)!));
  // exp(-Infinity) is 0: hidden keys have no weight, and the others still sum to 1.
  const weights = softmax(where(mask, scores, -Infinity));
  return { output: matmul(weights, v), weights };
}

if (import.meta.main) await lesson.run(Deno.args);
