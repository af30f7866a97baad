/**
 * Checks of a `tokenizer.json` before a package reads it: whatever could make that hang or take
 * memory without bound is refused.
 *
 * What the parts mean is left to the package.
 *
 * @module
 */

import { malformed, MAXIMUM_VOCABULARY, readObject } from "./tokenizer_file.ts";

/** Parts inside parts, and parts in a row. */
const DEPTH = 8, PARTS = 64;
/** How much longer a text may become by the replacements of a file. */
const GROWTH = 256;
const LONGEST_TOKEN = 4096, LONGEST_SETTING = 128;

type Json = Record<string, unknown>;

/**
 * A file whose vocabulary has ids of its own for all tokens, whose patterns cannot run away, and
 * whose replacements let no text grow without bound; a copy, with the parts that may be missing.
 *
 * @throws {SyntaxError} for any other
 */
export function checkPublishedFile(value: unknown): Json {
  const file = readObject(value, "the file");
  const added = checkAdded(file.added_tokens ?? []);
  checkModel(readObject(file.model, "model"));
  let growth = 1;
  for (const part of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) {
    growth *= checkPart(file[part] ?? null, part, 0);
  }
  if (growth > GROWTH) {
    throw malformed("the replacements", `a text at most ${GROWTH} times`, growth);
  }
  const none = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  return { ...none, ...file, added_tokens: added };
}

function checkAdded(value: unknown): Json[] {
  if (!Array.isArray(value) || value.length > MAXIMUM_VOCABULARY) {
    throw malformed("added_tokens", `an array of at most ${MAXIMUM_VOCABULARY}`, value);
  }
  const contents = new Set<unknown>();
  return value.map((entry, index) => {
    const part = `added_tokens[${index}]`;
    const { id, content, ...flags } = readObject(entry, part);
    checkId(id, `${part}.id`);
    checkToken(content, `${part}.content`);
    if (content === "" || contents.has(content)) {
      throw malformed(`${part}.content`, "a text of its own", content);
    }
    contents.add(content);
    return { id, content, ...flags };
  });
}

function checkId(id: unknown, part: string): void {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAXIMUM_VOCABULARY) {
    throw malformed(part, `an integer from 0 to ${MAXIMUM_VOCABULARY - 1}`, id);
  }
}

function checkToken(token: unknown, part: string): void {
  if (typeof token !== "string" || token.length > LONGEST_TOKEN) {
    throw malformed(part, `a text of at most ${LONGEST_TOKEN} characters`, token);
  }
}

function checkModel(model: Json): void {
  const types = ["BPE", "WordPiece", "Unigram", "WordLevel"];
  if (!types.includes(model.type as string)) {
    throw malformed("model.type", types.join(", "), model.type);
  }
  if (model.type === "Unigram") checkUnigram(model);
  else checkVocabulary(model.vocab);
  if (model.type === "BPE") checkMerges(model.merges);
  const longest = model.max_input_chars_per_word ?? 100;
  if (!(Number.isInteger(longest) && (longest as number) > 0 && (longest as number) <= 1000)) {
    throw malformed("model.max_input_chars_per_word", "an integer from 1 to 1000", longest);
  }
  for (const key of ["unk_token", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[key] !== undefined && model[key] !== null) checkToken(model[key], `model.${key}`);
  }
  if (model.type === "WordPiece") {
    checkToken(model.unk_token, "model.unk_token");
    model.continuing_subword_prefix ??= "##";
  }
}

function checkVocabulary(value: unknown): void {
  const entries = Object.entries(readObject(value, "model.vocab"));
  if (entries.length === 0 || entries.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.vocab", `1 to ${MAXIMUM_VOCABULARY} tokens`, entries.length);
  }
  const ids = new Set<unknown>();
  for (const [token, id] of entries) {
    checkToken(token, "model.vocab");
    checkId(id, `id of token ${JSON.stringify(token.slice(0, 40))}`);
    if (ids.has(id)) throw malformed("model.vocab", "each id once", id);
    ids.add(id);
  }
}

function checkUnigram({ vocab, unk_id }: Json): void {
  if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.vocab", `an array of 1 to ${MAXIMUM_VOCABULARY} pieces`, vocab);
  }
  for (const [index, entry] of vocab.entries()) {
    const part = `model.vocab[${index}]`;
    if (!Array.isArray(entry) || entry.length !== 2 || !Number.isFinite(entry[1])) {
      throw malformed(part, "a piece and its score", entry);
    }
    checkToken(entry[0], part);
  }
  checkId(unk_id, "model.unk_id");
  if ((unk_id as number) >= vocab.length) throw malformed("model.unk_id", "a piece", unk_id);
}

function checkMerges(merges: unknown): void {
  if (!Array.isArray(merges) || merges.length > MAXIMUM_VOCABULARY) {
    throw malformed("model.merges", `an array of at most ${MAXIMUM_VOCABULARY}`, merges);
  }
  for (const [rank, entry] of merges.entries()) {
    const pair = typeof entry === "string" ? entry.split(" ") : entry;
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw malformed(`model.merges[${rank}]`, "a pair of tokens", entry);
    }
    for (const token of pair) checkToken(token, `model.merges[${rank}]`);
  }
}

/** Checks a part and those inside it; gives by how much it may make a text longer. */
function checkPart(value: unknown, name: string, depth: number): number {
  if (value === null) return 1;
  const part = readObject(value, name);
  if (depth > DEPTH) throw malformed(name, `parts at most ${DEPTH} deep`, part);
  let growth = 1;
  for (const [key, inner] of Object.entries(part)) {
    const at = `${name}.${key}`;
    if (key === "pattern") continue;
    if (typeof inner === "string" && inner.length > LONGEST_SETTING && !key.endsWith("charsmap")) {
      throw malformed(at, `a text of at most ${LONGEST_SETTING} characters`, inner);
    }
    if (Array.isArray(inner)) {
      if (inner.length > PARTS) throw malformed(at, `at most ${PARTS} parts`, inner);
      for (const each of inner) {
        if (typeof each === "object" && each !== null && !Array.isArray(each)) {
          growth *= checkPart(each, at, depth + 1);
        }
      }
    } else if (typeof inner === "object" && inner !== null && key !== "special_tokens") {
      growth *= checkPart(inner, at, depth + 1);
    }
  }
  if (
    part.type === "FixedLength" && !(Number.isInteger(part.length) && (part.length as number) > 0)
  ) {
    throw malformed(`${name}.length`, "an integer from 1", part.length);
  }
  if (part.type === "Replace" || part.type === "Split") {
    checkPattern(part.pattern, `${name}.pattern`);
  }
  if (part.type === "Replace") growth *= replacementGrowth(part, name);
  return growth;
}

function replacementGrowth({ pattern, content }: Json, name: string): number {
  checkToken(content, `${name}.content`);
  const { String: text } = (pattern ?? {}) as Json;
  if (text === "") throw malformed(`${name}.pattern`, "a text that is not empty", text);
  const replaced = typeof text === "string" ? text.length : 1;
  return Math.max(1, (content as string).length / replaced);
}

function checkPattern(value: unknown, part: string): void {
  const { Regex: pattern, String: text } = readObject(value, part);
  const source = pattern ?? text;
  checkToken(source, part);
  if (pattern !== undefined && repeatsARepetition(pattern as string)) {
    throw malformed(
      part,
      "a pattern that repeats no repetition, as that may take for ever",
      pattern,
    );
  }
}

/** Whether a group that holds a repetition without bound is repeated itself. */
function repeatsARepetition(pattern: string): boolean {
  const plain = pattern.replaceAll(/\\./gs, "x").replaceAll(/\[[^\]]*\]/g, "x");
  const holds: boolean[] = [false];
  for (let i = 0; i < plain.length; i++) {
    const repeated = isUnbounded(plain, i + 1);
    if (plain[i] === "(") holds.push(false);
    else if (plain[i] === ")") {
      const inner = holds.length > 1 ? holds.pop()! : false;
      if (inner && repeated) return true;
      holds[holds.length - 1] ||= inner || repeated;
    } else if (repeated) holds[holds.length - 1] = true;
  }
  return false;
}

function isUnbounded(pattern: string, at: number): boolean {
  return /^(?:[*+]|\{\d+,(?:\d{3,})?\})/.test(pattern.slice(at, at + 24));
}
