/**
 * How often values fall into equal bins, as bars.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectList } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";

/** Options of {@linkcode histogramFigure}. */
export interface HistogramOptions extends FigureOptions {
  /** Values at the ends of the first and the last bin. */
  readonly range: readonly [least: number, greatest: number];
  /** Name of the value axis. Default: `"value"`. */
  readonly xLabel?: string;
  /** What is counted. Default: `"count"`. */
  readonly yLabel?: string;
  /** Width of the drawing in pixels. Default: 480. */
  readonly width?: number;
}

const OPTIONS: OptionNames<HistogramOptions> = {
  ...FIGURE_OPTIONS,
  range: true,
  xLabel: "value",
  yLabel: "count",
  width: 480,
};

const HEIGHT = 150;

/**
 * Draws counts of equal bins between two values, such as the activations of a feature.
 *
 * ```ts
 * const figure = histogramFigure([5, 2, 1], { range: [0, 3], xLabel: "activation" });
 * console.assert((await figure.toSVG()).includes("activation"));
 * ```
 *
 * @throws {TypeError} if `counts` is no list of numbers, or an option is unknown
 * @throws {RangeError} if there is none, or the range is empty
 */
export function histogramFigure(counts: readonly number[], options: HistogramOptions): Figure {
  checkOptions("histogramFigure", options, OPTIONS);
  expectList("histogramFigure", "numbers", counts, (item) => Number.isFinite(item));
  const { range: [least, greatest], xLabel = "value", yLabel = "count", width = 480 } = options;
  if (counts.length === 0 || !(greatest > least)) {
    throw new RangeError(
      `histogramFigure: expected counts and a range that grows, got ${counts.length} counts from ` +
        `${least} to ${greatest}`,
    );
  }
  const at = (edge: number) => least + (greatest - least) * edge / counts.length;
  const bars = counts.map((count, i) => ({ count, from: at(i), to: at(i + 1) }));
  return new Figure((plotter, theme) => {
    const { markup } = plotter.draw({
      width,
      height: HEIGHT,
      marginLeft: 52,
      marginRight: 16,
      marginTop: 22,
      marginBottom: 40,
      x: { domain: [least, greatest], label: xLabel, labelAnchor: "center", labelArrow: "none" },
      y: { ticks: 4, label: yLabel, tickFormat: "~s", grid: false },
      marks: [
        plotter.Plot.gridY({ stroke: theme.grid, strokeOpacity: 1, ticks: 4 }),
        plotter.Plot.rectY(bars, {
          x1: "from",
          x2: "to",
          y: "count",
          fill: theme.series[0],
          insetRight: 1,
        }),
        plotter.Plot.ruleY([0], { stroke: theme.muted }),
      ],
    });
    return { width, height: HEIGHT, body: markup };
  }, options);
}
