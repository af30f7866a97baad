/**
 * Learning rate over training steps.
 *
 * @module
 */

import { Figure, type FigureOptions } from "./figure.ts";
import { shorten } from "./labels.ts";
import { labelMargin, lineChart, stepsOf } from "./line_chart.ts";
import { finitePoints } from "./series.ts";

/** A schedule by name. */
export interface LearningRateCurve {
  /** Name of the schedule; may be empty where there is only one. */
  readonly label: string;
  /** Learning rate at each step, from step 0; a value that is not finite is left out. */
  readonly rates: ArrayLike<number>;
}

/**
 * Draws learning rates over steps, each curve labeled at its end.
 *
 * Throws RangeError when there is nothing to draw.
 *
 * @example
 * ```ts
 * const rates = Float32Array.from({ length: 100 }, (_, step) => 1e-3 * (1 - step / 100));
 * const figure = learningRateFigure([{ label: "linear", rates }]);
 * console.assert((await figure.toSVG()).includes("learning rate"));
 * ```
 */
export function learningRateFigure(
  curves: readonly LearningRateCurve[],
  options: FigureOptions & { width?: number; height?: number } = {},
): Figure {
  const { title = "Learning rate", width = 560, height = 240 } = options;
  const series = curves.map(({ label, rates }) => {
    const points = Array.from(rates, (value, step) => ({ step, value }));
    return { text: shorten(label, 28), points: finitePoints(points) };
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
