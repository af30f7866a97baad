/**
 * Lesson 15: sparse features: why a model holds more features than it has dimensions, and how a
 * sparse autoencoder finds them again. Advanced, three code tasks; about 40 minutes.
 *
 *     deno task lesson 15
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/15_sparse_features.ts
 *
 * `deno task study superposition` repeats the first half with several seeds and a control.
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
import { embeddingFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  add,
  compile,
  keep,
  matmul,
  mean,
  mul,
  Random,
  relu,
  runWithCache,
  square,
  sub,
  type Tensor,
  tensor,
  transpose,
  valueAndGrad,
  zeros,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/** Task 1: x [B,5] is squeezed into two numbers and spread out again: relu(x·W·Wᵀ + b). */
function squeezed(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  // weight is [5, 2], bias [5]; transpose(weight) is [2, 5].
  return notWritten(x, weight, bias, matmul, transpose, add, relu);
}

/** Task 2: cosine[i][j] of the angle between the rows i and j of a matrix. */
function cosines(rows: number[][]): number[][] {
  // The product of two vectors, divided by both lengths.
  return notWritten(rows);
}

/** Task 3: the loss of a sparse autoencoder: mean (x − again)² + sparsity · mean |features|. */
function sparseLoss(x: Tensor, again: Tensor, features: Tensor, sparsity: number): Tensor {
  // The features are not negative: they come out of a ReLU. mean(x) is over all numbers of x.
  return notWritten(x, again, features, sparsity, sub, square, mean, mul, add);
}

export const lesson = new Lesson(
  {
    number: 15,
    title: "Sparse features",
    level: "advanced",
    minutes: 40,
    tasks: 3,
    url: import.meta.url,
    flags: { steps: integer(500, "training steps of the language model", { min: 1 }) },
  },
  async (page, { steps }) => {
    page.section("Five features, two dimensions");
    page.say(`
      Lesson 14 took heads apart. What of the numbers that flow between them? One would like each of
      them to mean something: one number for "royal", one for "plural". They mostly do not. A toy
      shows why: five features have to pass through two numbers and come out again.
    `);
    const squeeze = await page.task({
      name: "squeezed",
      stub: squeezed,
      answer: squeezedAnswer,
      test: async (squeezed) => {
        const [x, bias] = [tensor([[1, 0, 2]]), tensor([0, -1, 0])];
        const weight = tensor([[1, 0], [0, 1], [-0.5, 0]]);
        await expectMatch(squeezed(x, weight, bias), [[0, 0, 0]], {
          what: "three features, of which two cancel each other",
        });
        await expectMatch(squeezed(tensor([[1, 2, 0]]), weight, bias), [[1, 1, 0]], {
          what: "another input",
          mistakes: [
            { result: [[1, 1, -0.5]], hint: "the ReLU is missing" },
            { result: [[1, 2, 0]], hint: "the bias is missing" },
          ],
        });
      },
    });
    const rounds = Math.min(TOY_STEPS, 40 * steps);
    const [rare, always] = [await toy(squeeze, 0.05, rounds), await toy(squeeze, 1, rounds)];
    for (const [name, weight] of [["rare", rare], ["always", always]] as const) {
      const title = name === "rare" ? "Each feature is there one time in 20" : "Always there";
      await page.save(name, embeddingFigure(points(weight), { title, width: 420, height: 420 }));
    }
    page.say(`
      Features that are always there have no choice: the model keeps the two most important ones, and
      shrinks the others the more, the longer it is trained. Features that are rare share the plane as the corners of a
      pentagon. They disturb each other, but seldom: two of them are seldom there at once, and the
      ReLU with its negative bias swallows the rest. That is superposition (Elhage et al., 2022).
    `);
    const angles = await page.task({
      name: "cosines",
      stub: cosines,
      answer: cosinesAnswer,
      test: async (cosines) => {
        await expectMatch(cosines([[3, 0], [0, 2], [1, 1]]), [
          [1, 0, 0.7071],
          [0, 1, 0.7071],
          [0.7071, 0.7071, 1],
        ], {
          what: "three vectors",
          mistakes: [{
            result: [[9, 0, 3], [0, 4, 2], [3, 2, 2]],
            hint: "divide by the lengths of both vectors",
          }],
        });
      },
    });
    const names = Array.from({ length: FEATURES }, (_, i) => `feature ${i + 1}`);
    page.table([
      ["cosine, rare features", ...names],
      ...angles(rare).map((row, i) => [names[i], ...row.map((x) => Number(x.toFixed(3)))]),
    ]);
    page.say(`
      Neighbors of a pentagon have the cosine 0.309, the others −0.809. No single number of the two
      means one feature: the features are directions.
    `);

    page.section("Finding them again");
    page.say(`
      Now forget the five. All we have are the two numbers of many inputs. A sparse autoencoder
      looks for directions of which few are needed at a time: it computes many features,
      f = relu((x − c)·E + e), and from them x again, f·D + c, with rows of D of length 1. The loss
      has two parts: x must come back, and the features must be small.
    `);
    const loss = await page.task({
      name: "sparseLoss",
      stub: sparseLoss,
      answer: sparseLossAnswer,
      test: async (sparseLoss) => {
        const [x, again] = [tensor([[1, 2], [3, 4]]), tensor([[1, 1], [3, 2]])];
        const features = tensor([[2, 0, 0], [0, 0, 4]]);
        await expectMatch(sparseLoss(x, again, features, 0.5), 1.75, {
          what: "two vectors with three features each",
          mistakes: [
            { result: 1.25, hint: "that is the error alone" },
            { result: 2.25, hint: "multiply the mean of the features by `sparsity`" },
            { result: 8, hint: "those are sums; take means" },
            { result: 1.25 + 10 / 6, hint: "the features' own size counts, not its square" },
          ],
        });
      },
    });
    const inputs = sample(new Random(5), 0.05, 2000).filter((row) => row.some((x) => x > 0));
    const hidden = inputs.map((row) =>
      [0, 1].map((d) => row.reduce((sum, x, i) => sum + x * rare[i][d], 0))
    );
    const settings = { count: 2 * FEATURES, sparsity: 1, seed: 1 };
    const found = await autoencoder(loss, hidden, { ...settings, steps: rounds });
    const untrained = await autoencoder(loss, hidden, { ...settings, steps: 0 });
    page.table([
      ["cosine with the nearest direction", "found", "untrained"],
      ...rare.map((feature, i) => {
        const nearest = ({ directions }: Autoencoder) =>
          Math.max(...directions.map((direction) => cosinesAnswer([direction, feature])[0][1]));
        return [names[i], nearest(found), nearest(untrained)];
      }),
    ]);
    page.say(`
      Compare the columns. The second is a control, an autoencoder that has learned nothing: in a
      plane ten directions lie everywhere, and some are near a feature by chance. One high cosine
      proves nothing; that nearly all are high does, a little. In a space of many dimensions chance
      brings no direction near another.
    `);

    page.section("A language model's features");
    const { model, tokenizer, loss: trained } = await trainSmallModel(steps);
    const text = smallLanguage(120, 9);
    const ids = [...tokenizer.encode(text)];
    const vectors = await residuals(model, ids);
    page.say(`
      The same with the model of lesson 8 (${steps} steps, loss ${trained.toFixed(3)}): its
      ${model.config.width} numbers at each of ${vectors.length} words, between the two layers. Here
      nobody knows the features. An autoencoder with ${COUNT} of them; the words at which some are
      largest:
    `);
    const sparse = await autoencoder(loss, vectors, { count: COUNT, sparsity: 3, steps, seed: 1 });
    page.table([
      ["", "words where it is largest", "is there at"],
      ...strongest(sparse.features, ids).map(({ index, ids, share }) => [
        `feature ${index + 1}`,
        ids.map((id) => JSON.stringify(tokenizer.token(id)).slice(1, -1)).join(", "),
        `${(100 * share).toFixed(0)} % of words`,
      ]),
    ]);
    page.say(`
      Many features belong to one word or to words that can replace each other. That is what makes
      them useful: they can be read, and switched with withHooks of lesson 14. Two warnings. The
      autoencoder leaves out what it cannot express: its ${COUNT} features bring back
      ${
      (100 * sparse.explained).toFixed(0)
    } % of the variance. And another seed finds other features;
      what a model "really" has, the method does not say.
    `);

    page.section("Try it");
    page.say(`
      At which rarity does the pentagon appear, and is there something between two features and
      five? The study says how often, with several seeds:
        deno task study superposition --quick --seeds 3
      A model that has learned less: are its features still words that can replace each other?
        deno task lesson 15 --steps 50
      Features of your own run, with the texts where they are strongest, as a page:
        deno task inspect runs/baby --features-from a-text.txt
      Discuss: which control would show that the features of the language model are no accident?
    `);

    page.section("What you know now");
    page.say(`
      Models hold more features than dimensions, as directions that share the space; sparse
      autoencoders look for such directions, and a control tells whether they found any. Further
      reading: Elhage and others, "Toy Models of Superposition" (2022); Bricken and others, "Towards
      Monosemanticity" (2023); Cunningham and others, arXiv 2309.08600. This is the last lesson.
      Train a model on texts that you like (deno task train), open it in deno task explore, and take
      one question from a "Try it" further than the lesson did.
    `);
  },
);

const FEATURES = 5;
const TOY_STEPS = 1500;
const COUNT = 96;

/** Inputs [count][5]: each feature is there with this chance, and then between 0 and 1. */
function sample(random: Random, chance: number, count: number): number[][] {
  return Array.from(
    { length: count },
    () => Array.from({ length: FEATURES }, () => random.uniform() < chance ? random.uniform() : 0),
  );
}

/** Trains the toy; returns the direction of each feature, [5][2]. */
async function toy(squeeze: typeof squeezed, chance: number, steps: number): Promise<number[][]> {
  const random = new Random(0);
  const weight = tensor(random.normals(2 * FEATURES, 0.5), { shape: [FEATURES, 2] });
  const bias = tensor(new Float32Array(FEATURES));
  const importance = tensor(Float32Array.from({ length: FEATURES }, (_, i) => 0.9 ** i));
  const x = keep(zeros([512, FEATURES]));
  const parameters = [weight, bias];
  const optimizer = new AdamW(parameters, { weightDecay: 0 });
  const step = compile(() => {
    const { gradients } = valueAndGrad(
      () => mean(mul(square(sub(x, squeeze(x, weight, bias))), importance)),
      parameters,
    );
    optimizer.update(gradients);
  });
  for (let i = 0; i < steps; i++) {
    x.write(sample(random, chance, 512).flat());
    optimizer.prepare(5e-3 * (1 - i / steps));
    step();
  }
  return await weight.toArray() as number[][];
}

/** The features' points, and the origin. */
function points(weight: number[][]) {
  const corners = weight.map(([x, y], i) => ({
    label: `feature ${i + 1}`,
    group: "features",
    x,
    y,
  }));
  return [...corners, { label: "0", group: "origin", x: 0, y: 0 }];
}

/** A trained autoencoder of some vectors. */
interface Autoencoder {
  /** The direction of each feature, of length 1. */
  readonly directions: number[][];
  /** The features of each vector. */
  readonly features: number[][];
  /** The share of the variance that it brings back. */
  readonly explained: number;
}

/** Trains f = relu((x − c)·E + e), x ≈ f·D + c, with c the mean and rows of D of length 1. */
async function autoencoder(
  loss: typeof sparseLoss,
  vectors: number[][],
  { count, sparsity, steps, seed }: {
    count: number;
    sparsity: number;
    steps: number;
    seed: number;
  },
): Promise<Autoencoder> {
  const [random, width] = [new Random(seed), vectors[0].length];
  const center = vectors[0].map((_, d) => average(vectors.map((vector) => vector[d])));
  const scale = Math.sqrt(average(vectors.flat().map((x, i) => (x - center[i % width]) ** 2)));
  const x = tensor(vectors.map((vector) => vector.map((value, d) => (value - center[d]) / scale)));
  const free = tensor(random.normals(count * width, 1 / Math.sqrt(width)), {
    shape: [count, width],
  });
  const encoder = keep(tensor(transposed(await free.toArray() as number[][])));
  const bias = tensor(new Float32Array(count));
  const parameters = [encoder, bias, free];
  const optimizer = new AdamW(parameters, { weightDecay: 0 });
  const featuresOf = () => relu(add(matmul(x, encoder), bias));
  const step = compile(() => {
    const { gradients } = valueAndGrad(() => {
      const features = featuresOf();
      return loss(x, matmul(features, free), features, sparsity);
    }, parameters);
    optimizer.update(gradients);
  });
  for (let i = 0; i < steps; i++) {
    optimizer.prepare(1e-2 * (1 - i / steps));
    step();
    if (i % 10 === 9) free.write(unit(await free.toArray() as number[][]).flat());
  }
  const features = featuresOf();
  const again = matmul(features, free);
  return {
    directions: unit(await free.toArray() as number[][]),
    features: await features.toArray() as number[][],
    explained: 1 - await mean(square(sub(x, again))).item(),
  };
}

/** Rows of length 1. */
function unit(rows: number[][]): number[][] {
  return rows.map((row) => {
    const length = Math.hypot(...row) || 1;
    return row.map((x) => x / length);
  });
}

function transposed(rows: number[][]): number[][] {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The model's vectors between its two layers, one for each id of full rows. */
async function residuals(
  model: Awaited<ReturnType<typeof trainSmallModel>>["model"],
  ids: number[],
): Promise<number[][]> {
  const { contextLength: time } = model.config;
  const rows = Math.floor(ids.length / time);
  const input = tensor(Int32Array.from(ids.slice(0, rows * time)), { shape: [rows, time] });
  const name = "blocks.1.hook_resid_pre";
  const { cache } = runWithCache(model, input, { names: name });
  return (await cache.get(name).toArray() as number[][][]).flat();
}

/**
 * Of the features that are there at 1 to 30 % of the words, the twelve largest with their words.
 */
function strongest(features: number[][], ids: number[]) {
  const all = features[0].map((_, index) => {
    const values = features.map((row) => row[index]);
    const share = values.filter((value) => value > 0.1).length / values.length;
    const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]).slice(0, 40);
    const words = [...new Set(order.map((place) => ids[place]))].slice(0, 4);
    return { index, share, ids: words, largest: values[order[0]] };
  });
  return all.filter(({ share }) => share > 0.01 && share < 0.3)
    .sort((a, b) => b.largest - a.largest).slice(0, 12);
}

// The answers. Try first.

function squeezedAnswer(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return relu(add(matmul(matmul(x, weight), transpose(weight)), bias));
}

function cosinesAnswer(rows: number[][]): number[][] {
  const product = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  return rows.map((a) => rows.map((b) => product(a, b) / (Math.hypot(...a) * Math.hypot(...b))));
}

function sparseLossAnswer(x: Tensor, again: Tensor, features: Tensor, sparsity: number): Tensor {
  return add(mean(square(sub(x, again))), mul(mean(features), sparsity));
}

if (import.meta.main) await lesson.run(Deno.args);
