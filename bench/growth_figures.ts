/**
 * Figures of how the cost of training grows: tokens per second against width, context and batch,
 * and the time per token of attention and of matmuls as the context grows, with the context at
 * which both are equal.
 *
 * @module
 */
import { Figure, type FigureOptions } from "../lib/plot/figure.ts";
import { labelMargin, type Line, lineChart } from "../lib/plot/line_chart.ts";
import { element } from "../lib/plot/markup.ts";
import type { Point } from "../lib/plot/series.ts";
import type { Theme } from "../lib/plot/theme.ts";
import type { Results, TrainingResult } from "./results.ts";

const AXES = ["width", "context", "batch"] as const;
const THREADS = ["1 thread", "2 threads"];
const PANEL = { width: 190, height: 220 };
/** Pixels between the axis labels and the notes. */
const NOTE_GAP = 8;

/** Tokens per second against width, context and batch, with one thread and with two. */
export function growthFigure(results: Results, options: FigureOptions = {}): Figure {
  return new Figure((plotter, theme) => {
    let [left, height] = [0, 0];
    const panels = AXES.map((axis) => {
      const measured = results.training.filter(({ group }) => group === axis);
      const lines = THREADS.map((text, i) => ({
        text,
        color: theme.series[i],
        dots: true,
        points: points(measured.filter(({ threads }) => threads === i + 1), axis, rate),
      }));
      const sizes = {
        ...PANEL,
        marginRight: labelMargin(lines),
        xLabel: `${axis}, ${fixed(axis)}`,
      };
      const xTicks = lines[0].points.map(({ step }) => step);
      const chart = lineChart(plotter, theme, lines, {
        ...sizes,
        xTicks,
        steps: ends(xTicks),
        logX: true,
        logY: true,
        yLabel: left ? undefined : "tokens/s",
        yFormat: "~s",
        ticks: roundValues(lines),
      });
      const panel = element("g", { transform: `translate(${left},0)` }, chart.markup);
      left += chart.width;
      height = chart.height + NOTE_GAP;
      return panel;
    });
    return { width: left, height, body: panels.join(""), notes: [machineNote(results)] };
  }, { title: "Training, tokens per second", ...options });
}

/**
 * Microseconds per token of attention, of matmuls and of the rest, against the context, and the
 * context at which the first two cross.
 */
export function crossoverFigure(results: Results, options: FigureOptions = {}): Figure {
  return new Figure((plotter, theme) => {
    // Other programs on the machine disturb one thread least.
    const measured = results.training
      .filter(({ group, threads }) => group === "context" && threads === 1);
    const part = (name: keyof TrainingResult["split"]) =>
      points(measured, "context", (each) => 1e3 * each.split[name] / tokens(each));
    const [attention, products] = [part("attention"), part("products")];
    const lines: Line[] = Object.entries({ attention, products, rest: part("rest") })
      .map(([text, points], i) => ({ text, points, color: theme.series[i], dots: true }));
    const crossing = crossover(attention, products);
    if (crossing !== undefined) lines.push(upright(crossing, lines, theme));
    const xTicks = attention.map(({ step }) => step);
    const chart = lineChart(plotter, theme, lines, {
      width: 460,
      height: 260,
      marginRight: labelMargin(lines),
      xTicks,
      steps: ends(xTicks),
      logX: true,
      logY: true,
      xLabel: `context, ${fixed("context")}`,
      yLabel: "µs a token",
      ticks: roundValues(lines),
    });
    const notes = [crossingNote(crossing, xTicks), `1 thread, ${machineNote(results)}`];
    return { ...chart, height: chart.height + NOTE_GAP, body: chart.markup, notes };
  }, { title: "Where a training step's time goes", ...options });
}

/**
 * The x at which the first series reaches the second, by linear interpolation of logarithms between
 * the measured points; undefined if it stays below.
 */
export function crossover(first: readonly Point[], second: readonly Point[]): number | undefined {
  const ratio = first.map(({ value }, i) => Math.log(value / second[i].value));
  const i = ratio.findIndex((value, i) => i > 0 && value >= 0 && ratio[i - 1] < 0);
  if (i < 0) return undefined;
  const share = ratio[i - 1] / (ratio[i - 1] - ratio[i]);
  const [before, after] = [first[i - 1].step, first[i].step];
  return before * (after / before) ** share;
}

function crossingNote(crossing: number | undefined, [first, ...rest]: number[]): string {
  return crossing === undefined
    ? `from ${first} to ${rest.at(-1)} attention and products do not cross`
    : `beyond a context of about ${roundTo10(crossing)} attention takes longer than all products`;
}

/** A dashed line from the minimum to the maximum. */
function upright(step: number, lines: readonly Line[], theme: Theme): Line {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const points = [Math.min(...values), Math.max(...values)].map((value) => ({ step, value }));
  return { points, color: theme.muted, dashed: true, text: `equal at ${roundTo10(step)}` };
}

/** 1, 2, 3, 5 and 7 times powers of ten, within the range of the series' values. */
function roundValues(lines: readonly Line[]): number[] {
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [min, max].map((value) => Math.floor(Math.log10(value)));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
    .flatMap((power) => [1, 2, 3, 5, 7].map((digit) => digit * power))
    .filter((tick) => tick >= min && tick <= max);
}

function points(
  results: readonly TrainingResult[],
  axis: typeof AXES[number],
  value: (result: TrainingResult) => number,
): Point[] {
  return results.map((result) => ({ step: result[axis], value: value(result) }))
    .sort((a, b) => a.step - b.step);
}

const rate = ({ tokensPerSecond }: TrainingResult) => tokensPerSecond;
const tokens = ({ batch, context }: TrainingResult) => batch * context;
const ends = (steps: number[]): [number, number] => [steps[0], steps.at(-1)!];
const roundTo10 = (value: number) => 10 * Math.round(value / 10);

/** The sizes that stay constant along an axis. */
function fixed(axis: typeof AXES[number]): string {
  return {
    width: "12 × 64 tokens",
    context: "2,048 tokens of width 128",
    batch: "of 64 tokens, width 128",
  }[axis];
}

function machineNote({ machine, deno, date, load }: Results): string {
  const busy = load > machine.cores + 1 ? `; other programs ran (load ${load.toFixed(1)})` : "";
  return `4 layers, heads of 32; ${machine.cpu}, ${machine.cores} cores, Deno ${deno}, ${
    date.slice(0, 10)
  }; minima${busy}`;
}
