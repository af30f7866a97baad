/** Memory that nobody disposes of, in processes of their own: the garbage collector frees it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { forEachDevice } from "./support/devices.ts";

const PROGRAM = fileURLToPath(new URL("support/collected.ts", import.meta.url));

/** What the program of support/collected.ts prints for a case. */
// deno-lint-ignore no-explicit-any
async function measured(name: string, kind: string): Promise<any> {
  const args = ["run", "--allow-all", "--no-check", "--v8-flags=--expose-gc", PROGRAM, name, kind];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Registers a case for each kind of device. */
function test(name: string, body: (kind: string) => Promise<void>): void {
  forEachDevice(name, ({ kind }) => body(kind), false, ["cpu-1", "webgpu"]);
}

Deno.test("eager results that are read are freed without dispose", async () => {
  const used: number[] = await measured("eager", "cpu");
  // Two results of 64 bytes a step: 3 MB if nothing were freed.
  assert.ok(used.every((bytes) => bytes < 1.5e6), `${used}`);
});

test("dropped results are freed", async (kind) => {
  const [before, after] = await measured("dropped", kind);
  assert.ok(after - before < 2 ** 20, `${before} bytes, then ${after}`); // each has 2^20
});

test("compiled functions that are dropped free their memory, but not that of a kept result", async (kind) => {
  const [before, after, value] = await measured("compiled", kind);
  assert.ok(after - before < 2.5 * 2 ** 20, `${before} bytes, then ${after}`); // a program has 2^21
  assert.ok(Math.abs(value - 4 * Math.exp(2)) < 1e-4, `${value}`);
});

test("views, parts and programs keep what they need", async (kind) => {
  assert.deepEqual(await measured("kept", kind), [
    [1, 2, 3, 4],
    [66, 67, 68, 69],
    [0, 4, 10, 18],
  ]);
});

test("tensors of a closed device are collected in silence", async (kind) => {
  assert.equal(await measured("closed", kind), "closed");
});

Deno.test({
  name: "devices that are closed leave no memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const sizes: number[] = await measured("devices", "cpu");
    // A device reserves 4 GB of addresses.
    assert.ok(sizes.at(-1)! - sizes[0] < 10, `${sizes.map((size) => size.toFixed(0))} GB`);
  },
});
