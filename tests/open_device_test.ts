/**
 * Opening a device: what is chosen, and one clear line for what cannot be.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DeviceOptions } from "../lib/device/choose_device.ts";
import { currentDevice } from "../lib/device/current_device.ts";
import { openDevice } from "../lib/ops/open_device.ts";

const refused: [Record<string, unknown>, RegExp][] = [
  [
    { device: "gpu" },
    /^RangeError: openDevice: device must be one of auto, webgpu, cpu, got "gpu"$/,
  ],
  [{ precision: "half" }, /^RangeError: openDevice: precision must be one of f32, f16, got/],
  [{ devise: "cpu" }, /^TypeError: openDevice: unknown option 'devise'; did you mean 'device'\?$/],
  [{ device: "cpu", threads: 0 }, /^RangeError: cpu: threads must be a whole number from 1/],
];

for (const [options, message] of refused) {
  Deno.test(`openDevice refuses ${JSON.stringify(options)}`, async () => {
    await assert.rejects(openDevice(options as DeviceOptions), (error) => message.test(`${error}`));
  });
}

Deno.test("the opened device is the current one and states its traits", async () => {
  const device = await openDevice({ device: "cpu", threads: 1 });
  assert.equal(currentDevice(), device);
  assert.equal(device.traits.workgroupThreads, 1);
  assert.equal(device.traits.isAsynchronous, false);
  device.close();
});
