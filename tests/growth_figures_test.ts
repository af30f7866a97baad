/** The figures of bench/report.ts, from results made up so that the crossing is known. */
import assert from "node:assert/strict";
import { crossover, crossoverFigure, growthFigure } from "../bench/growth_figures.ts";
import { faster, type Results, type TrainingResult } from "../bench/results.ts";
import { trainingConfigurations } from "../bench/sweep.ts";
import { assertWellFormed, texts } from "./support/svg.ts";

/** Attention takes context / 400 of the products' time. */
const training = trainingConfigurations(false).map((configuration): TrainingResult => ({
  ...configuration,
  parameters: 1,
  milliseconds: { minimum: 10, median: 11 },
  steps: 3,
  tokensPerSecond: 1000 * configuration.threads,
  memory: { device: 1, resident: 2 },
  split: { attention: configuration.context, products: 400, rest: 30 },
}));
const machine = { cpu: "a processor", cores: 2, system: "none" };
const results: Results = {
  schema: 1,
  machine,
  deno: "2.9.6",
  date: "2026-11-24T00:00:00.000Z",
  load: 9,
  training,
  generation: [],
};

Deno.test("crossover: on a straight line through logarithms", () => {
  const line = (...values: number[]) => values.map((value, i) => ({ step: 2 ** i, value }));
  assert.ok(Math.abs(crossover(line(1, 2, 4), line(3, 3, 3))! - 3) < 1e-9);
  assert.equal(crossover(line(1, 2, 4), line(5, 5, 5)), undefined);
});

Deno.test("crossoverFigure marks the context at which attention takes as long as the products", async () => {
  const svg = await crossoverFigure(results).toSVG();
  assertWellFormed(svg, "crossover");
  assert.ok(texts(svg).includes("equal at 400"));
  assert.ok(texts(svg).some((text) => text.includes("a context of about 400")));
});

Deno.test("growthFigure labels both numbers of threads on each axis", async () => {
  const svg = await growthFigure(results, { theme: "dark" }).toSVG();
  assertWellFormed(svg, "growth");
  assert.equal(texts(svg).filter((text) => text === "2 threads").length, 3);
  assert.ok(texts(svg).some((text) => text.includes("a processor") && text.includes("load 9.0")));
});

Deno.test("faster keeps the better run of each configuration, and the parts of the faster profile", () => {
  const [first, ...others] = training;
  const better = { ...first, milliseconds: { minimum: 5, median: 6 } };
  const slowParts = { ...better, split: { attention: 900, products: 900, rest: 900 } };
  const merged = faster({ ...results, training: [slowParts, ...others] }, results);
  assert.deepEqual(merged.training, [better, ...others]);
  assert.deepEqual(faster(results, { ...results, training: [better] }).training[0], better);
});
