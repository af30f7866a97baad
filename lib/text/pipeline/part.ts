/**
 * Reading the parts of a `tokenizer.json`: fields with their types and limits, each refused by
 * name.
 *
 * @module
 */

import { malformed, readObject } from "../tokenizer_file.ts";

/** The longest text of a setting, in UTF-16 units; tables are no settings. */
const LONGEST_SETTING = 128;
/** Parts inside parts, and parts of a sequence. */
const MAXIMUM_DEPTH = 8, MAXIMUM_PARTS = 64;

/** One part: its fields by name, read with checks. */
export class Part {
  /** The part's `type`. */
  readonly type: string;
  readonly #fields: Record<string, unknown>;

  /** @param name its place in the file, for messages */
  constructor(value: unknown, readonly name: string, readonly depth = 0) {
    this.#fields = readObject(value, name);
    if (depth > MAXIMUM_DEPTH) throw malformed(name, `parts at most ${MAXIMUM_DEPTH} deep`, value);
    if (typeof this.#fields.type !== "string") {
      throw malformed(`${name}.type`, "a text", this.#fields.type);
    }
    this.type = this.#fields.type;
  }

  /** A field as it is. */
  field(key: string): unknown {
    return this.#fields[key];
  }

  /** Whether the field is there and not null. */
  has(key: string): boolean {
    return this.#fields[key] !== undefined && this.#fields[key] !== null;
  }

  /** A SyntaxError about a field. */
  malformed(key: string, expected: string): SyntaxError {
    return malformed(`${this.name}.${key}`, expected, this.#fields[key]);
  }

  /** A SyntaxError about the whole part. */
  unsupported(supported: string): SyntaxError {
    return malformed(`${this.name}.type`, `${supported} (others are not supported)`, this.type);
  }

  /** A field that must be true or false; `fallback` if it is absent and may be. */
  flag(key: string, fallback?: boolean): boolean {
    const value = this.#fields[key] ?? fallback;
    if (typeof value !== "boolean") throw this.malformed(key, "true or false");
    return value;
  }

  /** A short text; `fallback` if it is absent and may be. */
  text(key: string, fallback?: string): string {
    const value = this.#fields[key] ?? fallback;
    if (typeof value !== "string" || value.length > LONGEST_SETTING || !value.isWellFormed()) {
      throw this.malformed(key, `a text of at most ${LONGEST_SETTING} characters`);
    }
    return value;
  }

  /** A text of exactly one character. */
  character(key: string): string {
    const value = this.text(key);
    if (Array.from(value).length !== 1) throw this.malformed(key, "one character");
    return value;
  }

  /** A whole number from `minimum` to 2³¹ − 1. */
  count(key: string, minimum = 0): number {
    const value = this.#fields[key];
    if (!Number.isInteger(value) || (value as number) < minimum || (value as number) >= 2 ** 31) {
      throw this.malformed(key, `an integer from ${minimum}`);
    }
    return value as number;
  }

  /** One of a few names. */
  choice<const Name extends string>(key: string, names: readonly Name[], fallback?: Name): Name {
    const value = (this.#fields[key] ?? fallback) as Name;
    if (!names.includes(value)) throw this.malformed(key, names.join(", "));
    return value;
  }

  /** The parts inside a field. */
  parts(key: string): Part[] {
    const value = this.#fields[key];
    if (!Array.isArray(value) || value.length > MAXIMUM_PARTS) {
      throw this.malformed(key, `an array of at most ${MAXIMUM_PARTS} parts`);
    }
    return value.map((each, i) => new Part(each, `${this.name}.${key}[${i}]`, this.depth + 1));
  }
}

/** The maximum factor by which the parts of a file may lengthen a text. */
const MAXIMUM_GROWTH = 1024;

/** Limits how much longer the parts of a file can make a text. */
export class Growth {
  #factor = 1;

  /** Notes that a part can make a text `factor` times as long. */
  by(factor: number, part: Part): void {
    this.#factor *= Math.max(1, factor);
    if (this.#factor > MAXIMUM_GROWTH) {
      throw malformed(
        part.name,
        `parts that make a text at most ${MAXIMUM_GROWTH} times as long`,
        part,
      );
    }
  }
}
