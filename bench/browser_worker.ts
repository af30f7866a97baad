/**
 * Trains the baby size for `browser.ts`, in a worker of a page or in Deno.
 *
 * @module
 */
import {
  Batches,
  CharacterTokenizer,
  type DeviceOptions,
  modelOf,
  openDevice,
  optimizerOf,
  PRESETS,
  Trainer,
} from "../mod.ts";

/** What is trained, and where. */
export interface Work extends DeviceOptions {
  readonly text: string;
  readonly steps: number;
}

/** Losses and durations of the steps. */
export interface Timed {
  readonly description: string;
  readonly losses: number[];
  readonly milliseconds: number[];
}

/** Trains, and waits for each step. */
export async function timedTraining({ text, steps, ...where }: Work): Promise<Timed> {
  const device = await openDevice(where);
  const tokenizer = CharacterTokenizer.fromText(text);
  const settings = PRESETS.baby;
  const model = modelOf(settings, tokenizer.vocabSize);
  const trainer = new Trainer(model, optimizerOf(settings, model), { learningRate: 1e-3 });
  const batches = new Batches(tokenizer.encode(text), {
    batchSize: settings.batch,
    contextLength: settings.context,
    seed: 1,
  });
  const losses: number[] = [];
  const milliseconds: number[] = [];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    trainer.step(batches);
    losses.push((await trainer.figures()).at(-1)!.loss);
    milliseconds.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve)); // workers start between tasks
  }
  const { description } = device;
  device.close();
  return { description, losses, milliseconds };
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Work>) => void;
  postMessage(message: unknown): void;
};
if (!("Deno" in globalThis)) {
  scope.onmessage = ({ data }) =>
    timedTraining(data).then(
      (timed) => scope.postMessage(timed),
      (error) => scope.postMessage({ error: String(error) }),
    );
}
