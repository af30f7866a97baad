/**
 * Curves over steps, such as a score of each seed while it trains.
 *
 * See loss.ts for losses, seeds.ts for means over seeds.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import { expectList } from "./expect_list.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { shortenName } from "./labels.ts";
import { labelMargin, lineChart, stepsOf } from "./line_chart.ts";
import { finitePoints } from "./series.ts";

/** A labeled curve. */
export interface Curve {
  /** Text at its end. Default: none. */
  readonly label?: string;
  /** Its points, in the order of their steps. */
  readonly points: readonly { readonly step: number; readonly value: number }[];
  /** Curves of one group share a color. Default: a color of its own. */
  readonly group?: number;
}

/** Options of {@linkcode curvesFigure}. */
export interface CurvesOptions extends FigureOptions {
  /** Name of the value axis. Default: `"value"`. */
  yLabel?: string;
  /** Name of the step axis. Default: `"step"`. */
  xLabel?: string;
}

const OPTIONS: OptionNames<CurvesOptions> = { ...FIGURE_OPTIONS, yLabel: "value", xLabel: "step" };

/**
 * Draws curves over steps, each labeled at its end; the value axis starts at 0.
 *
 * ```ts
 * const points = [{ step: 10, value: 0.1 }, { step: 20, value: 0.9 }];
 * const figure = curvesFigure([{ label: "seed 0", points }], { yLabel: "accuracy" });
 * console.assert((await figure.toSVG()).includes("accuracy"));
 * ```
 *
 * @throws {RangeError} if there is nothing to draw
 * @throws {TypeError} if `curves` is no list, or an option is unknown
 */
export function curvesFigure(curves: readonly Curve[], options: CurvesOptions = {}): Figure {
  checkOptions("curvesFigure", options, OPTIONS);
  expectList("curvesFigure", "curves { label, points }", curves, isCurve);
  const { yLabel = "value", xLabel = "step" } = options;
  const series = curves.map(({ label = "", points, group }, index) => {
    return { text: shortenName(label, 28), points: finitePoints(points), group: group ?? index };
  }).filter(({ points }) => points.length > 0);
  if (series.length === 0) throw new RangeError("curvesFigure: no finite value to draw");
  return new Figure((plotter, theme) => {
    const lines = series.map(({ group, ...line }) => {
      return { ...line, color: theme.series[group % theme.series.length] };
    });
    const frame = { width: 560, height: 240, marginRight: labelMargin(lines) };
    const axes = { steps: stepsOf(lines), xLabel, yLabel, zero: true };
    const chart = lineChart(plotter, theme, lines, { ...frame, ...axes });
    return { ...chart, body: chart.markup };
  }, options);
}

function isCurve(item: unknown): boolean {
  return Array.isArray((item as Partial<Curve> | null)?.points);
}
