/**
 * A text that is changed step by step, with the place in the original text that each of its
 * characters is derived from: what the offsets of tokens are computed with.
 *
 * The rules are those of `NormalizedString` of the library `tokenizers`: an inserted character has
 * the place of the character before it.
 *
 * @module
 */

/**
 * A character of a changed text. `change` is 0 if it replaces the next character of the text, 1 if
 * it is inserted, and −n if it replaces the next character and the n after it are removed.
 */
export type Change = readonly [character: string, change: number];

/** A text and, for each UTF-16 unit, start and end of its place in the original text. */
export class AlignedText {
  /**
   * @param text the text as changed so far
   * @param starts for each unit of it, where its place in the original begins
   * @param ends for each unit of it, where its place in the original ends
   * @param origin the place of an insertion before the first character
   */
  private constructor(
    readonly text: string,
    readonly starts: readonly number[],
    readonly ends: readonly number[],
    readonly origin: number,
  ) {}

  /** An unchanged text that begins at a place of the original. */
  static of(text: string, origin = 0): AlignedText {
    const starts: number[] = [], ends: number[] = [];
    let at = origin;
    for (const character of text) {
      for (let unit = 0; unit < character.length; unit++) {
        starts.push(at);
        ends.push(at + character.length);
      }
      at += character.length;
    }
    return new AlignedText(text, starts, ends, origin);
  }

  /** A part, from and to places in UTF-16 units. */
  slice(start: number, end: number): AlignedText {
    if (start === 0 && end === this.text.length) return this;
    const starts = this.starts.slice(start, end);
    return new AlignedText(
      this.text.slice(start, end),
      starts,
      this.ends.slice(start, end),
      starts[0] ?? this.origin,
    );
  }

  /** Start and end in the original text of a part that is not empty. */
  range(start: number, end: number): [start: number, end: number] {
    return [this.starts[start], this.ends[end - 1]];
  }

  /** Replaces each character by any number of characters, which have its place. */
  eachCharacter(change: (character: string) => string): AlignedText {
    const result = new Builder();
    let at = 0;
    for (const character of this.text) {
      result.add(change(character), this.starts[at], this.ends[at]);
      at += character.length;
    }
    return this.#built(result);
  }

  /** Applies changes to the whole text. */
  changed(changes: readonly Change[]): AlignedText {
    const result = new Builder();
    const { text, starts, ends } = this;
    let at = 0;
    const skip = () => at += at < text.length && text.codePointAt(at)! > 0xFFFF ? 2 : 1;
    for (const [character, change] of changes) {
      if (change > 0) {
        result.add(character, starts[at - 1] ?? this.origin, ends[at - 1] ?? this.origin);
        continue;
      }
      result.add(character, starts[at] ?? this.origin, ends[at] ?? this.origin);
      for (let count = 0; count <= -change; count++) skip();
    }
    return this.#built(result);
  }

  /**
   * Replaces matches, whose starts and ends alternate, by a text; it has the place of the last
   * character of the match.
   */
  replaced(matches: readonly number[], content: string): AlignedText {
    const result = new Builder();
    let last = 0;
    for (let i = 0; i < matches.length; i += 2) {
      const [start, end] = [matches[i], matches[i + 1]];
      result.copy(this, last, start);
      result.add(content, this.starts[end - 1] ?? this.origin, this.ends[end - 1] ?? this.origin);
      last = end;
    }
    result.copy(this, last, this.text.length);
    return this.#built(result);
  }

  /** Puts a text before this one, unless that is empty; it has the place of the first character. */
  prepended(prefix: string): AlignedText {
    if (this.text === "") return this;
    const result = new Builder();
    result.add(prefix, this.starts[0], this.ends[0]);
    result.copy(this, 0, this.text.length);
    return this.#built(result);
  }

  /**
   * The same places for a text that differs in single units, or has one more unit at the beginning.
   */
  respelled(text: string): AlignedText {
    if (text === this.text) return this;
    if (text.length > this.text.length) {
      return this.prepended(text[0]).respelled(text);
    }
    return new AlignedText(text, this.starts, this.ends, this.origin);
  }

  #built({ text, starts, ends }: Builder): AlignedText {
    return new AlignedText(text, starts, ends, this.origin);
  }
}

class Builder {
  text = "";
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  add(text: string, start: number, end: number): void {
    this.text += text;
    for (let unit = 0; unit < text.length; unit++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  copy(from: AlignedText, start: number, end: number): void {
    this.text += from.text.slice(start, end);
    for (let unit = start; unit < end; unit++) {
      this.starts.push(from.starts[unit]);
      this.ends.push(from.ends[unit]);
    }
  }
}
