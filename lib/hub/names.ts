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

/** Folio's names of the token table and of an untied head. */
const TABLE = "transformer.wte.weight", HEAD = "lm_head.weight";

/** The weight of a language model's head for classes. */
const CLASSES = "score.weight";

/** The prefix that files of a GPT without its head omit. */
const PREFIX = /^(transformer|model)\./;

/**
 * Finds every parameter's tensors among a file's names. Names without the architecture's prefix are
 * accepted, and the old names `LayerNorm.gamma` and `LayerNorm.beta`; a tied model's table may be
 * stored as its head alone. Masks, rotary frequencies, a tied model's second copy of the table, and
 * what the architecture leaves unread are ignored.
 *
 * @throws {SyntaxError} naming tensors that are missing and tensors that no parameter takes, if
 *   there are any
 */
export function matchParameters(
  parameters: Iterable<string>,
  available: Iterable<string>,
  architecture: ArchitectureNames,
): Map<string, ParameterSource> {
  const stored = new Set(available);
  const unused = new Set(stored);
  const missing: string[] = [];
  const result = new Map<string, ParameterSource>();
  const names = [...parameters];
  const isTied = names.includes(TABLE) && !names.includes(HEAD);
  for (const parameter of names) {
    const source = architecture.source(parameter);
    const found = source.names.map((name) => {
      const tied = isTied && parameter === TABLE ? headNames(architecture) : [];
      const match = storedNames(name, architecture).concat(tied).find((one) => stored.has(one));
      if (match === undefined) missing.push(name);
      else unused.delete(match);
      return match ?? name;
    });
    result.set(parameter, { ...source, names: found });
  }
  if (isTied) { for (const name of headNames(architecture)) unused.delete(name); }
  const { unread, zeros } = architecture;
  const known = [BUFFERS, unread, zeros];
  const unexpected = [...unused].filter((name) => !known.some((names) => names?.test(name)));
  if (missing.length > 0 || unexpected.length > 0) {
    throw new SyntaxError(
      `weights do not fit the configuration (${architecture.name}): ` +
        `${list("missing", missing)}; ${list("not expected", unexpected)}${
          advice(missing, unexpected)
        }`,
    );
  }
  return result;
}

/** A tensor's name in the file, and the other ones by which files store it. */
function storedNames(name: string, { prefix = PREFIX }: ArchitectureNames): string[] {
  const all = [name, name.replace(prefix, "")];
  const old = all.map((one) =>
    one.replace(/LayerNorm\.weight$/, "LayerNorm.gamma")
      .replace(/LayerNorm\.bias$/, "LayerNorm.beta")
  );
  return [...all, ...old];
}

/** Names of the tensor of an untied head. */
export function headNames(architecture: ArchitectureNames): string[] {
  return architecture.source(HEAD).names.flatMap((name) => storedNames(name, architecture));
}

/** The name of the token table, and the other ones by which files store it. */
export function tableNames(architecture: ArchitectureNames): string[] {
  return architecture.source(TABLE).names.flatMap((name) => storedNames(name, architecture));
}

function advice(missing: readonly string[], unexpected: readonly string[]): string {
  if (unexpected.includes(CLASSES)) {
    return "; it classifies and does not write: loadTextClassifier (`deno task classify`) opens it";
  }
  if (missing.includes(CLASSES)) {
    return "; it has no head for classes: it writes text, or was never taught to classify; " +
      "loadClassifierBase (`deno task finetune MODEL --labels FILE`) gives it one";
  }
  if (!missing.includes(HEAD)) return "";
  return "; config.json says that the head is not tied to the token table (tie_word_embeddings)";
}

function list(what: string, names: string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name)).join(", ");
  return `${what}: ${names.length === 0 ? "none" : shown}` +
    (names.length > 5 ? ` and ${names.length - 5} more` : "");
}
