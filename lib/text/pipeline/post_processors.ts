/**
 * Post-processors: which tokens go around one text and around two, and which token types they get.
 *
 * @module
 */

import type { TemplatePiece, Templates } from "../templates.ts";
import { malformed, readObject } from "../tokenizer_file.ts";
import { isId } from "./model.ts";
import type { Part } from "./part.ts";

/** What a post-processor does: the templates, and how it changes offsets. */
export interface PostProcessor extends Templates {
  /** Takes white space out of offsets; `addsSpace` if the text gets a space before it. */
  readonly trims?: { readonly addsSpace: boolean };
}

const A: TemplatePiece = { text: "A", type: 0 };

/** What a file without a post-processor does: the texts alone. */
export const TEXTS_ALONE: PostProcessor = { single: [A], pair: [A, { text: "B", type: 1 }] };

/** The maximum number of ids that a template may put in. */
const MAXIMUM_IDS = 1000;

/** The post-processor that a part describes. */
export function readPostProcessor(part: Part): PostProcessor {
  switch (part.type) {
    case "ByteLevel": // which changes offsets alone
      return part.flag("trim_offsets", true)
        ? { ...TEXTS_ALONE, trims: { addsSpace: part.flag("add_prefix_space", true) } }
        : TEXTS_ALONE;
    case "TemplateProcessing":
      return template(part);
    case "BertProcessing":
    case "RobertaProcessing":
      return classic(part);
    case "Sequence":
      return sequence(part);
  }
  throw part.unsupported(
    "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing or Sequence",
  );
}

/** At most one processor that adds tokens, and one that trims before it. */
function sequence(part: Part): PostProcessor {
  const inner = part.parts("processors").map(readPostProcessor);
  const adding = inner.filter(({ single }) => single !== TEXTS_ALONE.single);
  const trimming = inner.filter(({ trims }) => trims !== undefined);
  if (adding.length > 1 || trimming.length > 1) {
    throw part.malformed(
      "processors",
      "at most one that adds tokens and one that trims offsets (more are not supported)",
    );
  }
  return { ...adding[0] ?? TEXTS_ALONE, trims: trimming[0]?.trims };
}

/** `[CLS] A [SEP] B [SEP]`, or `<s> A </s></s> B </s>` with one token type. */
function classic(part: Part): PostProcessor {
  const begin = { ids: [pairId(part, "cls")], type: 0 };
  const end = { ids: [pairId(part, "sep")], type: 0 };
  const single = [begin, A, end];
  // Without one of its settings the reference takes a RobertaProcessing for a BertProcessing.
  const isRoberta = part.type === "RobertaProcessing" && part.has("trim_offsets") &&
    part.has("add_prefix_space");
  if (!isRoberta) {
    return { single, pair: [...single, { text: "B", type: 1 }, { ...end, type: 1 }] };
  }
  const pair: TemplatePiece[] = [...single, end, { text: "B", type: 0 }, end];
  if (!part.flag("trim_offsets")) return { single, pair };
  return { single, pair, trims: { addsSpace: part.flag("add_prefix_space") } };
}

/** The id of a field `[token, id]`. */
function pairId(part: Part, key: string): number {
  const value = part.field(key);
  if (Array.isArray(value) && value.length === 2) {
    const [token, id] = value;
    if (typeof token === "string" && isId(id)) return id;
  }
  throw part.malformed(key, "a token and its id");
}

function template(part: Part): PostProcessor {
  const special = readObject(part.field("special_tokens"), `${part.name}.special_tokens`);
  const pieces = (key: string) => {
    const value = part.field(key);
    if (!Array.isArray(value) || value.length > MAXIMUM_IDS) throw part.malformed(key, "an array");
    return value.map((each) => templatePiece(each, part, special));
  };
  const single = pieces("single");
  if (single.filter((piece) => "text" in piece && piece.text === "A").length !== 1) {
    throw part.malformed("single", "the text exactly once");
  }
  if (single.some((piece) => "text" in piece && piece.text === "B")) {
    throw part.malformed("single", "no second text");
  }
  return { single, pair: pieces("pair") };
}

function templatePiece(
  value: unknown,
  part: Part,
  special: Record<string, unknown>,
): TemplatePiece {
  const name = `${part.name}.single`;
  const { Sequence: sequence, SpecialToken: token } = readObject(value, name);
  const fields = readObject(sequence ?? token, name);
  const type = fields.type_id;
  if (!isId(type) || type > 255) throw malformed(`${name}.type_id`, "a token type to 255", type);
  if (sequence !== undefined) {
    if (fields.id !== "A" && fields.id !== "B") throw malformed(`${name}.id`, "A or B", fields.id);
    return { text: fields.id, type };
  }
  const known = typeof fields.id === "string" && Object.hasOwn(special, fields.id);
  if (!known) throw malformed(`${name}.id`, "one of special_tokens", fields.id);
  const { ids } = readObject(special[fields.id as string], `${part.name}.special_tokens`);
  if (!Array.isArray(ids) || ids.length > MAXIMUM_IDS || !ids.every(isId)) {
    throw malformed(`${part.name}.special_tokens`, "ids", ids);
  }
  return { ids, type };
}
