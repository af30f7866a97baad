/**
 * Loss of settings that were each trained with several seeds: a mean and its spread. See loss.ts
 * for the curves of single runs.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { endLabel, shortenName } from "./labels.ts";
import {
  type Band,
  LABEL_HEIGHT,
  labelMargin,
  type Line,
  lineChart,
  stepsOf,
} from "./line_chart.ts";
import { finitePoints, type Point } from "./series.ts";

/** The runs of one setting, which differ in their seed. */
export interface SeedRuns {
  /** Name of the setting. Default: none, for a single setting. */
  readonly label?: string;
  /** Losses of each run, in nats per token. */
  readonly runs: readonly (readonly { step: number; loss: number }[])[];
}

/** Options of {@linkcode seedsFigure}. */
export interface SeedsOptions extends FigureOptions {
  /** Width between the axes in pixels, to which the labels are added. Default: 560. */
  width?: number;
  /** Height between the axes in pixels; many labels make it higher. Default: 320. */
  height?: number;
  /** Name of the value axis. Default: `"loss (nats per token)"`. */
  yLabel?: string;
}

const OPTIONS: OptionNames<SeedsOptions> = {
  ...FIGURE_OPTIONS,
  width: 560,
  height: 320,
  yLabel: "loss (nats per token)",
};

/**
 * Draws one line for each setting, the mean loss of its runs, labeled at its end with the last
 * mean; the band around it reaches from the lowest to the highest run.
 *
 * A line has the steps that all finite runs of its setting have measured. Settings without such a
 * step are counted below the figure.
 *
 * ```ts
 * const runs = [
 *   [{ step: 0, loss: 4.2 }, { step: 100, loss: 2.5 }],
 *   [{ step: 0, loss: 4.3 }, { step: 100, loss: 2.3 }],
 * ];
 * const figure = seedsFigure([{ label: "width 64", runs }]);
 * console.assert((await figure.toSVG()).includes("width 64: 2.400"));
 * ```
 *
 * @throws {RangeError} if no setting has a loss to draw
 * @throws {TypeError} if `settings` is no list of settings, or an option is unknown
 */
export function seedsFigure(settings: readonly SeedRuns[], options: SeedsOptions = {}): Figure {
  checkOptions("seedsFigure", options, OPTIONS);
  expectSettings(settings);
  const { title = "Loss", width = 560, height = 320, yLabel = OPTIONS.yLabel } = options;
  const curves = settings.map(meanCurve).filter(({ points }) => points.length > 0);
  if (curves.length === 0) {
    throw new RangeError(`seedsFigure: no loss to draw in ${settings.length} settings`);
  }
  const notes = ["mean over seeds; the band reaches from the lowest to the highest run"];
  const omitted = settings.length - curves.length;
  if (omitted > 0) notes.push(`${omitted} settings without a step that all runs measured`);
  return new Figure((plotter, theme) => {
    const lines = curves.map((curve, index): Line => {
      return { ...curve, dots: true, color: theme.series[index % theme.series.length] };
    });
    const chart = lineChart(plotter, theme, lines, {
      width,
      height: Math.max(height, lines.length * LABEL_HEIGHT),
      marginRight: labelMargin(lines),
      steps: stepsOf(lines),
      xLabel: "step",
      yLabel: `${yLabel}`,
    });
    return { ...chart, body: chart.markup, notes };
  }, { ...options, title });
}

function expectSettings(settings: unknown): void {
  const wrong = Array.isArray(settings)
    ? settings.find((setting) =>
      !Array.isArray(setting?.runs) || !setting.runs.every(Array.isArray)
    )
    : settings;
  if (wrong === undefined) return;
  throw new TypeError(
    "seedsFigure: expected a list of settings { label, runs }, each run a list of { step, loss }" +
      `, got ${describe(wrong)}`,
  );
}

/** The mean of a setting's runs at the steps that they share, and their range. */
function meanCurve({ label = "", runs }: SeedRuns): Pick<Line, "points" | "band" | "text"> {
  const measured = runs
    .map((run) => finitePoints(run.map(({ step, loss }) => ({ step, value: loss }))))
    .filter((run) => run.length > 0);
  const values = new Map<number, number[]>();
  for (const { step, value } of measured.flat()) {
    values.set(step, [...values.get(step) ?? [], value]);
  }
  const shared = [...values].filter(([, losses]) => losses.length === measured.length)
    .sort(([one], [other]) => one - other);
  const points = shared.map(([step, losses]): Point => ({ step, value: mean(losses) }));
  const band = shared.map(([step, losses]): Band => {
    return { step, low: Math.min(...losses), high: Math.max(...losses) };
  });
  const last = points.at(-1)?.value.toFixed(3) ?? "";
  return {
    points,
    band: runs.length > 1 ? band : [],
    text: endLabel(shortenName(label, 48), last),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
