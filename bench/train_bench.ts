/**
 * A whole training step, forward, backward and update, on the CPU: the baby settings with one thread and with two, then other widths, and
 * other contexts with the same 768 tokens. Each step's first loss is checked before it is timed.
 *
 * @module
 */
import { formatBytes } from "../lib/cli/numbers.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { prepareStep, type StepSizes } from "./training_step.ts";

const { layers, heads, width, context, batch } = PRESETS.baby;
const BABY: StepSizes = { layers, heads, width, context, batch };

const devices = [1, 2].map((threads) => new CpuDevice({ threads }));
for (const device of devices) console.log(device.description);

async function bench(group: string, device: CpuDevice, sizes: StepSizes): Promise<void> {
  useDevice(device);
  const { trainer, run } = await prepareStep(sizes);
  const { width, context, batch } = sizes;
  const threads = device.threads === 1 ? "1 thread" : `${device.threads} threads`;
  const name = `width ${width}, ${batch} × ${context} tokens, ${threads}`;
  if (trainer.report) {
    console.log(`${name}: ${formatBytes(trainer.report.bytes)} of the step's own memory`);
  }
  Deno.bench({
    name,
    group,
    async fn() {
      run();
      await trainer.figures();
    },
  });
}

for (const device of devices) await bench("baby", device, BABY);
const both = devices[1];
for (const width of [64, 256]) await bench("widths", both, { ...BABY, width });
for (const context of [16, 128, 256]) {
  await bench("contexts", both, { ...BABY, context, batch: 768 / context });
}
