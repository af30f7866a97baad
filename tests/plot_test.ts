import { UserError } from "../lib/errors.ts";
import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { attentionFigure, maskFigure } from "../lib/plot/attention.ts";
import { attentionGridFigure } from "../lib/plot/attention_grid.ts";
import { adapterFigure } from "../lib/plot/adapter.ts";
import { confusionFigure } from "../lib/plot/confusion.ts";
import {
  blockFigure,
  modelFigure,
  queryKeyValueFigure,
  tokensFigure,
} from "../lib/plot/diagrams.ts";
import { embeddingFigure } from "../lib/plot/embedding.ts";
import type { Figure } from "../lib/plot/figure.ts";
import { learningRateFigure } from "../lib/plot/learning_rate.ts";
import { contributionsFigure } from "../lib/plot/contributions.ts";
import { curvesFigure } from "../lib/plot/curves.ts";
import { lensFigure } from "../lib/plot/lens.ts";
import { lossFigure } from "../lib/plot/loss.ts";
import { scoresFigure } from "../lib/plot/scores.ts";
import { tokenValuesFigure } from "../lib/plot/token_values.ts";
import { methodsFigure } from "../lib/plot/methods.ts";
import { nextTokenFigure } from "../lib/plot/next_token.ts";
import { positionsFigure } from "../lib/plot/positions.ts";
import { seedsFigure } from "../lib/plot/seeds.ts";
import { THEMES } from "../lib/plot/theme.ts";
import { assertWellFormed, elements, texts } from "./support/svg.ts";

const NASTY = `<script>alert("1")</script> & 'x' ]]> \x00\x1b\ud800`;

const method = { label: "words", accuracy: 0.992, error: 0.004, trained: 42_405, seconds: 0.6 };

const run = {
  label: "baby",
  train: [{ step: 10, loss: 4 }, { step: 20, loss: 3 }, { step: 30, loss: 2.5 }],
  validation: [{ step: 0, loss: 4.2 }, { step: 30, loss: 2.7 }],
};
const rates = [{ step: 10, learningRate: 1e-3 }, { step: 30, learningRate: 1e-4 }];
const causal = (size: number) => {
  return Array.from({ length: size }, (_, query) => {
    return Array.from({ length: size }, (_, key) => key > query ? 0 : 1 / (query + 1));
  });
};
const tokens = (count: number) => Array.from({ length: count }, (_, index) => ` t${index}`);

/** One of each figure, all with the same title and theme. */
function figures(theme: "light" | "dark", title = "A title"): Record<string, Figure> {
  const options = { theme, title };
  const points = [{ label: "a", x: 0, y: 0 }, { label: "b", x: 1, y: 2, group: "g" }];
  return {
    loss: lossFigure([run, { ...run, label: NASTY, learningRate: rates }], options),
    learningRate: learningRateFigure([{ label: NASTY, rates: [0, 1e-3, 5e-4] }], options),
    seeds: seedsFigure([{ label: NASTY, runs: [run.train, run.validation] }], options),
    attention: attentionFigure(causal(3), { queries: ["a", NASTY, "\n"], ...options }),
    longAttention: attentionFigure(causal(80), { queries: tokens(80), ...options }),
    mask: maskFigure(causal(2), { queries: [NASTY, "b"], ...options }),
    longMask: maskFigure(causal(80), { queries: tokens(80), ...options }),
    grid: attentionGridFigure(new Float32Array(16), {
      layers: 2,
      heads: 2,
      queries: 2,
      ...options,
    }),
    widePositions: positionsFigure(new Float32Array(1400), {
      positions: 2,
      width: 700,
      ...options,
    }),
    positions: positionsFigure([0, 1, 0, 1], { positions: 2, width: 2, ...options }),
    longPositions: positionsFigure(new Float32Array(400), { positions: 4, width: 100, ...options }),
    embedding: embeddingFigure([...points, { label: NASTY, x: 2, y: 1 }], options),
    nextToken: nextTokenFigure([{ token: NASTY, probability: 1 }], { topP: 0.5, ...options }),
    confusion: confusionFigure([[1, 0], [0, 1]], { labels: [NASTY, "b"], ...options }),
    adapter: adapterFigure([
      { name: NASTY, relative: 0.5, singularValues: [1, 0] },
      { name: "h.0.a", relative: 0, singularValues: [0] },
      { name: "h.1.a", relative: Infinity, singularValues: [2, 0, 0] },
    ], options),
    scores: scoresFigure([[-1, NaN], [0.5, 12]], {
      rows: [NASTY, "b"],
      columns: ["1", "2"],
      ...options,
    }),
    lens: lensFigure([[{ token: NASTY, probability: 0.5 }]], { tokens: [NASTY], ...options }),
    contributions: contributionsFigure([{ part: NASTY, value: -1 }, { part: "b", value: 2 }, {
      part: "c",
      value: 0,
    }], { count: 2, ...options }),
    tokenValues: tokenValuesFigure([{ token: NASTY, value: NaN }, { token: " b", value: -1 }], {
      width: 60,
      ...options,
    }),
    curves: curvesFigure(
      [{ label: NASTY, points: [{ step: 0, value: 1 }, { step: 1, value: 2 }] }],
      options,
    ),
    methods: methodsFigure([method, { ...method, label: NASTY, seconds: 90 }], options),
  };
}

for (const theme of ["light", "dark"] as const) {
  Deno.test(`every figure is a whole SVG document: ${theme}`, async () => {
    for (const [name, figure] of Object.entries(figures(theme, NASTY))) {
      const svg = await figure.toSVG();
      assertWellFormed(svg, name);
      assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="\d/, name);
      assert.match(svg, /^<svg [^>]*font-family="Inter, [^>]*sans-serif"/, name);
      const ground = theme === "light" ? "#ffffff" : "#15181d";
      assert(svg.includes(`<rect width="100%" height="100%" fill="${ground}"/>`), name);
      assert(!/NaN|undefined|<script|<style|<foreignObject/.test(svg), name);
    }
  });
}

Deno.test("nothing is drawn outside the figure", async () => {
  for (const [name, figure] of Object.entries(figures("light"))) {
    const svg = await figure.toSVG();
    const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg)!.map(Number);
    for (const { x, y } of elements(svg, "text")) {
      assert(x >= 0 && x <= width && y >= 0 && y <= height, `${name}: text at ${x}, ${y}`);
    }
  }
});

Deno.test("a figure is saved whole, and shown in a notebook", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const figure = lossFigure([run]);
    await figure.save(`${folder}/loss.svg`);
    assert.equal(await Deno.readTextFile(`${folder}/loss.svg`), await figure.toSVG());
    await assert.rejects(figure.save(`${folder}/missing/loss.svg`), UserError);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["loss.svg"]);
    const show =
      (figure as unknown as Record<symbol, () => unknown>)[Symbol.for("Jupyter.display")];
    assert.deepEqual(await show.call(figure), { "image/svg+xml": await figure.toSVG() });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a loss figure labels every line with its last value", async () => {
  const svg = await lossFigure([run, { ...run, label: "small" }]).toSVG();
  const labels = ["baby: train 2.500", "baby: validation 2.700"];
  for (const label of [...labels, "small: train 2.500"]) assert(texts(svg).includes(label), label);
  assert(texts(svg).includes("step"));
  assert(texts(svg).includes("↑ loss (nats per token)"));
});

Deno.test("a trainer's figures are drawn as they are, without a name or held-out losses", async () => {
  const figures = [1, 2].map((step) => ({ step, loss: 5 - step, gradientNorm: 1 }));
  const labels = texts(await lossFigure([{ train: figures }]).toSVG());
  assert(labels.includes("train 3.000"));
  assert(!labels.some((text) => text.includes("validation")));
});

Deno.test("console.log shows a figure's title and how to save it", () => {
  const figure = attentionFigure([[1]], { queries: ["a"] });
  assert.equal(Deno.inspect(figure), 'figure "Attention"; save(file) writes it as SVG');
});

Deno.test("a figure is saved to a file: address, too", async () => {
  const folder = await Deno.makeTempDir();
  await lossFigure([run]).save(new URL(`file://${folder}/a%20b.svg`));
  assert.match(await Deno.readTextFile(`${folder}/a b.svg`), /^<svg/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("labels at the ends of lines do not overlap", async () => {
  const runs = Array.from({ length: 15 }, (_, index) => ({ ...run, label: `run ${index}` }));
  const svg = await lossFigure(runs).toSVG();
  const ends = elements(svg, "text").filter(({ text }) => /^run \d/.test(text));
  assert.equal(ends.length, 30);
  const heights = ends.map(({ y }) => y).sort((a, b) => a - b);
  for (let index = 1; index < 30; index++) {
    assert(heights[index] - heights[index - 1] >= 12, `${heights[index - 1]}, ${heights[index]}`);
  }
});

Deno.test("a loss figure omits values that it cannot draw, and counts them", async () => {
  const train = [{ step: 1, loss: NaN }, { step: 2, loss: Infinity }, { step: 3, loss: 2 }];
  const svg = await lossFigure([{ ...run, train }]).toSVG();
  assert(texts(svg).includes("values omitted (not finite, or ≤ 0 on a logarithmic axis): 2"));
  const zero = [{ ...run, train: [{ step: 1, loss: 0 }, { step: 2, loss: 1 }] }];
  const logarithmic = await lossFigure(zero, { logY: true }).toSVG();
  assert(
    texts(logarithmic).includes("values omitted (not finite, or ≤ 0 on a logarithmic axis): 1"),
  );
  const empty = { label: "empty", train: [], validation: [{ step: 1, loss: NaN }] };
  assert.throws(() => lossFigure([empty]), RangeError);
  assert.throws(() => lossFigure([]), RangeError);
  assert.throws(() => lossFigure([run], { smooth: 0 }), RangeError);
});

Deno.test("a lone point, a flat line and a smoothed one can be drawn", async () => {
  const flat = [{ step: 1, loss: 2 }, { step: 2, loss: 2 }];
  for (const train of [[{ step: 5, loss: 3 }], flat, [{ step: 0, loss: 0 }]]) {
    const svg = await lossFigure([{ label: "", train, validation: [] }], { smooth: 10 }).toSVG();
    assert(!/NaN|Infinity/.test(svg));
    assert(texts(svg).includes("train: moving average over 10 points; raw values pale"));
  }
});

Deno.test("a learning rate has a separate strip below the loss", async () => {
  const without = await lossFigure([run]).toSVG();
  const svg = await lossFigure([{ ...run, learningRate: rates }]).toSVG();
  assert(!texts(without).includes("↑ learning rate"));
  assert(texts(svg).includes("↑ learning rate"));
});

Deno.test("attention weights are printed while they are few", async () => {
  const few = await attentionFigure(causal(12), { queries: tokens(12) }).toSVG();
  assert.equal(texts(few).filter((text) => text === "0").length, 12 * 11 / 2 + 1); // and the bar
  const many = await attentionFigure(causal(13), { queries: tokens(13) }).toSVG();
  assert.equal(texts(many).filter((text) => text === "0.00").length, 0);
});

Deno.test("the rows of attention are queries and its columns keys", async () => {
  const keys = ["x", " y", "z\n"];
  const svg = await attentionFigure([0.1, 0.2, 0.7, 1, 0, 0], { queries: ["a", "b"], keys })
    .toSVG();
  const placed = (wanted: string) => elements(svg, "text").find(({ text }) => text === wanted)!;
  assert(placed("a").y < placed("b").y);
  assert(placed("x").x < placed("␣y").x && placed("␣y").x < placed("z↵").x);
  assert(Math.abs(placed("0.70").y - placed("a").y) < 2);
  assert(Math.abs(placed("0.70").x - placed("z↵").x) < 2);
});

Deno.test("repeated tokens keep their own rows and columns", async () => {
  const svg = await attentionFigure(causal(3), { queries: ["a", "a", "a"] }).toSVG();
  assert.equal(texts(svg).filter((text) => text === "a").length, 6);
});

Deno.test("more tokens than can be named are one picture with numbered axes", async () => {
  const svg = await attentionFigure(causal(80), { queries: tokens(80) }).toSVG();
  assert.match(svg, /<image [^>]*href="data:image\/png;base64,/);
  assert(!texts(svg).includes("␣t1"));
});

Deno.test("a wrong shape is named", () => {
  const queries = ["a", "b"];
  const expected = "attentionFigure: expected 2 rows of 2 values";
  const cases: [number[] | number[][], string][] = [
    [[1, 2, 3], `${expected}, got 3 values`],
    [[[1, 0]], `${expected}, got 1 rows`],
    [[[1, 0], [1]], `${expected}, got 1 in row 1`],
  ];
  for (const [weights, message] of cases) {
    assert.throws(() => attentionFigure(weights, { queries }), { name: "TypeError", message });
  }
  assert.throws(() => attentionFigure([], { queries: [] }), RangeError);
  assert.throws(() => positionsFigure([1, 2, 3], { positions: 2, width: 2 }), TypeError);
  const shape = { layers: 2, heads: 2, queries: 3 };
  assert.throws(() => attentionGridFigure(new Float32Array(16), shape), TypeError);
});

Deno.test("wide positions show sines and cosines apart, and only colors of single numbers", async () => {
  // Sines are all 1 and cosines all −1: an average would be 0.
  const [positions, width] = [4, 3000];
  const values = Float32Array.from({ length: positions * width }, (_, i) => i % 2 === 0 ? 1 : -1);
  const svg = await positionsFigure(values, { positions, width }).toSVG();
  const pictures = [...svg.matchAll(/base64,([^"]+)"/g)].map(([, data]) => data);
  assert.equal(pictures.length, 2);
  const colors = pictures.map((data) => new Set(pngColors(Uint8Array.fromBase64(data))));
  assert.deepEqual(colors.map(({ size }) => size), [1, 1]);
  assert.notDeepEqual(colors[0], colors[1]);
});

/** The colors of an image as png.ts writes it. */
function pngColors(png: Uint8Array): string[] {
  const start = png.findIndex((_, i) => String.fromCharCode(...png.subarray(i, i + 4)) === "IDAT");
  const view = new DataView(png.buffer, png.byteOffset);
  const raw = inflateSync(png.subarray(start + 4, start + 4 + view.getUint32(start - 4)));
  const stride = 3 * view.getUint32(16) + 1;
  return Array.from({ length: raw.length / stride }, (_, row) => {
    return [...raw.subarray(row * stride + 1, (row + 1) * stride)];
  }).flatMap((row) => row.flatMap((_, i) => i % 3 === 0 ? [row.slice(i, i + 3).join()] : []));
}

Deno.test("the prompt is written above the next tokens", async () => {
  const svg = await nextTokenFigure([{ token: "a", probability: 1 }], { prompt: "to\nbe" }).toSVG();
  assert(texts(svg).includes("after “to↵be”"), svg);
});

Deno.test("diagrams need no package, and both themes fill the whole figure", async () => {
  const figures = [
    queryKeyValueFigure(),
    blockFigure({ norm: "post" }),
    modelFigure(),
    tokensFigure({ tokens: ["to", " be"], ids: [5, 9] }),
  ];
  for (const figure of figures) {
    for (const theme of ["light", "dark"] as const) {
      const svg = await figure.toSVG(theme);
      const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!;
      assert(svg.includes(`viewBox="0 0 ${width} ${height}"`), svg.slice(0, 200));
      assert(svg.includes(`fill="${THEMES[theme].background}"`));
    }
  }
  assert.throws(() => tokensFigure({ tokens: ["a"], ids: [] }), RangeError);
});

Deno.test("a mask fills the cells that may be attended to", async () => {
  const svg = await maskFigure([[true, false], [true, true]], { queries: ["a", "b"] }).toSVG();
  const fills = [...svg.matchAll(/<rect [^>]*fill="(#\w+)"[^>]*\/>/g)].map(([, fill]) => fill);
  const [, ...cells] = fills; // the first is the ground
  assert.equal(new Set(cells).size, 2);
  assert(cells[0] === cells[2] && cells[0] === cells[3] && cells[0] !== cells[1]);
});

Deno.test("every layer and head has its map", async () => {
  const weights = new Float32Array(3 * 4 * 5 * 5).fill(0.2);
  const svg = await attentionGridFigure(weights, { layers: 3, heads: 4, queries: 5 }).toSVG();
  assert.equal(svg.match(/<image /g)!.length, 12);
  for (const text of ["layer 3", "head 4"]) assert(texts(svg).includes(text), text);
});

Deno.test("the maps of heads name their tokens, or list them if they are many", async () => {
  const shape = { layers: 1, heads: 2 };
  const few = new Float32Array(2 * 9).fill(1 / 3);
  const named = attentionGridFigure(few, { ...shape, queries: 3, tokens: ["to", "be", "or"] });
  // Left of the first map, and above each.
  assert.equal(texts(await named.toSVG()).filter((text) => text === "be").length, 3);
  const many = new Float32Array(2 * 900).fill(1 / 30);
  const listed = attentionGridFigure(many, { ...shape, queries: 30, tokens: tokens(30) });
  assert(texts(await listed.toSVG()).join().includes("1 ␣t0   2 ␣t1"));
  const wrong = { ...shape, queries: 3, tokens: ["to"] };
  assert.throws(() => attentionGridFigure(few, wrong), RangeError);
});

Deno.test("timers fire while the maps of many heads are drawn", async () => {
  const weights = new Float32Array(8 * 8 * 64 * 64).fill(1 / 64);
  const figure = attentionGridFigure(weights, { layers: 8, heads: 8, queries: 64 });
  await figure.toSVG(); // loads the packages that draw
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  await figure.toSVG();
  clearInterval(timer);
  assert.ok(fired > 0);
});

Deno.test("top-p keeps the fewest tokens that reach it", async () => {
  const probabilities = [0.1, 0.4, 0.3, 0.2];
  const bars = probabilities.map((probability, index) => ({ token: `t${index}`, probability }));
  const kept: [number, string][] = [
    [0, "top-p 0 keeps 1 token"],
    [0.4, "top-p 0.4 keeps 1 token"],
    [0.41, "top-p 0.41 keeps 2 tokens"],
    [1, "top-p 1 keeps 4 tokens"],
  ];
  for (const [topP, note] of kept) {
    assert(texts(await nextTokenFigure(bars, { topP }).toSVG()).includes(note), note);
  }
  const names = texts(await nextTokenFigure(bars, { count: 2 }).toSVG());
  assert(names.includes("t1") && names.includes("t2") && !names.includes("t3"));
  const four = await nextTokenFigure(bars, { topP: 0.7, temperatures: [0.5, 1, 4] }).toSVG();
  // 0.4² = 0.16 of 0.3 is 0.533, with 0.3² 0.833; fourth roots of 0.4, 0.3, 0.2, 0.1 are nearly
  // equal.
  assert(texts(four).includes("top-p 0.7 keeps 2, 2, 3 tokens"), texts(four).join("\n"));
  for (const text of ["temperature 0.5", "0.533", "0.400", "0.287"]) {
    assert(texts(four).includes(text), text);
  }
  assert.equal(four.match(/stroke-dasharray/g)?.length, 3);
  for (const temperature of [0, -1, NaN, Infinity]) {
    assert.throws(() => nextTokenFigure(bars, { temperatures: [temperature] }), RangeError);
  }
  assert.throws(() => nextTokenFigure([]), RangeError);
  assert.throws(() => nextTokenFigure([{ token: "a", probability: 1.1 }]), RangeError);
  assert.throws(() => nextTokenFigure(bars, { topP: 2 }), RangeError);
});

Deno.test("labels of points do not overlap, and none is dropped", async () => {
  const points = Array.from({ length: 60 }, (_, index) => {
    return { label: `word${index}`, x: Math.sin(index * 7), y: Math.cos(index * index) };
  });
  const svg = await embeddingFigure(points, { width: 400, height: 300 }).toSVG();
  const labels = elements(svg, "text").filter(({ text }) => text.startsWith("word"));
  for (const a of labels) {
    for (const b of labels) {
      const apart = a === b || Math.abs(a.y - b.y) >= 11.9 || Math.abs(a.x - b.x) >= 30;
      assert(apart, `${a.text} and ${b.text}`);
    }
  }
  assert.equal(labels.length, 60);
  const grouped = points.map((point, i) => ({ ...point, group: `g${i % 4}` }));
  const drawn = await embeddingFigure(grouped).toSVG();
  const shapes = new Set([...drawn.matchAll(/<path d="([^"]+)" transform/g)].map(([, d]) => d));
  assert.equal(shapes.size, 4);
  assert.throws(() => embeddingFigure([{ label: "a", x: NaN, y: 0 }]), RangeError);
});

Deno.test("a confusion matrix counts, and shows its accuracy", async () => {
  const svg = await confusionFigure([[8, 2], [0, 0]], { labels: ["ham", "spam"] }).toSVG();
  for (const text of ["8", "2", "ham", "spam"]) assert(texts(svg).includes(text), text);
  const note = "accuracy 80.0 % of 10 examples; color: fraction of the true class";
  assert(texts(svg).includes(note));
});

Deno.test("an adapter's figure has a cell for each layer and a line for each name", async () => {
  const layers = [0, 1].flatMap((block) =>
    ["attn.c_attn", "mlp.c_fc"].map((module, i) => ({
      name: `transformer.h.${block}.${module}`,
      relative: 0.01 * (1 + block) + 0.1 * i,
      singularValues: [3 - block, 1, 0.5],
    }))
  );
  const svg = await adapterFigure(layers).toSVG();
  const shown = texts(svg);
  for (const text of ["1", "2", "11", "12", "What the adapter changes"]) {
    assert(shown.includes(text), text);
  }
  assert.equal(shown.filter((text) => text === "attn.c_attn").length, 2); // column and line
  assert.throws(() => adapterFigure([]), /nothing to draw/);
  assert.throws(() => adapterFigure([{ name: "a" } as never]), /list of changes .* at index 0/);
});

Deno.test("methods are named over what they train and over their seconds", async () => {
  const other = { label: "full", accuracy: 0.987, trained: 850_000, seconds: 96 };
  const svg = await methodsFigure([method, other]).toSVG();
  for (const text of ["numbers trained →", "seconds →", "bars: a standard error up and down"]) {
    assert(texts(svg).includes(text), text);
  }
  const shown = texts(svg);
  for (const name of ["words", "full"]) {
    assert.equal(shown.filter((text) => text === name).length, 2, name);
  }
  assert(!texts(await methodsFigure([other]).toSVG()).some((text) => text.startsWith("bars")));
  assert.throws(() => methodsFigure([]), /expected methods with trained and seconds .* got none/);
  const wrong = { ...other, seconds: 0 };
  assert.throws(() => methodsFigure([wrong]), /seconds above 0, got full/);
});

Deno.test("a value axis that ends just above 10 writes 10 in full", async () => {
  const train = [{ step: 1, loss: 10.67 }, { step: 9, loss: 0.2 }];
  const svg = await lossFigure([{ label: "", train, validation: [] }]).toSVG();
  assert.ok(texts(svg).includes("10"), texts(svg).join(" "));
  assert.ok(!svg.includes("1e+1"));
});

Deno.test("seeds are one line, their mean at the steps that all have measured, in a band", async () => {
  const runs = [
    [{ step: 1, loss: 4 }, { step: 2, loss: 3 }, { step: 3, loss: 9 }],
    [{ step: 1, loss: 5 }, { step: 2, loss: 2 }, { step: 3, loss: NaN }],
  ];
  const one = { label: "one", runs: [runs[0].slice(0, 2)] };
  const nothing = { label: "none", runs: [[], [{ step: 1, loss: NaN }]] };
  const svg = await seedsFigure([{ label: "two", runs }, one, nothing]).toSVG();
  const labels = texts(svg);
  assert(labels.includes("two: 2.500") && labels.includes("one: 3.000"), labels.join());
  assert(labels.includes("1 settings without a step that all runs measured"));
  assert.equal(svg.match(/aria-label="area"/g)?.length, 1, "one run has no band");
  assert.throws(() => seedsFigure([nothing]), /^RangeError: seedsFigure: no loss to draw/);
});
