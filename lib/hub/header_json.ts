/**
 * A reader for the JSON subset of a safetensors header: objects, strings and lists of whole
 * numbers. Unlike JSON.parse it detects duplicate keys and numbers written as `1.0` or `1e3`, and
 * builds only what the caller reads.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5C;

/** Longest key, such as a tensor's name, and longest other string, in characters as written. */
const LONGEST_KEY = 1024, LONGEST_STRING = 1 << 20;

/** Reads a header's text sequentially; a method throws a SyntaxError if the text differs. */
export class HeaderJson {
  readonly #text: string;
  #at = 0;

  /** Starts at the beginning of a header's text. */
  constructor(text: string) {
    this.#text = text;
  }

  /** An object: calls `onKey` with each key, which must read that key's value. */
  object(onKey: (key: string) => void): void {
    this.#take("{");
    if (this.#takeIf("}")) return;
    const seen = new Set<string>();
    do {
      const key = this.string(LONGEST_KEY);
      if (seen.has(key)) throw new SyntaxError(`safetensors: duplicate key ${JSON.stringify(key)}`);
      seen.add(key);
      this.#take(":");
      onKey(key);
    } while (this.#takeIf(","));
    this.#take("}");
  }

  /** A string of at most `limit` characters as written. */
  string(limit = LONGEST_STRING): string {
    this.#skipSpace();
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE) throw this.#unexpected("a string");
    let end = start + 1;
    while (end < this.#text.length && this.#text.charCodeAt(end) !== QUOTE) {
      end += this.#text.charCodeAt(end) === BACKSLASH ? 2 : 1;
      if (end - start > limit + 1) throw this.#unexpected(`at most ${limit} characters`);
    }
    try {
      const value: string = JSON.parse(this.#text.slice(start, end + 1));
      if (value.isWellFormed()) {
        this.#at = end + 1;
        return value;
      }
    } catch { /* not a JSON string: reported like an unpaired surrogate */ }
    throw this.#unexpected("a complete string");
  }

  /** A list of at most `limit` whole numbers from 0 to 2^53 - 1, called `what` in errors. */
  wholeNumbers(what: string, limit: number): number[] {
    this.#take("[");
    const numbers: number[] = [];
    if (this.#takeIf("]")) return numbers;
    do {
      if (numbers.length === limit) {
        throw new SyntaxError(`safetensors: ${what}: expected at most ${limit} numbers, got more`);
      }
      numbers.push(this.#wholeNumber(what));
    } while (this.#takeIf(","));
    this.#take("]");
    return numbers;
  }

  /** The end of the text, after any space. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected("the end of the header");
  }

  #wholeNumber(what: string): number {
    this.#skipSpace();
    const start = this.#at;
    let end = start;
    while (end < this.#text.length && !",]} \t\r\n".includes(this.#text[end])) end++;
    const written = this.#text.slice(start, end);
    const value = written.length <= 16 && /^(0|[1-9][0-9]*)$/.test(written) ? Number(written) : NaN;
    if (!Number.isSafeInteger(value)) {
      throw new SyntaxError(
        `safetensors: ${what}: expected a whole number from 0 to 2^53 - 1, got ` +
          (written.length > 40
            ? `${written.slice(0, 40)}…`
            : written || this.#text[end] || "nothing"),
      );
    }
    this.#at = end;
    return value;
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && " \t\r\n".includes(this.#text[this.#at])) this.#at++;
  }

  #takeIf(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #take(character: string): void {
    if (!this.#takeIf(character)) throw this.#unexpected(JSON.stringify(character));
  }

  #unexpected(expected: string): SyntaxError {
    const rest = this.#text.slice(this.#at, this.#at + 24);
    const got = rest === "" ? "its end" : JSON.stringify(rest);
    return new SyntaxError(
      `safetensors: at character ${this.#at} of the header: expected ${expected}, got ${got}`,
    );
  }
}
