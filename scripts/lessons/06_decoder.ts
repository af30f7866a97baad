/**
 * Lesson 6: the decoder, from a feed-forward block to a whole language model. Intermediate, four
 * code tasks; about 45 minutes.
 *
 *     deno task lesson 6
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/06_decoder.ts
 *
 * B batch, T time, C width, F inner width, H heads, L layers, V vocabulary.
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
  attentionGridFigure,
  blockFigure,
  modelFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  add,
  attention,
  attentionWeights,
  type Block,
  concatenate,
  embedding,
  geluTanh,
  GPT,
  layerNorm,
  lecunNormal,
  linear,
  normal,
  Random,
  randomNormal,
  reshape,
  sinusoidalPositions,
  slice,
  type Tensor,
  tensor,
  transpose,
  truncatedNormal,
  varianceScaling,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/** A linear layer: weight [inputs, outputs] and bias [outputs]. */
interface Dense {
  weight: Tensor;
  bias: Tensor;
}

/** Weights of a layer norm: gain and bias, [C]. */
interface NormWeights {
  gain: Tensor;
  bias: Tensor;
}

/** The weights of a block. */
interface BlockWeights {
  query: Dense;
  key: Dense;
  value: Dense;
  projection: Dense;
  norm1: NormWeights;
  up: Dense;
  down: Dense;
  norm2: NormWeights;
}

/** The weights of the model, and its fixed positions. */
interface ModelWeights {
  heads: number;
  /** [V,C]. */
  tokens: Tensor;
  /** [contextLength,C]. */
  positions: Tensor;
  blocks: BlockWeights[];
  /** C → V. */
  head: Dense;
}

/** Code task 1: x [...,C] → [...,F] → [...,C], where F > C. */
function feedForward(x: Tensor, up: Dense, down: Dense): Tensor {
  // linear(x, weight, bias) is x · weight + bias. First up, then geluTanh(…), then down.
  return notWritten(x, up, down, linear, geluTanh);
}

/** Code task 2: the normalized sum of a layer's input and its output, both [...,C] → [...,C]. */
function addNorm(x: Tensor, processed: Tensor, norm: NormWeights): Tensor {
  // add(a, b) and layerNorm(x, gain, bias).
  return notWritten(x, processed, norm, add, layerNorm);
}

/** Code task 3: one block, x [B,T,C] → its output [B,T,C] and its attention weights [B,H,T,T]. */
function decoderBlock(x: Tensor, block: BlockWeights, heads: number, parts: Parts): BlockResult {
  // 1. selfAttention(x, block, heads), below, returns { output, weights }.
  // 2. h = parts.addNorm(x, that output, block.norm1)
  // 3. parts.feedForward(h, block.up, block.down), then add & norm again with block.norm2.
  return notWritten(x, block, heads, parts);
}

/**
 * Code task 4: ids [B,T] → logits [B,T,V] and all weights [B,L,H,T,T]. `block` is the decoder block
 * of task 3.
 */
function languageModel(ids: Tensor, model: ModelWeights, block: BlockFunction): ModelResult {
  // 1. x = embedding(model.tokens, ids, { positions: model.positions })
  // 2. For each of model.blocks: { output, weights } = block(x, …, model.heads); the output is the
  //    next block's x.
  // 3. logits = linear(x, model.head.weight, model.head.bias)
  // 4. Each block's weights are [B,H,T,T]: reshape them to [B,1,H,T,T], then concatenate(list, {
  //    axis: 1 }).
  return notWritten(ids, model, block, embedding, reshape, concatenate);
}

/** The functions of tasks 1 and 2. */
interface Parts {
  feedForward: typeof feedForward;
  addNorm: typeof addNorm;
}
interface BlockResult {
  output: Tensor;
  weights: Tensor;
}
type BlockFunction = (x: Tensor, block: BlockWeights, heads: number) => BlockResult;
interface ModelResult {
  logits: Tensor;
  weights: Tensor;
}

/**
 * Causal multi-head self-attention, as in lesson 4: x [B,T,C] → output [B,T,C] and weights
 * [B,H,T,T].
 */
function selfAttention(x: Tensor, block: BlockWeights, heads: number): BlockResult {
  const [q, k, v] = [block.query, block.key, block.value].map(({ weight, bias }) =>
    linear(x, weight, bias)
  );
  const { weight, bias } = block.projection;
  const output = linear(attention(q, k, v, { heads, causal: true }), weight, bias);
  return { output, weights: attentionWeights(q, k, { heads, causal: true }) };
}

export const lesson = new Lesson(
  {
    number: 6,
    title: "The decoder: a language model from its parts",
    level: "intermediate",
    minutes: 45,
    tasks: 4,
    url: import.meta.url,
  },
  async (page) => {
    page.say(`
      A decoder-only language model, such as GPT, is a stack of equal blocks between a table of
      token vectors and a head that scores every word of the vocabulary. A block has two halves. The
      first, attention, exchanges information between tokens; the second, feed-forward, processes
      each token alone. Each half has a shortcut (a residual connection): its input is added to its
      output, and the sum is normalized.
    `);
    await page.save("model", modelFigure());
    // A small model of the library; the tests below use its weights and its results.
    const small = new GPT({
      vocabSize: 11,
      contextLength: 6,
      layers: 2,
      heads: 2,
      width: 8,
      hidden: 16,
      normPlacement: "post",
      positions: "sinusoidal",
      tiedHead: false,
      headBias: true,
    }, { random: new Random(5) });
    for (const parameter of small.parameters()) {
      // Larger numbers than at the start of training, so that a mistake shows.
      parameter.write(normal(0.5)(parameter.shape, new Random(parameter.size)));
    }
    const weights = takeApart(small);
    const [first] = small.blocks.items;
    const x = randomNormal([2, 5, 8], tensor(Int32Array.of(1, 0)));

    page.section("Feed-forward");
    page.say(`
      Two linear layers with a nonlinear function between them: to a wider vector, GELU, and back.
      GELU is a smooth gate: large numbers pass, negative ones become nearly 0. Without it the two
      layers could do no more than one.
        feedForward(x) = geluTanh(x · W₁ + b₁) · W₂ + b₂
    `);
    const feed = await page.task({
      name: "feedForward",
      stub: feedForward,
      answer: feedForwardAnswer,
      test: async (feedForward) => {
        const up = { weight: tensor([[1, -1, 0], [0, 1, 2]]), bias: tensor([0, 0, -1]) };
        const down = { weight: tensor([[1, 0], [0, 1], [1, 1]]), bias: tensor([0.5, -0.5]) };
        const y = feedForward(tensor([[1, 0.5], [-2, 0]]), up, down);
        await expectMatch(y, [[1.3412, -0.6543], [0.2958, 1.2958]]);
        const { up: a, down: b } = weights.blocks[0];
        await expectMatch(feedForward(x, a, b), await first.feedForward!.forward(x).toArray());
      },
    });

    page.section("Add & norm");
    page.say(`
      The shortcut lets the signal, and in training its gradient, pass through a hundred layers
      unchanged: a layer has to learn only what to change. The norm then scales each token's vector
      to mean 0 and variance 1, multiplies by a learned gain and adds a learned bias.
        addNorm(x, processed) = layerNorm(x + processed)
    `);
    const join = await page.task({
      name: "addNorm",
      stub: addNorm,
      answer: addNormAnswer,
      test: async (addNorm) => {
        const norm = { gain: tensor([1, 1, 1, 1]), bias: tensor([0, 0, 0, 0]) };
        const y = addNorm(tensor([[1, 2, 3, 4]]), tensor([[0, 0, 0, 2]]), norm);
        await expectMatch(y, [[-1.069, -0.5345, 0, 1.6036]]);
        const scaled = { gain: tensor([1, 2, 1, 2]), bias: tensor([0, 0, 1, 1]) };
        const z = addNorm(tensor([[1, 2, 3, 4]]), tensor([[0, 0, 0, 2]]), scaled);
        await expectMatch(z, [[-1.069, -1.069, 1, 4.2071]]);
      },
    });

    page.section("A block");
    page.say(`
      A block is both halves in a row: attention, add & norm, feed-forward, add & norm. Its output
      has the shape of its input, so blocks can be stacked. Two places for the norm are in use.
      Post-norm, as here and in the first transformer, normalizes after each sum:
        x = norm(x + attention(x))
      Pre-norm, as in GPT-2, in most later models and in Folio's default, normalizes what a half
      reads, and leaves the sum alone:
        x = x + attention(norm(x))
    `);
    await page.save("block-post", blockFigure({ norm: "post" }));
    await page.save("block-pre", blockFigure({ norm: "pre" }));
    page.say(`
      Follow the line of the shortcuts from left to right. In pre-norm it passes every block
      without a norm in its way, so in training the gradient reaches the first block as strong as
      it left the last: deep models train without a careful warm-up. In post-norm every norm rescales
      it, once for each half, which is harmless for one block and hard to train for fifty. A pre-norm
      model has one more norm at its end.
    `);
    const parts = { feedForward: feed, addNorm: join };
    const block = await page.task({
      name: "decoderBlock",
      stub: decoderBlock,
      answer: decoderBlockAnswer,
      test: async (decoderBlock) => {
        const made = decoderBlock(x, weights.blocks[0], weights.heads, parts);
        const expected = await first.forward(x).toArray();
        await expectMatch(made, { output: expected });
        await expectLowerTriangular(made.weights, [2, 2, 5, 5]);
      },
    });

    page.section("The language model");
    page.say(`
      The input is the sum of token vectors and positions. One block after another processes it.
      Then, at every position, the head gives each word of the vocabulary a score (a logit) for
      being the next word.
    `);
    const bound: BlockFunction = (x, weights, heads) => block(x, weights, heads, parts);
    const model = await page.task({
      name: "languageModel",
      stub: languageModel,
      answer: languageModelAnswer,
      test: async (languageModel) => {
        const ids = tensor(Int32Array.of(1, 4, 0, 10, 2, 7, 7, 3), { shape: [2, 4] });
        const made = languageModel(ids, weights, bound);
        await expectMatch(made, { logits: await small.forward(ids).toArray() });
        await expectLowerTriangular(made.weights, [2, 2, 2, 4, 4]);
      },
    });
    const config = { layers: 3, heads: 4, width: 32, contextLength: 24, vocabSize: 100 };
    const larger = new GPT({
      ...config,
      normPlacement: "post",
      positions: "sinusoidal",
      tiedHead: false,
      headBias: true,
    });
    const ids = tensor(Int32Array.from({ length: 24 }, (_, i) => (7 * i) % 100), {
      shape: [1, 24],
    });
    for (const parameter of larger.parameters()) {
      if (parameter.shape.length > 1) {
        parameter.write(lecunNormal()(parameter.shape, new Random(parameter.size)));
      }
    }
    const { logits, weights: all } = model(ids, takeApart(larger), bound);
    page.say(`
      A model of 3 layers and 4 heads, untrained, gives ${logits} for 24 tokens, and attention
      weights ${all}: [batch, layers, heads, queries, keys]. In every map the upper right half is
      empty, because no token attends to later ones:
    `);
    const { layers, heads } = config;
    const title = "Attention of an untrained model by layer and head";
    await page.save(
      "attention",
      attentionGridFigure(await all.data(), { layers, heads, queries: 24, title }),
    );

    page.section("The number of parameters, and their first values");
    const shakespeare = new GPT({
      vocabSize: 25670,
      contextLength: 64,
      layers: 1,
      heads: 4,
      width: 128,
      hidden: 256,
      normPlacement: "post",
      positions: "sinusoidal",
      tiedHead: false,
      headBias: true,
    });
    page.say(`
      The Shakespeare model of lesson 7 has one block of width 128 and a vocabulary of 25,670 words:
      ${shakespeare.parameterCount.toLocaleString("en")} parameters, all except
      ${shakespeare.blocks.parameterCount.toLocaleString("en")} of them in the token table and the
      head. Before training they are random: small enough that the softmax does not give everything
      to one word, and large enough that signals do not vanish. For [128, 256] matrices:
    `);
    page.table([
      ["initializer", "standard deviation", "largest"],
      ...([
        ["normal(0.02), as in GPT-2", normal(0.02)],
        ["lecunNormal: 1/√inputs, cut at two deviations", lecunNormal()],
        ["truncatedNormal(0.5)", truncatedNormal(0.5)],
        [
          "varianceScaling, scale 2, fan_avg, uniform",
          varianceScaling({ scale: 2, mode: "fan_avg", distribution: "uniform" }),
        ],
      ] as const).map(([name, initializer]) => {
        const values = initializer([128, 256], new Random(1));
        const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
        return [
          name,
          Math.sqrt(square),
          values.reduce((max, value) => Math.max(max, Math.abs(value)), 0),
        ];
      }),
    ]);

    page.section("Try it");
    page.say(`
      Swap the two lines of your decoderBlock (feed-forward first): does the test notice, and would a
      model still learn? Write a pre-norm block, and compare the size of its output after ten blocks
      with that of post-norm. Discuss: where would you put a limit on what a model of this kind can
      know about the text?
    `);

    page.section("What you know now");
    page.say(`
      A decoder is an embedding, a stack of blocks and a head; a block is attention and feed-forward
      with shortcuts and norms. Further reading: Radford and others, the GPT-2 paper (2019); Xiong
      and others, "On Layer Normalization in the Transformer Architecture" (2020); nanoGPT by Andrej
      Karpathy, a whole GPT in 300 lines of Python.
    `);
  },
);

/** The weights of a model of the library in the form of this lesson. */
function takeApart(model: GPT): ModelWeights {
  const { width, heads, contextLength } = model.config;
  const head = { weight: transpose(model.head!.weight), bias: model.head!.bias! };
  const positions = sinusoidalPositions(contextLength, width);
  return {
    heads,
    tokens: model.tokens.weight,
    positions,
    head,
    blocks: model.blocks.items.map(blockWeights),
  };
}

function blockWeights({ attention, norm1, norm2, feedForward }: Block): BlockWeights {
  const { weight, bias } = attention.queryKeyValue!;
  const width = weight.shape[0];
  // The library keeps [query | key | value] in one matrix.
  const [query, key, value] = [0, 1, 2].map((part) => {
    const range = { start: part * width, end: (part + 1) * width };
    return {
      weight: slice(weight, { axis: 1, ...range }),
      bias: slice(bias!, { axis: 0, ...range }),
    };
  });
  const dense = ({ weight, bias }: { weight: Tensor; bias?: Tensor }) => ({ weight, bias: bias! });
  const norm = (layer: Block["norm1"]) => {
    const { weight, bias } = layer as { weight: Tensor; bias: Tensor };
    return { gain: weight, bias };
  };
  const [up, down] = [dense(feedForward!.up), dense(feedForward!.down)];
  return {
    query,
    key,
    value,
    projection: dense(attention.projection),
    up,
    down,
    norm1: norm(norm1),
    norm2: norm(norm2),
  };
}

/**
 * Expects that weights have a shape, that their rows sum to 1, and that later keys have weight 0.
 */
async function expectLowerTriangular(weights: Tensor, shape: number[]): Promise<void> {
  await expectMatch({ shape: weights?.shape }, { shape }, { what: "weights" });
  const time = shape.at(-1)!;
  const rows = await weights.view([-1, time]).toArray<number[][]>();
  for (const [row, values] of rows.entries()) {
    const what = `row ${row % time} of the weights`;
    await expectMatch(values.reduce((a, b) => a + b), 1, { what: `the sum of ${what}` });
    const later = values.slice(row % time + 1);
    if (later.length > 0) {
      await expectMatch(later, later.map(() => 0), { what: `later keys in ${what}` });
    }
  }
}

// The answers. Try first.

function feedForwardAnswer(x: Tensor, up: Dense, down: Dense): Tensor {
  // [...,C] → [...,F], and no number of one token meets those of another.
  const inner = geluTanh(linear(x, up.weight, up.bias));
  return linear(inner, down.weight, down.bias);
}

function addNormAnswer(x: Tensor, processed: Tensor, norm: NormWeights): Tensor {
  return layerNorm(add(x, processed), norm.gain, norm.bias);
}

function decoderBlockAnswer(
  x: Tensor,
  block: BlockWeights,
  heads: number,
  parts: Parts,
): BlockResult {
  const { output, weights } = selfAttention(x, block, heads);
  // Each half adds its output to what it read; the second half reads h, not x.
  const h = parts.addNorm(x, output, block.norm1);
  const y = parts.addNorm(h, parts.feedForward(h, block.up, block.down), block.norm2);
  return { output: y, weights };
}

function languageModelAnswer(ids: Tensor, model: ModelWeights, block: BlockFunction): ModelResult {
  let x = embedding(model.tokens, ids, { positions: model.positions });
  const all: Tensor[] = [];
  for (const blockWeights of model.blocks) {
    const { output, weights } = block(x, blockWeights, model.heads);
    const [batch, heads, queries, keys] = weights.shape;
    // A new axis for the layers, along which all blocks' weights are joined at the end.
    all.push(reshape(weights, [batch, 1, heads, queries, keys]));
    x = output;
  }
  return {
    logits: linear(x, model.head.weight, model.head.bias),
    weights: concatenate(all, { axis: 1 }),
  };
}

if (import.meta.main) await lesson.run(Deno.args);
