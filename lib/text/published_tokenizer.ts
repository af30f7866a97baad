/**
 * The `tokenizer.json` of any published model, read exactly as the library `tokenizers` reads it,
 * or refused by name.
 *
 * The parts are in pipeline/: added tokens, normalizers, pre-tokenizers, models, post-processors
 * and decoders. `truncation` and `padding` of a file are settings of calls, not of the tokenizer,
 * and have no effect here but for the padding token.
 *
 * @module
 */

import { AlignedText } from "./aligned_text.ts";
import { toByteCharacters } from "./byte_alphabet.ts";
import type { TokenOffsets } from "./encode_batch.ts";
import { GrowingIds } from "./growing_ids.ts";
import {
  AddedTokenSplitter,
  type PublishedAddedToken,
  readPublishedAddedTokens,
} from "./pipeline/added_tokens.ts";
import { Collector } from "./pipeline/collector.ts";
import { type Decoder, joinWithSpaces, readDecoder } from "./pipeline/decoders.ts";
import type { Model } from "./pipeline/model.ts";
import { readModel } from "./pipeline/models.ts";
import {
  type Normalizer,
  readNormalizer,
  type TextHead,
  UNCHANGED,
} from "./pipeline/normalizers.ts";
import { Growth, Part } from "./pipeline/part.ts";
import { type PostProcessor, readPostProcessor, TEXTS_ALONE } from "./pipeline/post_processors.ts";
import {
  type Pieces,
  type PreTokenizer,
  readPreTokenizers,
  splitAligned,
  splitPieces,
} from "./pipeline/pre_tokenizers.ts";
import { type Surroundings, surroundingsOf, type Templates } from "./templates.ts";
import { Tokenizer, type TokenStream } from "./tokenizer.ts";
import { readObject, type TokenizerFile } from "./tokenizer_file.ts";
import { blanksOf, trimmedOffsets } from "./trim_offsets.ts";

type Json = Record<string, unknown>;

const CACHED_PIECES = 2 ** 16;
const CACHED_LENGTH = 64;

/**
 * A tokenizer of any kind that `tokenizer.json` can describe: WordPiece, WordLevel, Unigram, BPE
 * with its own patterns.
 */
export class PublishedTokenizer extends Tokenizer {
  /** Always `"published"`. */
  override readonly kind = "published";
  /** The special tokens that the file lists. */
  override readonly specialTokens: ReadonlyMap<string, number>;
  /** The padding token of the configuration or the file, if there is one. */
  override readonly paddingId: number | undefined;
  /** What the file's post-processor puts around a text. */
  override readonly surroundings: Surroundings;
  /** `model_max_length` of the configuration, if that is a length at all. */
  override readonly maximumLength: number | undefined;
  /** The `chat_template` of the configuration, if there is one. */
  override readonly chatTemplate: string | undefined;
  /** The file, as its text if that was given, which takes a fraction of the memory. */
  readonly #file: string | Json;
  readonly #config: Json;
  readonly #pipeline: Pipeline;
  readonly #tokens: (string | undefined)[];
  /** What the decoder receives for each id: for some added tokens their normalized form. */
  readonly #decoded: (string | undefined)[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #cache = new Map<string, Uint32Array>();

  /**
   * Reads a file, with the content of the `tokenizer_config.json` beside it, if there is one.
   * `text` is the text that `json` was parsed from.
   *
   * @throws {SyntaxError} if one is malformed, or needs what is not supported
   */
  constructor(json: unknown, config: unknown = {}, text?: string) {
    super();
    const file = readObject(json, "the file");
    this.#file = text ?? file;
    this.#config = typeof config === "object" && config !== null ? config as Json : {};
    this.#pipeline = readPipeline(file);
    const { model, added } = this.#pipeline;
    this.#tokens = [...model.tokens];
    this.#decoded = [...model.tokens];
    for (const { id, content, normalized } of added) {
      this.#tokens[id] = content;
      this.#decoded[id] = normalized ? this.#pipeline.normalizer.apply(content) : content;
    }
    this.#ids = new Map(added.map(({ content, id }) => [content, id]));
    this.specialTokens = new Map(
      added.filter(({ special }) => special).map(({ content, id }) => [content, id]),
    );
    const padding = (file.padding as { pad_token?: unknown } | null | undefined)?.pad_token;
    this.paddingId = this.#named("pad_token") ??
      (typeof padding === "string" ? this.id(padding) : undefined);
    const length = this.#config.model_max_length;
    // Models without a limit write 10^30.
    this.maximumLength = Number.isSafeInteger(length) ? length as number : undefined;
    this.chatTemplate = templateIn(this.#config.chat_template);
    this.surroundings = surroundingsOf(this.#pipeline.postProcessor);
  }

  /** V: the largest id and one. */
  override get vocabSize(): number {
    return this.#tokens.length;
  }

  /** What the file's post-processor puts around one text and around a pair. */
  override get templates(): Templates {
    return this.#pipeline.postProcessor;
  }

  /** The `eos_token` of the configuration. */
  override get endId(): number | undefined {
    return this.#named("eos_token") ?? super.endId;
  }

  /** The `bos_token` of the configuration. */
  override get beginToken(): string | undefined {
    const id = this.#named("bos_token");
    return id === undefined ? undefined : this.token(id);
  }

  /**
   * Ids as the file says; what it has no token for becomes its unknown token, or is left out if
   * the model has none.
   *
   * @throws {RangeError} if the model needs an unknown token that the vocabulary lacks
   */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    const { literal, normalized, normalizer } = this.#pipeline;
    const ids = new GrowingIds();
    for (const outer of literal.split(text.toWellFormed())) {
      if (outer.id !== undefined) {
        ids.push(outer.id);
        continue;
      }
      const head = this.#pipeline.usesHead && outer.start === 0 ? headOf(outer.text) : undefined;
      for (const inner of normalized.split(normalizer.apply(outer.text, head))) {
        if (inner.id !== undefined) ids.push(inner.id);
        else this.#encodePieces(inner.text, (head?.length ?? 0) - inner.start, ids);
      }
    }
    return ids.toArray();
  }

  /**
   * Ids with start and end of each token in the text, in UTF-16 units.
   *
   * @internal
   */
  override encodeOffsets(text: string): TokenOffsets {
    const { literal, normalized, normalizer } = this.#pipeline;
    const sink = { ids: new GrowingIds(), offsets: new GrowingIds(), blanks: new GrowingIds() };
    for (const outer of literal.split(text.toWellFormed())) {
      if (outer.id !== undefined) {
        pushAligned(outer, [outer.start, outer.start + outer.text.length], sink);
        continue;
      }
      const aligned = normalizer.align(AlignedText.of(outer.text, outer.start));
      for (const inner of normalized.split(aligned.text)) {
        if (inner.text === "") continue;
        const part = aligned.slice(inner.start, inner.start + inner.text.length);
        if (inner.id === undefined) this.#alignPieces(part, sink);
        else pushAligned(inner, part.range(0, part.text.length), sink);
      }
    }
    return {
      ids: sink.ids.toArray(),
      offsets: sink.offsets.toArray(),
      blanks: sink.blanks.toArray(),
    };
  }

  #alignPieces(text: AlignedText, sink: AlignedTokens): void {
    const { steps, writesBytes, model } = this.#pipeline;
    let pieces = [text];
    for (const step of steps) pieces = pieces.flatMap((piece) => splitAligned(piece, step));
    for (const piece of pieces) {
      const spelled = writesBytes ? piece.eachCharacter(toByteCharacters) : piece;
      const found = new GrowingIds(), spans = new GrowingIds();
      model.encode(spelled.text, found, spans);
      const places = spans.toArray();
      found.toArray().forEach((id, i) => {
        const range = spelled.range(places[2 * i], places[2 * i + 1]);
        pushAligned({ id, text: this.token(id) }, range, sink);
      });
    }
  }

  /**
   * The offsets without white space, if the post-processor trims them.
   *
   * @internal
   */
  override trimOffsets(text: TokenOffsets): TokenOffsets {
    const { trims } = this.#pipeline.postProcessor;
    return trims === undefined ? text : trimmedOffsets(text, trims);
  }

  /** `head` is the length of the part that counts as the beginning of the whole text. */
  #encodePieces(text: string, head: number, ids: GrowingIds): void {
    if (text === "") return;
    let pieces: Pieces = { texts: [text], heads: head > 0 ? [head] : [] };
    for (const step of this.#pipeline.steps) pieces = splitPieces(pieces, step);
    for (const piece of pieces.texts) this.#encodePiece(piece, ids);
  }

  #encodePiece(piece: string, ids: GrowingIds): void {
    let found = this.#cache.get(piece);
    if (found === undefined) {
      const { model, writesBytes } = this.#pipeline;
      const own = new GrowingIds(8);
      model.encode(writesBytes ? toByteCharacters(piece) : piece, own);
      found = own.toArray();
      if (piece.length <= CACHED_LENGTH) {
        if (this.#cache.size >= CACHED_PIECES) this.#cache.clear();
        this.#cache.set(piece, found);
      }
    }
    for (let i = 0; i < found.length; i++) ids.push(found[i]);
  }

  /** Tokens joined as the file's decoder does; an id without a token is no text. */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    const stream = this.streamIds(skipSpecialTokens);
    let text = "";
    for (const id of ids) text += stream.push(id);
    return text + stream.end();
  }

  /** Text appears as soon as no later token can change it. */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    const collected = new Collector();
    const first = this.#pipeline.decoder(collected);
    return {
      push: (id) => {
        const token = this.#decoded[expectId(id)];
        if (token === undefined) return "";
        if (skipSpecialTokens && this.specialTokens.has(token)) return "";
        first.open();
        first.write(token);
        first.close();
        return collected.take();
      },
      end: () => {
        first.end();
        return collected.take();
      },
    };
  }

  /** The token of an id as the file spells it, such as `##face`; empty if the id has none. */
  override token(id: number): string {
    if (expectId(id) < this.vocabSize) return this.#tokens[id] ?? "";
    throw new RangeError(`token: expected an id from 0 to ${this.vocabSize - 1}, got ${id}`);
  }

  /** The id of a token as the file spells it, or undefined. */
  override id(token: string): number | undefined {
    return this.#ids.get(token) ?? this.#pipeline.model.ids.get(token);
  }

  /** The file as it was read. */
  override toJSON(): TokenizerFile {
    const file = this.#file;
    return (typeof file === "string" ? JSON.parse(file) : file) as TokenizerFile;
  }

  /** `tokenizer.json` and `tokenizer_config.json`. */
  override files(): Map<string, string | Uint8Array<ArrayBuffer>> {
    const file = this.#file;
    return new Map([
      ["tokenizer.json", typeof file === "string" ? file : JSON.stringify(file)],
      ["tokenizer_config.json", JSON.stringify(this.#config)],
    ]);
  }

  /** The id of a token that the configuration names. */
  #named(key: string): number | undefined {
    const value = this.#config[key];
    const token = typeof value === "string" ? value : (value as Json | null | undefined)?.content;
    return typeof token === "string" ? this.id(token) : undefined;
  }
}

/** Tokens with their places in the text, and how much white space they start and end with. */
interface AlignedTokens {
  readonly ids: GrowingIds;
  readonly offsets: GrowingIds;
  readonly blanks: GrowingIds;
}

function pushAligned(
  { id, text }: { readonly id?: number; readonly text: string },
  range: readonly [start: number, end: number],
  { ids, offsets, blanks }: AlignedTokens,
): void {
  ids.push(id!);
  for (const place of range) offsets.push(place);
  for (const count of blanksOf(text)) blanks.push(count);
}

/** What the parts of a file do, in order. */
interface Pipeline {
  /** Finds added tokens in the text as it is. */
  readonly literal: AddedTokenSplitter;
  readonly normalizer: Normalizer;
  /** Finds added tokens in the normalized text. */
  readonly normalized: AddedTokenSplitter;
  readonly steps: readonly PreTokenizer[];
  /** Whether a step needs to know where the text begins. */
  readonly usesHead: boolean;
  /** Whether the last step writes pieces as bytes, which is then done once per cached piece. */
  readonly writesBytes: boolean;
  readonly model: Model;
  readonly added: readonly PublishedAddedToken[];
  readonly postProcessor: PostProcessor;
  readonly decoder: Decoder;
}

function readPipeline(file: Json): Pipeline {
  const growth = new Growth();
  const read = <Result>(key: string, reader: (part: Part) => Result): Result | undefined =>
    file[key] === undefined || file[key] === null ? undefined : reader(new Part(file[key], key));
  const normalizer = read("normalizer", (part) => readNormalizer(part, growth)) ?? UNCHANGED;
  const steps = read("pre_tokenizer", (part) => readPreTokenizers(part, growth)) ?? [];
  const postProcessor = read("post_processor", readPostProcessor) ?? TEXTS_ALONE;
  const decoder = read("decoder", (part) => readDecoder(part, new Growth())) ?? joinWithSpaces;
  const model = readModel(readObject(file.model, "model"));
  const added = readPublishedAddedTokens(file.added_tokens, model);
  const last = steps.at(-1);
  const writesBytes = last?.toBytes === true;
  return {
    literal: new AddedTokenSplitter(added.filter(({ normalized }) => !normalized)),
    normalizer,
    normalized: new AddedTokenSplitter(
      added.filter(({ normalized }) => normalized),
      (text) => normalizer.apply(text),
    ),
    steps: writesBytes ? [...steps.slice(0, -1), { ...last, toBytes: false }] : steps,
    usesHead: steps.some(({ prepare }) => prepare !== undefined),
    writesBytes,
    model,
    added,
    postProcessor,
    decoder,
  };
}

/** The first character of a text, before it is normalized. */
function headOf(text: string): TextHead {
  return { length: text.codePointAt(0)! > 0xFFFF ? 2 : 1 };
}

function expectId(id: number): number {
  if (Number.isInteger(id) && id >= 0) return id;
  throw new RangeError(`token: expected an id, an integer from 0 on, got ${id}`);
}

/** A template as it is, or the one called "default" of several. */
function templateIn(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find((entry) => entry?.name === "default")?.template;
  return typeof named === "string" ? named : undefined;
}
