/**
 * Reads a command line into typed values, and names every mistake in it.
 *
 * The standard library's parser splits the arguments; this module adds types and strict checks.
 * See flags.ts for how flags are described.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { meantOption } from "../options.ts";
import { type Command, type Flag, type Flags, type FlagValues, kebabCase } from "./flags.ts";

/** A command line that has been read. */
export interface Parsed<Specification extends Flags> {
  /** The value of every flag: the one given, or the default. */
  readonly flags: FlagValues<Specification>;
  /** Keys of the flags that were written on the command line. */
  readonly given: ReadonlySet<keyof Specification>;
  /** The arguments that are not flags, in order. */
  readonly positionals: readonly string[];
  /** True for `--help` or `-h`; then nothing else was read. */
  readonly help: boolean;
}

/** Result of the standard library's parser for the options used here. */
type RawArguments = { _: string[] } & Record<string, string[] | boolean | undefined>;

/**
 * Reads command-line arguments.
 *
 * A value may follow its flag as the next argument or after `=`; everything after a bare `--` is
 * positional.
 *
 * ```ts
 * import { integer } from "./flags.ts";
 *
 * const maxSteps = integer(5, "steps", { min: 1 });
 * const command = { name: "demo", summary: "", flags: { maxSteps } };
 * const { flags, given } = await parseArguments(command, ["--max-steps", "2e3"]);
 * console.assert(flags.maxSteps === 2000 && given.has("maxSteps"));
 * ```
 *
 * @throws {UserError} if a flag is unknown (naming the nearest one), lacks its value, has two
 * values, or one out of range, or if there are too few or too many positional arguments
 */
export async function parseArguments<Specification extends Flags>(
  command: Command<Specification>,
  args: readonly string[],
): Promise<Parsed<Specification>> {
  const flagArguments = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  const help = flagArguments.includes("--help") || flagArguments.includes("-h");
  const raw = help || args.length === 0 ? { _: [] } : await split(command.flags, args);
  const values: Record<string, unknown> = {};
  const given = new Set<keyof Specification>();
  for (const [key, flag] of Object.entries(command.flags)) {
    const value = readFlag(flag, kebabCase(key), raw);
    if (value !== undefined) given.add(key);
    values[key] = value ?? flag.default;
  }
  if (!help) checkPositionals(command, raw._, args);
  return { flags: values as FlagValues<Specification>, given, positionals: raw._, help };
}

async function split(flags: Flags, args: readonly string[]): Promise<RawArguments> {
  const byName = new Map(Object.entries(flags).map(([key, flag]) => [kebabCase(key), flag]));
  const names = [...byName.keys()];
  const valued = names.filter((name) => takesValue(byName.get(name)!)).map(rawName);
  const toggles = names.filter((name) => !takesValue(byName.get(name)!));
  const joined = joinValues(byName, args);
  const { parseArgs } = await loadParser();
  return parseArgs(joined, {
    string: [...valued, "_"],
    boolean: toggles,
    negatable: toggles,
    collect: valued,
    default: Object.fromEntries(toggles.map((name) => [name, undefined])),
  });
}

async function loadParser() {
  try {
    // deno-lint-ignore no-import-prefix -- only this module loads the standard library's parser
    return await import("npm:deno-std@1.4.0/cli/parse_args.js");
  } catch (cause) {
    const [reason] = (cause as Error).message.split("\n");
    throw new UserError(
      `the package that reads flags cannot be downloaded (${reason}); the first use needs the network`,
      { cause },
    );
  }
}

/**
 * Writes each flag and its value as one argument, `--name=value`, because the parser does not read
 * `""`, `-` or `-1` as the value of the flag before it; checks the names on the way.
 */
function joinValues(byName: Map<string, Flag<unknown>>, args: readonly string[]): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const joined: string[] = [];
  for (let index = 0; index < end; index++) {
    const argument = args[index];
    const flag = flagOf(byName, argument);
    if (flag && takesValue(flag) && !argument.includes("=")) {
      const value = followingValue(argument, args.slice(0, end)[++index]);
      joined.push(`--${rawName(argument.slice(2))}=${value}`);
    } else {
      joined.push(flag && takesValue(flag) ? `--${rawName(argument.slice(2))}` : argument);
    }
  }
  return [...joined, ...args.slice(end)];
}

/** A flag's name as the parser receives it: the parser reads every `--no-name` as a switch. */
function rawName(name: string): string {
  return name.startsWith("no-") ? `value-of-${name}` : name;
}

/**
 * The flag of `--name`, `--name=value` or `--no-name`, checked; undefined for a positional
 * argument.
 */
function flagOf(byName: Map<string, Flag<unknown>>, argument: string): Flag<unknown> | undefined {
  if (!argument.startsWith("-") || argument === "-") return undefined;
  const [, dashes, name, value] = /^(--?)([^=]*)(?:=(.*))?$/s.exec(argument)!;
  const negated = !byName.has(name) && name.startsWith("no-");
  const positive = negated ? name.slice("no-".length) : name;
  const flag = byName.get(positive);
  if (dashes !== "--" || !flag || (negated && takesValue(flag))) {
    throw unknownFlag(dashes + name, byName);
  }
  const badValue = value !== undefined && (negated || flag.read(value) === undefined);
  if (!takesValue(flag) && badValue) throw needlessValue(name, flag, value);
  return flag;
}

/** A switch was written with a value, `--resume=runs/a` or `--resume runs/a`. */
function needlessValue(name: string, { meaning }: Flag<unknown>, value: string): UserError {
  const positive = name.replace(/^no-/, "");
  const forms = `--${positive} (${meaning}) or --no-${positive}`;
  return new UserError(`--${name} takes no value, received "${value}"; write ${forms}`);
}

function takesValue(flag: Flag<unknown>): boolean {
  return flag.placeholder !== undefined;
}

function unknownFlag(written: string, byName: Map<string, Flag<unknown>>): UserError {
  const word = kebabCase(written.replace(/^-+/, "")).replaceAll("_", "-");
  const toggles = [...byName].filter(([, flag]) => !takesValue(flag));
  const near = meantOption(word, [...byName.keys(), ...toggles.map(([name]) => `no-${name}`)]);
  const hint = near ? `did you mean --${near}?` : "--help lists all flags";
  return new UserError(`unknown flag ${written}; ${hint}`);
}

function followingValue(name: string, value: string | undefined): string {
  if (value === undefined) throw new UserError(`${name} needs a value, and none follows it`);
  if (/^--?[A-Za-z]/.test(value)) {
    const hint = `to pass that as the value, write ${name}=${value}`;
    throw new UserError(`${name} needs a value, but ${value} follows it; ${hint}`);
  }
  return value;
}

function readFlag(flag: Flag<unknown>, name: string, raw: RawArguments): unknown {
  const given = raw[rawName(name)];
  if (given === undefined || typeof given === "boolean") return given;
  if (given.length === 0) return undefined;
  if (new Set(given).size > 1) {
    throw new UserError(
      `--${name} appears ${given.length} times (${given.join(", ")}); give it once`,
    );
  }
  const value = flag.read(given[0]);
  if (value === undefined) {
    throw new UserError(
      `--${name} expects ${flag.expected}, received "${given[0]}"${valueHint(flag, given[0])}`,
    );
  }
  return value;
}

/** What to write instead of a wrong value, for the end of the message. */
function valueHint({ hints = {}, choices = [] }: Flag<unknown>, given: string): string {
  const typed = given.toLowerCase();
  if (Object.hasOwn(hints, typed)) return `; ${hints[typed]}`;
  const near = nearest(given, choices);
  return near ? `; did you mean ${near}?` : "";
}

function checkPositionals(
  command: Command,
  positionals: readonly string[],
  args: readonly string[],
): void {
  const { name, min = 0, max = Infinity } = command.positionals ?? { name: "", max: 0 };
  if (positionals.length > max) throw extraArgument(command, positionals[max], args);
  const meaning = command.positionals?.meaning;
  if (positionals[0] === "") {
    throw new UserError(`${name.split(" ")[0]} is empty; expected ${meaning}`);
  }
  if (positionals.length < min) {
    throw new UserError(`${command.name} needs ${name} (${meaning}); --help shows examples`);
  }
}

/** Flags of what a command reads or writes, one of which an argument without its name is for. */
const OBJECTS = ["prompt", "text", "dataset", "out"];

function extraArgument({ flags }: Command, extra: string, args: readonly string[]): UserError {
  const byName = new Map(Object.entries(flags).map(([key, flag]) => [kebabCase(key), flag]));
  const at = args.indexOf(extra);
  const before = args[at - 1] ?? "", valued = args[at - 2] ?? "";
  const toggle = byName.get(before.replace(/^--/, ""));
  if (toggle && !takesValue(toggle)) return needlessValue(before.slice(2), toggle, extra);
  if (valued.startsWith("--") && byName.has(valued.slice(2))) {
    const values = `received "${before}" and "${extra}"`;
    return new UserError(`${valued} takes one value, ${values}; put a text or a pattern in quotes`);
  }
  const near = nearest(extra.split("=")[0], byName.keys());
  const object = OBJECTS.find((name) => byName.has(name));
  const meant = near ? `--${near}` : object && `--${object} ${JSON.stringify(extra)}`;
  const hint = meant ? `did you mean ${meant}?` : "flags are written --name VALUE";
  return new UserError(`unexpected argument "${extra}"; ${hint}`);
}
