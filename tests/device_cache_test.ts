/** Tables of a device: made once, and not kept without end. */
import assert from "node:assert/strict";
import { rotary } from "../lib/ops/rotary.ts";
import { DeviceCache } from "../lib/tensor/device_cache.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

Deno.test("values are made once for each device and key; the 32 used last are kept", async () => {
  const cache = new DeviceCache<number>();
  const [one, two] = [await sharedDevice("cpu-1"), await sharedDevice("cpu-2")];
  let made = 0;
  const get = (key: string, device = one) => cache.get(device, key, () => ++made);
  assert.deepEqual([get("a"), get("a"), get("a", two), get("b")], [1, 1, 2, 3]);
  for (let i = 0; i < 30; i++) get(`${i}`);
  assert.deepEqual([get("a"), made], [1, 33]); // used again: b is the one used least recently
  get("more");
  assert.deepEqual([get("a"), get("b")], [1, 35]);
});

forEachDevice("rotary positions of many lengths stay right", async () => {
  for (const time of [...Array.from({ length: 40 }, (_, i) => i + 1), 1]) {
    const x = tensor(Float32Array.from({ length: 2 * time }, (_, i) => 1 - i % 2), {
      shape: [1, time, 2],
    });
    const turned = await rotary(x, { heads: 1, headSize: 2 }).data();
    const angle = time - 1;
    assertClose(turned.slice(-2), [Math.cos(angle), Math.sin(angle)], 1e-6);
  }
});
