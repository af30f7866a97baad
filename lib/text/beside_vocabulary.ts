/**
 * The files beside a vocabulary that has no `tokenizer.json`: the class of the tokenizer, and its
 * special and added tokens as `transformers` reads them. See vocabulary_files.ts and
 * sentence_piece_files.ts for the vocabularies.
 *
 * @module
 */

import { readObject } from "./tokenizer_file.ts";

type Json = Record<string, unknown>;

/** The files beside a vocabulary, parsed; what is missing is an empty object. */
export interface BesideVocabulary {
  /** `tokenizer_config.json` */
  readonly config: Json;
  /** `special_tokens_map.json` */
  readonly special: Json;
  /** `added_tokens.json`: token → id */
  readonly added: Json;
}

/** An entry of `added_tokens` in a `tokenizer.json`, without its id. */
export type Token = Json & { readonly content: string };

/** The keys of the named special tokens, in the order in which they get ids. */
const NAMES = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;
/** Special tokens by these keys. */
export type SpecialNames = Partial<Record<typeof NAMES[number], string>>;

/**
 * The configuration's class without the ending that all classes share; undefined if it has none.
 */
export function classOf(config: Json): string | undefined {
  const name = config.tokenizer_class ?? undefined;
  if (name === undefined) return undefined;
  return typeof name === "string" ? name.replace(/(?:Tokenizer)?(?:Fast)?$/, "") : "";
}

/**
 * A setting that both files may have. `special_tokens_map.json` wins, unless the configuration
 * lists all added tokens itself.
 */
function setting({ config, special }: BesideVocabulary, key: string): unknown {
  const listed = config.added_tokens_decoder !== undefined;
  return (listed ? undefined : special[key]) ?? config[key];
}

/** What `addedTokens` needs of a vocabulary and of the tokenizer's class. */
export interface VocabularyTokens {
  /** The id of a token in the vocabulary. */
  readonly idOf: (token: string) => number | undefined;
  /** The number of tokens of the vocabulary. */
  readonly size: number;
  /** Tokens that the vocabulary marks itself or the class adds; default those of the files. */
  readonly own?: readonly Token[];
  /** Flags of the mask, unless a file says them itself; default none. */
  readonly mask?: Json;
}

/** The names of special tokens: those of the files, otherwise the usual ones of the class. */
export function specialNames<Names extends SpecialNames>(
  beside: BesideVocabulary,
  usual: Names,
): Names & SpecialNames {
  const names: SpecialNames = { ...usual };
  for (const key of NAMES) {
    const value = setting(beside, key);
    const content = typeof value === "string" ? value : (value as Json | undefined)?.content;
    if (typeof content === "string") names[key] = content;
  }
  return names as Names & SpecialNames;
}

/**
 * Special and other added tokens with their ids, in the order of their ids. A token that the
 * vocabulary lacks gets the next free id.
 */
export function addedTokens(
  beside: BesideVocabulary,
  names: SpecialNames,
  { idOf, size, own, mask = {} }: VocabularyTokens,
): Json[] {
  const given = extraTokens(beside);
  const named = new Set(Object.values(names));
  const listed = listedTokens(beside, named.union(new Set(given?.map(({ content }) => content))));
  const tokens = new Map<string, Json>(listed.map((token) => [token.content, token]));
  for (const key of NAMES) {
    const content = names[key];
    if (content === undefined) continue;
    const value = setting(beside, key);
    const flags = tokens.get(content) ??
      (typeof value === "object" ? value as Json : key === "mask_token" ? mask : {});
    tokens.set(content, { ...flagsOf(flags, false), content, special: true });
  }
  for (const token of given ?? own ?? laterTokens(beside)) {
    const special = token.special === true || named.has(token.content);
    tokens.set(token.content, { ...flagsOf(token, false), content: token.content, special });
  }
  let next = size;
  const numbered = Array.from(tokens, ([content, flags]) => {
    const id = idOf(content) ?? next++;
    return { ...flags, id };
  });
  return numbered.sort((a, b) => a.id - b.id);
}

/** The further special tokens that the configuration lists; undefined if it lists none. */
function extraTokens(beside: BesideVocabulary): Token[] | undefined {
  const list = setting(beside, "extra_special_tokens") ?? beside.config.additional_special_tokens;
  return Array.isArray(list) && list.length > 0 ? list.map(specialToken) : undefined;
}

/** Those of the older key in `special_tokens_map.json`, which counts last. */
function laterTokens({ config, special }: BesideVocabulary): Token[] {
  const list = config.added_tokens_decoder === undefined ? special.additional_special_tokens : [];
  return Array.isArray(list) ? list.map(specialToken) : [];
}

function specialToken(entry: unknown): Token {
  const token = typeof entry === "string" ? { content: entry } : readObject(entry, "special token");
  if (typeof token.content !== "string") {
    throw new SyntaxError("tokenizer_config.json: extra_special_tokens: expected texts");
  }
  return { ...token, content: token.content, special: true };
}

/** The tokens of `added_tokens_decoder`, otherwise of `added_tokens.json`, in the order of ids. */
function listedTokens({ config, added }: BesideVocabulary, special: Set<string>): Token[] {
  const decoder = config.added_tokens_decoder;
  if (decoder !== undefined) {
    const entries = Object.entries(readObject(decoder, "added_tokens_decoder"));
    return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([id, entry]) => {
      const { content, ...flags } = readObject(entry, `added_tokens_decoder.${id}`);
      if (typeof content !== "string") {
        throw new SyntaxError(`tokenizer_config.json: added_tokens_decoder.${id}: expected a text`);
      }
      const isSpecial = flags.special === true;
      return { ...flagsOf(flags, !isSpecial), content, special: isSpecial };
    });
  }
  const entries = Object.entries(added).sort(([, a], [, b]) => Number(a) - Number(b));
  return entries.map(([content]) => {
    const isSpecial = special.has(content);
    return { ...flagsOf({}, !isSpecial), content, special: isSpecial };
  });
}

function flagsOf(flags: Json, normalized: boolean): Json {
  return {
    single_word: flags.single_word ?? false,
    lstrip: flags.lstrip ?? false,
    rstrip: flags.rstrip ?? false,
    normalized: flags.normalized ?? normalized,
  };
}
