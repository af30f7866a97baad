/**
 * Patterns as programs for `pattern.ts`: a flat list of instructions, in which repetitions with
 * bounds are written out.
 *
 * Two analyses keep programs from trying in vain, and change no result: a branch is guarded by the
 * set of characters that it can start with, and a repetition of one set never backtracks if what
 * follows it cannot fail.
 *
 * @module
 */

import { type CodeSet, union } from "./code_set.ts";
import type { PatternNode, Place } from "./parse_pattern.ts";

/** One instruction; `next` and the branches are indices into the program. */
export type Instruction =
  | { op: "match" }
  | { op: "character"; set: CodeSet; next: number }
  /** As many characters as there are, at least `minimum`, without backtracking. */
  | { op: "run"; set: CodeSet; minimum: number; next: number }
  /**
   * First one branch, then the other; a guard names the characters that a branch can start with.
   */
  | { op: "split"; first: Branch; second: Branch; state: number; repeats: boolean }
  | { op: "place"; place: Place; next: number }
  /** Whether one character of the set does (not) follow. */
  | { op: "peek"; set: CodeSet; negative: boolean; next: number }
  /** A program inside, to be matched here or `behind` characters before, for its truth. */
  | { op: "look"; start: number; negative: boolean; behind: number; next: number }
  /** A program inside, of which only the first match counts. */
  | { op: "atomic"; start: number; next: number };

/** One way to go on. */
export interface Branch {
  next: number;
  guard: CodeSet | undefined;
}

/** A program, its first instruction, and the number of its splits. */
export interface Program {
  readonly code: readonly Instruction[];
  readonly start: number;
  readonly states: number;
}

/**
 * Limits of a program; a search takes time proportional to its splits times the length of a text.
 */
const MAXIMUM_INSTRUCTIONS = 5000, MAXIMUM_SPLITS = 256;

/**
 * The program of a pattern.
 *
 * @throws {SyntaxError} if it repeats what can match nothing, looks back by no fixed length, or is
 *   too large
 */
export function compilePattern(node: PatternNode, source: string): Program {
  const compiler = new Compiler(source);
  const match = compiler.add({ op: "match" });
  const start = compiler.compile(node, { next: match, safe: true });
  return { code: compiler.code, start, states: compiler.states };
}

/** What follows a part: its first instruction, and whether it matches any text. */
interface Continuation {
  readonly next: number;
  readonly safe: boolean;
}

class Compiler {
  readonly code: Instruction[] = [];
  states = 0;
  readonly #source: string;
  /** What `#firsts` found, by instruction. */
  readonly #starts = new Map<number, CodeSet | undefined>();

  constructor(source: string) {
    this.#source = source;
  }

  add(instruction: Instruction): number {
    if (this.code.length >= MAXIMUM_INSTRUCTIONS) {
      throw this.#refused(`at most ${MAXIMUM_INSTRUCTIONS} instructions`);
    }
    if (this.states > MAXIMUM_SPLITS) throw this.#refused(`at most ${MAXIMUM_SPLITS} alternatives`);
    return this.code.push(instruction) - 1;
  }

  /** Adds a part in front of what follows it; returns its first instruction. */
  compile(node: PatternNode, then: Continuation): number {
    switch (node.kind) {
      case "set":
        return this.add({ op: "character", set: node.set, next: then.next });
      case "place":
        return this.add({ op: "place", place: node.place, next: then.next });
      case "sequence":
        return this.#sequence(node.parts, then);
      case "choice":
        return node.options.slice(0, -1).reduceRight(
          (rest, option) => this.#split(this.compile(option, then), rest),
          this.compile(node.options.at(-1)!, then),
        );
      case "atomic":
        return this.add({ op: "atomic", start: this.#inner(node.body), next: then.next });
      case "look":
        return this.#look(node, then.next);
      case "repeat":
        return this.#repeat(node, then);
    }
  }

  #sequence(parts: readonly PatternNode[], then: Continuation): number {
    return parts.reduceRight(
      ({ next, safe }, part) => ({
        next: this.compile(part, { next, safe }),
        safe: safe && cannotFail(part),
      }),
      then,
    ).next;
  }

  /** A body that is matched apart from what follows it. */
  #inner(body: PatternNode): number {
    return this.compile(body, { next: this.add({ op: "match" }), safe: true });
  }

  #look(node: PatternNode & { kind: "look" }, next: number): number {
    const { body, behind, negative } = node;
    if (!behind) {
      if (body.kind === "set") return this.add({ op: "peek", set: body.set, negative, next });
      return this.add({ op: "look", start: this.#inner(body), negative, behind: 0, next });
    }
    const options = body.kind === "choice" ? body.options : [body];
    const checks = options.map((option) => {
      const length = fixedLength(option);
      if (length === undefined) throw this.#refused("a fixed length of what is looked back for");
      return { option, length };
    });
    // None of them, or any of them.
    if (negative) {
      return checks.reduceRight(
        (next, { option, length }) =>
          this.add({ op: "look", start: this.#inner(option), negative, behind: length, next }),
        next,
      );
    }
    return checks.map(({ option, length }) =>
      this.add({ op: "look", start: this.#inner(option), negative, behind: length, next })
    ).reduceRight((rest, check) => this.#split(check, rest));
  }

  #repeat(written: PatternNode & { kind: "repeat" }, then: Continuation): number {
    const node = flattened(written);
    const { body, minimum, maximum, greed } = node;
    // Engines disagree on what follows an empty repetition.
    if (canBeEmpty(body) && (maximum > 1 || holdsAssertion(body))) {
      throw this.#refused("no repetition of what can match nothing");
    }
    if (greed === "possessive" && !(body.kind === "set" && maximum === Infinity)) {
      const inner = this.#inner({ ...node, greed: "greedy" });
      return this.add({ op: "atomic", start: inner, next: then.next });
    }
    const gives = greed === "lazy" || (greed === "greedy" && !then.safe);
    if (body.kind === "set" && maximum === Infinity && !gives) {
      return this.add({ op: "run", set: body.set, minimum, next: then.next });
    }
    let next = maximum === Infinity ? this.#loop(node, then) : this.#optional(node, then);
    // Each of these is followed by a part that may fail, if it repeats.
    const safe = then.safe && cannotFail(body);
    for (let count = 0; count < minimum; count++) next = this.compile(body, { next, safe });
    return next;
  }

  #loop({ body, greed }: PatternNode & { kind: "repeat" }, then: Continuation): number {
    // Until the body is known, the loop can begin with any character.
    const open: Branch = { next: then.next, guard: undefined };
    const split: Instruction & { op: "split" } = {
      op: "split",
      first: open,
      second: open,
      state: this.states++,
      repeats: true,
    };
    const loop = this.add(split);
    this.#starts.set(loop, undefined);
    const again = this.#branch(this.compile(body, { next: loop, safe: then.safe }));
    const leave = this.#branch(then.next);
    [split.first, split.second] = greed === "lazy" ? [leave, again] : [again, leave];
    this.#starts.delete(loop);
    return loop;
  }

  /** `maximum − minimum` bodies, of which each is tried only after the one before it. */
  #optional(node: PatternNode & { kind: "repeat" }, then: Continuation): number {
    let { next } = then;
    const safe = then.safe;
    for (let count = node.minimum; count < node.maximum; count++) {
      const body = this.compile(node.body, { next, safe });
      next = node.greed === "lazy" ? this.#split(then.next, body) : this.#split(body, then.next);
    }
    return next;
  }

  #split(first: number, second: number): number {
    const branches = { first: this.#branch(first), second: this.#branch(second) };
    return this.add({ op: "split", ...branches, state: this.states++, repeats: false });
  }

  #branch(next: number): Branch {
    return { next, guard: this.#firsts(next) };
  }

  /** The characters that a match from an instruction on can start with; undefined if any. */
  #firsts(at: number): CodeSet | undefined {
    if (this.#starts.has(at)) return this.#starts.get(at);
    const firsts = this.#findFirsts(this.code[at]);
    this.#starts.set(at, firsts);
    return firsts;
  }

  #findFirsts(instruction: Instruction): CodeSet | undefined {
    if (instruction.op === "character") return instruction.set;
    if (instruction.op === "split") {
      return joined(instruction.first.guard, instruction.second.guard);
    }
    if (instruction.op !== "run") return undefined;
    const { set, minimum, next } = instruction;
    return minimum > 0 ? set : joined(set, this.#firsts(next));
  }

  #refused(expected: string): SyntaxError {
    const shown = this.#source.length > 60 ? `${this.#source.slice(0, 60)}…` : this.#source;
    return new SyntaxError(`pattern ${JSON.stringify(shown)}: expected ${expected}`);
  }
}

function joined(first: CodeSet | undefined, second: CodeSet | undefined): CodeSet | undefined {
  if (first === undefined || second === undefined) return undefined;
  return first === second ? first : union([first, second]);
}

/** `(?:a?){2,40}` as `a{0,40}`: a repetition of one set, if both are greedy. */
function flattened(node: PatternNode & { kind: "repeat" }): PatternNode & { kind: "repeat" } {
  const { body, maximum, greed } = node;
  const inner = body.kind === "repeat" ? flattened(body) : body;
  const fits = inner.kind === "repeat" && inner.body.kind === "set" && inner.minimum === 0 &&
    inner.greed === "greedy" && greed === "greedy";
  return fits ? { ...inner, maximum: Math.max(inner.maximum * maximum, 0) || 0 } : node;
}

/** Whether a part matches at every place of every text, if only nothing. */
function cannotFail(node: PatternNode): boolean {
  switch (node.kind) {
    case "set":
    case "place":
    case "look":
      return false;
    case "sequence":
      return node.parts.every(cannotFail);
    case "choice":
      return node.options.some(cannotFail);
    case "repeat":
      return node.minimum === 0 || cannotFail(node.body);
    case "atomic":
      return cannotFail(node.body);
  }
}

/** Whether a part can match nothing. */
function canBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "place":
    case "look":
      return true;
    case "sequence":
      return node.parts.every(canBeEmpty);
    case "choice":
      return node.options.some(canBeEmpty);
    case "repeat":
      return node.minimum === 0 || canBeEmpty(node.body);
    case "atomic":
      return canBeEmpty(node.body);
  }
}

function holdsAssertion(node: PatternNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "place":
    case "look":
      return true;
    case "sequence":
      return node.parts.some(holdsAssertion);
    case "choice":
      return node.options.some(holdsAssertion);
    case "repeat":
    case "atomic":
      return holdsAssertion(node.body);
  }
}

/** How many characters a part matches, if that is one number. */
function fixedLength(node: PatternNode): number | undefined {
  switch (node.kind) {
    case "set":
      return 1;
    case "place":
    case "look":
      return 0;
    case "sequence":
      return node.parts.map(fixedLength).reduce(
        (sum, length) => sum === undefined || length === undefined ? undefined : sum + length,
        0,
      );
    case "choice": {
      const lengths = node.options.map(fixedLength);
      return lengths.every((length) => length === lengths[0]) ? lengths[0] : undefined;
    }
    case "repeat": {
      const length = node.minimum === node.maximum ? fixedLength(node.body) : undefined;
      return length === undefined ? undefined : length * node.minimum;
    }
    case "atomic":
      return fixedLength(node.body);
  }
}
