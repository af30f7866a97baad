/**
 * Which values are right, in words and as a test: one rule for a setting, whatever its source (a
 * flag, an option, a file), so that its limits and the words of its errors are the same everywhere.
 *
 * See options.ts for unknown options, errors.ts for the description of a value.
 *
 * @module
 */
import { describe } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** Which values are right. */
export interface Rule<Value = unknown> {
  /** What it expects, to complete "expected …" or "must be …": `a whole number from 1`. */
  readonly expected: string;
  /** Whether a value is right. */
  accepts(value: unknown): value is Value;
  /** The rules of an object's fields. */
  readonly fields?: Readonly<Record<string, Rule>>;
}

/** Rules by the names of fields. */
export type Fields = Readonly<Record<string, Rule>>;

/** What the values of rules are: `{ steps: Rule<number> }` gives `{ steps: number }`. */
export type ValuesOf<Rules extends Fields> = {
  readonly [Name in keyof Rules]: Rules[Name] extends Rule<infer Value> ? Value : never;
};

/** Limits of a number. */
export interface NumberLimits {
  /** The smallest value. Default: none. */
  readonly min?: number;
  /** The largest value. Default: none. */
  readonly max?: number;
}

/** A whole number that a double holds exactly. */
export function wholeNumber({ min = -Infinity, max = Infinity }: NumberLimits = {}): Rule<number> {
  return {
    expected: `a whole number${limits(min, max, " from")}`,
    accepts: (value): value is number =>
      Number.isSafeInteger(value) && value as number >= min && value as number <= max,
  };
}

/** A finite number; with `below`, one less than that. */
export function realNumber(
  { min = -Infinity, max = Infinity, below = Infinity }: NumberLimits & { below?: number } = {},
): Rule<number> {
  return {
    expected: below === Infinity
      ? `a number${limits(min, max, " of at least")}`
      : `a number in [${min}, ${below})`,
    accepts: (value): value is number =>
      Number.isFinite(value) && value as number >= min && value as number <= max &&
      value as number < below,
  };
}

/** One of these values. */
export function oneOf<const Value extends string>(values: readonly Value[]): Rule<Value> {
  return {
    expected: `one of ${values.join(", ")}`,
    accepts: (value): value is Value => values.some((allowed) => allowed === value),
  };
}

/** Text that is not empty. */
export const text: Rule<string> = {
  expected: "a text",
  accepts: (value): value is string => typeof value === "string" && value !== "",
};

/** True or false. */
export const truth: Rule<boolean> = {
  expected: "true or false",
  accepts: (value): value is boolean => typeof value === "boolean",
};

/** An array. */
export const list: Rule<readonly unknown[]> = {
  expected: "an array",
  accepts: (value): value is readonly unknown[] => Array.isArray(value),
};

/** Anything, also nothing. */
export const anything: Rule = {
  expected: "anything",
  accepts: (_value): _value is unknown => true,
};

/** Absent, or what a rule accepts. */
export function optional<Value>(rule: Rule<Value>): Rule<Value | undefined> {
  return {
    ...rule,
    accepts: (value): value is Value | undefined => value === undefined || rule.accepts(value),
  };
}

/** An object with these fields and no others. */
export function fields<Rules extends Fields>(rules: Rules): Rule<ValuesOf<Rules>> {
  return {
    expected: "an object",
    accepts: (value): value is ValuesOf<Rules> => wrongField(value, rules) === undefined,
    fields: rules,
  };
}

/**
 * What is wrong with an object: its first field that a rule does not accept, or that has no rule.
 * Undefined if all is right.
 *
 * ```ts
 * import { wholeNumber, wrongField } from "./rules.ts";
 * const rules = { steps: wholeNumber({ min: 1 }) };
 * // steps: expected a whole number from 1, got "abc"
 * console.log(wrongField({ steps: "abc" }, rules));
 * ```
 */
export function wrongField(value: unknown, rules: Fields, within = ""): string | undefined {
  if (!isObject(value)) return `${within || "it"}: expected an object, got ${describe(value)}`;
  const path = (name: string) => within === "" ? name : `${within}.${name}`;
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined) {
    const near = nearest(unknown, Object.keys(rules));
    return `${path(unknown)}: there is no such field${near ? `; did you mean ${near}?` : ""}`;
  }
  for (const [name, rule] of Object.entries(rules)) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined;
    if (rule.accepts(field)) continue;
    return rule.fields && isObject(field)
      ? wrongField(field, rule.fields, path(name))
      : `${path(name)}: expected ${rule.expected}, got ${
        field === undefined ? "nothing" : describe(field)
      }`;
  }
  return undefined;
}

/**
 * Checks an option, named with its operation: `Trainer: accumulate`.
 *
 * @throws {RangeError} if the rule does not accept it
 */
export function expectValue<Value>(
  name: string,
  rule: Rule<Value>,
  value: unknown,
): asserts value is Value {
  if (rule.accepts(value)) return;
  throw new RangeError(`${name} must be ${rule.expected}, got ${describe(value)}`);
}

function limits(min: number, max: number, least: string): string {
  if (min > -Infinity && max < Infinity) return ` from ${min} to ${max}`;
  if (min > -Infinity) return `${least} ${min}`;
  return max < Infinity ? ` up to ${max}` : "";
}

/** Whether a value is an object, and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
