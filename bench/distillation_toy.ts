/**
 * A toy of distillation: a model of 1,000 sentences of the small language teaches a smaller one
 * that sees 40 of them; its loss on new sentences beside that of the same model without a teacher,
 * after the same steps.
 *
 *     deno run -A bench/distillation_toy.ts
 *
 * @module
 */
import { smallLanguage, trainSmallModel } from "../lib/lesson/mod.ts";
import {
  AdamW,
  Batches,
  GPT,
  openDevice,
  perplexity,
  Random,
  type Teacher,
  Trainer,
  warmupDecay,
} from "../mod.ts";

const STEPS = 250;
const SENTENCES = 40;

const device = await openDevice();
console.log(`device    ${device.description}`);
const started = performance.now();
const { model: teacher, tokenizer } = await trainSmallModel(500);
const train = tokenizer.encode(smallLanguage(SENTENCES, 7));
const test = tokenizer.encode(smallLanguage(400, 99));
const { vocabSize } = tokenizer;

/** Trains a student; its loss on new sentences, in nats per word. */
async function studentLoss(seed: number, teacher?: Teacher): Promise<number> {
  const student = new GPT(
    { vocabSize, contextLength: 24, layers: 1, heads: 2, width: 24 },
    { random: new Random(seed) },
  );
  const trainer = new Trainer(student, new AdamW(student.parameters()), {
    learningRate: warmupDecay({ learningRate: 6e-3, warmupSteps: 12, steps: STEPS }),
    ...teacher ? { teacher } : {},
  });
  const batches = new Batches(train, { batchSize: 16, contextLength: 24, seed });
  for (let step = 0; step < STEPS; step++) {
    trainer.step(batches);
    if (trainer.figuresDue) await trainer.figures();
  }
  return (await perplexity(student, test)).loss;
}

const { loss } = await perplexity(teacher, test);
console.log(`teacher   ${teacher.parameterCount} parameters, loss ${loss.toFixed(3)}`);
const ways: [string, Teacher | undefined][] = [
  ["the 40 sentences alone", undefined],
  ["half of each, temperature 2", { model: teacher, temperature: 2, weight: 0.5 }],
  ["the teacher alone, temperature 1", { model: teacher, temperature: 1, weight: 1 }],
  ["the teacher alone, temperature 2", { model: teacher, temperature: 2, weight: 1 }],
];
for (const [name, teacher] of ways) {
  const losses = [];
  for (const seed of [1, 2, 3]) losses.push(await studentLoss(seed, teacher));
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const each = losses.map((loss) => loss.toFixed(3)).join(" ");
  console.log(`student   ${name}: loss ${mean.toFixed(3)} (${each})`);
}
console.log(`time      ${((performance.now() - started) / 1000).toFixed(1)} s`);
device.close();
