/**
 * Lesson 4: multi-head attention. Intermediate, one code task; about 20 minutes.
 *
 *     deno task lesson 4
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/04_multi_head.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  Lesson,
  notWritten,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  attentionFigure,
  attentionGridFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  Attention,
  loadWordVectors,
  normal,
  Random,
  reshape,
  sameWeights,
  type ScaledDotProduct,
  scaledDotProductAttention,
  type Tensor,
  tensor,
  transpose,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * The code task: q [Tq,C], k and v [Tk,C], each split into `heads` heads → output [Tq,C] before the
 * last projection, and weights [heads,Tq,Tk].
 */
function multiHead(q: Tensor, k: Tensor, v: Tensor, heads: number): ScaledDotProduct {
  // 1. Split each row into `heads` parts of D = C / heads numbers: reshape(q, [Tq, heads, D]).
  // 2. Each head needs its own matrix: transpose(…, [1, 0, 2]) gives [heads, Tq, D]. Do the same
  //    with k and v.
  // 3. scaledDotProductAttention(q, k, v) computes all heads and returns { output, weights };
  //    output is [heads,Tq,D].
  // 4. Back: transpose the output to [Tq, heads, D], and reshape it to [Tq, C].
  return notWritten(q, k, v, heads, reshape, transpose, scaledDotProductAttention);
}

export const lesson = new Lesson(
  {
    number: 4,
    title: "Multi-head attention",
    level: "intermediate",
    minutes: 20,
    tasks: 1,
    url: import.meta.url,
  },
  async (page) => {
    page.section("One set of weights is not enough");
    page.say(`
      In "The king who sold his house by the river is old", the word "is" must find its subject,
      "his" must find the king, and "river" its preposition. A single attention gives each word one
      set of weights, and so mixes all of that. Multi-head attention computes several sets: the
      vectors are split into parts, each head attends with its own part, and a last projection
      combines the parts.
        headᵢ  = softmax(QᵢKᵢᵀ/√D) · Vᵢ        with D = C / heads
        output = [head₁, head₂, …] · Wo
      The work is the same as for one head of full width, because the parts are smaller.
    `);
    const split = await page.task({
      name: "multiHead",
      stub: multiHead,
      answer: multiHeadAnswer,
      test: async (multiHead) => {
        const q = tensor([[1, 0, 0, 2], [0, 1, 1, 0]]);
        const k = tensor([[1, 1, 0, 1], [0, 1, 2, 0], [2, 0, 1, 1]]);
        const v = tensor([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]);
        await expectMatch(multiHead(q, k, v, 2), {
          output: [[6.1679, 7.1679, 7, 8], [4.1867, 5.1867, 7.5759, 8.5759]],
          weights: [
            [[0.284, 0.14, 0.576], [0.4011, 0.4011, 0.1978]],
            [[0.4458, 0.1084, 0.4458], [0.14, 0.576, 0.284]],
          ],
        });
        const output = [[5.9036, 6.9036, 7.9036, 8.9036], [5, 6, 7, 8]];
        await expectMatch(multiHead(q, k, v, 1), { output });
      },
    });

    page.section("Each head attends in its own way");
    const table = await loadWordVectors();
    const { vectors, words } = table.embedSentence(
      "The king and the queen sold the house by the river",
    );
    const x = vectors.view([words.length, table.width]);
    const heads = 4;
    const { weights } = split(x, x, x, heads);
    const values = await weights.data();
    await page.save(
      "heads",
      attentionGridFigure(values, {
        layers: 1,
        heads,
        queries: words.length,
        tokens: words,
        title: "Four heads, each with a quarter of the word vectors",
      }),
    );
    await page.save(
      "head-1",
      attentionFigure(values.slice(0, words.length ** 2), { queries: words, title: "Head 1" }),
    );
    page.say(`
      Nothing is trained here: each head compares 25 of the 100 numbers of a word. The heads differ
      already, and in training they specialize.
    `);

    page.section("The layer");
    const layer = new Attention({ width: table.width, heads }, {
      initial: sameWeights(normal(0.1)),
      random: new Random(1),
    });
    const parameters = [...layer.namedParameters()].map((
      [name, { shape, size }],
    ) => [name, `[${shape}]`, String(size)]);
    page.say(
      `Attention has four projections, ${layer.parameterCount} numbers for a width of ${table.width}:`,
    );
    page.table(parameters);
    const source = table.embedSentence("old people live near water").vectors;
    page.say(`
      Queries may come from one sequence and keys and values from another. ${words.length} words
      that attend to ${source.shape[1]} others give ${layer.forward(vectors, { source })} and the
      weights ${layer.weights(vectors, { source })}: [batch, heads, queries, keys].
    `);
    try {
      new Attention({ width: table.width, heads: 3 });
    } catch (error) {
      page.say(`Heads must divide the width. With 3 heads you get: ${(error as Error).message}.`);
    }

    page.section("Try it");
    page.say(`
      In the task's call, split into 2 and into 10 heads instead of 4: change "const heads = 4". With
      more heads, does a head become sharper or flatter, and why? Discuss: what would a head for
      "who does it" need to find in the sentence above, and a head for "where"?
    `);

    page.section("What you know now");
    page.say(`
      Multi-head attention splits vectors into parts, attends with each part, and combines the
      results. Further reading: Voita and others, "Analyzing Multi-Head Self-Attention" (2019), on
      which heads matter; Michel and others, "Are Sixteen Heads Really Better than One?" (2019).
    `);
  },
);

// The answer. Try first.

function multiHeadAnswer(q: Tensor, k: Tensor, v: Tensor, heads: number): ScaledDotProduct {
  const width = q.shape[1];
  // [T,C] → [T,heads,D] → [heads,T,D]: the heads become matrices of their own.
  const cut = (x: Tensor) => transpose(reshape(x, [x.shape[0], heads, width / heads]), [1, 0, 2]);
  const { output, weights } = scaledDotProductAttention(cut(q), cut(k), cut(v));
  // Back to [Tq,heads,D], so that the parts of a token are beside each other again, as [Tq,C].
  return { output: reshape(transpose(output, [1, 0, 2]), [q.shape[0], width]), weights };
}

if (import.meta.main) await lesson.run(Deno.args);
