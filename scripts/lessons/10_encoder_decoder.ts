/**
 * Lesson 10: an encoder and a decoder learn to reverse words and to write them in Greek letters.
 * Advanced, two code tasks; about 30 minutes.
 *
 *     deno task lesson 10
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/10_encoder_decoder.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is copied as a single file, which finds Folio by its address

import {
  expectMatch,
  integer,
  Lesson,
  type LessonPage,
  notWritten,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { attentionFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  compile,
  greedyDecode,
  keep,
  Random,
  slice,
  tensor,
  Transformer,
  valueAndGrad,
  warmupDecay,
  zeros,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/** Ids that stand for no letter: padding, the start of a target, its end. */
const [PAD, START, END] = [0, 1, 2];

/**
 * Code task 1: what the decoder reads and what it should say at each place, for a target such as
 * [7, 8, 9].
 */
function shifted(target: number[]): { reads: number[]; says: number[] } {
  // It reads START and then the target; it should say the target and then END. Both have one id
  // more than the target.
  return notWritten(target);
}

/**
 * Code task 2: writes a target id by id. `scores(target)` gives a score to each id that may come
 * after `target`, which begins with START.
 */
async function writeGreedily(
  scores: (target: number[]) => Promise<number[]>,
  most: number,
): Promise<number[]> {
  // Begin with [START]. Again and again: take the id with the greatest score; stop if it is END,
  // else put it at the end of the target. Stop after `most` ids, too. Give the ids without START
  // and END.
  return await notWritten(scores, most);
}

/** A rule that turns a word into another one, with the letters of both sides. */
interface Rule {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly apply: (word: string) => string;
}

const LONGEST = 6;

const REVERSE: Rule = {
  name: "reversing",
  source: "abcdefgh",
  target: "abcdefgh",
  apply: (word) => [...word].reverse().join(""),
};

/** Two letters may become one (ph → φ), and an s at a word's end has a form of its own (ς). */
const GREEK: Rule = {
  name: "greek",
  source: "aeiopsthln",
  target: "αειοπστηλνφθψς",
  apply: (word) =>
    word.replaceAll("ph", "φ").replaceAll("th", "θ").replaceAll("ps", "ψ").replace(/s$/, "ς")
      .replace(/[a-z]/g, (letter) => "αειοπστηλν"["aeiopsthln".indexOf(letter)]),
};

export const lesson = new Lesson(
  {
    number: 10,
    title: "An encoder and a decoder",
    level: "advanced",
    minutes: 30,
    tasks: 2,
    url: import.meta.url,
    flags: { steps: integer(400, "updates for each of the two tasks", { min: 1 }) },
  },
  async (page, { steps }) => {
    page.section("Two stacks and a bridge");
    page.say(`
      The first transformer was made to translate. Its encoder reads the whole source, every place seeing every other. Its decoder writes the target from left
      to right: each of its blocks has causal self-attention, as in a GPT, and then cross-attention, whose queries come from the target and whose
      keys and values come from the encoder. That is the attention of lesson 2, learned.
    `);
    const shift = await page.task({
      name: "shifted",
      stub: shifted,
      answer: shiftedAnswer,
      test: async (shifted) => {
        await expectMatch(shifted([7, 8, 9]), { reads: [START, 7, 8, 9], says: [7, 8, 9, END] }, {
          what: "shifted([7, 8, 9])",
        });
        await expectMatch(shifted([5]), { reads: [START, 5], says: [5, END] });
      },
    });
    page.say(`
      In training the decoder reads the right target, whatever it would have said itself, so that all places can be computed at once; the causal mask keeps it
      from reading the answer. Where it writes for itself it reads its own words, one after another:
    `);
    const write = await page.task({
      name: "writeGreedily",
      stub: writeGreedily,
      answer: writeGreedilyAnswer,
      test: async (writeGreedily) => {
        // After START comes 3, after 3 comes 4, after 4 the end.
        const scores = (target: number[]) => {
          const next = ({ [START]: 3, 3: 4, 4: END } as Record<number, number>)[target.at(-1)!] ??
            3;
          return Promise.resolve([0, 0, 0, 0, 0].with(next, 1));
        };
        await expectMatch(await writeGreedily(scores, 9), [3, 4]);
        await expectMatch(await writeGreedily(scores, 1), [3]);
      },
    });

    page.section("Backwards");
    const backwards = await learn(page, REVERSE, steps, shift);
    page.say(`
      To reverse a word the decoder must look at the last letter first. The picture shows where each place of the target looks, averaged over the heads: if the
      model has learned, the line runs from the upper right to the lower left.
    `);
    await showCross(page, backwards, REVERSE, "abcdef");

    page.section("In Greek letters");
    const greek = await learn(page, GREEK, steps, shift);
    page.say(`
      Here letters do not match one to one: "ph", "th" and "ps" become one letter each, and an "s" is written ς where the word ends. The
      decoder must know how far it has got, and whether anything follows.
    `);
    await showCross(page, greek, GREEK, "psophs");

    page.section("Your decoder at work");
    const word = "thalis";
    const source = encode(GREEK.source, word);
    const ids = tensor(Int32Array.from(source), { shape: [1, source.length] });
    const scores = async (target: number[]) => {
      const logits = greek.forward(
        ids,
        tensor(Int32Array.from(target), { shape: [1, target.length] }),
      );
      return [...await slice(logits, { axis: 1, start: -1 }).data()];
    };
    const written = decode(GREEK.target, await write(scores, LONGEST + 1));
    page.say(
      `The function of task 2 writes "${word}" as ${written}; by the rule it is ${
        GREEK.apply(word)
      }.`,
    );
  },
);

function encode(alphabet: string, word: string): number[] {
  return [...word].map((letter) => alphabet.indexOf(letter) + 3);
}

function decode(alphabet: string, ids: number[]): string {
  return ids.map((id) => alphabet[id - 3] ?? "?").join("");
}

function randomWord({ source }: Rule, random: Random): string {
  const length = 2 + random.integer(LONGEST - 1);
  return Array.from({ length }, () => source[random.integer(source.length)]).join("");
}

/** Trains a model on random words, and says how many new ones it gets right. */
async function learn(
  page: LessonPage,
  rule: Rule,
  steps: number,
  shift: typeof shifted,
): Promise<Transformer> {
  const [batch, places] = [64, LONGEST + 1];
  const model = new Transformer({
    sourceVocabSize: rule.source.length + 3,
    targetVocabSize: rule.target.length + 3,
    contextLength: places,
    layers: 1,
    heads: 4,
    width: 32,
    hidden: 64,
  });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0, clip: 1 });
  const ids = (...shape: number[]) => keep(zeros(shape, { dtype: "i32" }));
  const [source, sourceLengths] = [ids(batch, LONGEST), ids(batch)];
  const [target, next] = [ids(batch, places), ids(batch, places)];
  // Recorded once, and replayed at each step.
  const step = compile(() => {
    const loss = () => model.loss(source, target, next, { sourceLengths });
    const { value, gradients } = valueAndGrad(loss, model.parameters());
    optimizer.update(gradients);
    return value;
  });
  const random = new Random(1);
  const schedule = warmupDecay({ learningRate: 4e-3, warmupSteps: Math.ceil(steps / 8), steps });
  const fill = (rows: number[][], length: number, filler: number) =>
    rows.flatMap((row) => [...row, ...Array(length - row.length).fill(filler)]);
  const rows: (string | number)[][] = [["step", "loss"]];
  for (let i = 1; i <= steps; i++) {
    const words = Array.from({ length: batch }, () => randomWord(rule, random));
    const sources = words.map((word) => encode(rule.source, word));
    const pairs = words.map((word) => shift(encode(rule.target, rule.apply(word))));
    source.write(fill(sources, LONGEST, PAD));
    sourceLengths.write(sources.map(({ length }) => length));
    target.write(fill(pairs.map(({ reads }) => reads), places, PAD));
    // −100 counts for nothing in the loss.
    next.write(fill(pairs.map(({ says }) => says), places, -100));
    optimizer.prepare(schedule(i - 1));
    const loss = step();
    if (i % Math.ceil(steps / 5) === 0 || i === steps) rows.push([String(i), await loss.item()]);
  }
  page.table(rows);
  const words = Array.from(
    { length: 100 },
    () => randomWord(rule, new Random(random.integer(2 ** 31))),
  );
  const options = { startToken: START, endToken: END };
  const written = await greedyDecode(
    model,
    words.map((word) => encode(rule.source, word)),
    options,
  );
  const texts = written.map((ids) => decode(rule.target, ids));
  const right = words.filter((word, i) => texts[i] === rule.apply(word)).length;
  page.table([
    ["source", "it writes", "the rule says"],
    ...words.slice(0, 4).map((word, i) => [word, texts[i], rule.apply(word)]),
  ]);
  page.say(`${right} of ${words.length} random words are right.`);
  return model;
}

/** Draws where each place of the target looks in the source, as the mean over the heads. */
async function showCross(
  page: LessonPage,
  model: Transformer,
  rule: Rule,
  word: string,
): Promise<void> {
  const result = rule.apply(word);
  const [source, target] = [encode(rule.source, word), [START, ...encode(rule.target, result)]];
  const row = (ids: number[]) => tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  const { cross } = model.attentionWeights(row(source), row(target));
  const values = await cross.data();
  const { heads } = model.config;
  const [queries, keys] = [target.length, source.length];
  const mean = Float32Array.from({ length: queries * keys }, (_, i) => {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += values[head * queries * keys + i];
    return sum / heads;
  });
  // A row is named after what is written there.
  const figure = attentionFigure(mean, {
    queries: [...result, "(end)"],
    keys: [...word],
    title: `Cross-attention: ${word} → ${result}`,
  });
  await page.save(rule.name, figure);
}

// The answers. Try first.

function shiftedAnswer(target: number[]): { reads: number[]; says: number[] } {
  return { reads: [START, ...target], says: [...target, END] };
}

async function writeGreedilyAnswer(
  scores: (target: number[]) => Promise<number[]>,
  most: number,
): Promise<number[]> {
  const target = [START];
  while (target.length <= most) {
    const next = await scores(target);
    const best = next.indexOf(Math.max(...next));
    if (best === END) break;
    target.push(best);
  }
  return target.slice(1);
}

if (import.meta.main) await lesson.run(Deno.args);
