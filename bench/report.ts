/**
 * All measurements of training and generation in one run: results.json, and how the cost grows as
 * SVG for light and for dark pages.
 *
 *     deno task bench:report [--quick] [--seconds N] [--out FOLDER] [--again]
 *
 * `--from results.json` draws earlier results; `--again` measures once more and keeps the faster
 * run of each configuration, which on a shared machine is the more accurate one.
 *
 * @module
 */
import { text } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { crossoverFigure, growthFigure } from "./growth_figures.ts";
import type { Results } from "./results.ts";
import {
  generationConfigurations,
  measureGeneration,
  measureTraining,
  SWEEP_FLAGS,
  trainingConfigurations,
  writeResults,
} from "./sweep.ts";

/** Seconds of the total that go to generation; most of them create GPT-2's weights. */
const GENERATION = 45;
const FIGURES = { growth: growthFigure, crossover: crossoverFigure };

const command = {
  name: "deno task bench:report",
  summary: "Measures training and generation over many sizes; writes results.json and SVG figures.",
  flags: {
    ...SWEEP_FLAGS,
    from: text(undefined, "draw these results instead of measuring", { placeholder: "FILE" }),
  },
};

await runScript(command, async ({ flags: { from, out, quick, again, seconds } }) => {
  const results = from === undefined
    ? await measure(out, quick, again, quick ? 40 : seconds)
    : await userInput(async () => JSON.parse(await Deno.readTextFile(from)) as Results);
  await Deno.mkdir(out, { recursive: true });
  for (const [name, figure] of Object.entries(FIGURES)) {
    await figure(results).save(`${out}/${name}.svg`);
    await figure(results, { theme: "dark" }).save(`${out}/${name}-dark.svg`);
    print(`${out}/${name}.svg, ${out}/${name}-dark.svg`);
  }
});

async function measure(
  out: string,
  quick: boolean,
  again: boolean,
  seconds: number,
): Promise<Results> {
  const share = quick ? 10 : Math.min(GENERATION, seconds / 3);
  const training = await measureTraining(trainingConfigurations(quick), seconds - share);
  print();
  const generation = await measureGeneration(generationConfigurations(quick), share);
  return await writeResults(out, "results.json", { training, generation }, again);
}
