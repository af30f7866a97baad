/**
 * Losses of a small model whose products are large enough for several blocks and for V8's
 * optimizing compiler; as a program, with the device's description, as JSON.
 *
 * @module
 */
import { AdamW, GPT, Random, Trainer } from "../../mod.ts";
import { CpuDevice, type CpuOptions } from "../../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../../lib/device/current_device.ts";

/** The losses and gradient norms of some steps. */
export async function trainingLosses(options: CpuOptions, steps = 30): Promise<number[]> {
  const device = new CpuDevice(options);
  useDevice(device);
  const model = new GPT(
    { vocabSize: 61, contextLength: 64, layers: 2, heads: 4, width: 128, dropout: 0.1 },
    { random: new Random(3) },
  );
  const optimizer = new AdamW(model.parameters(), { clip: 1 });
  const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
  const inputs = Int32Array.from({ length: 512 }, (_, i) => (i * i + 7 * i) % 61);
  const batches = { batchSize: 8, contextLength: 64, next: () => ({ inputs, targets: inputs }) };
  for (let i = 0; i < steps; i++) trainer.step(batches);
  const figures = await trainer.figures();
  device.close();
  return figures.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm]);
}

if (import.meta.main) {
  const { description, advice } = new CpuDevice({ threads: 1 });
  const losses = await trainingLosses({ threads: 2 });
  console.log(JSON.stringify({ description, advice, losses }));
}
