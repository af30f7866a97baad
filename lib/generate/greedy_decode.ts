/**
 * Greedy decoding with an encoder–decoder transformer: the likeliest token at each step.
 *
 * See generate_targets.ts for sampling and beams; for GPT models generator.ts and generate.ts.
 *
 * @module
 */
import type { Transformer } from "../nn/transformer.ts";
import { checkOptions } from "../options.ts";
import { writeTargets } from "./generate_targets.ts";

/** Options of `greedyDecode`. */
export interface GreedyDecodeOptions {
  /** The id, or the ids, that every target begins with; not included in the result. */
  startToken: number | readonly number[];
  /** Ends a target, or any of several does; not included in the result. Default: none. */
  endToken?: number | readonly number[];
  /** Maximum number of tokens of a target. Default: the model's context length. */
  maxNewTokens?: number;
}

/**
 * Decodes the likeliest token at each step: `sources`, sequences of ids of any lengths, → one
 * target for each. Sources are padded to one length with the padding hidden, so each target is the
 * one that its source gets alone.
 *
 * The source is encoded once, and the decoder reads each token once: its keys and values are kept.
 *
 * ```ts
 * import { greedyDecode, openDevice, Transformer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new Transformer({
 *   sourceVocabSize: 9,
 *   targetVocabSize: 7,
 *   contextLength: 8,
 *   layers: 1,
 *   heads: 2,
 *   width: 8,
 * });
 * const options = { startToken: 1, endToken: 2 };
 * console.log(await greedyDecode(model, [[3, 4, 5], [6]], options));
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no source, one is empty, an id is outside the vocabulary, or a
 * length exceeds the context
 * @throws {TypeError} if `model` is no `Transformer`, `sources` is no list, or an option is unknown
 */
export async function greedyDecode(
  model: Transformer,
  sources: readonly ArrayLike<number>[],
  options: GreedyDecodeOptions,
): Promise<number[][]> {
  checkOptions("greedyDecode", options, { startToken: true, endToken: true, maxNewTokens: true });
  const written = await writeTargets("greedyDecode", model, sources, {
    ...options,
    temperature: 0,
  });
  return written.map(({ tokens }) => tokens);
}
