/**
 * Greedy decoding with an encoder–decoder transformer: the likeliest token at each step.
 *
 * For GPT models see generator.ts and generate.ts.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { padSequences } from "../nn/padding.ts";
import { Transformer } from "../nn/transformer.ts";
import { argmax } from "../ops/argmax.ts";
import { checkOptions } from "../options.ts";
import { compile } from "../tensor/compile.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPrompt } from "./options.ts";

/** Options of `greedyDecode`. */
export interface GreedyDecodeOptions {
  /** The id that every target begins with; not included in the result. */
  startToken: number;
  /** Ends a target; not included in the result. Default: none. */
  endToken?: number;
  /** Maximum number of tokens of a target. Default: the model's context length. */
  maxNewTokens?: number;
}

/**
 * Decodes the likeliest token at each step: `sources`, sequences of ids of any lengths, → one
 * target for each. Sources are padded to one length with the padding hidden, so each target is the
 * one that its source gets alone.
 *
 * The source is encoded once; the decoder then runs over all positions for each token, so the cost
 * grows with the square of the length.
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
  if (!(model instanceof Transformer)) {
    throw new TypeError(`greedyDecode: expected a Transformer, got ${describe(model)}`);
  }
  checkOptions("greedyDecode", options, { startToken: true, endToken: true, maxNewTokens: true });
  if (!Array.isArray(sources)) {
    throw new TypeError(`greedyDecode: expected a list of sources, got ${describe(sources)}`);
  }
  const { contextLength } = model.config;
  const { startToken, endToken, maxNewTokens = contextLength } = options;
  expectPrompt("greedyDecode: startToken", [startToken], model.config.targetVocabSize);
  for (const source of sources) expectPrompt("greedyDecode", source, model.config.sourceVocabSize);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1 || maxNewTokens > contextLength) {
    throw new RangeError(
      `greedyDecode: maxNewTokens must be a whole number from 1 to ${contextLength}, the context ` +
        `length; got ${maxNewTokens}`,
    );
  }
  const { ids, lengths } = padSequences(sources);
  const memory = scope(() => model.encode(ids, { sourceLengths: lengths }));
  const target = padSequences(sources.map(() => [startToken]), { length: maxNewTokens }).ids;
  const likeliest = compile((given: Tensor, encoded: Tensor) => {
    const decoded = model.decode(given, encoded, { sourceLengths: lengths });
    return argmax(model.head.forward(decoded), { axis: -1 });
  });
  try {
    return await extend(
      target,
      sources.length,
      { maxNewTokens, endToken },
      () => likeliest(target, memory),
    );
  } finally {
    likeliest.dispose();
    for (const made of [ids, lengths, memory, target]) made.dispose();
  }
}

/**
 * Appends the likeliest token to each row, position by position, until all rows have ended or are
 * full.
 */
async function extend(
  target: Tensor,
  rows: number,
  { maxNewTokens, endToken }: { maxNewTokens: number; endToken?: number },
  likeliest: () => Tensor,
): Promise<number[][]> {
  const given = Int32Array.from(await target.data());
  const written: number[][] = Array.from({ length: rows }, () => []);
  const open = new Set(written.keys());
  for (let place = 0; place < maxNewTokens && open.size > 0; place++) {
    const tokens = await likeliest().data();
    for (const row of open) {
      const token = tokens[row * maxNewTokens + place];
      if (token === endToken) open.delete(row);
      else written[row].push(token);
      if (place + 1 < maxNewTokens) given[row * maxNewTokens + place + 1] = token;
    }
    target.write(given);
  }
  return written;
}
