import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import plugin, { forbiddenImport } from "./layers_plugin.ts";

/** What the plugin reports for a module at `path`, as [rule, reported text]. */
function lint(path: string, source: string): [string, string][] {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return Deno.lint.runPlugin(plugin, file, source).map(({ id, range }) => [
    id,
    source.slice(...range),
  ]);
}

Deno.test("an import may point inward, and not outward", () => {
  const allowed: [string, string][] = [
    ["lib/random.ts", "./shape.ts"],
    ["lib/device/cpu/cpu_device.ts", "../../shape.ts"],
    ["lib/ops/matmul.ts", "../../kernels/cpu/matmul.ts"],
    ["lib/ops/matmul.ts", "../device/device.ts"],
    ["lib/nn/linear.ts", "../tensor/tensor.ts"],
    ["lib/train/loop.ts", "../data/batches.ts"],
    ["lib/hub/gpt2.ts", "../nn/gpt.ts"],
    ["lib/plot/loss.ts", "./figure.ts"],
    ["kernels/cpu/matmul.ts", "../../lib/wasm/assembler.ts"],
    ["mod.ts", "./lib/nn/gpt.ts"],
    ["scripts/plot.ts", "../lib/plot/mod.ts"],
    ["lib/kernel/mod.ts", "../tensor/custom_op.ts"],
    ["scripts/train.ts", "../../mod.ts"],
    ["scripts/lesson.ts", "./lessons/01_attention.ts"],
    ["scripts/train.ts", "./train/run.ts"],
    ["scripts/train/run.ts", "./plan.ts"],
    ["scripts/chat/conversation.ts", "../generation/stream_text.ts"],
    [
      "scripts/lessons/01_attention.ts",
      "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts",
    ],
    ["tests/anything_test.ts", "../../lib/cli/flags.ts"],
  ];
  const forbidden: [string, string][] = [
    ["lib/random.ts", "./device/device.ts"],
    ["lib/device/device.ts", "../tensor/tensor.ts"],
    ["lib/ops/matmul.ts", "../nn/linear.ts"],
    ["lib/nn/linear.ts", "../train/loop.ts"],
    ["lib/nn/linear.ts", "../hub/gpt2.ts"],
    ["lib/text/tokenizer.ts", "../tensor/tensor.ts"],
    ["lib/data/batches.ts", "../nn/gpt.ts"],
    ["lib/plot/loss.ts", "../tensor/tensor.ts"],
    ["lib/cli/progress.ts", "../train/loop.ts"],
    ["lib/train/loop.ts", "../cli/progress.ts"],
    ["kernels/cpu/matmul.ts", "../../lib/tensor/tensor.ts"],
    ["kernels/cpu/matmul.ts", "../../lib/device/device.ts"],
    ["mod.ts", "./lib/cli/run.ts"],
    ["scripts/train.ts", "../lib/nn/gpt.ts"],
    ["scripts/plot.ts", "../lib/plot/loss.ts"],
    ["lib/kernel/mod.ts", "../nn/gpt.ts"],
    ["lib/lesson/mod.ts", "../../scripts/lesson.ts"],
    [
      "scripts/lessons/x.ts",
      "https://raw.githubusercontent.com/folio-deno/folio/main/lib/nn/gpt.ts",
    ],
    ["scripts/train.ts", "../support/by_url.ts"],
  ];
  for (const [path, specifier] of allowed) {
    assert.equal(forbiddenImport(path, specifier), undefined, `${path} imports ${specifier}`);
  }
  for (const [path, specifier] of forbidden) {
    assert(forbiddenImport(path, specifier), `${path} imports ${specifier}`);
  }
});

Deno.test("the message says what is allowed", () => {
  assert.equal(
    forbiddenImport("scripts/train.ts", "../../lib/nn/gpt.ts"),
    "scripts/train may not import lib/nn/gpt.ts; it may import mod.ts, lib/kernel/mod.ts, lib/plot/mod.ts, " +
      "lib/lesson/mod.ts, lib/cli/, lib/rules.ts, scripts/train/",
  );
});

Deno.test("every form of import is seen", () => {
  const source = `
    import { a } from "../nn/a.ts";
    import type { B } from "../nn/b.ts";
    export { c } from "../nn/c.ts";
    export * from "../nn/d.ts";
    const e = await import("../nn/e.ts");
    import f from "./f.wgsl" with { type: "text" };
  `;
  const expected = ["a", "b", "c", "d", "e"].map((name) => {
    return ["folio/imports", `"../nn/${name}.ts"`];
  });
  assert.deepEqual(lint("lib/tensor/x.ts", source).sort(), expected);
});

Deno.test("the library names no package host and no built-in of Node", () => {
  assert(forbiddenImport("lib/nn/x.ts", "jsr:@std/cli"));
  assert(forbiddenImport("lib/nn/x.ts", "https://example.org/x.ts"));
  assert(forbiddenImport("lib/nn/x.ts", "node:fs"));
  assert.equal(forbiddenImport("lib/cli/x.ts", "node:fs"), undefined);
  assert.equal(forbiddenImport("scripts/x.ts", "node:fs"), undefined);
  assert.equal(forbiddenImport("tests/x_test.ts", "node:assert/strict"), undefined);
});

Deno.test("a package is named by its owner only, even in a variable", () => {
  const source = `const plot = "npm:@observablehq/plot@0.6.17";`;
  const name = `"npm:@observablehq/plot@0.6.17"`;
  assert.deepEqual(lint("lib/plot/loss.ts", source), [["folio/packages", name]]);
  assert.deepEqual(lint("lib/plot/plot.ts", source), []);
});

Deno.test("Deno is used at the edges of the library only", () => {
  const source = `const file = Deno.openSync("x"); const other = { Deno: 1 }.Deno;`;
  for (const path of ["lib/nn/x.ts", "lib/data/batches.ts", "lib/hub/profile.ts", "kernels/x.ts"]) {
    assert.deepEqual(lint(path, source), [["folio/edges", "Deno"]], path);
  }
  const edges = ["lib/cli/x.ts", "lib/train/checkpoint_folder.ts", "lib/files.ts"];
  const files = ["lib/hub/file_source.ts", "lib/data/corpus_file.ts", "scripts/x.ts"];
  for (const path of [...edges, ...files]) assert.deepEqual(lint(path, source), [], path);
});

Deno.test("the library neither prints nor exits", () => {
  const source = `console.log("x"); Deno.exit(1);`;
  const checkpoint = lint("lib/train/checkpoint.ts", source);
  assert.deepEqual(checkpoint.sort(), [["folio/edges", "Deno.exit"], ["folio/edges", "console"]]);
  assert.deepEqual(lint("lib/cli/run.ts", source), []);
});

Deno.test("only lib/device branches on the kind of a device", () => {
  const source = `const slices = device.kind === "webgpu" ? 8 : 1; const is = "cpu" !== kind;`;
  const expected = [`device.kind === "webgpu"`, `"cpu" !== kind`].map((text) => {
    return ["folio/kinds", text];
  });
  for (const path of ["lib/ops/x.ts", "lib/train/loop.ts", "scripts/tune.ts"]) {
    assert.deepEqual(lint(path, source), expected, path);
  }
  for (const path of ["lib/device/x.ts", "tests/x_test.ts", "bench/devices.ts"]) {
    assert.deepEqual(lint(path, source), [], path);
  }
});
