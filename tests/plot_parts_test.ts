import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import { roundNumbers } from "../lib/plot/color_scale.ts";
import { endLabel, shortenName, spread, visibleToken } from "../lib/plot/labels.ts";
import { element, escape } from "../lib/plot/markup.ts";
import { pngDataUrl } from "../lib/plot/png.ts";
import { movingAverage, thin } from "../lib/plot/series.ts";
import { type Color, hex, inkOn, THEMES } from "../lib/plot/theme.ts";

Deno.test("spread moves labels as little as possible and keeps their order", () => {
  assert.deepEqual(spread([], 10, 0, 100), []);
  assert.deepEqual(spread([50], 10, 0, 100), [50]);
  assert.deepEqual(spread([50, 10], 10, 0, 100), [50, 10]);
  assert.deepEqual(spread([50, 50, 50], 10, 0, 100), [40, 50, 60]);
  assert.deepEqual(spread([-5, 2], 10, 0, 100), [0, 10]);
  assert.deepEqual(spread([100, 99], 10, 0, 100), [100, 90]);
  assert.deepEqual(spread([0, 0, 0], 60, 0, 100), [0, 50, 100]);
});

Deno.test("spread keeps every gap, whatever the positions", () => {
  let seed = 7;
  const random = () => (seed = seed * 16807 % 2147483647) / 2147483647;
  for (let trial = 0; trial < 200; trial++) {
    const positions = Array.from({ length: 1 + trial % 9 }, () => random() * 100);
    const moved = spread(positions, 10, 0, 100);
    const order = positions.map((_, index) => index).sort((a, b) => positions[a] - positions[b]);
    for (const [place, index] of order.entries()) {
      assert(moved[index] >= -1e-6 && moved[index] <= 100 + 1e-6);
      if (place > 0) assert(moved[index] - moved[order[place - 1]] >= 10 - 1e-6);
    }
  }
});

Deno.test("names that differ at their ends stay apart, and a number in a name apart from a value", () => {
  const names = ["width-128-learning-rate-0.001-seed-1", "width-128-learning-rate-0.001-seed-2"];
  const cut = names.map((name) => shortenName(name, 28));
  assert.deepEqual(cut, ["width-128-lear…-0.001-seed-1", "width-128-lear…-0.001-seed-2"]);
  assert.ok(cut.every((name) => [...name].length === 28));
  assert.equal(shortenName("seed-1", 6), "seed-1");
  assert.equal(endLabel("layers 2", "train 1.250"), "layers 2: train 1.250");
  assert.equal(endLabel("", "train 1.250"), "train 1.250");
});

Deno.test("tokens are made visible", () => {
  const shown: [string, string][] = [
    ["", "∅"],
    ["the", "the"],
    ["  a b ", "␣␣a b␣"],
    ["\n\t", "↵⇥"],
    ["\x00", "�"],
    ["abcdefghijklmnopqrst", "abcdefghijklmno…"],
  ];
  for (const [token, text] of shown) assert.equal(visibleToken(token), text);
});

Deno.test("markup is escaped in attributes and in text", () => {
  assert.equal(element("a", { href: `"<&>` }), `<a href="&quot;&lt;&amp;&gt;"/>`);
  assert.equal(escape("\ud800\x07é\n"), "��é\n");
});

Deno.test("a moving average keeps a straight line, and takes as many neighbors on both sides", () => {
  const points = (values: number[]) => values.map((value, step) => ({ step, value }));
  const straight = points([1, 2, 3, 4, 5, 6]);
  assert.deepEqual(movingAverage(straight, 1), straight);
  assert.deepEqual(movingAverage(straight, 5), straight);
  const peak = movingAverage(points([0, 0, 0, 15, 0, 0]), 5).map(({ value }) => value);
  assert.deepEqual(peak, [0, 0, 3, 3, 5, 0]);
});

Deno.test("a thinned series keeps its ends and its extremes", () => {
  const series = Array.from({ length: 10_000 }, (_, step) => ({ step, value: Math.sin(step) }));
  series[777] = { step: 777, value: 99 };
  const thinned = thin(series, 500);
  assert(thinned.length <= 503 && thinned.length >= 400);
  assert.equal(thinned[0], series[0]);
  assert.equal(thinned.at(-1), series.at(-1));
  assert(thinned.includes(series[777]));
  assert(thinned.every(({ step }, index) => index === 0 || step > thinned[index - 1].step));
  assert.equal(thin(series, 10_000), series);
});

Deno.test("a PNG has the given size and colors", async () => {
  const url = await pngDataUrl(3, 2, (x, y) => [x, y, 200]);
  const bytes = Uint8Array.fromBase64(url.slice("data:image/png;base64,".length));
  const view = new DataView(bytes.buffer);
  assert.deepEqual([view.getUint32(16), view.getUint32(20)], [3, 2]);
  assert.equal(view.getUint32(29), 0x1216f14d, "checksum of the header");
  const length = view.getUint32(33);
  const rows = inflateSync(bytes.subarray(41, 41 + length));
  const expected = [0, 0, 0, 200, 1, 0, 200, 2, 0, 200, 0, 0, 1, 200, 1, 1, 200, 2, 1, 200];
  assert.deepEqual([...rows], expected);
});

Deno.test("ramps run from end to end and clamp", () => {
  const { sequential, diverging } = THEMES.light;
  assert.equal(hex(sequential(0)), "#f3f7fc");
  assert.equal(hex(sequential(7)), hex(sequential(1)));
  assert.equal(hex(diverging(0.5)), "#f7f7f7");
});

Deno.test("color bars have round numbers within their range", () => {
  assert.deepEqual(roundNumbers(-1, 1, 5), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(roundNumbers(0, 0.2837, 5), [0, 0.1, 0.2]);
  assert.equal(roundNumbers(0.3, 0.9, 3).length, 3);
});

/** The shares of linear light of a color. */
function linear(color: Color): [number, number, number] {
  return color.map((part) =>
    part <= 0.04045 * 255 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4
  ) as [number, number, number];
}

function luminance(color: Color): number {
  const [red, green, blue] = linear(color);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function colorOfHex(text: string): Color {
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)) as unknown as Color;
}

/** Full color vision, protanopia and deuteranopia, on linear light (Machado and others, 2009). */
const VISIONS = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

/** A color as one sees it, in OKLab (Ottosson, 2020). */
function seen(color: Color, vision: number[][]): number[] {
  const light = linear(color);
  const times = (matrix: number[][], values: number[]) =>
    matrix.map((row) => row.reduce((sum, x, i) => sum + x * values[i], 0));
  const rgb = times(vision, light).map((x) => Math.max(0, Math.min(1, x)));
  const cones = times([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
  ], rgb).map(Math.cbrt);
  return times([
    [0.2104542553, 0.793617785, -0.0040720468],
    [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766],
  ], cones);
}

Deno.test("the colors of series differ for color-blind readers, and are readable as text", () => {
  for (const { series, background } of Object.values(THEMES)) {
    const colors = series.map(colorOfHex);
    const ground = luminance(colorOfHex(background));
    for (const [i, color] of colors.entries()) {
      const [high, low] = [ground, luminance(color)].sort((a, b) => b - a);
      assert.ok((high + 0.05) / (low + 0.05) >= 4.5, series[i]);
      for (const [name, vision] of Object.entries(VISIONS)) {
        for (const other of colors.slice(i + 1)) {
          const [a, b] = [seen(color, vision), seen(other, vision)];
          const distance = Math.hypot(...a.map((x, axis) => x - b[axis]));
          assert.ok(distance > 0.08, `${name}: ${series[i]} and ${hex(other)}: ${distance}`);
        }
      }
    }
  }
});

Deno.test("numbers in cells have the contrast that WCAG asks for", () => {
  for (const { sequential, diverging } of Object.values(THEMES)) {
    for (let i = 0; i <= 100; i++) {
      for (const color of [sequential(i / 100), diverging(i / 100)]) {
        const ink = inkOn(color) === "#ffffff" ? 1 : 0;
        const [high, low] = [ink, luminance(color)].sort((a, b) => b - a);
        assert.ok((high + 0.05) / (low + 0.05) >= 4.5, hex(color));
      }
    }
  }
});
