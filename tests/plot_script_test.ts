import assert from "node:assert/strict";
import { parseMetrics } from "../lib/plot/metrics.ts";
import { runByFile, runByUrl, serveTree } from "./support/by_url.ts";
import { assertWellFormed, texts } from "./support/svg.ts";

const METRICS = [
  `{"step":1,"loss":4.25,"learningRate":0.001,"gradientNorm":1,"tokensPerSecond":9e4}`,
  `{"step":2,"loss":4,"learningRate":0.0005,"elapsedSeconds":3}`,
  `{"step":2,"validationLoss":4.125}`,
  "",
].join("\n");

const PERMISSIONS = ["--allow-read", "--allow-write"];

/** Makes run folders with the given metrics, and a folder of that to run in. */
async function runFolders(
  runs: Record<string, string>,
): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "folio-plot-" });
  for (const [name, metrics] of Object.entries(runs)) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
    await Deno.writeTextFile(`${path}/${name}/metrics.jsonl`, metrics);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The training losses of metrics, without the other figures of their lines. */
const trainLosses = (text: string) =>
  parseMetrics(text, "m").train.map(({ step, loss }) => ({ step, loss }));

Deno.test("metrics lines become series", () => {
  const { train: [first, second, ...more], ...others } = parseMetrics(METRICS, "m");
  assert.deepEqual([first.loss, first.batchLoss, first.tokensPerSecond], [4.25, 4.25, 9e4]);
  assert.deepEqual([first.elapsedSeconds, second.elapsedSeconds], [undefined, 3]);
  assert.deepEqual([second.step, second.loss, second.learningRate], [2, 4, 0.0005]);
  assert.deepEqual(more, []);
  assert.deepEqual(others, {
    validation: [{ step: 2, loss: 4.125 }],
    learningRate: [{ step: 1, learningRate: 0.001 }, { step: 2, learningRate: 0.0005 }],
  });
});

Deno.test("steps repeated after a resume replace those before it", () => {
  const lines = [1, 2, 3, 2, 3].map((step, index) => JSON.stringify({ step, loss: index }));
  const train = trainLosses(lines.join("\n") + "\n");
  assert.deepEqual(train, [{ step: 1, loss: 0 }, { step: 2, loss: 3 }, { step: 3, loss: 4 }]);
});

Deno.test("a mean over steps is drawn at the last of them", () => {
  const train = trainLosses(`{"step":32,"loss":3,"meanLoss":3.5}\n{"step":33,"loss":2}\n`);
  assert.deepEqual(train, [{ step: 32, loss: 3.5 }, { step: 33, loss: 2 }]);
});

Deno.test("a null figure is NaN, and a last line that is cut off is left out", () => {
  const train = trainLosses(`{"step":1,"loss":null}\n{"step":2,"lo`);
  assert.deepEqual(train, [{ step: 1, loss: NaN }]);
});

Deno.test("a malformed line is named by its number", () => {
  const lines: [string, RegExp][] = [
    ["{", /^m line 2: expected a JSON object, got \{$/],
    ["[1]", /^m line 2: expected a JSON object, got \[1\]$/],
    ["null", /^m line 2: expected a JSON object, got null$/],
    ["{}", /^m line 2: expected "step" to be a count, got nothing$/],
    [`{"step":-1}`, /^m line 2: expected "step" to be a count, got -1$/],
    [`{"step":1.5}`, /got 1.5$/],
    [`{"step":"1"}`, /got 1$/],
    [`{"step":1,"loss":"low"}`, /^m line 2: expected "loss" to be a number, got low$/],
    [
      `{"step":1,"validationLoss":{"a":1}}`,
      /expected "validationLoss" to be a number, got \{"a":1\}$/,
    ],
    [`{"step":1,"__proto__":{"loss":3},"loss":true}`, /got true$/],
    ["x".repeat(100), new RegExp(`got ${"x".repeat(40)}…$`)],
  ];
  for (const [line, message] of lines) {
    const read = () => parseMetrics(`{"step":1,"loss":2}\n${line}\n`, "m");
    assert.throws(
      read,
      (error) => error instanceof SyntaxError && message.test(error.message),
      line,
    );
  }
});

Deno.test("one run is drawn into its folder", async () => {
  await using folder = await runFolders({ baby: METRICS });
  const options = { permissions: PERMISSIONS, cwd: folder.path };
  const { code, stdout, stderr } = await runByFile("scripts/plot.ts", ["baby/"], options);
  assert.deepEqual({ code, stdout, stderr }, {
    code: 0,
    stdout: "wrote baby/loss.svg\n",
    stderr: "",
  });
  const svg = await Deno.readTextFile(`${folder.path}/baby/loss.svg`);
  assertWellFormed(svg, "loss.svg");
  for (const text of ["baby: train 4.000", "baby: validation 4.125", "↑ learning rate"]) {
    assert(texts(svg).includes(text), text);
  }
});

Deno.test("several runs, by URL, from a separate folder", async () => {
  await using tree = await serveTree();
  await using folder = await runFolders({ "a/run": METRICS, "b/run": METRICS });
  const args = [
    "a/run",
    "b/run",
    "--out",
    "two.svg",
    "--smooth",
    "3",
    "--theme",
    "dark",
    "--log-y",
    "--practical",
  ];
  const options = { permissions: PERMISSIONS, cwd: folder.path };
  const { code, stdout, stderr } = await runByUrl(tree, "scripts/plot.ts", args, options);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "wrote two.svg\n", stderr: "" });
  const svg = await Deno.readTextFile(`${folder.path}/two.svg`);
  for (const run of ["practical, 30 Aug 2024: train", "practical, 18 Aug 2024: train"]) {
    assert(texts(svg).some((text) => text.startsWith(run)), run);
  }
  for (const run of ["a/run", "b/run"]) {
    assert(texts(svg).includes(`${run}: validation 4.125`), run);
  }
  assert(tree.requests.includes("lib/plot/loss.ts"));
});

Deno.test("bad input is one line, exit code 2, and writes nothing", async () => {
  await using folder = await runFolders({ bad: "{}\n", empty: "", good: METRICS });
  const cases: [string[], RegExp][] = [
    [[], /needs RUN/],
    [
      ["missing"],
      /^error: missing: it holds no metrics.jsonl; give the folder of a training run\n$/,
    ],
    [["bad"], /^error: bad\/metrics.jsonl line 1: expected "step" to be a count, got nothing\n$/],
    [["empty"], /^error: lossFigure: no loss to draw in 1 runs with 0 values\n$/],
    [["good", "--out", "x.png"], /^error: --out x.png: figures are SVG/],
    [
      ["good", "--out", "good/metrics.jsonl/x.svg"],
      /^error: cannot make folder good\/metrics\.jsonl: there is a file of that name\n$/,
    ],
    [["good", "--smoth", "3"], /^error: unknown flag --smoth; did you mean --smooth\?\n$/],
  ];
  const options = { permissions: PERMISSIONS, cwd: folder.path };
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runByFile("scripts/plot.ts", args, options);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1);
  }
  const names = (await Array.fromAsync(Deno.readDir(`${folder.path}/good`))).map(({ name }) =>
    name
  );
  assert.deepEqual(names, ["metrics.jsonl"]);
});
