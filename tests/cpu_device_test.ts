import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { full, tensor, zeros } from "../lib/tensor/tensor.ts";

Deno.test("memory beyond 2 GiB computes the same bits", async () => {
  const results: number[][] = [];
  for (const reserved of [0, 2 ** 31 + 2 ** 20]) {
    const device = new CpuDevice({ threads: 2 });
    useDevice(device);
    if (reserved) device.allocate(reserved); // not touched, so not resident
    const model = new GPT({ vocabSize: 31, contextLength: 24, layers: 1, heads: 2, width: 48 });
    const ids = tensor(Int32Array.from({ length: 96 }, (_, i) => (i * 7) % 31), { shape: [4, 24] });
    const step = compile(() => valueAndGrad(() => model.loss(ids, ids), model.parameters()));
    const { value, gradients } = step();
    results.push([await value.item(), ...await gradients[2].data()]);
    device.close();
  }
  assert.deepEqual(results[1], results[0]);
});

Deno.test("zeros are 0 in memory that held something else, and -0 is kept", async () => {
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  for (const length of [100, 40, 160]) {
    const values = zeros([length]);
    assert.deepEqual(await values.data(), new Float32Array(length));
    device.write(values.storage, new Float32Array(length).fill(7));
    values.dispose();
  }
  assert.deepEqual(await full([2], -0).data(), new Float32Array([-0, -0]));
  device.close();
});

Deno.test("exhausted memory is an error that says so, and freed memory is used again", () => {
  const device = new CpuDevice({ threads: 1 });
  const blocks = [1, 2, 3].map(() => device.allocate(2 ** 30));
  assert.throws(() => device.allocate(2 ** 30), /no memory left/);
  for (const block of blocks) device.release(block);
  device.release(device.allocate(3 * 2 ** 30));
  device.close();
});

Deno.test("threads are a whole number from 1 to 64", () => {
  for (const threads of [0, 1.5, 65]) {
    assert.throws(() => new CpuDevice({ threads }), /threads must be a whole number/);
  }
});
