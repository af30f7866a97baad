/**
 * Which tensors of a file make up each of Folio's parameters. Folio's names are those of a Hugging
 * Face GPT-2 (`transformer.h.0.attn.c_attn.weight`, weights [inputs, outputs]), so for GPT-2 a
 * parameter is the tensor of the same name; GPT-Neo and Llama have other names, weights
 * [outputs, inputs], and separate queries, keys and values. Each architecture's names are in its
 * format's file; parameters.ts reads the data.
 *
 * @module
 */
import type { ArchitectureNames, ParameterSource } from "./format.ts";

/**
 * Tensors that a file may have and no parameter needs: masks, rotary frequencies and position ids.
 */
const BUFFERS = /\.(attn|attention)\.(bias|masked_bias)$|\.rotary_emb\.inv_freq$|\.position_ids$/;

/** The prefix that files of a GPT without its head omit. */
const PREFIX = /^(transformer|model)\./;

/**
 * Finds every parameter's tensors among a file's names. Names without the architecture's prefix are
 * accepted; masks, rotary frequencies, the head's weight if the model's head is tied, and what the
 * architecture leaves unread are ignored.
 *
 * @throws {SyntaxError} naming tensors that are missing and tensors that no parameter takes, if
 *   there are any
 */
export function matchParameters(
  parameters: Iterable<string>,
  available: Iterable<string>,
  architecture: ArchitectureNames,
): Map<string, ParameterSource> {
  const { prefix = PREFIX, unread } = architecture;
  const stored = new Set(available);
  const unused = new Set(stored);
  const missing: string[] = [];
  const result = new Map<string, ParameterSource>();
  for (const parameter of parameters) {
    const source = architecture.source(parameter);
    const names = source.names.map((name) => {
      const bare = name.replace(prefix, "");
      const match = stored.has(name) ? name : stored.has(bare) ? bare : undefined;
      if (match === undefined) missing.push(name);
      else unused.delete(match);
      return match ?? name;
    });
    result.set(parameter, { ...source, names });
  }
  if (!result.has("lm_head.weight")) unused.delete("lm_head.weight");
  const unexpected = [...unused].filter((name) => !BUFFERS.test(name) && !unread?.test(name));
  if (missing.length > 0 || unexpected.length > 0) {
    throw new SyntaxError(
      `weights do not fit the configuration (${architecture.name}): ` +
        `${list("missing", missing)}; ${list("not expected", unexpected)}`,
    );
  }
  return result;
}

function list(what: string, names: string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
  return `${what}: ${names.length === 0 ? "none" : shown}` +
    (names.length > 5 ? ` and ${names.length - 5} more` : "");
}
