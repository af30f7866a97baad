import assert from "node:assert/strict";
import { findCircles, importsOf, readGraph } from "./import_graph.ts";

const graph = await readGraph(["lib", "kernels", "scripts"], ["mod.ts"]);

Deno.test("no modules import each other in a circle", () => {
  const circles = findCircles(graph).map((circle) => circle.join("\n  imports "));
  assert.equal(circles.length, 0, `${circles.length} circles:\n${circles.join("\n\n")}`);
});

Deno.test("the graph covers the whole project", () => {
  const targets = new Set([...graph.values()].flat());
  const modules = [...targets].filter((path) => path.endsWith(".ts") && !path.startsWith("data/"));
  assert.deepEqual(modules.filter((path) => !graph.has(path)), []);
  assert.ok(graph.has("lib/tensor/autograd.ts") && graph.has("scripts/train.ts"));
});

Deno.test("every form of import is part of the graph", () => {
  const source = `
    import { a } from "./a.ts";
    import type { B } from "../nn/b.ts";
    import { type C } from "../nn/c.ts";
    export { d } from "../nn/d.ts";
    export * from "../nn/e.ts";
    const f = await import("../nn/f.ts");
    type G = import("../nn/g.ts").G;
    import text from "./x.wgsl" with { type: "text" };
    import fs from "node:fs";
  `;
  const nn = ["b", "c", "d", "e", "f", "g"].map((name) => `lib/nn/${name}.ts`);
  const expected = [...nn, "lib/tensor/a.ts", "lib/tensor/x.wgsl"];
  assert.deepEqual(importsOf("lib/tensor/x.ts", source).sort(), expected);
});

Deno.test("a circle is found and named, whatever it is reached through", () => {
  const circle = [["b", "c", "d", "b"]];
  const edges: [string, string[]][] = [["a", ["b"]], ["b", ["c"]], ["c", ["d"]], ["d", ["b"]]];
  assert.deepEqual(findCircles(new Map(edges)), circle);
  assert.deepEqual(findCircles(new Map([["a", ["a"]]])), [["a", "a"]]);
  const diamond = new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]]]);
  assert.deepEqual(findCircles(diamond), []);
});
