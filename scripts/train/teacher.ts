/**
 * `--teacher`: the model whose predictions a run learns, beside its corpus.
 *
 * lib/train/distillation.ts is the loss.
 *
 * @module
 */
import { kebabCase } from "../../lib/cli/flags.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { formatItems } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { type GPT, loadPretrained, type Teacher, UserError, type World } from "../../mod.ts";
import type { Given, Plan, TeacherChoices } from "./choices.ts";
import { modelPlace } from "./corpus_place.ts";
import { isSameTokenizer, type TrainData } from "./data.ts";
import type { TrainFlags } from "./flags.ts";
import { expectOneProcess } from "./world.ts";

/**
 * What the flags say of a teacher; undefined without `--teacher`.
 *
 * @throws {UserError} if there is none to which a flag belongs
 */
export function teacherChoices(
  { teacher, teacherTemperature, teacherWeight }: TrainFlags,
  given: Given,
): TeacherChoices | undefined {
  if (teacher !== undefined) {
    return {
      model: modelPlace(teacher),
      temperature: teacherTemperature,
      weight: teacherWeight,
    };
  }
  const alone = (["teacherTemperature", "teacherWeight"] as const).find((name) => given.has(name));
  if (alone === undefined) return undefined;
  throw new UserError(`--${kebabCase(alone)}: it is for --teacher MODEL; leave it out`);
}

/**
 * Opens the plan's teacher and prints it; undefined if there is none.
 *
 * @throws {UserError} if it cannot be loaded, or does not fit the model or its tokenizer
 */
export async function openTeacher(
  { teacher, settings: { context } }: Plan,
  { model: student, data, world }: { model: GPT; data: TrainData; world: World },
): Promise<Teacher | undefined> {
  if (!teacher) return undefined;
  const { model: place, ...options } = teacher;
  expectOneProcess("--teacher", world);
  const { model, tokenizer } = await fromModelPlace(
    place,
    (onProgress) => loadPretrained(place, { onProgress }),
    `--teacher ${place}`,
  );
  if (!isSameTokenizer(tokenizer, data.tokenizer)) {
    throw new UserError(`--teacher ${place}: its tokenizer is not that of the model to train`);
  }
  const { vocabSize, contextLength } = model.config;
  if (vocabSize < student.config.vocabSize) {
    throw new UserError(
      `--teacher ${place}: it has ${vocabSize} tokens, the model to train ` +
        `${student.config.vocabSize}; they must have the same`,
    );
  }
  if (contextLength < context) {
    throw new UserError(
      `--teacher ${place}: its context is ${contextLength}; take --context ${contextLength}`,
    );
  }
  print(
    `teacher  ${place}: ${formatItems(model.parameterCount, "parameter")}, ` +
      `temperature ${options.temperature}, weight ${options.weight}`,
  );
  return { model, ...options };
}
