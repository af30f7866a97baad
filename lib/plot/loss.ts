/**
 * Loss over training steps, of one run or of several on one axis.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { type Content, Figure, FIGURE_OPTIONS, type FigureOptions } from "./figure.ts";
import { endLabel, shortenName } from "./labels.ts";
import { LABEL_HEIGHT, labelMargin, type Line, lineChart, stepsOf } from "./line_chart.ts";
import type { Plotter } from "./plot.ts";
import { finitePoints, movingAverage, type Point } from "./series.ts";
import type { Theme } from "./theme.ts";

/** Losses of one run, in nats per token. */
export interface LossRun {
  /** Name of the run. Default: none, for a single run. */
  readonly label?: string;
  /** Training loss, such as `await trainer.figures()`. */
  readonly train: readonly { step: number; loss: number }[];
  /** Loss on held-out text. Default: none. */
  readonly validation?: readonly { step: number; loss: number }[];
  /** Learning rate, drawn in a strip below. Default: none, and no strip if no run has it. */
  readonly learningRate?: readonly { step: number; learningRate: number }[];
}

/** Options of {@linkcode lossFigure}. */
export interface LossOptions extends FigureOptions {
  /** Width between the axes in pixels, to which the labels are added. Default: 560. */
  width?: number;
  /** Height between the axes in pixels; many labels make it higher. Default: 320. */
  height?: number;
  /** Logarithmic loss axis. Default: false. */
  logY?: boolean;
  /**
   * Number of points of the moving average of the training loss; the raw values are drawn pale.
   * Default: 1.
   */
  smooth?: number;
  /** Name of the loss axis. Default: `"loss (nats per token)"`. */
  yLabel?: string;
}

const PER_TOKEN = "loss (nats per token)";

const OPTIONS: OptionNames<LossOptions> = {
  ...FIGURE_OPTIONS,
  width: 560,
  height: 320,
  logY: false,
  smooth: 1,
  yLabel: PER_TOKEN,
};

/**
 * Draws training loss (solid) and validation loss (dashed, a dot at each measured value) of runs,
 * each line labeled at its end with its last value.
 *
 * A single run has one color for each of the two, several have one color each. Values that are not
 * finite are omitted and counted below the figure.
 *
 * ```ts
 * const figure = lossFigure([{
 *   label: "baby",
 *   train: [{ step: 0, loss: 4.2 }, { step: 100, loss: 2.5 }, { step: 200, loss: 2.2 }],
 *   validation: [{ step: 0, loss: 4.2 }, { step: 200, loss: 2.3 }],
 * }]);
 * console.assert((await figure.toSVG()).includes("baby: validation 2.300"));
 * ```
 *
 * @throws {RangeError} if no run has a loss to draw, or `smooth` is below 1
 * @throws {TypeError} if `runs` is no list of runs, or an option is unknown
 */
export function lossFigure(runs: readonly LossRun[], options: LossOptions = {}): Figure {
  checkOptions("lossFigure", options, OPTIONS);
  expectRuns(runs);
  const { smooth = 1, title = "Loss" } = options;
  if (!(smooth >= 1)) throw new RangeError(`lossFigure: smooth must be at least 1, got ${smooth}`);
  const series = runs.map((run) => runSeries(run, options));
  const drawn = series.reduce(
    (sum, { train, validation }) => sum + train.length + validation.length,
    0,
  );
  const given = runs.reduce(
    (sum, { train, validation = [] }) => sum + train.length + validation.length,
    0,
  );
  if (drawn === 0) {
    throw new RangeError(`lossFigure: no loss to draw in ${runs.length} runs with ${given} values`);
  }
  const notes = smooth > 1 ? [`train: moving average over ${smooth} points; raw values pale`] : [];
  if (given > drawn) {
    notes.push(`values omitted (not finite, or ≤ 0 on a logarithmic axis): ${given - drawn}`);
  }
  return new Figure((plotter, theme) => {
    return { ...drawLoss(plotter, theme, series, options), notes };
  }, { ...options, title });
}

const RUN: OptionNames<LossRun> = {
  label: "",
  train: [],
  validation: [],
  learningRate: [],
};

function isRun(run: unknown): boolean {
  const { train, validation = [], learningRate = [] } = (run ?? {}) as Partial<LossRun>;
  return [train, validation, learningRate].every((points) =>
    Array.isArray(points) && points.every((point) => typeof point === "object")
  );
}

function expectRuns(runs: unknown): void {
  const wrong = Array.isArray(runs) ? runs.find((run) => !isRun(run)) : runs;
  if (wrong !== undefined) {
    throw new TypeError(
      "lossFigure: expected a list of runs { label, train, validation } with losses as " +
        `{ step, loss }, got ${describe(wrong)}`,
    );
  }
  for (const run of runs as LossRun[]) checkOptions("lossFigure: a run", run, RUN);
}

/** The series of a run that can be drawn. */
interface RunSeries {
  readonly label: string;
  readonly train: readonly Point[];
  readonly validation: readonly Point[];
  readonly rates: readonly Point[];
}

function runSeries(run: LossRun, { logY = false }: LossOptions): RunSeries {
  const losses = (points: LossRun["train"] = []) => {
    return finitePoints(points.map(({ step, loss }) => ({ step, value: loss })))
      .filter(({ value }) => !logY || value > 0);
  };
  const rates = (run.learningRate ?? []).map(({ step, learningRate }) => {
    return { step, value: learningRate };
  });
  return {
    label: shortenName(run.label ?? "", 28),
    train: losses(run.train),
    validation: losses(run.validation),
    rates: finitePoints(rates),
  };
}

function drawLoss(
  plotter: Plotter,
  theme: Theme,
  runs: readonly RunSeries[],
  { width = 560, height = 320, logY, smooth = 1, yLabel = PER_TOKEN }: LossOptions,
): Content {
  const color = (index: number) => theme.series[index % theme.series.length];
  const lines = runs.flatMap((run, index) => {
    const validationColor = runs.length === 1 ? color(1) : color(index);
    return [
      ...trainLines(run, color(index), smooth),
      ...lastValued(run, "validation", { color: validationColor, dashed: true }),
    ];
  });
  const strips = runs.map(({ rates }, index) => ({ points: rates, color: color(index) }))
    .filter(({ points }) => points.length > 0);
  const frame = { width, marginRight: labelMargin(lines), steps: stepsOf([...lines, ...strips]) };
  const labels = lines.filter(({ text }) => text).length;
  const loss = lineChart(plotter, theme, lines, {
    ...frame,
    height: Math.max(height, labels * LABEL_HEIGHT),
    yLabel,
    xLabel: strips.length > 0 ? undefined : "step",
    logY,
  });
  if (strips.length === 0) return { ...loss, body: loss.markup };
  const strip = {
    ...frame,
    height: 70,
    xLabel: "step",
    yLabel: "learning rate",
    zero: true,
    ticks: 3,
  };
  const rates = lineChart(plotter, theme, strips, strip, loss.height);
  const body = loss.markup + rates.markup;
  return { width: loss.width, height: loss.height + rates.height, body };
}

function trainLines(run: RunSeries, color: string, smooth: number): Line[] {
  if (smooth === 1) return lastValued(run, "train", { color });
  const smoothed = { ...run, train: movingAverage(run.train, smooth) };
  return [{ points: run.train, color, pale: true }, ...lastValued(smoothed, "train", { color })];
}

/**
 * A line labeled with the run, the kind of loss and the last value; none if there are no points.
 */
function lastValued(
  run: RunSeries,
  kind: "train" | "validation",
  style: { color: string; dashed?: boolean },
): Line[] {
  const last = run[kind].at(-1);
  if (!last) return [];
  const text = endLabel(run.label, `${kind} ${last.value.toFixed(3)}`);
  return [{ points: run[kind], text, ...style }];
}
