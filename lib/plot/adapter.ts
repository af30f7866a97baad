/**
 * What a LoRA adapter changes: how much in each layer, and in how many directions.
 *
 * @module
 */

import { checkOptions } from "../options.ts";
import { cellMap } from "./cell_map.ts";
import { expectList, hasFields } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { labelMargin, type Line, lineChart, stepsOf } from "./line_chart.ts";
import { type Grid, range } from "./matrix.ts";
import type { Theme } from "./theme.ts";

/** What an adapter changes in one layer; `adapterChanges` computes it. */
export interface AdaptedLayerChange {
  /** The layer's name, with the number of its block, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** ‖ΔW‖ / ‖W‖. */
  readonly relative: number;
  /** The singular values of ΔW, the largest first. */
  readonly singularValues: readonly number[];
}

/** A change and where it is drawn. */
interface Placed extends AdaptedLayerChange {
  /** The block, counted from 1; a layer outside the blocks has none. */
  readonly block: string;
  /** The name within the block. */
  readonly module: string;
}

const CHART = { width: 360, height: 200, gap: 24 };

/** Most singular values that are each a tick. */
const MOST_TICKS = 16;

/**
 * Draws ‖ΔW‖/‖W‖ of each module in each block as a map and, below it, the singular values of ΔW:
 * a pale line for each layer, a strong one for the mean of the layers of the same name.
 *
 * Values that fall quickly say that a lower rank would do.
 *
 * ```ts
 * const figure = adapterFigure([
 *   { name: "transformer.h.0.attn.c_attn", relative: 0.12, singularValues: [2, 0.5] },
 *   { name: "transformer.h.1.attn.c_attn", relative: 0.07, singularValues: [1.5, 0.2] },
 * ]);
 * console.assert((await figure.toSVG()).includes("attn.c_attn"));
 * ```
 *
 * @throws {RangeError} if there is no layer
 * @throws {TypeError} if `changes` is no list of layers' changes, or an option is unknown
 */
export function adapterFigure(
  changes: readonly AdaptedLayerChange[],
  options: FigureOptions = {},
): Figure {
  checkOptions("adapterFigure", options, FIGURE_OPTIONS);
  const isChange = (item: unknown) =>
    hasFields(item, { name: "", relative: 0, singularValues: [] });
  expectList("adapterFigure", "changes { name, relative, singularValues }", changes, isChange);
  if (changes.length === 0) throw new RangeError("adapterFigure: nothing to draw");
  const placed = changes.map(place);
  const modules = [...new Set(placed.map(({ module }) => module))];
  const { title = "What the adapter changes" } = options;
  return new Figure((plotter, theme) => {
    const map = cellMap(plotter, theme, relativeMap(placed, modules, theme));
    const lines = singularLines(placed, modules, theme);
    const top = map.height + CHART.gap;
    const [first, last] = stepsOf(lines);
    const chart = lineChart(plotter, theme, lines, {
      width: CHART.width,
      height: CHART.height,
      marginRight: labelMargin(lines),
      steps: [first, last],
      xTicks: last <= MOST_TICKS ? lines[0].points.map(({ step }) => step) : undefined,
      xLabel: "number of the singular value",
      yLabel: "singular values of ΔW",
      zero: true,
    }, top);
    return {
      width: Math.max(map.width, chart.width),
      height: top + chart.height,
      body: `${map.body}\n${chart.markup}`,
      notes: ["map: ‖ΔW‖ / ‖W‖ in %; lines: mean of the blocks, each block pale"],
    };
  }, { ...options, title });
}

/** `transformer.h.0.attn.c_attn` is `attn.c_attn` in block 1. */
function place(change: AdaptedLayerChange): Placed {
  const found = /^(?:.*?\.)?(\d+)\.(.+)$/.exec(change.name);
  return found
    ? { ...change, block: String(Number(found[1]) + 1), module: found[2] }
    : { ...change, block: "–", module: change.name };
}

function relativeMap(placed: readonly Placed[], modules: readonly string[], theme: Theme) {
  const blocks = [...new Set(placed.map(({ block }) => block))];
  const values: Grid = {
    rows: blocks.length,
    columns: modules.length,
    at(row, column) {
      const isHere = ({ block, module }: Placed) =>
        block === blocks[row] && module === modules[column];
      return 100 * (placed.find(isHere)?.relative ?? NaN);
    },
  };
  return {
    values,
    scale: { least: 0, greatest: range(values)[1], ramp: theme.sequential },
    rowLabels: blocks,
    columnLabels: modules,
    rowTitle: "block",
    columnTitle: "module",
    print(row: number, column: number) {
      const value = values.at(row, column);
      return Number.isFinite(value) ? String(+value.toPrecision(2)) : "";
    },
  };
}

function singularLines(
  placed: readonly Placed[],
  modules: readonly string[],
  theme: Theme,
): Line[] {
  const lines = modules.map((module, index) => {
    const color = theme.series[index % theme.series.length];
    const layers = placed.filter((layer) => layer.module === module);
    const each = layers.map(({ singularValues }) => singularValues);
    const rank = Math.max(...each.map(({ length }) => length));
    const mean = Array.from({ length: rank }, (_, i) => {
      const values = each.flatMap((list) => list[i] ?? []);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    });
    return {
      pale: each.length > 1
        ? each.map((list) => ({ points: points(list), color, pale: true }))
        : [],
      mean: { points: points(mean), color, text: module, dots: rank <= MOST_TICKS },
    };
  });
  return [...lines.map(({ mean }) => mean), ...lines.flatMap(({ pale }) => pale)];
}

function points(values: readonly number[]): { step: number; value: number }[] {
  return values.map((value, i) => ({ step: i + 1, value }));
}
