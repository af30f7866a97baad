/**
 * Lesson 9: generate text with a trained model: greedily, by sampling, and with beam search.
 * Intermediate, two code tasks; about 25 minutes.
 *
 *     deno task lesson 9
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/09_generation.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  expectMatch,
  integer,
  Lesson,
  notWritten,
  trainSmallModel,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { generate } from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * Code task 1: the probabilities of logits at a temperature above 0, softmax(logits / temperature).
 */
function atTemperature(logits: number[], temperature: number): number[] {
  // exp of each logit / temperature, divided by the sum of all of these. (Subtract the largest
  // logit from all of them first: the result is the same, and exp cannot overflow.)
  return notWritten(logits, temperature);
}

/**
 * Code task 2: keeps the fewest most probable entries whose sum is at least p, scaled to sum to 1;
 * the others become 0.
 */
function topP(probabilities: number[], p: number): number[] {
  // Sort the indices by probability, the largest first. Keep one after another until their sum is
  // at least p. Then divide the kept ones by that sum.
  return notWritten(probabilities, p);
}

export const lesson = new Lesson(
  {
    number: 9,
    title: "Generation: greedy, sampling, beam search",
    level: "intermediate",
    minutes: 25,
    tasks: 2,
    url: import.meta.url,
    flags: { steps: integer(300, "training steps of the model", { min: 1 }) },
  },
  async (page, { steps }) => {
    const { model, tokenizer, loss } = await trainSmallModel(steps);
    page.say(`
      A small model has just learned an invented language (${steps} steps, loss ${loss.toFixed(3)}).
      A model gives every word a probability of being the next one. To generate text, choose a word,
      append it to the text, and run the model again. This lesson is about how to choose.
    `);
    const prompt = "the queen who";
    const options = { tokenizer, maxNewTokens: 24 };
    const end = tokenizer.id(".")!;

    page.section("Greedy");
    page.say(
      "Always choose the most probable word (temperature 0). The text is the same each time, and tends to repeat itself:",
    );
    const greedy = await generate(model, prompt, { ...options, temperature: 0 });
    page.sample(prompt, greedy.text ?? "");

    page.section("Sampling");
    page.say(`
      Or draw the word at random, according to the probabilities. The model gives each word a score,
      its logit, and softmax turns the logits into probabilities. The temperature divides the logits
      before the softmax: below 1 probable words become even more probable, above 1 improbable ones
      are drawn more often, and a high temperature gives nonsense.
    `);
    const soften = await page.task({
      name: "atTemperature",
      stub: atTemperature,
      answer: atTemperatureAnswer,
      test: async (atTemperature) => {
        await expectMatch(atTemperature([2, 1, 0], 1), [0.6652, 0.2447, 0.09], {
          what: "logits 2, 1, 0 at temperature 1",
        });
        await expectMatch(atTemperature([2, 1, 0], 0.5), [0.8668, 0.1173, 0.0159], {
          what: "logits 2, 1, 0 at temperature 0.5",
        });
        await expectMatch(atTemperature([1000, 1000], 2), [0.5, 0.5]);
      },
    });
    page.table([
      ["temperature", "probabilities for logits 2, 1, 0", "", ""],
      ...[0.25, 1, 4].map((
        temperature,
      ) => [String(temperature), ...soften([2, 1, 0], temperature)]),
    ]);
    for (const temperature of [0.5, 1, 3]) {
      const { text } = await generate(model, prompt, { ...options, temperature, seed: 5 });
      page.say(`temperature ${temperature}:`);
      page.sample(prompt, text ?? "");
    }
    page.say(
      "The seed determines the draws: the same seed gives the same text, another seed a different one.",
    );
    const several = await generate(model, [prompt], {
      ...options,
      seed: 8,
      sequences: 3,
      endToken: end,
    });
    for (const { text } of several) page.sample(prompt, text ?? "");

    page.section("Cutting off the tail");
    page.say(`
      A thousand improbable words together have enough probability that one of them is drawn
      sometimes and spoils the text. Top-k keeps the k most probable words. Top-p keeps the fewest
      words whose probabilities sum to at least p: few if the model is sure, many if it is not.
    `);
    const cut = await page.task({
      name: "topP",
      stub: topP,
      answer: topPAnswer,
      test: async (topP) => {
        await expectMatch(topP([0.1, 0.5, 0.4], 0.6), [0, 0.5556, 0.4444], {
          what: "topP([0.1, 0.5, 0.4], 0.6)",
        });
        await expectMatch(topP([0.7, 0.2, 0.1], 0.5), [1, 0, 0], {
          what: "topP([0.7, 0.2, 0.1], 0.5)",
        });
        await expectMatch(topP([0.25, 0.25, 0.5], 1), [0.25, 0.25, 0.5]);
      },
    });
    page.table([
      ["p", "kept of 0.5, 0.3, 0.15, 0.05", "", "", ""],
      ...[0.5, 0.8, 1].map((p) => [String(p), ...cut([0.5, 0.3, 0.15, 0.05], p)]),
    ]);
    const wild = await generate(model, prompt, {
      ...options,
      temperature: 3,
      topP: 0.6,
      seed: 5,
    });
    page.say("Temperature 3 again, with top-p 0.6:");
    page.sample(prompt, wild.text ?? "");

    page.section("Beam search");
    page.say(`
      Greedy choice is short-sighted: after a probable word, all continuations may be improbable.
      Beam search extends several texts in parallel and keeps those that are most probable as a
      whole. The number is Σ ln p, the logarithm of the text's probability:
    `);
    const royal = "the king";
    const first = await generate(model, royal, {
      ...options,
      temperature: 0,
      endToken: end,
      scores: true,
    });
    const total = first.scores!.reduce((sum, score) => sum + score, 0);
    const beams = await generate(model, [royal], {
      ...options,
      beams: 4,
      sequences: 3,
      lengthPenalty: 0,
      endToken: end,
    });
    page.table([
      ["greedy", total, first.text ?? ""],
      ...beams.map(({ score, text }, i) => [`beam ${i + 1}`, score!, text ?? ""]),
    ]);
    page.say(`
      Greedily, "${royal}" goes on with "${
      first.text?.trim().split(" ")[0]
    }", because that is the most probable next word. But then
      come somebody who is heard and seen, each with a small probability of its own. The beams also
      kept the second most probable next word, and found a text that is
      ${
      Math.exp(beams[0].score! - total).toFixed(1)
    } times as probable as a whole. (The greedy number
      does not include the final full stop, those of the beams do.) Beam search
      suits tasks with one right answer, such as translation. For stories it is dull: the most
      probable text is not the most interesting one, so people sample with a temperature near 0.8
      and top-p near 0.9.
    `);
    page.say(`
      Generation is fast because the keys and values of earlier words are stored in a cache: each
      new word needs the computation for one word, not for the whole text.
    `);

    page.section("Try it");
    page.say(`
      Another seed, and your own prompt: change "the queen who" and the seeds in this file. At which
      temperature does the grammar break? With top-p 0.6 and temperature 3, is the text better than
      with temperature 1 and no cut? Discuss: which settings for a poem, a translation, a program?
    `);

    page.section("What you know now");
    page.say(`
      To generate is to choose: greedily, at random with a temperature and a cut, or with beams.
      Further reading: Holtzman and others, "The Curious Case of Neural Text Degeneration" (2019),
      which introduced top-p; Hugging Face's guide "How to generate text".
    `);
  },
);

// The answers. Try first.

function atTemperatureAnswer(logits: number[], temperature: number): number[] {
  const greatest = Math.max(...logits);
  // The largest power is exp(0) = 1, so none overflows.
  const powers = logits.map((logit) => Math.exp((logit - greatest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function topPAnswer(probabilities: number[], p: number): number[] {
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const kept = probabilities.map(() => 0);
  let total = 0;
  for (const index of order) {
    // The word that reaches p is kept, the next one is not.
    if (total >= p) break;
    kept[index] = probabilities[index];
    total += probabilities[index];
  }
  return kept.map((probability) => probability / total);
}

if (import.meta.main) await lesson.run(Deno.args);
