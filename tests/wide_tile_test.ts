/**
 * Products in tiles of 256-bit vectors: the bits of those of 128 bits, in every form, part of a
 * tile and depth, and so in training; with V8's flag in a process of its own.
 *
 * What single products give is in matmul_test.ts and linear_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Device } from "../lib/device/device.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { gemm } from "../lib/ops/gemm.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { floats, FORMS } from "./support/matmul_reference.ts";
import { trainingLosses } from "./support/training_losses.ts";

const isX64 = Deno.build.arch === "x86_64";
const FLAG = "--experimental-wasm-revectorize";

const narrow = new CpuDevice({ threads: 1, wideVectors: false });
const wide = new CpuDevice({ threads: 2, wideVectors: true });

/** Whole tiles, parts of them on each side, one part alone; depths of one and more panels. */
const SIZES = [
  [12, 32, 16],
  [96, 64, 120],
  [97, 65, 128],
  [5, 200, 24],
  [131, 15, 248],
  [7, 17, 480],
];

for (const form of FORMS) {
  Deno.test(`wide tiles have the bits of narrow ones (${form.name})`, async () => {
    for (const [m, n, k] of SIZES) {
      const a = floats(m * k, 1), b = floats(k * n, 2), bias = floats(n, 3);
      const on = async (device: Device) => {
        useDevice(device);
        const options = { ...form, bias: tensor(bias), activation: "gelu_tanh" } as const;
        return await gemm(tensor(a), tensor(b), { m, n, k }, [m, n], options).data();
      };
      assert.deepEqual(await on(wide), await on(narrow), `${m} × ${n} × ${k}`);
    }
  });
}

Deno.test("wide tiles take steps of k by eights; other products are narrow", () => {
  const request = { m: 96, n: 64, batch: 1, transposeA: false, transposeB: false };
  const kernelFor = (k: number) =>
    wide.chooseGemm({ ...request, k, hasEpilogue: false, mayRound: false }).kernel;
  assert.deepEqual([8, 16, 65, 128].map(kernelFor), ["tiled", "wide", "tiled", "wide"]);
});

Deno.test("training in wide tiles has the bits of narrow ones on one thread and on two", async () => {
  const expected = await trainingLosses({ threads: 2, wideVectors: false });
  for (const threads of [1, 2]) {
    assert.deepEqual(await trainingLosses({ threads, wideVectors: true }), expected);
  }
});

/** What tests/support/training_losses.ts prints in a process with V8's flags. */
async function inProcess(
  flags: string,
  ...permissions: string[]
): Promise<{ description: string; advice?: string; losses: number[] }> {
  const program = new URL("support/training_losses.ts", import.meta.url).href;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-read", ...permissions, program],
    env: { DENO_V8_FLAGS: flags, NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const MAY_READ_FLAGS = "--allow-env=DENO_V8_FLAGS";

Deno.test({
  name: "with V8's flag training is wide, and has the bits that it has without",
  ignore: !isX64,
  fn: async () => {
    const { description, advice, losses } = await inProcess(
      `--stack-size=900,${FLAG}`,
      MAY_READ_FLAGS,
    );
    assert.match(description, /SIMD of 256 bits, 1 thread/);
    assert.equal(advice, undefined);
    assert.deepEqual(losses, await trainingLosses({ threads: 2, wideVectors: false }));
  },
});

Deno.test({
  name: "products are narrow, and the device says how to widen them, unless it can read the flag",
  ignore: !isX64,
  fn: async () => {
    const runs = [await inProcess("--stack-size=900", MAY_READ_FLAGS), await inProcess(FLAG)];
    for (const { description, advice } of runs) {
      assert.match(description, /relaxed SIMD, 1 thread/);
      assert.match(advice!, /DENO_V8_FLAGS is --experimental-wasm-revectorize/);
    }
  },
});
