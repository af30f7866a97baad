/**
 * Has the adapter's compiler build every pipeline that the presets `baby` and `small` use, and
 * names each on stderr before and after; compilers.ts runs it on devices that compile alone.
 *
 *     deno run -A bench/compilers/builds.ts [--all]
 *
 * With `--all`, every kernel with each of its options is built, at small sizes.
 *
 * @module
 */
import { openDevice } from "../../lib/ops/open_device.ts";
import type { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import { buildKernels, generateFew, train } from "../../tests/support/kernel_builds.ts";
import { BEGIN, END } from "./parse.ts";

const encoder = new TextEncoder();
const say = (line: string) => Deno.stderr.writeSync(encoder.encode(`\n${line}\n`));

const { createComputePipeline } = GPUDevice.prototype;
GPUDevice.prototype.createComputePipeline = function (descriptor) {
  say(`${BEGIN}${descriptor.label}`);
  const pipeline = createComputePipeline.call(this, descriptor);
  say(END);
  return pipeline;
};

const device = await openDevice({ device: "webgpu" }) as WebGpuDevice;
if (Deno.args.includes("--all")) await buildKernels(device);
// Batches of the presets, but one layer: further layers use the same pipelines.
for (
  const [heads, width, contextLength, batchSize, dropout] of [
    [4, 128, 64, 12, 0],
    [6, 384, 256, 64, 0.2],
  ]
) {
  const config = { vocabSize: 65, contextLength, layers: 1, heads, width, dropout };
  const model = train(config, undefined, batchSize);
  await generateFew(model, { temperature: 0.8, topK: 10 });
}
Deno.exit(0); // a device that computes nothing cannot be closed
