/**
 * The `tokenizer.json` of any published model, read by the package `@huggingface/tokenizers`.
 *
 * The package is loaded when the first such file is opened; this is the only module that names it.
 * Files that Folio's own tokenizers read do not come here (parse_tokenizer.ts).
 *
 * @module
 */

import { checkPublishedFile } from "./published_file.ts";
import { type Surroundings, Tokenizer, type TokenStream } from "./tokenizer.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

const PACKAGE = "npm:@huggingface/tokenizers@0.2.0";

type Json = Record<string, unknown>;

/** What is used of the package's own class. */
interface PackageTokenizer {
  get_vocab(): Map<string, number>;
  id_to_token(id: number): string | undefined;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[] };
  decode(ids: readonly number[]): string;
}

/**
 * A tokenizer of any kind that `tokenizer.json` can describe: WordPiece, Unigram, BPE with its own
 * patterns.
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
  /** `model_max_length` of the configuration, where that is a length at all. */
  override readonly maximumLength: number | undefined;
  /** The `chat_template` of the configuration, if there is one. */
  override readonly chatTemplate: string | undefined;
  readonly #package: PackageTokenizer;
  readonly #file: Json;
  readonly #config: Json;
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #tokens: readonly string[];

  private constructor(inside: PackageTokenizer, file: Json, config: Json) {
    super();
    this.#package = inside;
    this.#file = file;
    this.#config = config;
    this.#vocabulary = inside.get_vocab();
    this.#tokens = Array.from(
      { length: largest(this.#vocabulary) + 1 },
      (_, id) => inside.id_to_token(id) ?? "",
    );
    const added = file.added_tokens as { id: number; content: string; special?: boolean }[];
    this.specialTokens = new Map(
      added.filter(({ special }) => special).map(({ content, id }) => [content, id]),
    );
    const padding = (file.padding as { pad_token?: unknown } | null)?.pad_token;
    this.paddingId = this.#named("pad_token") ??
      (typeof padding === "string" ? this.id(padding) : undefined);
    const length = config.model_max_length;
    // Models without a limit write 10^30.
    this.maximumLength = Number.isSafeInteger(length) ? length as number : undefined;
    this.chatTemplate = templateIn(config.chat_template);
    this.surroundings = this.#findSurroundings();
  }

  /**
   * Opens a file, with the content of the `tokenizer_config.json` beside it, if there is one.
   *
   * @throws {SyntaxError} where one is malformed
   */
  static async open(json: unknown, config: unknown = {}): Promise<PublishedTokenizer> {
    const file = checkPublishedFile(json);
    const settings = typeof config === "object" && config !== null ? config as Json : {};
    const { Tokenizer: Package } = await import(PACKAGE);
    return guarded(
      "open",
      () => new PublishedTokenizer(new Package(file, settings), file, settings),
    );
  }

  /** V: the largest id and one. */
  override get vocabSize(): number {
    return this.#tokens.length;
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

  /** Ids as the file says; what it has no token for is left out, or its unknown token. */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    const ids = this.#encode(text.toWellFormed(), false);
    const wrong = ids.findIndex((id) => id === undefined);
    if (wrong >= 0) throw new RangeError("encode: the vocabulary lacks a part of the text");
    return Uint32Array.from(ids);
  }

  /**
   * Tokens joined as the file's decoder does; spaces before punctuation are cleaned up where the
   * configuration does not say otherwise.
   */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    const special = new Set(this.specialTokens.values());
    const all = Array.from(ids, (id) => (this.token(id), id));
    const kept = skipSpecialTokens ? all.filter((id) => !special.has(id)) : all;
    return kept.length === 0 ? "" : guarded("decode", () => this.#package.decode(kept));
  }

  /**
   * What a new id adds to the text of those before it; a clean-up that reaches back over several
   * tokens is left to `decode`.
   */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    // Text depends on the tokens before, so those since the last but one complete piece are decoded
    // again.
    let ids: number[] = [];
    let known = 0;
    const added = () => {
      const before = known === 0 ? "" : this.decodeIds(ids.slice(0, known), skipSpecialTokens);
      return this.decodeIds(ids, skipSpecialTokens).slice(before.length);
    };
    return {
      push: (id) => {
        ids.push(id);
        const text = added();
        if (text === "" || text.endsWith("\ufffd")) return "";
        ids = ids.slice(known);
        known = ids.length;
        return text;
      },
      end: () => ids.length > known ? added() : "",
    };
  }

  /** The token of an id as the file spells it: `##face`. */
  override token(id: number): string {
    const token = this.#tokens[id];
    if (token !== undefined) return token;
    throw new RangeError(`token: expected an id from 0 to ${this.vocabSize - 1}, got ${id}`);
  }

  /** The id of a token as the file spells it, or undefined. */
  override id(token: string): number | undefined {
    return this.#vocabulary.get(token);
  }

  /** The file as it was read. */
  override toJSON(): TokenizerFile {
    return this.#file as unknown as TokenizerFile;
  }

  /** `tokenizer.json` and `tokenizer_config.json`. */
  override files(): Map<string, string | Uint8Array<ArrayBuffer>> {
    return super.files().set("tokenizer_config.json", JSON.stringify(this.#config));
  }

  /** The id of a token that the configuration names. */
  #named(key: string): number | undefined {
    const value = this.#config[key];
    const token = typeof value === "string" ? value : (value as Json | null | undefined)?.content;
    return typeof token === "string" ? this.id(token) : undefined;
  }

  #encode(text: string, addSpecialTokens: boolean): (number | undefined)[] {
    const options = { add_special_tokens: addSpecialTokens };
    return guarded("encode", () => this.#package.encode(text, options).ids);
  }

  /** The ids around those of a short text. */
  #findSurroundings(): Surroundings {
    const inside = this.#encode("a", false);
    const whole = this.#encode("a", true);
    for (let start = 0; start + inside.length <= whole.length; start++) {
      if (!inside.every((id, i) => whole[start + i] === id)) continue;
      const around = [whole.slice(0, start), whole.slice(start + inside.length)];
      if (around.flat().some((id) => id === undefined)) break;
      const [before, after] = around as [number[], number[]];
      return { before, after };
    }
    throw new RangeError("post_processor: expected one that puts tokens before and after a text");
  }
}

/** What goes wrong inside the package is the file's fault: it did what the file says. */
function guarded<Result>(attempted: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof SyntaxError && error.message.startsWith("tokenizer.json: ")) throw error;
    if (error instanceof RangeError) {
      // The package passes the tokens of an unbroken stretch as arguments, of which there are so
      // many at most.
      throw new RangeError(`${attempted}: the text is too long without a break`, { cause: error });
    }
    const { message } = error as Error;
    throw new SyntaxError(`tokenizer.json: ${attempted}: ${message}`, { cause: error });
  }
}

/** A template as it stands, or the one called "default" of several. */
function templateIn(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find((entry) => entry?.name === "default")?.template;
  return typeof named === "string" ? named : undefined;
}

function largest(vocabulary: ReadonlyMap<string, number>): number {
  let id = -1;
  for (const each of vocabulary.values()) id = Math.max(id, each);
  return id;
}
