/**
 * The description of a command line: flags with typed defaults, positional arguments, examples.
 *
 * This module only describes: parse.ts reads a command line, help.ts prints `--help`. A flag's
 * camelCase key is its name: `learningRate` is written `--learning-rate`.
 *
 * @module
 */
import { type NumberLimits, realNumber, type Rule, wholeNumber } from "../rules.ts";

/** One flag: its default, its meaning, and the function that reads its text. */
export interface Flag<Value> {
  /** Value if the flag is not given. */
  readonly default: Value;
  /** One line for `--help`. */
  readonly meaning: string;
  /** Placeholder of the value in `--help`, such as `FILE`; a flag without one is a switch. */
  readonly placeholder?: string;
  /** Description of a valid value, for error messages: "an integer of at least 1". */
  readonly expected: string;
  /** The default as `--help` shows it, if that is not the value itself; `""` shows none. */
  readonly shownDefault?: string;
  /** Heading under which `--help` lists the flag. */
  readonly group?: string;
  /** The values that a choice allows. */
  readonly choices?: readonly string[];
  /** What to do instead, by a value that users expect here but that is none. */
  readonly hints?: Readonly<Record<string, string>>;
  /** Reads the text of a value; undefined if it is not what {@linkcode expected} says. */
  read(text: string): Value | undefined;
}

/** Flags by their camelCase keys. */
// The value types differ from flag to flag, and read() makes Flag invariant in them.
// deno-lint-ignore no-explicit-any
export type Flags = Record<string, Flag<any>>;

/**
 * The values of flags, by the same keys: `{ steps: integer(200, "…") }` has `{ steps: number }`.
 */
export type FlagValues<Specification extends Flags> = {
  [Key in keyof Specification]: Specification[Key] extends Flag<infer Value> ? Value : never;
};

/** The arguments that are not flags. */
export interface Positionals {
  /** Name in the usage line, in capitals. */
  readonly name: string;
  /** One line for `--help`. */
  readonly meaning: string;
  /** Minimum number. Default: 0. */
  readonly min?: number;
  /** Maximum number. Default: no limit. */
  readonly max?: number;
}

/** A command line, described. */
export interface Command<Specification extends Flags = Flags> {
  /** The command line that starts it, without flags: `deno task train`. */
  readonly name: string;
  /** Description of one or two sentences. */
  readonly summary: string;
  /** Its flags. */
  readonly flags: Specification;
  /** Its other arguments. Default: none allowed. */
  readonly positionals?: Positionals;
  /** Example command lines, each with its effect. */
  readonly examples?: readonly (readonly [commandLine: string, meaning: string])[];
}

/** How a flag is shown, and its valid values. */
export interface ShownOptions {
  /** Placeholder of the value in `--help`. */
  placeholder?: string;
  /** The default as `--help` shows it. */
  shownDefault?: string;
}

/** How a number is shown, and its limits, both inclusive. */
export interface NumberOptions extends ShownOptions, NumberLimits {}

/**
 * A flag that takes any text or, with a placeholder such as `FILE`, a path or a name, which is not
 * empty: a variable of the shell that is unset would otherwise count as no flag.
 */
export function text<Default extends string | undefined>(
  value: Default,
  meaning: string,
  options: ShownOptions = {},
): Flag<string | Default> {
  const { placeholder = "TEXT" } = options;
  const isFree = placeholder === "TEXT";
  const expected = isFree ? "text" : `${placeholder}, which is not empty`;
  return { ...options, placeholder, default: value, meaning, expected, read };
  function read(given: string): string | undefined {
    return given !== "" || isFree ? given : undefined;
  }
}

/** A flag that takes a number such as `0.1` or `1e-3`. */
export function number<Default extends number | undefined>(
  value: Default,
  meaning: string,
  { min, max, ...shown }: NumberOptions = {},
): Flag<number | Default> {
  const options = { placeholder: "NUMBER", ...shown };
  return ruled(value, meaning, { rule: realNumber({ min, max }), ...options });
}

/** A flag that takes a whole number such as `200` or `2e3`. */
export function integer<Default extends number | undefined>(
  value: Default,
  meaning: string,
  { min, max, ...shown }: NumberOptions = {},
): Flag<number | Default> {
  const options = { placeholder: "N", ...shown };
  return ruled(value, meaning, { rule: wholeNumber({ min, max }), ...options });
}

/** A flag that takes a number which a rule accepts. */
export function ruled<Default extends number | undefined>(
  value: Default,
  meaning: string,
  { rule, ...shown }: ShownOptions & { rule: Rule<number> },
): Flag<number | Default> {
  const read = (given: string) => {
    const result = DECIMAL.test(given) ? Number(given) : NaN;
    return rule.accepts(result) ? result : undefined;
  };
  const { expected } = rule;
  return { placeholder: "NUMBER", ...shown, default: value, meaning, expected, read };
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A flag that takes one of the listed words. */
export function choice<const Choice extends string>(
  value: NoInfer<Choice>,
  meaning: string,
  options: ShownOptions & Pick<Flag<Choice>, "hints"> & { choices: readonly Choice[] },
): Flag<Choice> {
  const { choices } = options;
  const expected = `one of ${choices.join(", ")}`;
  const read = (given: string) => choices.find((allowed) => allowed === given);
  return { placeholder: choices.join("|"), ...options, default: value, meaning, expected, read };
}

/** A flag that takes one value of `flag` or several, with commas between them. */
export function listOf<Value>(flag: Flag<Value>): Flag<Value[] | undefined> {
  return {
    ...flag,
    default: undefined,
    shownDefault: flag.shownDefault ?? String(flag.default),
    placeholder: `${flag.placeholder},…`,
    expected: `${flag.expected}, or several with commas between them`,
    read(given) {
      const values = given.split(",").map((part) => flag.read(part.trim()));
      return values.every((value) => value !== undefined) ? values : undefined;
    },
  };
}

/** A switch: `--stream` turns it on, `--no-stream` off. */
export function toggle(value: boolean, meaning: string): Flag<boolean> {
  const read = (given: string) => given === "true" ? true : given === "false" ? false : undefined;
  return { default: value, meaning, expected: "no value", read };
}

/**
 * Puts flags under one heading of `--help`.
 *
 * ```ts
 * const flags = {
 *   ...group("Model", { layers: integer(4, "blocks", { min: 1 }) }),
 *   ...group("Training", { learningRate: number(1e-3, "largest step size", { min: 0 }) }),
 * };
 * console.assert(flags.layers.group === "Model");
 * ```
 */
export function group<Specification extends Flags>(
  heading: string,
  flags: Specification,
): Specification {
  const entries = Object.entries(flags).map(([key, flag]) => [key, { ...flag, group: heading }]);
  return Object.fromEntries(entries) as Specification;
}

/** The name of a flag as it is typed: `learningRate` → `learning-rate`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}
