/**
 * Folio's own side of peers.ts, a process of its own as each peer is: trains on a text and prints the time of a step.
 *
 *     deno run -A bench/peer_folio.ts TEXT LAYERS HEADS WIDTH CONTEXT BATCH STEPS THREADS
 *
 * As in the peers, a step draws its batch and ends when its loss has been read. The first 3 steps do not count.
 *
 * @module
 */
import { Batches } from "../lib/data/batches.ts";
import { openDevice } from "../lib/device/open_device.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { checkFirstLoss, makeTrainer } from "./training_step.ts";

const [file, ...numbers] = Deno.args;
const [layers, heads, width, context, batch, steps, threads] = numbers.map(Number);
const device = await openDevice({ device: "cpu", threads });
const text = await Deno.readTextFile(file);
const tokenizer = CharacterTokenizer.fromText(text);
const trainer = makeTrainer({ layers, heads, width, context, batch }, tokenizer.vocabSize);
const batches = new Batches(tokenizer.encode(text), { batchSize: batch, contextLength: context });

const times: number[] = [];
let loss = NaN;
for (let step = 0; step < steps; step++) {
  const start = performance.now();
  trainer.step(batches);
  [{ loss }] = await trainer.figures();
  if (step === 0) checkFirstLoss(loss, tokenizer.vocabSize);
  if (step >= 3) times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
const [least, median] = [times[0], times[times.length >> 1]].map((time) => time.toFixed(1));
console.log(`folio: min ${least} median ${median} ms a step, loss ${loss.toFixed(3)}`);
device.close();
