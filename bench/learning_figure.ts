/**
 * Held-out loss against seconds of training, of several recipes, from bench/figures/learning.json:
 * each run's losses by step, and the milliseconds of a quiet step.
 *
 *     deno run -A bench/learning_figure.ts
 *
 * @module
 */
import { print } from "../lib/cli/output.ts";
import { Figure, type FigureOptions } from "../lib/plot/figure.ts";
import { labelMargin, type Line, lineChart } from "../lib/plot/line_chart.ts";
import recipes from "./figures/learning.json" with { type: "json" };

/** Draws the recipes' losses against the seconds that their steps take. */
function learningFigure(options: FigureOptions = {}): Figure {
  return new Figure((plotter, theme) => {
    const lines = recipes.map(({ label, millisecondsPerStep, losses }, i): Line => ({
      text: `${label}, ${losses.at(-1)![1].toFixed(3)}`,
      color: theme.series[i],
      dots: true,
      points: losses.map(([step, value]) => ({ step: step * millisecondsPerStep / 1e3, value })),
    }));
    const seconds = lines.flatMap(({ points }) => points.map(({ step }) => step));
    const chart = lineChart(plotter, theme, lines, {
      width: 560,
      height: 300,
      marginRight: labelMargin(lines),
      steps: [0, Math.max(...seconds)],
      xLabel: "seconds of training",
      yLabel: "validation loss",
    });
    return { width: chart.width, height: chart.height, body: chart.markup };
  }, { title: "Loss against seconds", ...options });
}

const path = new URL("figures/learning.svg", import.meta.url).pathname;
await learningFigure().save(path);
print(path);
