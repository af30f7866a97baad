/**
 * Where in a model a property of the text can be read off: a linear probe for each layer and place.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import { Random } from "../random.ts";
import { linearProbe } from "./linear_probe.ts";
import { inputOf, type LensInput, type LensModel } from "./model_parts.ts";
import { runWithCache } from "./run_with_cache.ts";
import { cells, type ScoreGrid } from "./score_grid.ts";
import { residualPoints, stackOf, type StackOptions } from "./stack.ts";

/** Options of `probeScores`. */
export interface ProbeScoresOptions extends StackOptions {
  /** The class of each text, from 0. */
  labels: readonly number[];
  /** λ, the penalty of the weights' squares. Default: 1e-3. */
  penalty?: number;
  /** What the texts that are held out, a quarter, are drawn with. Default: 0. */
  seed?: number;
}

const OPTIONS: OptionNames<ProbeScoresOptions> = {
  labels: true,
  penalty: 1e-3,
  seed: 0,
  side: true,
};

/** How well probes do on texts that were held out. */
export interface ProbeScores extends ScoreGrid {
  /** The same for probes of shuffled labels: what a probe scores if there is nothing to read. */
  readonly control: Float32Array;
}

/**
 * The accuracy of a `linearProbe` of the residual stream before each layer and after the last, at
 * each place, on a quarter of the texts, which it was not trained on: [layers + 1, places].
 *
 * A property that a probe reads need not be one that the model uses. Source: Alain & Bengio, arXiv
 * 1610.01644; Hewitt & Liang, arXiv 1909.03368 (control tasks).
 *
 * ```ts
 * import { GPT, openDevice, probeScores } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const texts = Array.from({ length: 24 }, (_, i) => [i % 8, 1, 2]);
 * const labels = texts.map(([first]) => first % 2);
 * const { shape, values } = await probeScores(model, texts, { labels });
 * console.log(shape, values[0]); // [3, 3] 1: at place 0 stands the token itself
 * device.close();
 * ```
 *
 * `scoresFigure` of lib/plot draws the grid.
 *
 * @param input Texts of one length: i32 [B,T], or rows; `{ source, target }` for an
 * encoder–decoder.
 * @throws {TypeError} if an option is unknown, or input or labels do not fit
 * @throws {RangeError} unless there are eight texts or more, and labels 0 and 1, or more
 */
export async function probeScores(
  model: LensModel,
  input: LensInput,
  options: ProbeScoresOptions,
): Promise<ProbeScores> {
  const operation = "probeScores";
  checkOptions(operation, options, OPTIONS);
  const { labels, penalty, seed = 0, side } = options;
  const names = residualPoints(model, stackOf(operation, model, side));
  const { logits, cache } = runWithCache(model, inputOf(operation, model, input), { names });
  logits.dispose();
  const [count, places, width] = cache.get(names[0]).shape;
  if (count < 8) throw new RangeError(`${operation}: expected eight texts or more, got ${count}`);
  if (labels.length !== count) {
    throw new TypeError(
      `${operation}: expected a label for each of ${count} texts, got ${labels.length}`,
    );
  }
  const shape = [names.length, places];
  const streams = await Promise.all(names.map((name) => cache.get(name).data()));
  cache.dispose();
  const random = new Random(seed);
  const order = random.shuffled(Array.from(labels.keys()));
  const tested = order.slice(0, count >> 2), trained = order.slice(count >> 2);
  const scores = (labels: readonly number[]) =>
    Float32Array.from(cells(shape), ([layer, place]) => {
      const of = (texts: readonly number[]) => ({
        examples: texts.flatMap((text) => {
          const start = (text * places + place) * width;
          return Array.from(streams[layer].subarray(start, start + width));
        }),
        labels: texts.map((text) => labels[text]),
      });
      return accuracy(of(trained), of(tested), { width, penalty });
    });
  const shuffled = scores(random.shuffled(labels));
  return { axes: ["layer", "place"], shape, values: scores(labels), control: shuffled };
}

interface Labeled {
  readonly examples: readonly number[];
  readonly labels: readonly number[];
}

/** The share of the tested examples that a probe of the trained ones gets right. */
function accuracy(
  trained: Labeled,
  tested: Labeled,
  options: { width: number; penalty: number | undefined },
): number {
  const probe = linearProbe(trained.examples, { ...options, labels: trained.labels });
  const guesses = probe.predict(tested.examples);
  return tested.labels.filter((label, i) => label === guesses[i]).length / guesses.length;
}
