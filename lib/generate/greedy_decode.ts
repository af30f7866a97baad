/**
 * Greedy decoding with an encoder–decoder transformer: the likeliest token at each step.
 *
 * For GPT models see generator.ts and generate.ts.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { describe } from "../errors.ts";
import { padSequences } from "../nn/padding.ts";
import { Transformer } from "../nn/transformer.ts";
import { argmax } from "../ops/argmax.ts";
import { embedding } from "../ops/embedding.ts";
import { reshape } from "../ops/reshape.ts";
import { checkOptions } from "../options.ts";
import { compile } from "../tensor/compile.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { expectPrompt } from "./options.ts";

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
 * The source is encoded once; the decoder then runs over all positions for each token, so the cost
 * grows with the square of the length. Logits are those of the last token only.
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
  const prefix = [options.startToken].flat();
  const ends = [options.endToken ?? []].flat();
  const most = contextLength - prefix.length + 1;
  const { maxNewTokens = most } = options;
  expectPrompt("greedyDecode: startToken", prefix, model.config.targetVocabSize);
  for (const source of sources) expectPrompt("greedyDecode", source, model.config.sourceVocabSize);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1 || maxNewTokens > most) {
    throw new RangeError(
      `greedyDecode: maxNewTokens must be a whole number from 1 to ${most}, the context length; got ` +
        `${maxNewTokens}`,
    );
  }
  const { device } = model.decoder.tokens.weight;
  const { ids, lengths } = onDevice(device, () => padSequences(sources));
  const memory = scope(() => model.encode(ids, { sourceLengths: lengths }));
  const positions = prefix.length - 1 + maxNewTokens;
  const starts = sources.map(() => prefix);
  const { ids: target, lengths: started } = onDevice(
    device,
    () => padSequences(starts, { length: positions }),
  );
  const likeliest = compile((given: Tensor, encoded: Tensor, last: Tensor) => {
    const decoded = model.decode(given, encoded, { sourceLengths: lengths });
    const rows = reshape(decoded, [given.size, model.config.width]);
    return argmax(model.logits(embedding(rows, last)), { axis: -1 });
  });
  const last = zeros([sources.length], { dtype: "i32", device });
  try {
    const places = { first: prefix.length - 1, positions, ends };
    return await extend(target, last, places, () => likeliest(target, memory, last));
  } finally {
    likeliest.dispose();
    for (const made of [ids, lengths, memory, target, started, last]) made.dispose();
  }
}

/** The positions of a target: that of the last start token, and the number of all. */
interface Places {
  readonly first: number;
  readonly positions: number;
  readonly ends: readonly number[];
}

/**
 * Appends the likeliest token to each row, position by position, until all rows have ended or are
 * full. `last`, i32 [B], receives the index of each row's last token among those of all rows.
 */
async function extend(
  target: Tensor,
  last: Tensor,
  { first, positions, ends }: Places,
  likeliest: () => Tensor,
): Promise<number[][]> {
  const given = Int32Array.from(await target.data());
  const written: number[][] = Array.from({ length: last.size }, () => []);
  const open = new Set(written.keys());
  for (let place = first; place < positions && open.size > 0; place++) {
    last.write(Int32Array.from(written, (_, row) => row * positions + place));
    const tokens = await likeliest().data();
    for (const row of open) {
      const token = tokens[row];
      if (ends.includes(token)) open.delete(row);
      else written[row].push(token);
      if (place + 1 < positions) given[row * positions + place + 1] = token;
    }
    target.write(given);
  }
  return written;
}
