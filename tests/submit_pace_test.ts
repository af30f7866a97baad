/**
 * How a program's runs are cut into submits, so that no watchdog ends a slow GPU's work.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cutInParts, SubmitPace, submitsOf } from "../lib/device/webgpu/submit_pace.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { add } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";

Deno.test("submits: one for a short run, one for each 200 ms of a long one", () => {
  assert.deepEqual([0, 3, 200, 201, 5000, Infinity].map(submitsOf), [1, 1, 1, 2, 25, 64]);
});

Deno.test("submits: parts hold every item once, in order", () => {
  for (const [count, parts] of [[0, 3], [1, 16], [7, 3], [10, 4], [100, 16]]) {
    const items = Array.from({ length: count }, (_, i) => i);
    const cut = cutInParts(items, parts);
    assert.deepEqual(cut.flat(), items);
    assert.ok(cut.length <= parts && cut.every((part) => part.length > 0));
  }
});

Deno.test("submits: runs of a wait share its time; those after it are counted for the next", () => {
  const pace = new SubmitPace();
  const [first, second] = [{ submits: 16 }, { submits: 16 }];
  pace.count(first);
  const waited = pace.beforeWait();
  pace.count(second);
  waited();
  assert.deepEqual([first.submits, second.submits], [1, 16]);
  pace.beforeWait()();
  assert.equal(second.submits, 1);
});

forEachDevice("submits: a program is cut until it is known to be short", async (device) => {
  if (!(device instanceof WebGpuDevice)) return;
  const x = tensor([1]);
  const program = compile(() => Array.from({ length: 20 }).reduce<typeof x>((y) => add(y, x), x));
  const { queue } = device.gpu;
  const { submit } = queue;
  let submits = 0;
  queue.submit = (buffers) => (submits++, submit.call(queue, buffers));
  try {
    assert.equal(await program().item(), 21);
    assert.ok(submits > 10, `${submits} submits of the first run`);
    const before = submits;
    for (let run = 0; run < 3; run++) program();
    await device.finish();
    assert.equal(submits - before, 3);
  } finally {
    queue.submit = submit;
    program.dispose();
  }
});
