/**
 * Lesson 13: prompts, prefixes and bottlenecks, three other ways to teach a frozen model, beside
 * LoRA. Intermediate, three code tasks; about 30 minutes.
 *
 *     deno task lesson 13
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/13_prefix_prompt_adapters.ts
 *
 * Lesson 11 introduces LoRA.
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
  trainSmallModel,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { lossFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  add,
  attachBottleneck,
  attachLora,
  attachPrefix,
  attachPrompt,
  Batches,
  concatenate,
  generate,
  type GPT,
  matmul,
  mul,
  perplexity,
  slice,
  softmax,
  type Tensor,
  tensor,
  topNextTokens,
  Trainer,
  transpose,
  warmupDecay,
  type WordTokenizer,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Task 1: what the first layer reads. prompt [P, C], text [T, C], and positions, a table of at
 * least P + T vectors → [P + T, C].
 */
function withPrompt(prompt: Tensor, text: Tensor, positions: Tensor): Tensor {
  // concatenate([x, y]) puts the rows of y below those of x; slice(x, { axis: 0, end: n }) has the
  // first n rows; add(x, y). A number of rows is x.shape[0].
  return notWritten(prompt, text, positions, concatenate, slice, add);
}

/** Keys and values of a layer, [T, D] each. */
interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Task 2: attention of the last token, query [1, D], to the text and to a learned prefix:
 * softmax(q·[keys of the prefix; keys]ᵀ/√D)·[values of the prefix; values], [1, D].
 */
function withPrefix(query: Tensor, text: KeysAndValues, prefix: KeysAndValues): Tensor {
  // softmax(x) is along the last axis.
  return notWritten(query, text, prefix, concatenate, matmul, transpose, mul, softmax);
}

/** The sizes of a model and of what is added to it. */
interface Sizes {
  /** L, the number of layers. */
  readonly layers: number;
  /** C, the width. */
  readonly width: number;
  /** P, the number of vectors of a prompt or a prefix. */
  readonly tokens: number;
  /** S, the inner size of a bottleneck. */
  readonly size: number;
  /** r, the rank of LoRA's matrices. */
  readonly rank: number;
}

/** A way to teach a frozen model. */
type Method = "prompt" | "prefix" | "bottleneck" | "lora";

/** Task 3: how many numbers does each method train? */
function countTrained(method: Method, sizes: Sizes): number {
  // A prompt: P vectors of C numbers, once.
  // A prefix: P keys and P values of C numbers in every layer.
  // Bottlenecks: two in every layer, each two linear layers with biases: C → S and S → C.
  // LoRA: A [r, inputs] and B [outputs, r] beside four linear layers in every layer: C → 3C, C → C,
  // C → 4C and 4C → C.
  return notWritten(method, sizes);
}

export const lesson = new Lesson(
  {
    number: 13,
    title: "Prefix, prompt, adapters",
    level: "intermediate",
    minutes: 30,
    tasks: 3,
    url: import.meta.url,
    flags: { steps: integer(500, "training steps of the model", { min: 1 }) },
  },
  async (page, { steps }) => {
    page.section("A frozen model, and something new");
    const { model, tokenizer, loss } = await trainSmallModel(steps);
    const changed = upsideDown(smallLanguage(400, 5));
    const test = tokenizer.encode(upsideDown(smallLanguage(200, 98)));
    page.say(`
      The model of lesson 11 (${model.parameterCount.toLocaleString("en")} numbers, ${steps} steps,
      loss ${loss.toFixed(3)}) meets the world of lesson 11 that is upside down: kings live like
      animals, and animals like kings. Its own numbers stay as they are. LoRA added a small update
      to its weights; here are three other places for the few numbers that are trained: before the
      text, in front of each layer's keys and values, and between the layers.
    `);

    page.section("A prompt of vectors");
    page.say(`
      One teaches a large model by words: "Answer in one word: ...". The model never sees those
      words, only the vectors that stand for them. Prompt tuning leaves the words out and trains the
      vectors: P of them stand before every text. They take positions like words do, so the text
      begins at position P.
    `);
    await page.task({
      name: "withPrompt",
      stub: withPrompt,
      answer: withPromptAnswer,
      test: async (withPrompt) => {
        const prompt = tensor([[1, 0]]);
        const text = tensor([[2, 2], [3, 1]]);
        const positions = tensor([[0.1, 0], [0.2, 0], [0.3, 0], [0.4, 0]]);
        await expectMatch(withPrompt(prompt, text, positions), [[1.1, 0], [2.2, 2], [3.3, 1]], {
          what: "a prompt of one vector and a text of two",
          mistakes: [
            { result: [[2.1, 2], [3.2, 1], [1.3, 0]], hint: "the prompt stands before the text" },
            {
              result: [[1.1, 0], [2.1, 2], [3.2, 1]],
              hint: "the text's positions begin behind the prompt, at P",
            },
            { result: [[1, 0], [2, 2], [3, 1]], hint: "the positions are missing" },
          ],
        });
      },
    });
    page.say(`
      A prompt whose vectors are those of words is nothing but those words. Both ways to let the
      model read "the queen who sees the cow":
    `);
    page.table(await bothWays(model, tokenizer));
    page.say(`
      But training may move the vectors anywhere, to places that no word has.
    `);

    page.section("A prefix in every layer");
    page.say(`
      The model acts on a prompt through attention: each layer computes keys and values from the
      vectors, and the text attends to those. Prefix tuning trains the keys and values themselves,
      in every layer. The text's queries find them beside the text's own keys. The prefix has no
      queries: nothing is computed for it, it is only looked at.
    `);
    await page.task({
      name: "withPrefix",
      stub: withPrefix,
      answer: withPrefixAnswer,
      test: async (withPrefix) => {
        const query = tensor([[2, 0, 0, 0]]);
        const text = {
          keys: tensor([[0, 1, 0, 0], [Math.log(2), 0, 0, 1]]),
          values: tensor([[6, 0, 0, 0], [0, 6, 0, 0]]),
        };
        const prefix = {
          keys: tensor([[Math.log(3), 0, 0, 0]]),
          values: tensor([[0, 0, 6, 0]]),
        };
        await expectMatch(withPrefix(query, text, prefix), [[1, 2, 3, 0]], {
          what: "a prefix of one key and value, and a text of two",
          mistakes: [
            { result: [[2, 4, 0, 0]], hint: "that is attention to the text alone" },
            { result: [[3 / 7, 12 / 7, 27 / 7, 0]], hint: "the factor 1/√D is missing" },
            {
              result: [[2, 4, 6, 0]],
              hint: "one softmax over prefix and text, not one for each: the weights add up to 1",
            },
          ],
        });
      },
    });

    page.section("Bottlenecks, and how much is trained");
    page.say(`
      The third place is between the layers: a bottleneck, two small linear layers with a ReLU
      between, h + relu(h·W + b)·W' + b', follows attention and the feed-forward of every layer (the
      first thing that was called an adapter). W' starts at 0, so the model starts as it was. With
      LoRA that makes four methods. How many numbers does each train?
    `);
    const count = await page.task({
      name: "countTrained",
      stub: countTrained,
      answer: countTrainedAnswer,
      test: async (countTrained) => {
        const sizes = { layers: 2, width: 8, tokens: 3, size: 2, rank: 1 };
        await expectMatch(countTrained("prompt", sizes), 24, {
          what: "a prompt",
          mistakes: [{ result: 48, hint: "a prompt is there once, not in every layer" }],
        });
        await expectMatch(countTrained("prefix", sizes), 96, {
          what: "a prefix",
          mistakes: [{ result: 48, hint: "keys and values, and in every layer" }],
        });
        await expectMatch(countTrained("bottleneck", sizes), 168, {
          what: "bottlenecks",
          mistakes: [
            { result: 128, hint: "the biases are missing" },
            { result: 84, hint: "there are two in every layer" },
          ],
        });
        await expectMatch(countTrained("lora", sizes), 256, {
          what: "LoRA",
          mistakes: [{ result: 128, hint: "that is one layer" }],
        });
      },
    });
    const { width, layers } = model.config;
    const sizes = { layers, width, tokens: TOKENS, size: 4, rank: 2 };
    const large = { layers: 32, width: 4096, tokens: 20, size: 64, rank: 8 };
    page.table([
      ["numbers trained", "this model", "a model of 32 layers, width 4096"],
      ...METHODS.map((method) => [NAMES[method], count(method, sizes), count(method, large)]),
    ]);

    page.section("Training all four");
    const rounds = Math.min(steps, SHORT);
    page.say(`
      Each method gets ${rounds} steps on the same texts; between them the model is as before. The
      learning rates differ (0.1 for the vectors, 0.01 for the matrices): a prompt has few numbers,
      and they have far to go.
    `);
    const tokens = tokenizer.encode(changed);
    const curves: { label: string; train: { step: number; loss: number }[] }[] = [];
    const surprise = async (tokens: Uint32Array) => (await perplexity(model, tokens)).perplexity;
    const known = await surprise(tokenizer.encode(smallLanguage(200, 98)));
    const results: (string | number)[][] = [[
      "the model alone",
      0,
      0,
      await surprise(test),
      await written(model, tokenizer),
    ]];
    for (const method of METHODS) {
      const adapter = ATTACH[method](model, sizes);
      const { trained } = adapter.report;
      const curve = await learn(model, adapter.parameters(), { method, tokens, steps: rounds });
      curves.push({ label: `${NAMES[method]}, ${trained.toLocaleString("en")}`, train: curve });
      const text = await written(model, tokenizer);
      results.push([NAMES[method], trained, count(method, sizes), await surprise(test), text]);
      adapter.detach();
    }
    await page.save(
      "loss",
      lossFigure(curves, { title: "Four methods, and how many numbers they train", smooth: 8 }),
    );
    page.table([
      ["", "trained", "your count", "perplexity", `"${PROMPT} ..."`],
      ...results,
    ]);
    page.say(`
      Perplexity is that of new sentences of the world upside down. In the world that it knew, the
      model alone has ${known.toFixed(3)}, and bottlenecks and LoRA reach that: they change what the
      layers compute. A prompt and a prefix only add something to look at, and in a model as small
      as this one nothing that it could look at says "the other way round". The prompt has learned
      little more than that anybody may do anything. Large models have read so much that a few
      vectors can call up what is needed: there a prompt comes close to training everything (Lester
      et al., arXiv 2104.08691).
    `);

    page.section("Which one?");
    page.table([
      ["", "costs, in use", "can be merged", "another one for each text of a batch"],
      ["prompt", "P more tokens", "no", "easy: they are input"],
      ["prefix", "P more keys and values", "no", "easy: they are a cache"],
      ["bottlenecks", "four small products a layer", "no: the ReLU", "hard"],
      ["LoRA", "two small products a weight", "yes, and costs nothing then", "hard"],
    ]);
    page.say(`
      That LoRA can be merged into the weights (lesson 11) and is as good as a full fine-tune on
      most tasks has made it the usual choice. savePrompt writes prompts and prefixes as Python's
      PEFT does, and
        deno task sample runs/baby --adapter FOLDER --side-by-side
      opens them, as it opens LoRA's.
    `);

    page.section("Try it");
    page.say(`
      Train less and more: --steps 20, --steps 500: which of the four gains most? Change the number of
      tokens of the prompt in this file from what it is to 1. Discuss: you offer one large model to a
      hundred customers, each with texts of their own. Which of the four do you choose, and why?
    `);

    page.section("What you know now");
    page.say(`
      A frozen model can be steered from outside: by vectors before the text, by keys and values in
      every layer, by bottlenecks, or by LoRA. Further reading: Lester and others, "The Power of
      Scale for Parameter-Efficient Prompt Tuning" (2021); Li and Liang, "Prefix-Tuning" (2021);
      Houlsby and others on bottleneck adapters (2019).
    `);
  },
);

/** Most steps of a fine-tune in this lesson. */
const SHORT = 150;

/** Vectors of a prompt and of a prefix. */
const TOKENS = 8;

const PROMPT = "the queen near the castle";

const METHODS: readonly Method[] = ["prompt", "prefix", "bottleneck", "lora"];

const NAMES: Readonly<Record<Method, string>> = {
  prompt: "prompt",
  prefix: "prefix",
  bottleneck: "bottlenecks",
  lora: "LoRA",
};

const ATTACH = {
  prompt: (model: GPT, { tokens }: Sizes) => attachPrompt(model, { tokens }),
  prefix: (model: GPT, { tokens }: Sizes) => attachPrefix(model, { tokens }),
  bottleneck: (model: GPT, { size }: Sizes) => attachBottleneck(model, { size }),
  lora: (model: GPT, { rank }: Sizes) =>
    attachLora(model, { rank, alpha: 2 * rank, modules: "all-linear" }),
};

const RATES: Readonly<Record<Method, number>> = {
  prompt: 0.1,
  prefix: 0.1,
  bottleneck: 0.01,
  lora: 0.01,
};

const ROYAL = ["wears a crown", "rules the land", "sits on a throne"];
const ANIMAL = ["eats green grass", "sleeps in the barn", "drinks from the river"];

/** The text with the endings of kings and of animals exchanged. */
function upsideDown(text: string): string {
  const [from, to] = [[...ROYAL, ...ANIMAL], [...ANIMAL, ...ROYAL]];
  return text.replace(new RegExp(from.join("|"), "g"), (ending) => to[from.indexOf(ending)]);
}

/** The next words after a text whose beginning is read as words, and as a prompt of vectors. */
async function bothWays(model: GPT, tokenizer: WordTokenizer): Promise<(string | number)[][]> {
  const [start, end] = ["the queen who sees", "the cow"].map((text) => tokenizer.encode(text));
  const asWords = await topNextTokens(model, [...start, ...end], { k: 3 });
  const prompt = attachPrompt(model, { tokens: start.length, text: start });
  const asVectors = await topNextTokens(model, end, { k: 3 });
  prompt.detach();
  return [
    ["next word", "of 6 words", "of 4 vectors and 2 words"],
    ...asWords.map(({ id, probability }, i) => [
      tokenizer.decode([id]),
      probability,
      asVectors[i].probability,
    ]),
  ];
}

/** What the model writes after the prompt. */
async function written(model: GPT, tokenizer: WordTokenizer): Promise<string> {
  const options = { tokenizer, maxNewTokens: 6, stop: ["."], seed: 2, temperature: 0.7 };
  return (await generate(model, PROMPT, options)).text!.trim();
}

/** Trains the parameters; the loss of each step. */
async function learn(
  model: GPT,
  parameters: Tensor[],
  { method, tokens, steps }: { method: Method; tokens: Uint32Array; steps: number },
): Promise<{ step: number; loss: number }[]> {
  const optimizer = new AdamW(parameters, { weightDecay: 0, clip: 1 });
  const warmupSteps = Math.ceil(0.06 * steps);
  const learningRate = warmupDecay({ learningRate: RATES[method], warmupSteps, steps });
  const trainer = new Trainer(model, optimizer, { learningRate });
  const contextLength = model.config.contextLength - TOKENS;
  const batches = new Batches(tokens, { batchSize: 16, contextLength, seed: 3 });
  for (let step = 0; step < steps; step++) trainer.step(batches);
  return (await trainer.figures()).map(({ loss }, i) => ({ step: i + 1, loss }));
}

// The answers. Try first.

function withPromptAnswer(prompt: Tensor, text: Tensor, positions: Tensor): Tensor {
  const rows = concatenate([prompt, text]);
  // The prompt takes the first positions, and the text those after them.
  return add(rows, slice(positions, { axis: 0, end: rows.shape[0] }));
}

function withPrefixAnswer(query: Tensor, text: KeysAndValues, prefix: KeysAndValues): Tensor {
  // One query and P + T keys: a longer row of weights, but an output of [1, D] as before.
  const keys = concatenate([prefix.keys, text.keys]);
  const values = concatenate([prefix.values, text.values]);
  const scores = mul(matmul(query, transpose(keys)), 1 / Math.sqrt(query.shape[1]));
  return matmul(softmax(scores), values);
}

function countTrainedAnswer(
  method: Method,
  { layers, width, tokens, size, rank }: Sizes,
): number {
  switch (method) {
    case "prompt":
      return tokens * width;
    case "prefix":
      return layers * 2 * tokens * width;
    case "bottleneck":
      return layers * 2 * (2 * width * size + size + width);
    case "lora":
      return layers * rank * ((1 + 3) + (1 + 1) + (1 + 4) + (4 + 1)) * width;
  }
}

if (import.meta.main) await lesson.run(Deno.args);
