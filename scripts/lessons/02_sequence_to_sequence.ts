/**
 * Lesson 2: attention between two sequences, with the dot product and with the additive score.
 * Intermediate, two code tasks; about 25 minutes.
 *
 *     deno task lesson 2
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/02_sequence_to_sequence.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  AdditiveAttention,
  dotProductAttention,
  expectMatch,
  Lesson,
  notWritten,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { attentionFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  add,
  concatenate,
  loadWordVectors,
  log,
  matmul,
  mul,
  normal,
  Random,
  reshape,
  scope,
  sum,
  tanh,
  type Tensor,
  tensor,
  valueAndGrad,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/** The learned weights of the additive score. */
interface ScoreWeights {
  /** W [p,a]: projects the decoder's state to width a. */
  previous: Tensor;
  /** U [d,a]: projects a hidden state to width a. */
  hidden: Tensor;
  /** v [a,1]: turns the comparison into one number. */
  vector: Tensor;
}

/**
 * Code task 1: one step of a decoder: state [1,d], context [1,d], weight [2d,d] → the next state
 * [1,d].
 */
function nextState(state: Tensor, context: Tensor, weight: Tensor): Tensor {
  // The next state is tanh([state, context] · weight).
  // concatenate([a, b], { axis: 1 }) appends b's columns to a's; tanh and matmul do the rest.
  return notWritten(state, context, weight, concatenate, matmul, tanh);
}

/**
 * Code task 2: the additive score of each previous state [Tp,p] with each hidden state [Th,d] →
 * [Tp,Th].
 */
function additiveScores(
  hiddenStates: Tensor,
  previousState: Tensor,
  weights: ScoreWeights,
): Tensor {
  // score[i,j] = tanh(previousState[i] · W + hiddenStates[j] · U) · v
  // 1. rows = previousState · W is [Tp,a], columns = hiddenStates · U is [Th,a].
  // 2. Add every row to every column: reshape(rows, [Tp,1,a]) and reshape(columns, [1,Th,a]); add()
  //    broadcasts them to [Tp,Th,a].
  // 3. matmul(tanh(…), v) is [Tp,Th,1]; reshape it to [Tp,Th].
  // The lengths are previousState.shape[0], hiddenStates.shape[0] and weights.vector.shape[0].
  return notWritten(hiddenStates, previousState, weights, reshape, add);
}

export const lesson = new Lesson(
  {
    number: 2,
    title: "Attention from one sequence to another",
    level: "intermediate",
    minutes: 25,
    tasks: 2,
    url: import.meta.url,
  },
  async (page) => {
    const table = await loadWordVectors();

    page.section("An encoder, a decoder, and attention between them");
    page.say(`
      To translate a sentence, the first neural translators read it word by word and kept one hidden
      state for each word (the encoder): a vector that sums up what it has read so far. Then they
      wrote the translation word by word (the decoder). Attention connects the two: before each new
      word it decides which of the hidden states matter now. Each step has four parts:
        1. score    compare the decoder's previous state with every hidden state
        2. softmax  turn the scores into weights that sum to 1
        3. context  sum the hidden states, weighted
        4. next     compute the decoder's next state from the previous one and the context
    `);
    const source = ["the", "king", "sold", "his", "house", "near", "the", "river"];
    const hidden = table.lookup(source, { unit: true }).vectors;
    const asked = ["prince", "building", "lake"];
    const states = table.lookup(asked, { unit: true }).vectors;
    // Unit vectors have small dot products; three times as long, the differences are easier to see.
    const { weights, context } = dotProductAttention(mul(hidden, 3), mul(states, 3));
    page.say(`
      Here the "hidden states" are the word vectors of a sentence, and the decoder's states are the
      vectors of ${asked.join(", ")}. The score is the dot product of lesson 1. Each state finds the
      word closest to it in meaning:
    `);
    const figure = attentionFigure(await weights.data(), {
      queries: asked,
      keys: source,
      title: "Which word of the sentence the decoder attends to",
    });
    await page.save("dot-product", figure);

    page.section("One step of the decoder");
    const step = await page.task({
      name: "nextState",
      stub: nextState,
      answer: nextStateAnswer,
      test: async (nextState) => {
        const weight = tensor([[1, 0], [0, 1], [0.5, 0], [0, -0.5]]);
        const state = nextState(tensor([[0.2, 0.4]]), tensor([[0.6, 0.8]]), weight);
        await expectMatch(state, [[0.4621, 0]]);
      },
    });
    const random = new Random(2);
    const width = table.width;
    const weight = tensor(normal(0.1)([2 * width, width], random), { shape: [2 * width, width] });
    const [state, mixed] = [rowOf(states, 0), rowOf(context, 0)];
    const after = await step(await state, await mixed, weight).data();
    page.say(`
      The state for "${asked[0]}" and its context give the next state, which starts with
      ${[...after.slice(0, 5)].map((x) => x.toFixed(2)).join(", ")}, … In a trained translator the
      weights of this step are learned, and the next state is compared with the hidden states again.
    `);

    page.section("A score that learns how to compare");
    page.say(`
      The dot product finds similar vectors. But a decoder that writes German must know that "Hund"
      belongs to "dog", and their vectors need not be similar at all. The additive score (Bahdanau
      and others, 2014, the first attention mechanism) uses a small network instead, with learned W,
      U and v; tanh squeezes each number to between −1 and 1:
        score = tanh(previousState · W + hiddenState · U) · v
    `);
    const scores = await page.task({
      name: "additiveScores",
      stub: additiveScores,
      answer: additiveAnswer,
      test: async (additiveScores) => {
        const weights = {
          previous: tensor([[1, 0], [0, 1], [1, 1]]),
          hidden: tensor([[2, 0], [0, -1]]),
          vector: tensor([[1], [3]]),
        };
        const hidden = tensor([[0, 0], [0.5, 0.5], [-1, 1]]);
        const found = additiveScores(hidden, tensor([[0.1, 0.2, 0], [0, 0, 0.3]]), weights);
        await expectMatch(found, [[0.6918, -0.0734, -2.9483], [1.1653, 0.2696, -2.7485]]);
      },
    });

    const english = ["dog", "house", "water", "king", "moon", "fire", "tree", "snow"];
    const german: Record<string, string> = {
      dog: "Hund",
      house: "Haus",
      water: "Wasser",
      king: "König",
      moon: "Mond",
      fire: "Feuer",
      tree: "Baum",
      snow: "Schnee",
    };
    const keys = table.lookup(english, { unit: true }).vectors;
    const count = english.length;
    // German words start with random vectors.
    const queries = tensor(normal(0.5)([count, 16], random), { shape: [count, 16] });
    const layer = new AdditiveAttention(width, {
      previousWidth: 16,
      attentionWidth: 32,
      initializer: normal(0.3),
      random,
    });
    const title = "Additive attention of German words to English ones";
    const labels = { queries: english.map((word) => german[word]), keys: english };
    const before = await layer.forward(keys, queries).weights.data();
    await page.save(
      "additive-untrained",
      attentionFigure(before, { ...labels, title: `${title}, untrained` }),
    );

    // The loss: the mean of −ln of the weight on the right word.
    const right = tensor(identity(count), { shape: [count, count] });
    const optimizer = new AdamW(layer.parameters());
    const losses: number[] = [];
    for (let i = 0; i < 120; i++) {
      const { value, gradients } = valueAndGrad(() => {
        const { weights } = layer.forward(keys, queries);
        return mul(sum(mul(log(weights), right)), -1 / count);
      }, layer.parameters());
      losses.push(await value.item());
      optimizer.prepare(0.02);
      scope(() => void optimizer.update(gradients));
    }
    page.say(`
      The German words start with random vectors. ${losses.length} training steps, each of which
      makes the weight on the right word a little larger, lower the loss from
      ${losses[0].toFixed(3)} (a random guess among ${count} words: ln ${count} =
      ${Math.log(count).toFixed(3)}) to ${losses.at(-1)!.toFixed(3)}:
    `);
    const trained = layer.forward(keys, queries).weights;
    await page.save(
      "additive-trained",
      attentionFigure(await trained.data(), { ...labels, title: `${title}, trained` }),
    );
    const { previous, hidden: hiddenLayer, vector } = layer;
    const own = { previous: previous.weight, hidden: hiddenLayer.weight, vector };
    const [first] = await scores(keys, queries, own).data();
    page.say(`
      The function of task 2 computes the trained layer's scores: ${german[english[0]]} with
      ${english[0]} has ${first.toFixed(2)}. The dot product has nothing to learn and is one fast
      matrix product; the additive score needs a tanh for each pair. The transformer uses the dot
      product, and learns projections before it: queries, keys and values, in lesson 3.
    `);

    page.section("Try it");
    page.say(`
      Change the list "source" or "asked" in this file: which word of "the baker sold fresh bread near
      the market" does "cake" find? In the trained figure one German word may be unsure: train 20
      steps instead of 120, and say which rows learn first. Discuss: why can a dot product not learn
      that Hund belongs to dog, unless something before it learns?
    `);

    page.section("What you know now");
    page.say(`
      Attention between sequences has four parts: score, softmax, context, next state. A score may be
      fixed (the dot product) or learned (the additive one). Further reading: Bahdanau and others,
      "Neural Machine Translation by Jointly Learning to Align and Translate" (2014); Luong and
      others (2015) compare scores; Chaudhari and others, "An Attentive Survey of Attention Models"
      (2019). Lesson 10 builds a whole translator.
    `);
  },
);

/** Row number `row` of a matrix, as a matrix of one row. */
async function rowOf(x: Tensor, row: number): Promise<Tensor> {
  const width = x.shape[1];
  const values = await x.data();
  return tensor(values.slice(row * width, (row + 1) * width), { shape: [1, width] });
}

function identity(size: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, i) => i % (size + 1) === 0 ? 1 : 0);
}

// The answers. Try first.

function nextStateAnswer(state: Tensor, context: Tensor, weight: Tensor): Tensor {
  // State and context side by side are [1,2d], and the weight [2d,d] makes [1,d] of them.
  return tanh(matmul(concatenate([state, context], { axis: 1 }), weight));
}

function additiveAnswer(
  hiddenStates: Tensor,
  previousState: Tensor,
  weights: ScoreWeights,
): Tensor {
  const [tp, th, a] = [previousState.shape[0], hiddenStates.shape[0], weights.vector.shape[0]];
  // An axis of length 1 is repeated by add: [Tp,1,a] + [1,Th,a] → [Tp,Th,a], every pair.
  const rows = reshape(matmul(previousState, weights.previous), [tp, 1, a]);
  const columns = reshape(matmul(hiddenStates, weights.hidden), [1, th, a]);
  // v turns the a numbers of each pair into one score.
  return reshape(matmul(tanh(add(rows, columns)), weights.vector), [tp, th]);
}

if (import.meta.main) await lesson.run(Deno.args);
