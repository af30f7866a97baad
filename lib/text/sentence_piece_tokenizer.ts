/**
 * SentencePiece models. Folio itself reads the vocabulary and the special tokens, encodes by
 * unigram models (sentence_piece_unigram.ts) and decodes; for other models the package
 * `sentencepiece-js`, SentencePiece compiled to WebAssembly, encodes.
 *
 * The package is loaded when the first model that needs it is opened; this is the only module that
 * names it. Its SentencePiece is an old one, which decides ties of unigram models otherwise.
 *
 * @module
 */
import { expectDeno } from "../runtime.ts";

import { ByteText } from "./byte_pieces.ts";
import {
  malformedModel,
  readSentencePieceModel,
  type SentencePieceModel,
} from "./sentence_piece_model.ts";
import { SentencePieceNormalizer } from "./sentence_piece_normalizer.ts";
import { unigramEncoder } from "./sentence_piece_unigram.ts";
import type { Surroundings } from "./templates.ts";
import { Tokenizer, type TokenStream } from "./tokenizer.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

const PACKAGE = "npm:sentencepiece-js@1.1.0";
const SPACE = "\u2581";

/** A tokenizer of a `.model` file: unigram or byte pairs over pieces, `▁` for a space. */
export class SentencePieceTokenizer extends Tokenizer {
  /** Always `"sentencepiece"`. */
  override readonly kind = "sentencepiece";
  /**
   * The model's control pieces, such as `<s>` and `</s>`; a text that spells them out is not one.
   */
  override readonly specialTokens: ReadonlyMap<string, number>;
  /** The id of `<pad>`, if the model has it. */
  override readonly paddingId: number | undefined;
  /** `<s>` before a text, if the model has it. */
  override readonly surroundings: Surroundings;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #model: SentencePieceModel;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #encoder: Encoder;

  private constructor(bytes: Uint8Array<ArrayBuffer>, model: SentencePieceModel, encoder: Encoder) {
    super();
    this.#bytes = bytes;
    this.#model = model;
    this.#encoder = encoder;
    this.#ids = new Map(model.pieces.map(({ text }, id) => [text, id]));
    const control = model.pieces.flatMap(({ text, type }, id) =>
      type === "control" ? [[text, id] as const] : []
    );
    this.specialTokens = new Map(control);
    this.paddingId = model.paddingId;
    const { beginId } = model;
    this.surroundings = { before: beginId === undefined ? [] : [beginId], after: [] };
  }

  /**
   * Opens the content of a `.model`.
   *
   * @throws {SyntaxError} if it is malformed
   */
  static async open(bytes: Uint8Array<ArrayBuffer>): Promise<SentencePieceTokenizer> {
    const model = readSentencePieceModel(bytes);
    const encoder = model.type === "unigram"
      ? unigramEncoder(model)
      : refusingNothing(await openEncoder(bytes), model);
    return new SentencePieceTokenizer(bytes, model, encoder);
  }

  /** V, the number of pieces. */
  override get vocabSize(): number {
    return this.#model.pieces.length;
  }

  /** The id of `</s>`, if the model has it. */
  override get endId(): number | undefined {
    return this.#model.endId;
  }

  /** `<s>`, if the model has it. */
  override get beginToken(): string | undefined {
    return this.beginId === undefined ? undefined : this.token(this.beginId);
  }

  /** The id of `<s>`, if the model has it. */
  get beginId(): number | undefined {
    return this.#model.beginId;
  }

  /** The id of what the pieces cannot express. */
  get unknownId(): number {
    return this.#model.unknownId;
  }

  /**
   * Ids of the pieces, chosen as SentencePiece does.
   *
   * @throws {RangeError} if a model of whole words takes a word for a control piece
   */
  protected override encodeText(text: string): Uint32Array<ArrayBuffer> {
    return this.#encoder(text.toWellFormed());
  }

  /**
   * Pieces joined, `▁` as a space. The first one is left out, as the encoder puts it there; those
   * after it, too, before any other text, if the encoder removes spaces.
   */
  protected override decodeIds(ids: Iterable<number>, skipSpecialTokens: boolean): string {
    const stream = this.streamIds(skipSpecialTokens);
    const pieces = Array.from(ids, (id) => stream.push(id));
    return pieces.join("") + stream.end();
  }

  /** A byte piece appears with the last byte of its character. */
  protected override streamIds(skipSpecialTokens: boolean): TokenStream {
    const bytes = new ByteText();
    const { addsSpace, removesSpaces, unknownText } = this.#model;
    let atStart = addsSpace || removesSpaces;
    return {
      push: (id) => {
        if (Number.isInteger(id) && id >= this.vocabSize) return "";
        const { text, type } = this.#piece(id);
        if (type === "byte") {
          atStart = false;
          return bytes.push(Number(text.slice(1, 5)));
        }
        const pending = bytes.end();
        if (type === "control") return pending + (skipSpecialTokens ? "" : text);
        const spaces = atStart && type !== "unknown" && text.startsWith(SPACE) ? 1 : 0;
        const piece = type === "unknown" ? unknownText : text.slice(spaces).replaceAll(SPACE, " ");
        if (piece !== "" || (spaces > 0 && !removesSpaces)) atStart = false;
        return pending + piece;
      },
      end: () => bytes.end(),
    };
  }

  /** The piece of an id. */
  override token(id: number): string {
    return this.#piece(id).text;
  }

  /** The id of a piece, or undefined. */
  override id(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** The logarithm of a piece's probability, or minus its rank in a model of byte pairs. */
  score(id: number): number {
    return this.#piece(id).score;
  }

  /**
   * A SentencePiece model has no `tokenizer.json`.
   *
   * @throws {TypeError} always: keep its file, which `files` returns
   */
  override toJSON(): TokenizerFile {
    throw new TypeError("SentencePieceTokenizer: it is kept as tokenizer.model; use files()");
  }

  /** `tokenizer.model`, as it was read. */
  override files(): Map<string, string | Uint8Array<ArrayBuffer>> {
    return new Map([["tokenizer.model", this.#bytes]]);
  }

  #piece(id: number) {
    const piece = this.#model.pieces[id];
    if (piece) return piece;
    throw new RangeError(`token: expected an id from 0 to ${this.vocabSize - 1}, got ${id}`);
  }
}

type Encoder = (text: string) => Uint32Array<ArrayBuffer>;

/**
 * The part of the package's interface that is used; each object keeps its memory until `delete`.
 */
interface Native {
  readonly FS: { writeFile(path: string, bytes: Uint8Array): void; unlink(path: string): void };
  readonly StringView: new (text: string) => Owned & { getView(): Owned };
  readonly SentencePieceProcessor: new () => Owned & {
    Load(path: Owned): Owned & { ToString(): string };
    EncodeAsIds(text: Owned): Owned & { size(): number; get(index: number): number };
  };
}

interface Owned {
  delete(): void;
}

let shared: Promise<Native> | undefined;
/** Frees a model's memory inside the package once its encoder is collected. */
const collected = new FinalizationRegistry<Owned>((processor) => {
  try {
    processor.delete();
  } catch {
    // Its instance has failed.
  }
});

/** A function that encodes by a model; one instance of the package serves all of them. */
async function openEncoder(bytes: Uint8Array): Promise<Encoder> {
  const native = await (shared ??= instantiate());
  const processor = new native.SentencePieceProcessor();
  native.FS.writeFile("model", bytes);
  const reason = guarded(
    "the model cannot be loaded",
    () =>
      withView(native, "model", (view) => {
        const status = processor.Load(view);
        const text = status.ToString();
        status.delete();
        return text;
      }),
  );
  native.FS.unlink("model");
  if (reason !== "OK") {
    processor.delete();
    throw malformedModel(reason);
  }
  const encode = (text: string) =>
    guarded("the text cannot be encoded", () =>
      withView(native, text, (view) => {
        const found = processor.EncodeAsIds(view);
        const ids = Uint32Array.from({ length: found.size() }, (_, i) => found.get(i));
        found.delete();
        return ids;
      }));
  collected.register(encode, processor);
  return encode;
}

/** The package returns no ids where a text cannot be encoded, as if there were no text. */
function refusingNothing(encode: Encoder, model: SentencePieceModel): Encoder {
  const normalizer = new SentencePieceNormalizer(model);
  return (text) => {
    const ids = encode(text);
    if (ids.length > 0 || normalizer.normalize(text) === "") return ids;
    throw new RangeError(
      "encode: SentencePiece finds no pieces: a word of the text is spelled as a control piece",
    );
  };
}

/**
 * An instance of the package. Its `load` makes one and then reads a path; without a path it throws
 * after making it, and models are loaded here. The failure handlers that it adds to the process
 * are removed, because they are meant for standalone programs.
 */
async function instantiate(): Promise<Native> {
  expectDeno("open a SentencePiece model", "its package");
  const { SentencePieceProcessor } = (await import(PACKAGE)).default;
  const { process } = globalThis as { process?: Events };
  const failures = ["uncaughtException", "unhandledRejection"];
  const before = failures.map((name) => new Set(process?.listeners(name)));
  const made = new SentencePieceProcessor();
  await made.load(undefined).catch(() => {});
  failures.forEach((name, i) => {
    for (const listener of process?.listeners(name) ?? []) {
      if (!before[i].has(listener)) process!.removeListener(name, listener);
    }
  });
  return made.sentencepiece;
}

interface Events {
  listeners(name: string): unknown[];
  removeListener(name: string, listener: unknown): void;
}

function withView<Result>(native: Native, text: string, use: (view: Owned) => Result): Result {
  const string = new native.StringView(text);
  const view = string.getView();
  try {
    return use(view);
  } finally {
    view.delete();
    string.delete();
  }
}

/** Reports a failure inside the package as one of the model. */
function guarded<Result>(attempted: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    shared = undefined; // its state is unknown
    throw malformedModel(`${attempted}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
