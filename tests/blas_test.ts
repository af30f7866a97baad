/**
 * Products by a system BLAS: the numbers of WebAssembly's within rounding, the same bits on any
 * number of threads, and one line if it cannot be opened.
 *
 * What single products give is in matmul_test.ts and linear_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice, type CpuOptions } from "../lib/device/cpu/cpu_device.ts";
import { command, line, run, scratchFolder, TINY } from "./support/command.ts";
import { trainingLosses } from "./support/training_losses.ts";

const probe = new CpuDevice({ threads: 1, blas: "auto" });
probe.close();
const ignore = !probe.blas;

/** Losses of a few steps, so that another rounding does not grow. */
const losses = (options: CpuOptions) => trainingLosses(options, 6);

Deno.test({
  name: "blas: training has WebAssembly's losses, and the same bits on 1, 2 and 3 threads",
  ignore,
  fn: async () => {
    const wasm = await losses({ threads: 2 });
    const [one, two, three] = [
      await losses({ threads: 1, blas: "auto" }),
      await losses({ threads: 2, blas: "auto" }),
      await losses({ threads: 3, blas: "auto" }),
    ];
    assert.deepEqual(two, one);
    assert.deepEqual(three, one);
    one.forEach((value, i) => assert.ok(Math.abs(value / wasm[i] - 1) < 1e-4, `${value}`));
  },
});

Deno.test({
  name: "blas: the device says which library computes",
  ignore,
  fn: () =>
    assert.match(probe.description, /^cpu \((OpenBLAS for \w+|MKL|BLIS|Accelerate), WebAssembly /),
});

Deno.test({
  name: "blas: if OpenBLAS uses its oldest kernels, the device line says what to set",
  ignore: !probe.blas?.path.includes("openblas"),
  fn: async () => {
    const device = new URL("../lib/device/cpu/cpu_device.ts", import.meta.url);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-lock",
        `import { CpuDevice } from "${device}";
        console.log(new CpuDevice({ threads: 1, blas: "auto" }).description)`,
      ],
      env: { OPENBLAS_CORETYPE: "Prescott" },
    }).output();
    assert.match(
      new TextDecoder().decode(stdout),
      /^cpu \(OpenBLAS for Prescott, .*: OpenBLAS does not know .* set OPENBLAS_CORETYPE to /,
    );
  },
});

Deno.test("blas: if the library is missing, the description says so and WebAssembly computes", async () => {
  const blas = "/nowhere/libopenblas.so";
  const device = new CpuDevice({ threads: 1, blas });
  assert.equal(device.blas, undefined);
  assert.match(device.description, /relaxed SIMD.*: .*\/nowhere\/libopenblas\.so/);
  device.close();
  assert.deepEqual(await losses({ threads: 1, blas }), await losses({ threads: 1 }));
});

Deno.test("blas: without --allow-ffi the run says so in its device line and goes on", async () => {
  await using folder = await scratchFolder();
  const args = [...TINY, ...line("--dataset text.txt --blas auto --steps 1 --out run")];
  const { code, out } = await run("train", args, folder.path);
  assert.equal(code, 0);
  assert.match(
    out,
    /^device .*a system BLAS needs --allow-ffi, which deno task train:native has$/m,
  );
});

Deno.test("blas: a study says in its device line that it computes without, and its help what to do", async () => {
  await using folder = await scratchFolder();
  const child = command(
    "study",
    line("superposition --quick --device cpu --blas auto"),
    folder.path,
  );
  let out = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += text;
    if (/^device .*\n/m.test(out)) break;
  }
  child.kill();
  await Promise.all([child.stderr.cancel(), child.status]);
  assert.match(
    out,
    /^device .*a system BLAS needs --allow-ffi, which deno task train:native has$/m,
  );
  for (const script of ["study", "finetune"]) {
    const { out } = await run(script, ["--help"], folder.path);
    assert.match(out, new RegExp(`deno run -A scripts/${script}\\.ts .*--blas auto`));
  }
});
