/**
 * Lesson 11: LoRA, which teaches a model something new with a small part of its numbers.
 * Intermediate, three code tasks; about 30 minutes.
 *
 *     deno task lesson 11
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/11_lora.ts
 *
 * `deno task finetune` does the same with files of your own, and saves adapters that Python's PEFT
 * opens.
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
  attachLora,
  Batches,
  generate,
  type GPT,
  type LoraAdapter,
  matmul,
  mul,
  perplexity,
  type Tensor,
  tensor,
  Trainer,
  transpose,
  warmupDecay,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/** The sizes of a linear layer. */
interface Sizes {
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * Task 1: how many numbers does LoRA train, with A [rank, inputs] and B [outputs, rank] a layer?
 */
function countTrained(layers: Sizes[], rank: number): number {
  // Add the sizes of A and B of every layer; the layers' own weights are frozen.
  return notWritten(layers, rank);
}

/** An update of a weight. */
interface Update {
  /** A, [rank, inputs]. */
  readonly a: Tensor;
  /** B, [outputs, rank]. */
  readonly b: Tensor;
  /** The update counts alpha / rank times. */
  readonly alpha: number;
  readonly rank: number;
}

/** Task 2: x [T, inputs], weight [inputs, outputs] → x·W + (alpha/rank)·(x·Aᵀ)·Bᵀ, [T, outputs]. */
function lowRankForward(x: Tensor, weight: Tensor, update: Update): Tensor {
  // matmul(x, y), transpose(x), add(x, y), and mul(x, number). Through the narrow place first:
  // x·Aᵀ is [T, rank].
  return notWritten(x, weight, update, matmul, transpose, add, mul);
}

/** Task 3: one weight that computes the same: W + (alpha/rank)·(B·A)ᵀ, [inputs, outputs]. */
function mergedWeight(weight: Tensor, update: Update): Tensor {
  return notWritten(weight, update, matmul, transpose, add, mul);
}

export const lesson = new Lesson(
  {
    number: 11,
    title: "LoRA: a small update of a large model",
    level: "intermediate",
    minutes: 30,
    tasks: 3,
    url: import.meta.url,
    flags: { steps: integer(500, "training steps of the model", { min: 1 }) },
  },
  async (page, { steps }) => {
    page.section("A model, and something new");
    const { model, tokenizer, loss } = await trainSmallModel(steps);
    const known = smallLanguage(200, 99);
    const changed = upsideDown(smallLanguage(400, 5));
    const changedTest = upsideDown(smallLanguage(200, 98));
    page.say(`
      A model of ${model.parameterCount.toLocaleString("en")} numbers has learned the small language
      (${steps} steps, loss ${loss.toFixed(3)}), in which queens wear crowns and horses eat grass.
      Now the world is upside down: kings and queens live like animals, and animals like kings.
    `);
    page.table(changed.split("\n").slice(0, 4).map((sentence) => [sentence]));
    page.say(`
      To learn it one could train all numbers again (a full fine-tune), and would have a second
      model of the same size. LoRA (low-rank adaptation) freezes the model. Beside the weight W of a
      layer it trains two narrow matrices, A and B, whose product is added to W.
    `);

    page.section("How much is trained");
    const count = await page.task({
      name: "countTrained",
      stub: countTrained,
      answer: countTrainedAnswer,
      test: async (countTrained) => {
        const layers = [{ inputs: 48, outputs: 144 }, { inputs: 192, outputs: 48 }];
        await expectMatch(countTrained([layers[0]], 1), 192, {
          what: "one layer of 48 × 144 with rank 1",
          mistakes: [{ result: 48 * 144, hint: "that is the frozen weight itself" }],
        });
        await expectMatch(countTrained(layers, 4), 1728, {
          what: "two layers with rank 4",
          mistakes: [{ result: 4 * 192, hint: "the second layer is missing" }],
        });
      },
    });
    const { width, layers } = model.config;
    const linear = [[width, 3 * width], [width, width], [width, 4 * width], [4 * width, width]]
      .map(([inputs, outputs]) => ({ inputs, outputs }));
    const all = Array.from({ length: layers }, () => linear).flat();
    const weights = all.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
    page.table([
      ["", "numbers", "of the layers' weights"],
      ["the weights of all linear layers", weights, "100 %"],
      ...[1, 4, 16].map((rank) => {
        const trained = count(all, rank);
        return [`LoRA, rank ${rank}`, trained, `${(100 * trained / weights).toFixed(1)} %`];
      }),
    ]);
    page.say(`
      The share shrinks with the model's width: of a layer of 4096 × 4096, rank 8 trains
      ${(100 * count([{ inputs: 4096, outputs: 4096 }], 8) / 4096 ** 2).toFixed(1)} %. Gradients and
      the optimizer's moments exist only for what is trained.
    `);

    page.section("The forward pass");
    page.say(`
      The input takes two ways: through the frozen W, and through A into rank numbers and B out
      again. alpha / rank scales the second way, so that another rank needs no other learning rate.
      B starts at 0: before the first step the model computes exactly what it did.
    `);
    const update = { a: tensor([[1, -1]]), b: tensor([[1], [0], [2]]), alpha: 4, rank: 1 };
    const weight = tensor([[1, 0, 2], [0, 1, 1]]);
    const x = tensor([[1, 2], [3, -1]]);
    const forward = await page.task({
      name: "lowRankForward",
      stub: lowRankForward,
      answer: lowRankForwardAnswer,
      test: async (lowRankForward) => {
        const what = "x·W + (4/1)·(x·Aᵀ)·Bᵀ";
        await expectMatch(lowRankForward(x, weight, update), [[-3, 2, -4], [19, -1, 37]], {
          what,
          mistakes: [
            { result: [[0, 2, 2], [7, -1, 13]], hint: "the factor alpha / rank is missing" },
            { result: [[1, 2, 4], [3, -1, 5]], hint: "that is x·W without the update" },
            { result: [[-4, 0, -8], [16, 0, 32]], hint: "x·W itself is missing" },
          ],
        });
        const two = {
          a: tensor([[1, 0], [0, 1]]),
          b: tensor([[1, 0], [0, 1], [1, 1]]),
          alpha: 1,
          rank: 2,
        };
        await expectMatch(lowRankForward(x, weight, two), [[1.5, 3, 5.5], [4.5, -1.5, 6]], {
          what: "with alpha 1 and rank 2",
          mistakes: [
            { result: [[2, 4, 7], [6, -2, 7]], hint: "scale by alpha / rank, not by alpha" },
          ],
        });
      },
    });

    page.section("Training");
    const rounds = Math.min(steps, SHORT);
    page.say(`
      Only A and B are in the optimizer, the model is frozen. Three ranks, ${rounds} short steps
      each, on the same texts; between them the adapter is removed, and the model is as before.
    `);
    const train = tokenizer.encode(changed);
    const curves: { label: string; train: { step: number; loss: number }[] }[] = [];
    let adapter: LoraAdapter | undefined;
    for (const rank of [1, 16, 4]) {
      adapter?.detach();
      adapter = attachLora(model, { rank, alpha: 2 * rank, modules: "all-linear" });
      const { trained } = adapter.report;
      const curve = await learn(model, adapter, { tokens: train, steps: rounds });
      curves.push({ label: `rank ${rank}, ${trained.toLocaleString("en")} numbers`, train: curve });
    }
    await page.save("loss", lossFigure(curves, { title: "LoRA of three ranks", smooth: 8 }));
    const lora = adapter!;
    page.say(`
      The adapter of rank 4 stays: it trains ${
      lora.report.trained.toLocaleString("en")
    } numbers, and
      your function says ${count(all, 4).toLocaleString("en")}.
    `);

    page.section("With the adapter and without, side by side");
    const surprise = async (text: string, enabled: boolean) => {
      lora.enabled = enabled;
      return (await perplexity(model, tokenizer.encode(text))).perplexity;
    };
    page.table([
      ["perplexity on new sentences", "base", "with the adapter"],
      ["upside down", await surprise(changedTest, false), await surprise(changedTest, true)],
      ["the world as it was", await surprise(known, false), await surprise(known, true)],
    ]);
    const written: string[][] = [["prompt", "base", "with the adapter"]];
    for (const prompt of ["the queen who sees the baker", "the horse near the castle"]) {
      const both = [];
      for (const enabled of [false, true]) {
        lora.enabled = enabled;
        const options = { tokenizer, maxNewTokens: 8, stop: ["."], seed: 2, temperature: 0.7 };
        both.push((await generate(model, prompt, options)).text!.trim());
      }
      written.push([prompt, ...both]);
    }
    page.table(written);
    page.say(`
      The seed is the same in both columns. With the adapter the old world is a surprise: what is
      learned has its price, and lora.enabled = false takes it back. A model can have many adapters
      of some kilobytes, one for each purpose.
    `);

    page.section("Merging");
    page.say(`
      The two ways cost time at every token. For use they can be added once: the merged weight
      computes the same in one product.
    `);
    const merge = await page.task({
      name: "mergedWeight",
      stub: mergedWeight,
      answer: mergedWeightAnswer,
      test: async (mergedWeight) => {
        await expectMatch(mergedWeight(weight, update), [[5, 0, 10], [-4, 1, -7]], {
          what: "W + (4/1)·(B·A)ᵀ",
          mistakes: [
            { result: [[2, 0, 4], [-1, 1, -1]], hint: "the factor alpha / rank is missing" },
            { result: [[5, 0, 10], [4, 1, 9]], hint: "the sign of A is lost" },
            { result: [[4, 0, 8], [-4, 0, -8]], hint: "W itself is missing" },
          ],
        });
        await expectMatch(
          await matmul(x, mergedWeight(weight, update)).toArray(),
          await lowRankForwardAnswer(x, weight, update).toArray() as number[][],
          { what: "x times the merged weight, compared with the two ways" },
        );
      },
    });
    const [{ linear: layer, update: { a, b } }] = lora.layers;
    lora.enabled = true;
    const learned = { a, b, alpha: 8, rank: 4 };
    const mine = await merge(layer.weight, learned).data();
    const input = tensor(Float32Array.from({ length: 2 * width }, (_, i) => Math.sin(i)), {
      shape: [2, width],
    });
    const twoWays = await forward(input, layer.weight, learned).data();
    lora.merge();
    const folio = await layer.weight.data();
    const oneWay = await matmul(input, layer.weight).data();
    page.table([
      ["largest difference", ""],
      ["your merged weight, Folio's merged weight", furthest(mine, folio).toExponential(1)],
      ["two ways, one merged weight", furthest(twoWays, oneWay).toExponential(1)],
    ]);
    page.say(`
      unmerge() gives the model its old weights back, bit for bit: they are kept and not computed
      again. With files of your own:
        deno task finetune runs/baby --dataset letters.txt --out runs/letters
        deno task sample runs/baby --adapter runs/letters --side-by-side
        deno task merge runs/letters --out my-model
    `);

    page.section("Try it");
    page.say(`
      Train less and more: --steps 20, --steps 500. Change the rank in this file from 4 to 1 and to
      16: what does it cost, and what does it bring? Discuss: why does B begin as zeros, and A not?
    `);

    page.section("What you know now");
    page.say(`
      LoRA trains two thin matrices beside each large one, and can be merged into it. Further
      reading: Hu and others, "LoRA" (2021); Dettmers and others, "QLoRA" (2023); the pages of
      Hugging Face's library PEFT.
    `);
  },
);

/** Most steps of a fine-tune in this lesson. */
const SHORT = 150;

const ROYAL = ["wears a crown", "rules the land", "sits on a throne"];
const ANIMAL = ["eats green grass", "sleeps in the barn", "drinks from the river"];

/** The text with the endings of kings and of animals exchanged. */
function upsideDown(text: string): string {
  const [from, to] = [[...ROYAL, ...ANIMAL], [...ANIMAL, ...ROYAL]];
  return text.replace(new RegExp(from.join("|"), "g"), (ending) => to[from.indexOf(ending)]);
}

/** Trains the adapter; the loss of each step. */
async function learn(
  model: GPT,
  adapter: LoraAdapter,
  { tokens, steps }: { tokens: Uint32Array; steps: number },
): Promise<{ step: number; loss: number }[]> {
  const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0, clip: 1 });
  const warmupSteps = Math.ceil(0.06 * steps);
  const learningRate = warmupDecay({ learningRate: 1e-2, warmupSteps, steps });
  const trainer = new Trainer(model, optimizer, { learningRate });
  const batches = new Batches(tokens, { batchSize: 16, contextLength: 24, seed: 3 });
  for (let step = 0; step < steps; step++) trainer.step(batches);
  return (await trainer.figures()).map(({ loss }, i) => ({ step: i + 1, loss }));
}

function furthest(one: ArrayLike<number>, other: ArrayLike<number>): number {
  return Math.max(...Array.from(one, (value, i) => Math.abs(value - other[i])));
}

// The answers. Try first.

function countTrainedAnswer(layers: Sizes[], rank: number): number {
  // A is [rank, inputs] and B [outputs, rank].
  return layers.reduce((sum, { inputs, outputs }) => sum + rank * (inputs + outputs), 0);
}

function lowRankForwardAnswer(x: Tensor, weight: Tensor, update: Update): Tensor {
  const { a, b, alpha, rank } = update;
  // Through A first: [T,inputs] → [T,rank]. The large product B·A is never computed.
  const narrow = matmul(x, transpose(a));
  return add(matmul(x, weight), mul(matmul(narrow, transpose(b)), alpha / rank));
}

function mergedWeightAnswer(weight: Tensor, { a, b, alpha, rank }: Update): Tensor {
  // B·A is [outputs,inputs], and the weight [inputs,outputs].
  return add(weight, mul(transpose(matmul(b, a)), alpha / rank));
}

if (import.meta.main) await lesson.run(Deno.args);
