/**
 * Runs one of the lessons, or lists them: `deno task lesson 3`, `deno task lessons`.
 *
 * @module
 */
import { choice } from "../lib/cli/flags.ts";
import { formatItems } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { type LessonHeading, type Level, tableLines } from "../lib/lesson/mod.ts";
import { lesson as meetAModel } from "./lessons/00_meet_a_model.ts";
import { lesson as attention } from "./lessons/01_attention.ts";
import { lesson as sequenceToSequence } from "./lessons/02_sequence_to_sequence.ts";
import { lesson as queriesKeysValues } from "./lessons/03_queries_keys_values.ts";
import { lesson as multiHead } from "./lessons/04_multi_head.ts";
import { lesson as tokensAndPositions } from "./lessons/05_tokens_and_positions.ts";
import { lesson as decoder } from "./lessons/06_decoder.ts";
import { lesson as training } from "./lessons/07_training.ts";
import { lesson as lookingInside } from "./lessons/08_looking_inside.ts";
import { lesson as generation } from "./lessons/09_generation.ts";
import { lesson as encoderDecoder } from "./lessons/10_encoder_decoder.ts";
import { lesson as lora } from "./lessons/11_lora.ts";
import { lesson as classifying } from "./lessons/12_classifying.ts";
import { lesson as prefixPromptAdapters } from "./lessons/13_prefix_prompt_adapters.ts";
import { lesson as byExperiment } from "./lessons/14_looking_inside_by_experiment.ts";
import { lesson as sparseFeatures } from "./lessons/15_sparse_features.ts";

const LESSONS = [
  meetAModel,
  attention,
  sequenceToSequence,
  queriesKeysValues,
  multiHead,
  tokensAndPositions,
  decoder,
  training,
  lookingInside,
  generation,
  encoderDecoder,
  lora,
  classifying,
  prefixPromptAdapters,
  byExperiment,
  sparseFeatures,
];
const LEVELS: Level[] = ["beginner", "intermediate", "advanced"];

const list = {
  name: "deno task lessons",
  summary: "Lists the lessons, from a dot product to a language model. `deno task lesson NUMBER` " +
    "runs one, and takes --answers, --html, --notebook and --help.",
  flags: {
    level: choice("advanced", "show the path to follow", { choices: LEVELS, shownDefault: "" }),
  },
  positionals: { name: "NUMBER", meaning: "lesson to run", max: 1 },
  examples: [
    ["deno task lesson 0", "meet a trained model"],
    ["deno task lesson 1", "run lesson 1"],
    ["deno task lesson 1 --answers", "with its code tasks answered"],
    ["deno task lesson 1 --html", "as a web page"],
    ["deno task lesson 1 --notebook", "as a notebook for Deno's Jupyter kernel"],
    ["deno task lessons --level beginner", "the path for a beginner"],
  ] as const,
};

/** Advice for each level on how to use the lessons. */
const ADVICE: Record<Level, string> = {
  beginner:
    "Read the beginner's lessons in full and look at the figures of the others; do the code " +
    "tasks later.",
  intermediate: "Go through all lessons in order and solve the tasks of those for beginners and " +
    "intermediates; --answers helps if you are stuck.",
  advanced: "Go through all lessons and solve every code task before you look at its answer.",
};

const [first, ...rest] = Deno.args;
const chosen = LESSONS.find(({ heading }) => isNumber(first, heading.number));
if (chosen) await chosen.run(rest);
else {
  await runScript(list, ({ flags, given, positionals: [number] }) => {
    if (number !== undefined) {
      throw new UserError(
        `lesson ${number}: expected a number from 0 to ${LESSONS.length - 1} as the first argument`,
      );
    }
    const level = given.has("level") ? flags.level : undefined;
    print(tableLines(LESSONS.map(({ heading }) => row(heading, level))).join("\n"));
    print(`\n${level ? ADVICE[level] : "deno task lesson NUMBER runs one; --level shows a path."}`);
  });
}

/** Whether an argument is a number, also as the lessons' files have it, with a 0 before it. */
function isNumber(argument: string | undefined, number: number): boolean {
  return argument === `${number}` || argument === `${number}`.padStart(2, "0");
}

/** A lesson's line in the list. */
function row(heading: LessonHeading<Record<never, never>>, level: Level | undefined) {
  const { number, title, minutes, tasks } = heading;
  const size = [`${minutes} min`, formatItems(tasks, "code task")];
  const about = [String(number).padStart(2), title, heading.level, ...size];
  return level ? [...about, advice(heading, level)] : about;
}

/** Advice for a level on one lesson. */
function advice(heading: { level: Level; tasks: number }, level: Level): string {
  const ahead = LEVELS.indexOf(heading.level) > LEVELS.indexOf(level);
  if (ahead) return level === "beginner" ? "look at the figures" : "run, with --answers";
  return heading.tasks > 0 && level !== "beginner" ? "run and solve" : "run and read";
}
