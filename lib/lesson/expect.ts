/**
 * Compares what a learner's code returns with what is expected, and shows both if they differ.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { sameShape, type Shape, size } from "../shape.ts";
import type { NestedArray } from "../tensor/nested_array.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * An expected result: a number, nested arrays like a tensor's, text, true or false, or an object of
 * those.
 */
export type Expected =
  | string
  | boolean
  | NestedArray
  | readonly string[]
  | { readonly [name: string]: Expected };

/** An answer that differs from the expected one. */
export class WrongAnswer extends Error {
  /** Always `"WrongAnswer"`. */
  override readonly name = "WrongAnswer";
}

/** Options of {@linkcode expectMatch}. */
export interface MatchOptions {
  /** Largest error of a number. Default 1e-4. */
  tolerance?: number;
  /** Name of the value, for the message. Default: `"the result"`. */
  what?: string;
  /** Results of usual mistakes, each with a hint that the message then ends with. Default: none. */
  mistakes?: readonly Mistake[];
}

/** What a usual mistake gives. */
export interface Mistake {
  /** Its result. */
  readonly result: Expected;
  /** What to tell the learner. */
  readonly hint: string;
}

/** Number of values up to which a message shows them all. */
const MOST_SHOWN = 24;

/**
 * Checks that `actual` matches: the same shape, and numbers within the tolerance.
 *
 * Tensors, typed arrays and nested arrays are compared as nested arrays; of an object only the
 * expected fields are compared.
 *
 * ```ts
 * await expectMatch([[0.5, 0.5]], [[0.5, 0.5]], { what: "weights" });
 * await expectMatch({ sum: 3, parts: [1, 2] }, { sum: 3 });
 * ```
 *
 * @throws {WrongAnswer} `WHAT: expected …, got …`, if it does not match
 * @throws {TypeError} if an option is unknown
 */
export async function expectMatch(
  actual: unknown,
  expected: Expected,
  options: MatchOptions = {},
): Promise<void> {
  checkOptions("expectMatch", options, { tolerance: true, what: true, mistakes: true });
  const { tolerance = 1e-4, what = "the result", mistakes = [] } = options;
  try {
    await compare(actual, expected, { tolerance, what });
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    for (const { result, hint } of mistakes) {
      const isThis = await compare(actual, result, { tolerance, what }).then(
        () => true,
        () => false,
      );
      if (isThis) throw new WrongAnswer(`${error.message}; ${hint}`);
    }
    throw error;
  }
}

/** Throws a `WrongAnswer` unless the value matches. */
async function compare(
  actual: unknown,
  expected: Expected,
  { tolerance, what }: { readonly tolerance: number; readonly what: string },
): Promise<void> {
  const wrong = (wanted: string, got: string) =>
    new WrongAnswer(`${what}: expected ${wanted}, got ${got}`);
  if (isFields(expected)) {
    if (typeof actual !== "object" || actual === null) {
      throw wrong(`{ ${Object.keys(expected).join(", ")} }`, described(actual));
    }
    for (const [name, field] of Object.entries(expected)) {
      const inner = what === "the result" ? name : `${what}.${name}`;
      await compare((actual as Record<string, unknown>)[name], field, { tolerance, what: inner });
    }
    return;
  }
  if (typeof expected !== "number" && !isNumbers(expected)) {
    const [wanted, got] = [expected, actual].map((value) => JSON.stringify(value) ?? "undefined");
    if (wanted !== got) throw wrong(wanted, typeof actual === "object" ? got : described(actual));
    return;
  }
  const wanted = flat(expected)!;
  const got = actual instanceof Tensor
    ? { shape: actual.shape, values: Array.from(await actual.data()) }
    : flat(actual);
  if (!got) throw wrong(shown(wanted), described(actual));
  if (!sameShape(got.shape, wanted.shape)) {
    throw wrong(`the shape [${wanted.shape}]`, `[${got.shape}]`);
  }
  const at = wanted.values.findIndex((value, i) => !near(got.values[i], value, tolerance));
  if (at < 0) return;
  if (wanted.values.length <= MOST_SHOWN) throw wrong(shown(wanted), shown(got));
  const place = `[${indices(wanted.shape, at)}]`;
  throw new WrongAnswer(
    `${what}${place}: expected ${rounded(wanted.values[at])}, got ${rounded(got.values[at])}`,
  );
}

/** Numbers and their shape, row by row. */
interface Flat {
  readonly shape: Shape;
  readonly values: readonly number[];
}

function isFields(value: Expected): value is { readonly [name: string]: Expected } {
  return typeof value === "object" && !Array.isArray(value);
}

function isNumbers(value: unknown): value is NestedArray {
  return Array.isArray(value) && value.length > 0 && typeof value.flat(Infinity)[0] === "number";
}

/**
 * A number, typed array or nested array of numbers, flattened; undefined for anything else or rows
 * of unequal length.
 */
function flat(value: unknown): Flat | undefined {
  if (typeof value === "number") return { shape: [], values: [value] };
  if (ArrayBuffer.isView(value)) {
    const values = Array.from(value as Float32Array);
    return { shape: [values.length], values };
  }
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const parts = value.map(flat);
  const [first] = parts;
  if (!first || !parts.every((part) => part && sameShape(part.shape, first.shape))) {
    return undefined;
  }
  return {
    shape: [parts.length, ...first.shape],
    values: parts.flatMap((part) => part!.values),
  };
}

function near(a: number, b: number, tolerance: number): boolean {
  return Object.is(a, b) || Math.abs(a - b) <= tolerance;
}

function described(value: unknown): string {
  if (value instanceof Tensor) return `the tensor ${value}`;
  if (typeof value === "function") return "a function";
  const numbers = flat(value);
  if (numbers) return shown(numbers);
  if (value instanceof Promise) return "a promise";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) {
    if (value.length > MOST_SHOWN) return `an array of ${value.length} values`;
    return `[${Array.from(value, described).join(", ")}]`;
  }
  return typeof value === "object" && value !== null
    ? `{ ${Object.keys(value).join(", ")} }`
    : String(value);
}

function shown({ shape, values }: Flat): string {
  if (values.length > MOST_SHOWN) return `numbers of the shape [${shape}]`;
  if (shape.length === 0) return rounded(values[0]);
  const [rows, ...inner] = shape;
  const step = size(inner);
  const parts = Array.from({ length: rows }, (_, row) => {
    return shown({ shape: inner, values: values.slice(row * step, (row + 1) * step) });
  });
  return `[${parts.join(", ")}]`;
}

function rounded(value: number): string {
  return String(Number(value.toFixed(4)));
}

/** The indices of element number `at`. */
function indices(shape: Shape, at: number): number[] {
  return shape.map((length, axis) => Math.floor(at / size(shape.slice(axis + 1))) % length);
}
