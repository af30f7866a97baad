/**
 * Decoders: how tokens become text again, one token at a time.
 *
 * A decoder is a chain of stages. Each passes on what is certain and holds back what later tokens
 * can still change, so that a text that is decoded in pieces is the text decoded as a whole. A
 * token passes as `open`, any number of `write` and `close`; `end` follows the last.
 *
 * @module
 */

import { charactersToBytes } from "../byte_alphabet.ts";
import type { Growth, Part } from "./part.ts";
import { readMetaspace } from "./pre_tokenizers.ts";
import { cleanUp, FuseStage, ReplaceStage } from "./clean_up_text.ts";
import { readPattern } from "./text_pattern.ts";
import { pass, type TokenSink } from "./token_sink.ts";

/** Makes the first stage of a decoder in front of what receives the text. */
export type Decoder = (next: TokenSink) => TokenSink;

/** The decoder that a part describes. */
export function readDecoder(part: Part, growth: Growth): Decoder {
  switch (part.type) {
    case "Sequence": {
      const inner = part.parts("decoders").map((each) => readDecoder(each, growth));
      return (next) => inner.reduceRight((next, decoder) => decoder(next), next);
    }
    case "ByteLevel":
      return (next) => new ByteLevelStage(next);
    case "WordPiece":
      return wordPiece(part);
    case "Metaspace": {
      const { replacement, scheme } = readMetaspace(part);
      const firstSpace = scheme === "never" ? " " : "";
      return eachToken((token, index) =>
        token.replaceAll(replacement, index > 0 ? " " : firstSpace)
      );
    }
    case "ByteFallback":
      return (next) => new ByteFallbackStage(next);
    case "Fuse":
      return (next) => new FuseStage(next);
    case "Strip": {
      const [content, start, stop] = [
        part.character("content"),
        part.count("start"),
        part.count("stop"),
      ];
      return (next) => new StripStage(next, { content, start, stop });
    }
    case "Replace":
      return replace(part, growth);
    case "BPEDecoder": {
      const suffix = part.text("suffix");
      if (suffix === "") throw part.malformed("suffix", "a text that is not empty");
      return (next) => new SuffixStage(next, suffix);
    }
    case "CTC":
      return ctc(part);
  }
  throw part.unsupported(
    "ByteLevel, WordPiece, Metaspace, ByteFallback, Fuse, Strip, Replace, BPEDecoder, CTC or " +
      "Sequence",
  );
}

/** The decoder of a file that has none: tokens with spaces between them. */
export const joinWithSpaces: Decoder = eachToken((token, index) => index > 0 ? ` ${token}` : token);

/** A stage that makes each whole token into another one, or drops it. */
function eachToken(change: (token: string, index: number) => string | undefined): Decoder {
  return (next) => new WholeTokenStage(next, change);
}

class WholeTokenStage implements TokenSink {
  #token = "";
  #index = 0;

  constructor(
    readonly next: TokenSink,
    readonly change: (token: string, index: number) => string | undefined,
  ) {}

  open(): void {
    this.#token = "";
  }

  write(text: string): void {
    this.#token += text;
  }

  close(): void {
    const changed = this.change(this.#token, this.#index++);
    if (changed !== undefined) pass(this.next, changed);
  }

  end(): void {
    this.next.end();
  }
}

function wordPiece(part: Part): Decoder {
  const prefix = part.text("prefix");
  const cleans = part.flag("cleanup");
  return eachToken((token, index) => {
    if (index > 0) token = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    return cleans ? cleanUp(token) : token;
  });
}

/** Repeated tokens count once; padding is removed, and delimiters become spaces. */
function ctc(part: Part): Decoder {
  const padding = part.text("pad_token");
  const delimiter = part.text("word_delimiter_token");
  const cleans = part.flag("cleanup");
  if (padding === "" || delimiter === "") {
    throw part.malformed("pad_token", "padding and delimiter that are not empty");
  }
  return (next) => {
    let previous: string | undefined;
    return new WholeTokenStage(next, (token) => {
      if (token === previous) return undefined;
      previous = token;
      let text = token.replaceAll(padding, "");
      if (cleans) text = cleanUp(text).replaceAll(delimiter, " ");
      return text === "" ? undefined : text;
    });
  };
}

/** All bytes of all tokens as one text; what is no UTF-8 reads as U+FFFD. */
class ByteLevelStage implements TokenSink {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #encoder = new TextEncoder();
  #token = "";
  #opened = false;

  constructor(readonly next: TokenSink) {}

  open(): void {
    this.#token = "";
    this.#begin();
  }

  write(text: string): void {
    this.#token += text;
  }

  close(): void {
    const bytes = charactersToBytes(this.#token) ?? this.#encoder.encode(this.#token);
    this.next.write(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): void {
    this.#begin();
    this.next.write(this.#decoder.decode());
    this.next.close();
    this.next.end();
  }

  #begin(): void {
    if (!this.#opened) this.next.open();
    this.#opened = true;
  }
}

/**
 * Tokens such as `<0x61>` as bytes: a run of them is text if it is UTF-8, otherwise a U+FFFD each.
 */
class ByteFallbackStage implements TokenSink {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  #token = "";
  #bytes: number[] = [];

  constructor(readonly next: TokenSink) {}

  open(): void {
    this.#token = "";
  }

  write(text: string): void {
    this.#token += text;
  }

  close(): void {
    const byte = /^<0x(?:([0-9A-Fa-f]{2})|\+([0-9A-Fa-f]))>$/.exec(this.#token);
    if (byte !== null) this.#bytes.push(parseInt(byte[1] ?? byte[2], 16));
    else {
      this.#flush();
      pass(this.next, this.#token);
    }
  }

  end(): void {
    this.#flush();
    this.next.end();
  }

  #flush(): void {
    const bytes = this.#bytes;
    if (bytes.length === 0) return;
    this.#bytes = [];
    let text: string;
    try {
      text = this.#decoder.decode(Uint8Array.from(bytes));
    } catch {
      for (let count = 0; count < bytes.length; count++) pass(this.next, "\ufffd");
      return;
    }
    pass(this.next, text);
  }
}

/** Removes up to `start` of one character from the start of each token, and `stop` from its end. */
class StripStage implements TokenSink {
  #starting = 0;
  #held = 0;

  constructor(
    readonly next: TokenSink,
    readonly options: { readonly content: string; readonly start: number; readonly stop: number },
  ) {}

  open(): void {
    this.#starting = this.options.start;
    this.#held = 0;
    this.next.open();
  }

  write(text: string): void {
    const { content, stop } = this.options;
    let passed = "";
    for (const character of text) {
      if (character !== content) {
        passed += content.repeat(this.#held) + character;
        this.#held = this.#starting = 0;
      } else if (this.#starting > 0) this.#starting--;
      else if (++this.#held > stop) {
        this.#held--;
        passed += content;
      }
      // Past the first other character nothing more is taken from the start.
    }
    this.next.write(passed);
  }

  close(): void {
    this.next.close();
  }

  end(): void {
    this.next.end();
  }
}

/** `</w>` as a space, but nothing at the end of the last token. */
class SuffixStage implements TokenSink {
  #token = "";
  #waiting = false;

  constructor(readonly next: TokenSink, readonly suffix: string) {}

  open(): void {
    if (this.#waiting) pass(this.next, this.#token.replaceAll(this.suffix, " "));
    this.#waiting = true;
    this.#token = "";
  }

  write(text: string): void {
    this.#token += text;
  }

  close(): void {}

  end(): void {
    if (this.#waiting) pass(this.next, this.#token.replaceAll(this.suffix, ""));
    this.next.end();
  }
}

function replace(part: Part, growth: Growth): Decoder {
  const pattern = readPattern(part);
  const content = part.text("content");
  const { literal } = pattern;
  growth.by(literal ? content.length / literal.length : 1 + content.length, part);
  return (next) => new ReplaceStage(next, pattern, content);
}
