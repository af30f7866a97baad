/**
 * Folio's program for peers.ts, which runs it in a separate process like each peer: trains on a
 * text, or generates, and prints the times.
 *
 *     deno run -A bench/peer_folio.ts TEXT WORK
 *
 * WORK is a `PeerWork` as JSON. As in the peers, a training step draws its batch and ends when its
 * loss has been read, and the first 3 steps do not count; generation is greedy, with a cache and
 * random weights, and the fastest of three texts counts; a prompt of 512 tokens is read until the
 * next token is known; attention is one sequence's, forward and backward.
 *
 * @module
 */
import { Batches } from "../lib/data/batches.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { openDevice } from "../lib/ops/open_device.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { selfAttention } from "../lib/ops/attention.ts";
import { sum } from "../lib/ops/reduce.ts";
import { Generator } from "../lib/generate/generator.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { type GenerationSizes, prepareGeneration } from "./generation.ts";
import { summary } from "./results.ts";
import { checkFirstLoss, makeTrainer, type StepSizes } from "./training_step.ts";

/** The work of one process, and its sizes. */
export interface PeerWork extends StepSizes {
  what: "train" | "generate" | "prompt" | "attention";
  device: "cpu" | "webgpu";
  /** Training steps, tokens of a text, or repetitions. */
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
  const sizes = { ...work, vocabulary: work.vocab || tokenizer.vocabSize };
  if (work.what === "train") await train(work, tokenizer);
  if (work.what === "generate") await generate(sizes);
  if (work.what === "prompt") await prompt(sizes);
  if (work.what === "attention") await attend(work);
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

async function generate(work: PeerWork & GenerationSizes): Promise<void> {
  const { generate } = await prepareGeneration(work);
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    await Array.fromAsync(generate(work.steps));
    times.push((performance.now() - start) / work.steps);
  }
  console.log(`folio generate: ${summary(times).minimum.toFixed(3)} ms a token`);
}

async function prompt(work: PeerWork & GenerationSizes): Promise<void> {
  const { model } = await prepareGeneration(work);
  const generator = new Generator(model);
  const ids = Array.from({ length: 512 }, (_, i) => i % work.vocabulary);
  await repeat("prompt", work.steps, async () => {
    await Array.fromAsync(generator.generate(ids, { maxNewTokens: 1, temperature: 0 }));
  });
}

async function attend({ heads, width, context, steps }: PeerWork): Promise<void> {
  const random = new Random(1);
  const values = Float32Array.from({ length: context * 3 * width }, () => random.normal());
  const qkv = tensor(values, { shape: [1, context, 3 * width] });
  const loss = () => sum(selfAttention(qkv, { heads, causal: true }));
  const run = compile(() => valueAndGrad(loss, [qkv]));
  await repeat("forward and backward", steps, () => run().gradients[0].data());
}

/** Prints the times of all runs but the first. */
async function repeat(name: string, count: number, run: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run();
    if (i > 0) times.push(performance.now() - start);
  }
  const { minimum, median } = summary(times);
  console.log(`folio: min ${minimum.toFixed(2)} median ${median.toFixed(2)} ms a ${name}`);
}
