/**
 * Learning rate over training steps.
 *
 * @module
 */

import { checkOptions, type OptionNames } from "../options.ts";
import { expectList } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { shortenName } from "./labels.ts";
import { labelMargin, lineChart, stepsOf } from "./line_chart.ts";
import { finitePoints } from "./series.ts";

/** A schedule by name. */
export interface LearningRateCurve {
  /** Name of the schedule. Default: none, for a single curve. */
  readonly label?: string;
  /** Learning rate at each step, from step 0; a value that is not finite is omitted. */
  readonly rates: ArrayLike<number>;
}

/** Options of {@linkcode learningRateFigure}. */
export interface LearningRateOptions extends FigureOptions {
  /** Width between the axes in pixels. Default: 560. */
  width?: number;
  /** Height between the axes in pixels. Default: 240. */
  height?: number;
}

const OPTIONS: OptionNames<LearningRateOptions> = { ...FIGURE_OPTIONS, width: 560, height: 240 };

/**
 * Draws learning rates over steps, each curve labeled at its end.
 *
 * ```ts
 * const rates = Float32Array.from({ length: 100 }, (_, step) => 1e-3 * (1 - step / 100));
 * const figure = learningRateFigure([{ label: "linear", rates }]);
 * console.assert((await figure.toSVG()).includes("learning rate"));
 * ```
 *
 * @throws {RangeError} if there is nothing to draw
 * @throws {TypeError} if `curves` is no list, or an option is unknown
 */
export function learningRateFigure(
  curves: readonly LearningRateCurve[],
  options: LearningRateOptions = {},
): Figure {
  checkOptions("learningRateFigure", options, OPTIONS);
  expectList("learningRateFigure", "curves { label, rates }, rates as numbers", curves, isCurve);
  const { title = "Learning rate", width = 560, height = 240 } = options;
  const series = curves.map(({ label = "", rates }) => {
    const points = Array.from(rates, (value, step) => ({ step, value }));
    return { text: shortenName(label, 28), points: finitePoints(points) };
  }).filter(({ points }) => points.length > 0);
  if (series.length === 0) throw new RangeError("learningRateFigure: no finite rate to draw");
  return new Figure((plotter, theme) => {
    const lines = series.map((line, index) => {
      return { ...line, color: theme.series[index % theme.series.length] };
    });
    const frame = { width, height, marginRight: labelMargin(lines), steps: stepsOf(lines) };
    const axes = { xLabel: "step", yLabel: "learning rate", zero: true };
    const chart = lineChart(plotter, theme, lines, { ...frame, ...axes });
    return { ...chart, body: chart.markup };
  }, { ...options, title });
}

function isCurve(item: unknown): boolean {
  const { rates } = (item ?? {}) as Partial<LearningRateCurve>;
  return Array.isArray(rates) || ArrayBuffer.isView(rates);
}
