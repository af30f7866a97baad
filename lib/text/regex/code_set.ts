/**
 * Sets of code points: what a character class, a property or a single character of a pattern
 * matches.
 *
 * Membership is computed once for each code point and kept in pages, so that a set costs nothing
 * until a text is searched. Properties are those of the engine's own Unicode tables.
 *
 * @module
 */

const UNKNOWN = 0, INSIDE = 1, OUTSIDE = 2;
const PAGE = 256;

/** A set of code points. */
export class CodeSet {
  readonly #pages: (Uint8Array | undefined)[] = [];

  /**
   * @param contains decides about one code point
   * @param only the member, if the set has exactly one
   */
  constructor(
    readonly contains: (codePoint: number) => boolean,
    readonly only?: number,
  ) {}

  /** Whether the set holds a code point. */
  has(codePoint: number): boolean {
    const page = this.#pages[codePoint >>> 8] ??= new Uint8Array(PAGE);
    const known = page[codePoint & 255];
    if (known !== UNKNOWN) return known === INSIDE;
    const inside = this.contains(codePoint);
    page[codePoint & 255] = inside ? INSIDE : OUTSIDE;
    return inside;
  }
}

/** The set of one code point. */
export function single(codePoint: number): CodeSet {
  return new CodeSet((other) => other === codePoint, codePoint);
}

/** The code points `first` … `last`. */
export function range(first: number, last: number): CodeSet {
  return new CodeSet((codePoint) => first <= codePoint && codePoint <= last);
}

/** What any of the sets holds. */
export function union(sets: readonly CodeSet[]): CodeSet {
  if (sets.length === 1) return sets[0];
  return new CodeSet((codePoint) => sets.some((set) => set.has(codePoint)));
}

/** What all of the sets hold. */
export function intersection(sets: readonly CodeSet[]): CodeSet {
  if (sets.length === 1) return sets[0];
  return new CodeSet((codePoint) => sets.every((set) => set.has(codePoint)));
}

/** What the set does not hold. */
export function complement(set: CodeSet): CodeSet {
  return new CodeSet((codePoint) => !set.has(codePoint));
}

/** The code points that a JavaScript class matches, such as `[\p{L}\p{M}]`. */
function byRegExp(source: string): CodeSet {
  const pattern = new RegExp(`^${source}$`, "u");
  return new CodeSet((codePoint) => pattern.test(String.fromCodePoint(codePoint)));
}

const shared = new Map<string, CodeSet>();

function named(source: string): CodeSet {
  let set = shared.get(source);
  if (set === undefined) shared.set(source, set = byRegExp(source));
  return set;
}

/** Unicode's White_Space: `\s`. */
export const WHITE_SPACE: CodeSet = named("\\p{White_Space}");
/** Nd: `\d`. */
export const DIGIT: CodeSet = named("\\p{Nd}");
/** Letters, marks, digits and connectors: `\w` in brackets. */
export const WORD_IN_BRACKETS: CodeSet = named("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
/** `\w` outside brackets, in which Oniguruma includes ² ³ ¹ ¼ ½ ¾. */
export const WORD: CodeSet = named(
  "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u00B2\u00B3\u00B9\u00BC-\u00BE]",
);
/** `\h`. */
export const HEXADECIMAL: CodeSet = named("[0-9A-Fa-f]");
/** Every code point but the line feed: `.`. */
export const NOT_LINE_FEED: CodeSet = new CodeSet((codePoint) => codePoint !== 0x0A);
/** Every code point. */
export const ANY: CodeSet = new CodeSet(() => true);

const POSIX: Readonly<Record<string, string>> = {
  alpha: "\\p{Alphabetic}",
  alnum: "[\\p{Alphabetic}\\p{Nd}]",
  blank: "[\\p{Zs}\\t]",
  cntrl: "\\p{Cc}",
  digit: "\\p{Nd}",
  lower: "\\p{Lowercase}",
  punct: "[\\p{P}\\p{S}]",
  space: "\\p{White_Space}",
  upper: "\\p{Uppercase}",
  word: "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
  xdigit: "[0-9A-Fa-f]",
};

/** The set of a POSIX bracket, such as `[:alpha:]`, or undefined. */
export function posixSet(name: string): CodeSet | undefined {
  return Object.hasOwn(POSIX, name) ? named(POSIX[name]) : undefined;
}

const CATEGORIES = new Set(
  ("L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po " +
    "S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cn Co").split(" "),
);
const LONG_NAMES: Readonly<Record<string, string>> = {
  letter: "L",
  uppercaseletter: "Lu",
  lowercaseletter: "Ll",
  titlecaseletter: "Lt",
  modifierletter: "Lm",
  otherletter: "Lo",
  mark: "M",
  number: "N",
  punctuation: "P",
  symbol: "S",
  separator: "Z",
  other: "C",
};
const BINARY = new Set(["Alphabetic", "White_Space", "Uppercase", "Lowercase", "Emoji"]);
const SCRIPTS = new Set(
  ("Arabic Armenian Bengali Bopomofo Common Cyrillic Devanagari Ethiopic Georgian Greek Gujarati " +
    "Gurmukhi Han Hangul Hebrew Hiragana Inherited Kannada Katakana Khmer Lao Latin Malayalam " +
    "Mongolian Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan").split(" "),
);

const simplified = (name: string) => name.toLowerCase().replaceAll(/[\s_-]/g, "");
const PROPERTIES = new Map<string, string>([
  ...Object.entries(LONG_NAMES).map(([name, short]) => [name, `\\p{${short}}`] as const),
  ...[...CATEGORIES, ...BINARY].map((name) => [simplified(name), `\\p{${name}}`] as const),
  ...Array.from(SCRIPTS, (name) => [simplified(name), `\\p{Script=${name}}`] as const),
]);

/** The set of a property by its name in a pattern, in any case, or undefined. */
export function propertySet(name: string): CodeSet | undefined {
  const source = PROPERTIES.get(simplified(name));
  return source === undefined ? undefined : named(source);
}

/** What a letter of ASCII matches beside itself when case is ignored. */
export function caseVariants(codePoint: number): number[] {
  const character = String.fromCodePoint(codePoint);
  if (!/^[a-zA-Z]$/.test(character)) return [codePoint];
  const lower = character.toLowerCase();
  const others = lower === "s" ? [0x17F] : lower === "k" ? [0x212A] : [];
  return [lower.charCodeAt(0), lower.toUpperCase().charCodeAt(0), ...others];
}

/** The set and what its letters of ASCII match when case is ignored. */
export function ignoringCase(set: CodeSet): CodeSet {
  return new CodeSet((codePoint) => {
    const ascii = codePoint === 0x17F ? 0x73 : codePoint === 0x212A ? 0x6B : codePoint;
    return set.has(codePoint) || caseVariants(ascii).some((variant) => set.has(variant));
  });
}

const CASED = /[\p{Cased}\p{Changes_When_Casefolded}]/u;

/** Whether ASCII's rules of case are enough for a code point: it is ASCII, or it has no case. */
export function hasSimpleCase(codePoint: number): boolean {
  return codePoint < 0x80 || !CASED.test(String.fromCodePoint(codePoint));
}
