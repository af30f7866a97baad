/**
 * Lesson 10: an encoder and a decoder learn to reverse words and to write them in Greek letters.
 * Advanced, two code tasks; about 30 minutes.
 *
 *     deno task lesson 10
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/10_encoder_decoder.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

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

/** Ids of special tokens: padding, the start of a target, its end. */
const [PAD, START, END] = [0, 1, 2];

/**
 * Code task 1: the decoder's input, and the correct output at each position, for a target such as
 * [7, 8, 9].
 */
function shifted(target: number[]): { reads: number[]; says: number[] } {
  // It reads START and then the target; it should say the target and then END. Both have one more
  // id than the target.
  return notWritten(target);
}

/**
 * Code task 2: writes a target id by id. `scores(target)` returns the score of each id as the next
 * one after `target`, which starts with START.
 */
async function writeGreedily(
  scores: (target: number[]) => Promise<number[]>,
  maxLength: number,
): Promise<number[]> {
  // Start with [START]. Repeat: take the id with the largest score; stop if it is END, otherwise
  // append it to the target. Also stop after `maxLength` ids. Return the ids without START and END.
  return await notWritten(scores, maxLength);
}

/** A rule that turns a word into another one, and the letters of both. */
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

/** Two letters may become one (ph → φ), and an s at the end of a word has a special form (ς). */
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
    page.section("Two stacks and cross-attention");
    page.say(`
      The first transformer was built for translation. Its encoder reads the whole source, and every
      position attends to every other. Its decoder writes the target from left to right: each of its
      blocks has causal self-attention, as in a GPT, and then cross-attention, with queries from the
      target and keys and values from the encoder. This is the attention of lesson 2, with learned
      projections.
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
      In training the decoder reads the correct target, not its own predictions (teacher forcing),
      so that all positions can be computed in parallel; the causal mask hides the answers. When it
      generates, it reads its own output, one id after another:
    `);
    const write = await page.task({
      name: "writeGreedily",
      stub: writeGreedily,
      answer: writeGreedilyAnswer,
      test: async (writeGreedily) => {
        // START is followed by 3, 3 by 4, and 4 by the end.
        const scores = (target: number[]) => {
          const next = ({ [START]: 3, 3: 4, 4: END } as Record<number, number>)[target.at(-1)!] ??
            3;
          return Promise.resolve([0, 0, 0, 0, 0].with(next, 1));
        };
        await expectMatch(await writeGreedily(scores, 9), [3, 4]);
        await expectMatch(await writeGreedily(scores, 1), [3]);
      },
    });

    page.section("Reversing words");
    const backwards = await learn(page, REVERSE, steps, shift);
    page.say(`
      To reverse a word the decoder must attend to the last letter first. The picture shows where
      each position of the target attends, averaged over the heads: if the model has learned the
      task, the line runs from the upper right to the lower left.
    `);
    await showCross(page, backwards, REVERSE, "abcdef");

    page.section("Writing in Greek letters");
    const greek = await learn(page, GREEK, steps, shift);
    page.say(`
      Here letters do not match one to one: "ph", "th" and "ps" become one letter each, and an "s"
      at the end of a word is written ς. The decoder must know its position in the source, and
      whether more letters follow.
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

    page.section("Try it");
    page.say(`
      Another rule: change REVERSED or GREEK in this file, for example to double every letter, and run
      the lesson again. Which rules need more steps? Try --steps 50. Discuss: why does the
      cross-attention of reversing look like the other diagonal?
    `);

    page.section("What you know now");
    page.say(`
      An encoder reads, a decoder writes, and cross-attention connects them. Further reading:
      Vaswani and others, "Attention Is All You Need" (2017); "The Annotated Transformer" by Sasha
      Rush; Raffel and others, "T5" (2019). All models so far were trained from random numbers;
      lessons 11 to 13 start from a trained one and adapt it.
    `);
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

/** Trains a model on random words, and prints how many new ones it gets right. */
async function learn(
  page: LessonPage,
  rule: Rule,
  steps: number,
  shift: typeof shifted,
): Promise<Transformer> {
  const [batch, positions] = [64, LONGEST + 1];
  const model = new Transformer({
    sourceVocabSize: rule.source.length + 3,
    targetVocabSize: rule.target.length + 3,
    contextLength: positions,
    layers: 1,
    heads: 4,
    width: 32,
    hidden: 64,
  });
  const optimizer = new AdamW(model.parameters(), { weightDecay: 0, clip: 1 });
  const ids = (...shape: number[]) => keep(zeros(shape, { dtype: "i32" }));
  const [source, sourceLengths] = [ids(batch, LONGEST), ids(batch)];
  const [target, next] = [ids(batch, positions), ids(batch, positions)];
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
    target.write(fill(pairs.map(({ reads }) => reads), positions, PAD));
    // Targets of −100 do not count in the loss.
    next.write(fill(pairs.map(({ says }) => says), positions, -100));
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

/** Draws where each position of the target attends in the source, averaged over the heads. */
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
  // Each row is labeled with the letter that is written there.
  const figure = attentionFigure(mean, {
    queries: [...result, "(end)"],
    keys: [...word],
    title: `Cross-attention: ${word} → ${result}`,
  });
  await page.save(rule.name, figure);
}

// The answers. Try first.

function shiftedAnswer(target: number[]): { reads: number[]; says: number[] } {
  // At each place the decoder reads what was right before, and must say what comes next.
  return { reads: [START, ...target], says: [...target, END] };
}

async function writeGreedilyAnswer(
  scores: (target: number[]) => Promise<number[]>,
  maxLength: number,
): Promise<number[]> {
  const target = [START];
  while (target.length <= maxLength) {
    const next = await scores(target);
    const best = next.indexOf(Math.max(...next));
    if (best === END) break;
    // What it wrote is what it reads in the next round.
    target.push(best);
  }
  return target.slice(1);
}

if (import.meta.main) await lesson.run(Deno.args);
