/**
 * The tokens around a text, as `config.json` and `generation_config.json` name them.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";

/** Ids of the tokens around a text. */
export interface TextEnds {
  /** Begins a text; absent if the file names none. */
  readonly beginToken?: number;
  /** End a text; empty if the file names none. */
  readonly endTokens: readonly number[];
  /** Pads the rows of a batch; absent if the file names none. */
  readonly padToken?: number;
}

/**
 * The tokens around a text that a file names.
 *
 * @throws {SyntaxError} if they are no token ids
 */
export function readTextEnds(fields: ConfigFields): TextEnds {
  const endTokens = readIds(fields, "eos_token_id");
  const [beginToken] = readIds(fields, "bos_token_id");
  const pad = fields.get("pad_token_id");
  const [padToken] = pad === -1 ? [] : readIds(fields, "pad_token_id"); // −1 is Llama's for none
  return {
    ...beginToken === undefined ? {} : { beginToken },
    endTokens,
    ...padToken === undefined ? {} : { padToken },
  };
}

/**
 * The ids in a field: none, one, or a list.
 *
 * @throws {SyntaxError} if they are no token ids
 */
export function readIds(fields: ConfigFields, name: string): number[] {
  const value = fields.get(name);
  const ids: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  for (const id of ids) {
    if (!Number.isInteger(id) || (id as number) < 0) {
      throw unexpected(name, "a token id or a list of them", value);
    }
  }
  return ids as number[];
}

/** The fields of `config.json` that name these tokens; null for none. */
export function writeTextEnds(
  { beginToken, endTokens = [], padToken }: Partial<TextEnds>,
): Record<string, unknown> {
  return {
    bos_token_id: beginToken ?? null,
    eos_token_id: oneOrMore(endTokens) ?? null,
    pad_token_id: padToken ?? null,
  };
}

/** Ids as Hugging Face writes them: a list only if there are several. */
export function oneOrMore(ids: readonly number[]): number | readonly number[] | undefined {
  return ids.length > 1 ? ids : ids[0];
}
