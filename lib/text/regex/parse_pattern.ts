/**
 * The grammar of patterns in a `tokenizer.json`: the part of Oniguruma's syntax (as Ruby has it)
 * that published tokenizers use. Everything else is refused by name.
 *
 * `^` and `$` match at line ends, `.` matches everything but a line feed, brackets nest, and `&&`
 * intersects. Captures are not recorded, because nothing refers to them.
 *
 * @module
 */

import {
  ANY,
  caseVariants,
  type CodeSet,
  complement,
  DIGIT,
  hasSimpleCase,
  HEXADECIMAL,
  ignoringCase,
  intersection,
  NOT_LINE_FEED,
  posixSet,
  propertySet,
  range,
  single,
  union,
  WHITE_SPACE,
  WORD,
  WORD_IN_BRACKETS,
} from "./code_set.ts";

/** Places that an assertion without a body matches. */
export type Place =
  | "line start"
  | "line end"
  | "text start"
  | "text end"
  | "last line end"
  | "word boundary"
  | "no word boundary";

/** Which length a repetition tries first: the longest, the shortest, or the longest only. */
export type Greed = "greedy" | "lazy" | "possessive";

/** A part of a pattern. */
export type PatternNode =
  | { kind: "set"; set: CodeSet }
  | { kind: "sequence"; parts: readonly PatternNode[] }
  | { kind: "choice"; options: readonly PatternNode[] }
  | { kind: "repeat"; body: PatternNode; minimum: number; maximum: number; greed: Greed }
  | { kind: "look"; body: PatternNode; behind: boolean; negative: boolean }
  | { kind: "atomic"; body: PatternNode }
  | { kind: "place"; place: Place };

/** The longest pattern, in UTF-16 units, and the deepest nesting of groups and brackets. */
const LONGEST = 4096, MAXIMUM_DEPTH = 32;
/** The maximum that a counted repetition may count to. */
const MAXIMUM_REPEATS = 1000;

const CONTROLS: Readonly<Record<string, number>> = {
  t: 0x09,
  n: 0x0A,
  v: 0x0B,
  f: 0x0C,
  r: 0x0D,
  a: 0x07,
  e: 0x1B,
};
const SHORTHANDS: Readonly<Record<string, CodeSet>> = {
  s: WHITE_SPACE,
  S: complement(WHITE_SPACE),
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  h: HEXADECIMAL,
  H: complement(HEXADECIMAL),
};
const SHORTHANDS_IN_BRACKETS: Readonly<Record<string, CodeSet>> = {
  ...SHORTHANDS,
  w: WORD_IN_BRACKETS,
  W: complement(WORD_IN_BRACKETS),
};
const PLACES: Readonly<Record<string, Place>> = {
  A: "text start",
  z: "text end",
  Z: "last line end",
  b: "word boundary",
  B: "no word boundary",
};
/** Pairs of letters that single characters match too when case is ignored, such as ß for "ss". */
const LIGATURES = /ss|ff|fi|fl|st/i;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotMatchesAll: boolean;
}

/**
 * The parts of a pattern.
 *
 * @throws {SyntaxError} if the pattern is malformed or needs syntax that is not supported
 */
export function parsePattern(source: string): PatternNode {
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    if (source.length > LONGEST) throw this.#refused(`at most ${LONGEST} characters`);
  }

  parse(): PatternNode {
    const node = this.#choice({ ignoreCase: false, dotMatchesAll: false });
    if (this.#at < this.#source.length) throw this.#refused("no ) without a (");
    return node;
  }

  #choice(flags: Flags): PatternNode {
    if (++this.#depth > MAXIMUM_DEPTH) throw this.#refused(`groups at most ${MAXIMUM_DEPTH} deep`);
    const options = [this.#sequence(flags)];
    while (this.#take("|")) options.push(this.#sequence(flags));
    this.#depth--;
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  #sequence(flags: Flags): PatternNode {
    const parts: PatternNode[] = [];
    let letters = "";
    while (this.#at < this.#source.length && !this.#sees("|") && !this.#sees(")")) {
      const start = this.#at;
      const inner = this.#openFlags(flags);
      if (inner !== undefined) {
        // Flags without a body hold up to the end of the group, its alternatives included.
        parts.push(this.#choice(inner));
        break;
      }
      const atom = this.#atom(flags);
      if (atom === undefined) continue; // a comment
      const written = this.#source.slice(start, this.#at);
      letters = /^[a-z]$/i.test(written) ? letters + written : "";
      if (flags.ignoreCase && LIGATURES.test(letters)) {
        throw this.#refused(`no "${letters.slice(-2)}" if case is ignored`);
      }
      parts.push(this.#quantified(atom));
    }
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  /** Flags for what follows, such as `(?i)`. */
  #openFlags(flags: Flags): Flags | undefined {
    const match = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(this.#rest(12));
    if (match === null) return undefined;
    this.#at += match[0].length;
    return this.#withFlags(flags, match[1], match[2] ?? "");
  }

  #withFlags(flags: Flags, on: string, off: string): Flags {
    if (on.includes("x")) throw this.#refused("no (?x)");
    const changed = (flag: string, value: boolean) =>
      off.includes(flag) ? false : on.includes(flag) || value;
    return {
      ignoreCase: changed("i", flags.ignoreCase),
      dotMatchesAll: changed("m", flags.dotMatchesAll),
    };
  }

  #atom(flags: Flags): PatternNode | undefined {
    if (this.#sees("(")) return this.#group(flags);
    if (this.#take("[")) return { kind: "set", set: this.#brackets(flags) };
    if (this.#take(".")) return { kind: "set", set: flags.dotMatchesAll ? ANY : NOT_LINE_FEED };
    if (this.#take("^")) return { kind: "place", place: "line start" };
    if (this.#take("$")) return { kind: "place", place: "line end" };
    if (/^[*+?]/.test(this.#rest(1))) throw this.#refused("something to repeat before * + ?");
    if (this.#take("\\")) {
      const letter = this.#source[this.#at];
      if (letter !== undefined && Object.hasOwn(PLACES, letter)) {
        this.#at++;
        return { kind: "place", place: PLACES[letter] };
      }
      const escaped = this.#escape();
      return {
        kind: "set",
        set: typeof escaped === "number" ? this.#one(escaped, flags) : escaped,
      };
    }
    return { kind: "set", set: this.#one(this.#character(), flags) };
  }

  #group(flags: Flags): PatternNode | undefined {
    const comment = /^\(\?#[^)\\]*\)/.exec(this.#source.slice(this.#at));
    if (comment !== null) {
      this.#at += comment[0].length;
      return undefined;
    }
    const rest = this.#rest(64);
    const open = /^\((?!\?)|^\(\?(?:[:>=!]|<[=!]|<[A-Za-z_]\w*>|([imx]*)(?:-([imx]*))?:)/.exec(
      rest,
    );
    if (open === null) throw this.#refused(`a group that is supported, not ${rest.slice(0, 8)}…`);
    this.#at += open[0].length;
    const named = open[1] !== undefined;
    const body = this.#choice(named ? this.#withFlags(flags, open[1], open[2] ?? "") : flags);
    if (!this.#take(")")) throw this.#refused("a ) for each (");
    if (open[0] === "(?>") return { kind: "atomic", body };
    if (/[=!]$/.test(open[0])) {
      return {
        kind: "look",
        body,
        behind: open[0].includes("<"),
        negative: open[0].endsWith("!"),
      };
    }
    return body;
  }

  #quantified(atom: PatternNode): PatternNode {
    let node = atom;
    for (let count = this.#quantifier(); count !== undefined; count = this.#quantifier()) {
      if (node.kind === "look" || node.kind === "place") {
        throw this.#refused("no repetition of an assertion");
      }
      const [minimum, maximum, interval] = count;
      let greed: Greed = "greedy";
      if (this.#take("?")) {
        // Of a fixed count, `?` makes the whole optional.
        if (interval && minimum === maximum) {
          node = { kind: "repeat", body: node, minimum, maximum, greed };
          node = { kind: "repeat", body: node, minimum: 0, maximum: 1, greed };
          continue;
        }
        greed = "lazy";
      } else if (!interval && this.#take("+")) greed = "possessive";
      node = { kind: "repeat", body: node, minimum, maximum, greed };
    }
    return node;
  }

  /** Minimum and maximum, and whether they are written as an interval. */
  #quantifier(): [minimum: number, maximum: number, interval: boolean] | undefined {
    if (this.#take("*")) return [0, Infinity, false];
    if (this.#take("+")) return [1, Infinity, false];
    if (this.#take("?")) return [0, 1, false];
    const match = /^\{(?:(\d+)(?:(,)(\d*))?|,(\d+))\}/.exec(this.#rest(32));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const minimum = Number(match[1] ?? 0);
    const maximum = match[4] !== undefined
      ? Number(match[4])
      : match[2] === undefined
      ? minimum
      : match[3] === ""
      ? Infinity
      : Number(match[3]);
    if (
      Math.max(minimum, maximum === Infinity ? 0 : maximum) > MAXIMUM_REPEATS || minimum > maximum
    ) {
      throw this.#refused(`repetitions from at most ${MAXIMUM_REPEATS}, the minimum first`);
    }
    return [minimum, maximum, true];
  }

  /** The content of brackets after the opening one. */
  #brackets(flags: Flags): CodeSet {
    if (++this.#depth > MAXIMUM_DEPTH) {
      throw this.#refused(`brackets at most ${MAXIMUM_DEPTH} deep`);
    }
    const negative = this.#take("^");
    const parts: CodeSet[] = [];
    let members: CodeSet[] = [];
    if (this.#sees("]")) throw this.#refused("\\] for a ] that is a member of brackets");
    while (!this.#take("]")) {
      if (this.#at >= this.#source.length) throw this.#refused("a ] for each [");
      if (this.#sees("&&")) {
        this.#at += 2;
        parts.push(this.#cased(members, flags));
        members = [];
      } else members.push(this.#member(flags));
    }
    parts.push(this.#cased(members, flags));
    this.#depth--;
    const set = intersection(parts);
    return negative ? complement(set) : set;
  }

  #cased(members: readonly CodeSet[], flags: Flags): CodeSet {
    const set = union(members);
    return flags.ignoreCase ? ignoringCase(set) : set;
  }

  /** One member of brackets: a character, a range, a class, or brackets inside. */
  #member(flags: Flags): CodeSet {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#rest(20));
    if (posix !== null) {
      const set = posixSet(posix[2]);
      if (set === undefined) throw this.#refused(`a class that is supported, not [:${posix[2]}:]`);
      this.#at += posix[0].length;
      return posix[1] === "^" ? complement(set) : set;
    }
    if (this.#take("[")) return this.#brackets(flags);
    const first = this.#take("\\") ? this.#escape(true) : this.#character();
    if (typeof first !== "number") return first;
    const isRange = this.#sees("-") && !this.#sees("-]") && !this.#sees("-[") && !this.#sees("-&&");
    if (!isRange) {
      this.#checkCase(first, first, flags);
      return single(first);
    }
    this.#at++;
    const last = this.#take("\\") ? this.#escape(true) : this.#character();
    if (typeof last !== "number" || last < first) {
      throw this.#refused("ranges from a character to a later one");
    }
    this.#checkCase(first, last, flags);
    return range(first, last);
  }

  /** Case is ignored in ASCII; other letters that have case are refused there. */
  #checkCase(first: number, last: number, { ignoreCase }: Flags): void {
    if (!ignoreCase) return;
    if (last - first > 0xFFFF) throw this.#refused("ranges of at most 65536 if case is ignored");
    for (let codePoint = Math.max(first, 0x80); codePoint <= last; codePoint++) {
      if (!hasSimpleCase(codePoint)) {
        throw this.#refused(
          `letters of ASCII if case is ignored, not ${String.fromCodePoint(codePoint)}`,
        );
      }
    }
  }

  #one(codePoint: number, flags: Flags): CodeSet {
    this.#checkCase(codePoint, codePoint, flags);
    if (!flags.ignoreCase) return single(codePoint);
    return union(caseVariants(codePoint).map(single));
  }

  /** What follows a backslash: a code point or a class. */
  #escape(inBrackets = false): number | CodeSet {
    const property = /^([pP])\{(\^?)([^{}]*)\}/.exec(this.#rest(48));
    if (property !== null) {
      const [whole, letter, caret, name] = property;
      const set = propertySet(name);
      if (set === undefined) throw this.#refused(`a property that is supported, not ${name}`);
      this.#at += whole.length;
      return (letter === "P") === (caret === "^") ? set : complement(set);
    }
    const hex = /^(?:x\{([\da-fA-F]{1,8})\}|x([\da-fA-F]{2})|u([\da-fA-F]{4}))/
      .exec(this.#rest(12));
    if (hex !== null) {
      this.#at += hex[0].length;
      return this.#codePoint(parseInt(hex[1] ?? hex[2] ?? hex[3], 16));
    }
    const letter = this.#source[this.#at];
    if (letter === undefined) throw this.#refused("a character after \\");
    const shorthands = inBrackets ? SHORTHANDS_IN_BRACKETS : SHORTHANDS;
    if (Object.hasOwn(shorthands, letter)) {
      this.#at++;
      return shorthands[letter];
    }
    if (Object.hasOwn(CONTROLS, letter)) {
      this.#at++;
      return CONTROLS[letter];
    }
    if (inBrackets && letter === "b") {
      this.#at++;
      return 0x08;
    }
    if (/[0-9A-Za-z]/.test(letter)) {
      throw this.#refused(`an escape that is supported, not \\${letter}`);
    }
    return this.#character();
  }

  #codePoint(value: number): number {
    const isCharacter = value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    if (!isCharacter) throw this.#refused(`a code point, not ${value.toString(16)}`);
    return value;
  }

  #character(): number {
    const codePoint = this.#source.codePointAt(this.#at);
    if (codePoint === undefined) throw this.#refused("more after what is open");
    this.#at += codePoint > 0xFFFF ? 2 : 1;
    return codePoint;
  }

  #rest(length: number): string {
    return this.#source.slice(this.#at, this.#at + length);
  }

  #sees(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    const taken = this.#sees(text);
    if (taken) this.#at += text.length;
    return taken;
  }

  #refused(expected: string): SyntaxError {
    const shown = this.#source.length > 60 ? `${this.#source.slice(0, 60)}…` : this.#source;
    return new SyntaxError(
      `pattern ${JSON.stringify(shown)}: expected ${expected} (at ${this.#at})`,
    );
  }
}
