/**
 * Folio's program for peers.ts, which runs it in a separate process like each peer: trains on a
 * text, or generates, and prints the times.
 *
 *     deno run -A bench/peer_folio.ts TEXT WORK
 *
 * WORK is a `PeerWork` as JSON. As in the peers, a training step draws its batch and ends when its
 * loss has been read, and the first 3 steps do not count; generation is greedy, with a cache and
 * random weights, and the fastest of three texts counts.
 *
 * @module
 */
import { Batches } from "../lib/data/batches.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { prepareGeneration } from "./generation.ts";
import { summary } from "./results.ts";
import { checkFirstLoss, makeTrainer, type StepSizes } from "./training_step.ts";

/** The work of one process: training or generation, and its sizes. */
export interface PeerWork extends StepSizes {
  what: "train" | "generate";
  device: "cpu" | "webgpu";
  /** Training steps, or tokens of a text. */
  steps: number;
  threads: number;
  /** V for generation; 0 for the number of distinct characters of the text. */
  vocab: number;
  /** The system BLAS that Folio uses, if any; the peers ignore it. */
  blas?: string;
}

if (import.meta.main) {
  const work: PeerWork = JSON.parse(Deno.args[1]);
  const { threads, blas } = work;
  const device = await openDevice({ device: work.device, threads, blas });
  if (blas !== undefined && !(device instanceof CpuDevice && device.blas)) {
    throw new Error(device.description);
  }
  const tokenizer = CharacterTokenizer.fromText(await Deno.readTextFile(Deno.args[0]));
  if (work.what === "generate") await generate(work, work.vocab || tokenizer.vocabSize);
  else await train(work, tokenizer);
  device.close();
}

async function train(work: PeerWork, tokenizer: CharacterTokenizer): Promise<void> {
  const { batch: batchSize, context: contextLength, steps } = work;
  const trainer = makeTrainer(work, tokenizer.vocabSize);
  const ids = tokenizer.encode(await Deno.readTextFile(Deno.args[0]));
  const batches = new Batches(ids, { batchSize, contextLength });
  const times: number[] = [];
  let loss = NaN;
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    trainer.step(batches);
    [{ loss }] = await trainer.figures();
    if (step === 0) checkFirstLoss(loss, tokenizer.vocabSize);
    if (step >= 3) times.push(performance.now() - start);
  }
  const { minimum, median } = summary(times);
  console.log(
    `folio: min ${minimum.toFixed(1)} median ${median.toFixed(1)} ms a step, loss ${
      loss.toFixed(3)
    }`,
  );
}

async function generate(work: PeerWork, vocabulary: number): Promise<void> {
  const { generate } = await prepareGeneration({ ...work, vocabulary });
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    await Array.fromAsync(generate(work.steps));
    times.push((performance.now() - start) / work.steps);
  }
  console.log(`folio generate: ${summary(times).minimum.toFixed(3)} ms a token`);
}
