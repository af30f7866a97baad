/**
 * Fields of a GGUF file's metadata, with their types checked.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { GgufHeader, GgufValue } from "./gguf_header.ts";

/** The metadata of a file; names without a dot in front are of the file's architecture. */
export class GgufMetadata {
  readonly #values: GgufHeader["metadata"];
  /** `general.architecture`. */
  readonly architecture: string;

  /**
   * For the metadata of a header.
   *
   * @throws {SyntaxError} if they name no architecture
   */
  constructor(values: GgufHeader["metadata"]) {
    this.#values = values;
    this.architecture = this.text("general.architecture") ?? "";
    if (this.architecture === "") throw this.#unexpected("general.architecture", "a name", "");
  }

  /** The architecture's field of this name. */
  own(name: string): string {
    return `${this.architecture}.${name}`;
  }

  /** Whether there is a field. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** A text; undefined if there is none. */
  text(name: string): string | undefined {
    return this.#read(name, "a text", (value) => typeof value === "string") as string | undefined;
  }

  /** A number; undefined if there is none. */
  number(name: string): number | undefined {
    return this.#read(name, "a number", Number.isFinite) as number | undefined;
  }

  /** A whole number from 0; undefined if there is none. */
  wholeNumber(name: string): number | undefined {
    const isWhole = (value: GgufValue) => Number.isSafeInteger(value) && (value as number) >= 0;
    return this.#read(name, "a whole number", isWhole) as number | undefined;
  }

  /** A whole number that must be there. */
  required(name: string): number {
    const value = this.wholeNumber(name);
    if (value === undefined) throw this.#unexpected(name, "a whole number", undefined);
    return value;
  }

  /** True or false; undefined if it is neither. */
  boolean(name: string): boolean | undefined {
    const isBoolean = (value: GgufValue) => typeof value === "boolean";
    return this.#read(name, "true or false", isBoolean) as boolean | undefined;
  }

  /** A list of texts; undefined if there is none. */
  texts(name: string): readonly string[] | undefined {
    return this.#read(name, "a list of texts", isListOf("string")) as readonly string[] | undefined;
  }

  /** A list of numbers; undefined if there is none. */
  numbers(name: string): readonly number[] | undefined {
    return this.#read(name, "a list of numbers", isListOf("number")) as
      | readonly number[]
      | undefined;
  }

  #read(name: string, expected: string, fits: (value: GgufValue) => boolean) {
    const value = this.#values.get(name);
    if (value === undefined || fits(value)) return value;
    throw this.#unexpected(name, expected, value);
  }

  #unexpected(name: string, expected: string, value: unknown): SyntaxError {
    return new SyntaxError(`GGUF: ${name}: expected ${expected}, got ${describe(value)}`);
  }
}

function isListOf(type: "string" | "number") {
  return (value: GgufValue) => Array.isArray(value) && value.every((each) => typeof each === type);
}
