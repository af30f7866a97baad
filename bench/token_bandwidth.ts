/**
 * How much of the memory's bandwidth a token reaches at GPT-2's size, by the type of the weights,
 * on one thread and on two.
 *
 *     deno run -A bench/token_bandwidth.ts [--weights int8] [--seconds N]
 *
 * Texts on one thread and on two alternate, each followed by a measurement of the bandwidth on the
 * same threads (stream.ts). Beside the fastest and the median token stands the share of that
 * bandwidth at which the fastest one read its weights, keys and values.
 *
 * @module
 */
import { choice, integer } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { WeightType } from "../lib/hub/quantized_weights.ts";
import { bytesOfToken, prepareGeneration } from "./generation.ts";
import { summary } from "./results.ts";
import { beyondCaches, streamBandwidth } from "./stream.ts";

const SIZES = { layers: 12, heads: 12, width: 768, context: 1024, vocabulary: 50257 };
const TOKENS = 24;
const THREADS = [1, 2];

const kinds: readonly WeightType[] = ["f32", "bf16", "int8", "int4"];
const command = {
  name: "deno run -A bench/token_bandwidth.ts",
  summary: "Compares the time of a token at GPT-2's size with the memory's bandwidth.",
  flags: {
    weights: choice("all", "the type of the weights", { choices: ["all", ...kinds] }),
    seconds: integer(8, "how long to measure each type", { min: 1 }),
  },
};

await runScript(command, async ({ flags }) => {
  print("| weights | threads | token, ms | median | MB a token | GB/s read | GB/s limit | share |");
  print("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const weights of flags.weights === "all" ? kinds : [flags.weights]) {
    await measure(weights, flags.seconds);
  }
});

async function measure(weights: WeightType, seconds: number): Promise<void> {
  const sides: Side[] = [];
  for (const threads of THREADS) sides.push(await prepare(weights, threads));
  const end = performance.now() + 1e3 * seconds;
  for (let round = 0; round < 2 || performance.now() < end; round++) {
    for (const side of sides) await timeText(side);
  }
  for (const { device, threads, times, bytes, bandwidth } of sides) {
    const { minimum, median } = summary(times);
    const rate = 1e3 * bytes / minimum;
    const rates = [rate, bandwidth].map((rate) => (rate / 1e9).toFixed(1));
    const share = `${(100 * rate / bandwidth).toFixed(0)} %`;
    const cells = [weights, threads, minimum.toFixed(2), median.toFixed(2)];
    print(`| ${[...cells, (bytes / 1e6).toFixed(0), ...rates, share].join(" | ")} |`);
    device.close();
  }
}

interface Side {
  readonly device: CpuDevice;
  readonly threads: number;
  /** What a token reads. */
  readonly bytes: number;
  /** Milliseconds of each token. */
  readonly times: number[];
  /** Bytes per second. */
  bandwidth: number;
  generate(): AsyncGenerator<number>;
  stream(): number;
}

async function prepare(weights: WeightType, threads: number): Promise<Side> {
  const device = new CpuDevice({ threads });
  useDevice(device);
  const { model, generate } = await prepareGeneration({ ...SIZES, weights });
  const read = beyondCaches();
  return {
    device,
    threads,
    bytes: bytesOfToken(model, TOKENS),
    times: [],
    bandwidth: 0,
    generate: () => generate(TOKENS),
    stream: () => streamBandwidth([read], 3),
  };
}

/** A text, of which the first token reads the prompt, and then the bandwidth. */
async function timeText(side: Side): Promise<void> {
  useDevice(side.device);
  let before = NaN;
  for await (const _ of side.generate()) {
    const now = performance.now();
    if (before > 0) side.times.push(now - before);
    before = now;
  }
  side.bandwidth = Math.max(side.bandwidth, side.stream());
}
