/**
 * Lesson 8: looking inside a trained model: perplexity, attention, embeddings, next words.
 * Beginner, one code task; about 25 minutes.
 *
 *     deno task lesson 8
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/08_looking_inside.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  integer,
  Lesson,
  notWritten,
  SMALL_LANGUAGE_WORDS,
  smallLanguage,
  trainSmallModel,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  attentionFigure,
  attentionGridFigure,
  embeddingFigure,
  nextTokenFigure,
  principalComponents,
  umap,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  perplexity,
  tensor,
  topNextTokens,
  UserError,
  WordVectors,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * The code task: the perplexity of a text, from the probability that the model gave to each of its
 * words.
 */
function perplexityOf(probabilities: number[]): number {
  // exp(the mean of −ln p): Math.exp and Math.log.
  return notWritten(probabilities);
}

export const lesson = new Lesson(
  {
    number: 8,
    title: "Looking inside a trained model",
    level: "beginner",
    minutes: 25,
    tasks: 1,
    url: import.meta.url,
    flags: { steps: integer(500, "training steps of the model", { min: 1 }) },
  },
  async (page, { steps }) => {
    const { model, tokenizer, loss } = await trainSmallModel(steps);
    const { layers, heads, width } = model.config;
    page.say(`
      A model of ${layers} layers and ${heads} heads has just learned an invented language (${steps}
      steps, loss ${loss.toFixed(3)}). In that language the subject determines how a sentence ends:
      queens wear crowns, bakers sell bread, horses eat grass, whatever is between. What has the
      model learned of it?

      Words that you need here. A layer is one step of the way through the model; the text passes
      all layers in order. In each layer several heads attend: a head decides, for every word, which
      earlier words matter now, in weights that sum to 1 (lesson 1). An embedding is the vector of
      numbers that stands for a word (lesson 5). The loss says how badly the model predicts: the mean
      of −ln p, where p is the probability that it gave to the word that really came. ln is the
      natural logarithm: −ln p is 0 if the model was sure (p = 1), 0.69 at p = 0.5, and 4.6 at
      p = 0.01. Training changes the model's numbers in many small steps so that the loss falls.
    `);

    page.section("How surprised is it?");
    page.say(`
      Perplexity is the loss as a number of words: a perplexity of 3 means that the model was as
      unsure, on average, as between 3 equally likely words. It is exp(loss); exp undoes ln. It is
      measured on text that was not used in training.
    `);
    const measure = await page.task({
      name: "perplexityOf",
      stub: perplexityOf,
      answer: perplexityAnswer,
      test: async (perplexityOf) => {
        await expectMatch(perplexityOf([1, 1, 1]), 1, { what: "always sure and right" });
        await expectMatch(perplexityOf([0.25, 0.25]), 4, { what: "a choice of four" });
        await expectMatch(perplexityOf([0.5, 0.125]), 4);
      },
    });
    const unseen = smallLanguage(100, 99);
    const shuffled = unseen.trim().split(/\s+/).sort().join(" ");
    const measured = await perplexity(model, tokenizer.encode(unseen));
    page.table([
      ["text", "perplexity"],
      ["new sentences", measured.perplexity],
      [
        "their words in alphabetical order",
        (await perplexity(model, tokenizer.encode(shuffled))).perplexity,
      ],
      [`a random guess among ${tokenizer.vocabSize} words`, measure([1 / tokenizer.vocabSize])],
    ]);

    page.section("What does it attend to?");
    const sentence = "the queen who sees the horse near the castle wears a crown .";
    const ids = tokenizer.encode(sentence);
    const words = sentence.split(" ");
    const time = words.length;
    const weights = await model.attentionWeights(tensor(Int32Array.from(ids), { shape: [1, time] }))
      .data();
    await page.save(
      "attention",
      attentionGridFigure(weights, {
        layers,
        heads,
        queries: time,
        tokens: words,
        title: "Attention by layer and head",
      }),
    );
    // The last word before the ending, and the subject that determines the ending.
    const [query, key] = [words.indexOf("castle"), words.indexOf("queen")];
    const map = (index: number) => weights.slice(index * time * time, (index + 1) * time * time);
    const back = Array.from(
      { length: layers * heads },
      (_, index) => map(index)[query * time + key],
    );
    const best = back.indexOf(Math.max(...back));
    const name = `layer ${Math.floor(best / heads) + 1}, head ${(best % heads) + 1}`;
    await page.save(
      "head",
      attentionFigure(map(best), { queries: words, title: `Attention of ${name}` }),
    );
    page.say(`
      After "castle" the model must know the subject of the sentence. The head that attends most to
      "queen" is ${name}, with ${(100 * back[best]).toFixed(0)}% of its attention, across
      ${query - key - 1} words that do not matter. It learned this from the text alone.
    `);

    page.section("Which words are similar to it?");
    const tokens = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.token(id));
    const embeddings = await model.tokens.weight.data();
    const vectors = new WordVectors(tokens, Float32Array.from(embeddings));
    page.say(`
      Each word is a vector of ${width} numbers, random at first. Now words that can replace each
      other are near each other:
    `);
    page.table(["queen", "baker", "horse", "castle", "sees"].map((word) => [
      word,
      ...vectors.nearest(word, { count: 4 }).map((near) => near.word),
    ]));
    const groups = Object.entries(SMALL_LANGUAGE_WORDS);
    const chosen = groups.flatMap(([group, members]) => members.map((label) => ({ label, group })));
    const rows = chosen.flatMap(({ label }) => [...vectors.vector(label)]);
    const points = (positions: ArrayLike<number>) =>
      chosen.map((point, i) => ({ ...point, x: positions[2 * i], y: positions[2 * i + 1] }));
    const { projected, shares } = principalComponents(rows, { width });
    await page.save(
      "pca",
      embeddingFigure(points(projected), {
        title: "Embeddings, by their two principal components",
      }),
    );
    page.say(`
      A vector of ${width} numbers is a point in ${width} dimensions, and a plane shows two. The two
      principal components (PCA finds them) are the directions in which the vectors differ most;
      they have ${(100 * (shares[0] + shares[1])).toFixed(0)}% of the variance, which measures how
      much the vectors differ. UMAP, another method, bends the plane instead, so that neighbors stay
      neighbors; the distances between its groups mean little.
    `);
    try {
      const positions = await umap(rows, { width, neighbors: 5, seed: 1 });
      await page.save("umap", embeddingFigure(points(positions), { title: "Embeddings, by UMAP" }));
    } catch (error) {
      // The package cannot be downloaded; the lesson continues without it.
      if (!(error instanceof UserError)) throw error;
      page.say(`UMAP is left out: ${error.message}.`);
    }

    page.section("What does it predict?");
    const prompt = "the baker who hears the queen near the castle";
    const topP = 0.9;
    const given = tokenizer.encode(prompt);
    const mostProbable = async (temperature: number) => {
      const top = await topNextTokens(model, given, { k: 3, temperature });
      return top.flatMap(({ id, probability }) => [tokenizer.token(id), probability]);
    };
    const temperatures = [0.5, 1, 2];
    const tops = await Promise.all(temperatures.map(mostProbable));
    page.table([
      ["temperature", "first", "", "second", "", "third", ""],
      ...temperatures.map((temperature, i) => [String(temperature), ...tops[i]]),
    ]);
    const next = await topNextTokens(model, given, { k: tokenizer.vocabSize });
    const bars = next.map(({ id, probability }) => ({ token: tokenizer.token(id), probability }));
    const title = "The next word, at three temperatures";
    await page.save(
      "next",
      nextTokenFigure(bars, { prompt, temperatures, topP, count: 16, title }),
    );
    const together = (words: string[]) =>
      bars.filter(({ token }) => words.includes(token))
        .reduce((sum, { probability }) => sum + probability, 0);
    page.say(`
      The temperature sharpens or flattens the bars; top-p keeps the most probable words whose sum
      reaches ${topP}, those above the line. The subject is the baker, although the queen is nearer.
      At temperature 1 the words for a baker's ending (sells, works, counts) have together the
      probability ${together(["sells", "works", "counts"]).toFixed(2)}, a queen's (wears, rules,
      sits) ${together(["wears", "rules", "sits"]).toFixed(2)}. Lesson 9 draws words from such bars.
    `);

    page.section("Try it");
    page.say(`
      How much does it learn in how many steps? Predict the perplexity first:
        deno task lesson 8 --steps 20
        deno task lesson 8 --steps 2000
      The same for a model of your own, or the one that ships:
        deno task figures data/models/shakespeare --text "Before we proceed any further" --out figures
      Discuss: a head attends to "queen". Does that prove that the model knows what a subject is?
    `);

    page.section("What you know now");
    page.say(`
      One can look inside: perplexity, attention, embeddings, next-word probabilities. Further
      reading: Clark and others, "What Does BERT Look At?" (2019); Jain and Wallace, "Attention is
      not Explanation" (2019), and the answer to it; McInnes and others on UMAP (2018). You have
      walked the beginner's path: lessons 0, 1, 5 and 8. Go on with lesson 2; see in lesson 11 how a
      trained model learns something new; or train a model of your own with deno task train.
    `);
  },
);

// The answer. Try first.

function perplexityAnswer(probabilities: number[]): number {
  // The loss of each word: 0 for a sure and right prediction.
  const losses = probabilities.map((probability) => -Math.log(probability));
  // The mean loss, turned back from a logarithm into a number of words.
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
}

if (import.meta.main) await lesson.run(Deno.args);
