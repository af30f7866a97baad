/**
 * Typed reading of a configuration file's fields, untrusted JSON. A field that is null counts as
 * absent, because Hugging Face writes absent fields so.
 *
 * @module
 */
import { notJson } from "../errors.ts";

/** Whole numbers above this are refused: no model needs them, and arithmetic stays exact. */
const MAX_WHOLE_NUMBER = 2 ** 31 - 1;

/** The fields of one JSON object. */
export class ConfigFields {
  readonly #fields: Record<string, unknown>;

  /**
   * The fields of a parsed file.
   *
   * @throws {SyntaxError} if it is no object
   */
  constructor(json: unknown) {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw malformed(`expected an object, got ${show(json)}`);
    }
    this.#fields = json as Record<string, unknown>;
  }

  /** Whether the file has the field, be it null. */
  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** All fields, as the file has them. */
  all(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  /** The field's value; undefined if it is absent or null. */
  get(name: string): unknown {
    return this.has(name) ? this.#fields[name] ?? undefined : undefined;
  }

  /** The fields but those of these names. */
  without(...names: string[]): ConfigFields {
    const rest = Object.entries(this.#fields).filter(([name]) => !names.includes(name));
    return new ConfigFields(Object.fromEntries(rest));
  }

  /**
   * A whole number from `minimum` (default 1) to 2^31 - 1; `fallback` if it is absent.
   *
   * @throws {SyntaxError} naming the field and its value, if it is anything else
   */
  wholeNumber<Default extends number | undefined>(
    name: string,
    fallback: Default,
    minimum = 1,
  ): number | Default {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (
      !Number.isInteger(value) || (value as number) < minimum ||
      (value as number) > MAX_WHOLE_NUMBER
    ) {
      throw unexpected(name, `a whole number from ${minimum} to 2^31 - 1`, value);
    }
    return value as number;
  }

  /**
   * A number; `fallback` if it is absent.
   *
   * @throws {SyntaxError} if it is anything else
   */
  number(name: string, fallback: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "number") throw unexpected(name, "a number", value);
    return value;
  }

  /**
   * True or false; `fallback` if it is absent.
   *
   * @throws {SyntaxError} if it is anything else
   */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "boolean") throw unexpected(name, "true or false", value);
    return value;
  }

  /**
   * The entry of a table that the field names; `fallback` names it if the field is absent.
   *
   * @throws {SyntaxError} if there is none
   */
  choice<Value>(name: string, table: Readonly<Record<string, Value>>, fallback: string): Value {
    const key = this.get(name) ?? fallback;
    if (typeof key === "string" && Object.hasOwn(table, key)) return table[key];
    throw unexpected(name, `one of ${Object.keys(table).join(", ")}`, key);
  }

  /**
   * Checks that the field is absent or has the one value that Folio supports.
   *
   * @throws {SyntaxError} if it has another value
   */
  only(name: string, supported: unknown): void {
    const value = this.get(name);
    if (value !== undefined && value !== supported) throw unexpected(name, show(supported), value);
  }
}

/**
 * The fields of a `config.json`'s text.
 *
 * @throws {SyntaxError} if it is no JSON object
 */
export function parseConfig(text: string): ConfigFields {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    json = parsePython(text);
    if (json === undefined) throw malformed(notJson(cause), cause);
  }
  return new ConfigFields(json);
}

/**
 * JSON with `Infinity` and `NaN`, as Python writes them; undefined if it is neither. NaN reads as
 * the text "NaN", which no field accepts.
 */
function parsePython(text: string): unknown {
  const constants: Readonly<Record<string, string>> = { Infinity: "1e999", NaN: '"NaN"' };
  try {
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|\bInfinity\b|\bNaN\b/g, (part) => constants[part] ?? part),
    );
  } catch {
    return undefined;
  }
}

/** An error about the file as a whole. */
export function malformed(message: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`config.json: ${message}`, { cause });
}

/** An error about one field. */
export function unexpected(name: string, expected: string, value: unknown): SyntaxError {
  return malformed(`${name}: expected ${expected}, got ${show(value)}`);
}

/** A value of a file in a message: its JSON, at most 60 characters of it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
