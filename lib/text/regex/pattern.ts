/**
 * Matching of untrusted patterns in linear time.
 *
 * The search is that of a backtracking engine, so which match is found is what Oniguruma finds, but
 * what a state of the program leads to at a place of the text is computed only once: the time is at
 * most the number of splits in the program times the length of the text, whatever the pattern. The
 * results are kept over all matches of a text, in pages that are dropped once the search has passed
 * them.
 *
 * @module
 */

import { WORD } from "./code_set.ts";
import { compilePattern, type Instruction, type Program } from "./compile_pattern.ts";
import { parsePattern, type Place } from "./parse_pattern.ts";

const FAILED = -1;
/** Places of the text whose results share a page. */
const PAGE = 1024;
/** The maximum memory for results: of a hostile pattern over a long text. */
const MAXIMUM_BYTES = 2 ** 28;

/** A pattern of a `tokenizer.json`. */
export class Pattern {
  readonly #program: Program;
  /** Memory for the results of one search after the other. */
  #page = new Int32Array();

  /**
   * Compiles a pattern.
   *
   * @throws {SyntaxError} if it is malformed, or needs syntax that is not supported
   */
  constructor(readonly source: string) {
    this.#program = compilePattern(parsePattern(source), source);
  }

  /**
   * The matches in a text, in order: starts and ends alternate, in UTF-16 units. An empty match
   * directly after another match is none.
   *
   * @throws {RangeError} if the text is too long for a pattern that keeps trying
   */
  matches(text: string): number[] {
    const size = pageSize(this.#program, text);
    if (this.#page.length < size) this.#page = new Int32Array(size);
    return new Search(this.#program, text, this.#page).all();
  }
}

/** A stack of groups of three numbers. */
class Triples {
  readonly items: number[] = [];
  length = 0;

  push(first: number, second: number, third: number): void {
    this.items[this.length++] = first;
    this.items[this.length++] = second;
    this.items[this.length++] = third;
  }
}

/** The number of integers of a page of results. */
function pageSize({ states }: Program, text: string): number {
  return Math.min(PAGE, text.length + 1) * states;
}

/** One text searched by one program. */
class Search {
  readonly #code: readonly Instruction[];
  readonly #start: number;
  readonly #states: number;
  readonly #text: string;
  /** By place and state: 0 if unknown, FAILED, or one more than the end of the match. */
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #pageSize: number;
  readonly #firstPage: Int32Array;
  readonly #waiting = new Triples();
  readonly #path = new Triples();
  #bytes = 0;
  #dropped = 0;
  /** For each `run`, the end of the last one found and its beginning. */
  readonly #runs: Map<Instruction, [from: number, to: number]> = new Map();

  /** @param page memory for the first page: most texts have no other */
  constructor(program: Program, text: string, page: Int32Array) {
    const { code, start, states } = program;
    this.#code = code;
    this.#start = start;
    this.#states = states;
    this.#text = text;
    this.#pageSize = pageSize(program, text);
    this.#firstPage = page;
  }

  all(): number[] {
    const found: number[] = [];
    const { length } = this.#text;
    let at = 0, last = -1;
    while (at <= length) {
      let start = at, end = FAILED;
      while (start <= length) {
        end = this.#run(this.#start, start);
        if (end !== FAILED) break;
        start = this.#after(start);
        if ((start & (PAGE - 1)) === 0) this.#dropBefore(start);
      }
      if (end === FAILED) break;
      if (end === start && last === end) {
        at = this.#after(at);
        continue;
      }
      found.push(start, end);
      at = last = end;
      this.#dropBefore(at);
    }
    return found;
  }

  /** The end of the first match of a program from an instruction on, or FAILED. */
  #run(start: number, from: number): number {
    const text = this.#text;
    const { length } = text;
    const code = this.#code;
    // Branches still to try: instruction, place, and the length of the path to it.
    const waiting = this.#waiting;
    const waitingFrom = waiting.length;
    // The splits on the way here: place and state.
    const path = this.#path;
    const pathFrom = path.length;
    let pc = start, at = from;
    for (;;) {
      const instruction = code[pc];
      let failed = false;
      switch (instruction.op) {
        case "character": {
          const { set } = instruction;
          const codePoint = at < length ? text.codePointAt(at)! : -1;
          if (
            codePoint >= 0 && (set.only === undefined ? set.has(codePoint) : set.only === codePoint)
          ) {
            at += codePoint > 0xFFFF ? 2 : 1;
            pc = instruction.next;
          } else failed = true;
          break;
        }
        case "run": {
          const end = this.#endOfRun(instruction, at);
          if (end < 0) failed = true;
          else {
            at = end;
            pc = instruction.next;
          }
          break;
        }
        case "split": {
          const { first, second, state } = instruction;
          const codePoint = at < length ? text.codePointAt(at)! : -1;
          const goesFirst = first.guard === undefined ||
            (codePoint >= 0 && first.guard.has(codePoint));
          const goesSecond = second.guard === undefined ||
            (codePoint >= 0 && second.guard.has(codePoint));
          if (!goesFirst && !goesSecond) {
            failed = true;
            break;
          }
          const both = goesFirst && goesSecond;
          if (both || instruction.repeats) {
            const page = this.#pageOf(at);
            const index = (at & (PAGE - 1)) * this.#states + state;
            const known = page[index];
            if (known > 0) return this.#succeed(pathFrom, waitingFrom, known - 1);
            if (known === FAILED) {
              failed = true;
              break;
            }
            page[index] = FAILED; // until another end is found
            path.push(at, state, 0);
            if (both) waiting.push(second.next, at, path.length);
          }
          pc = goesFirst ? first.next : second.next;
          break;
        }
        case "match":
          return this.#succeed(pathFrom, waitingFrom, at);
        case "place":
          if (this.#isAt(instruction.place, at)) pc = instruction.next;
          else failed = true;
          break;
        case "peek": {
          const follows = at < length && instruction.set.has(text.codePointAt(at)!);
          if (follows === instruction.negative) failed = true;
          else pc = instruction.next;
          break;
        }
        case "look": {
          const place = this.#before(at, instruction.behind);
          const found = place >= 0 && this.#run(instruction.start, place) !== FAILED;
          if (found === instruction.negative) failed = true;
          else pc = instruction.next;
          break;
        }
        case "atomic": {
          const end = this.#run(instruction.start, at);
          if (end === FAILED) failed = true;
          else {
            at = end;
            pc = instruction.next;
          }
          break;
        }
      }
      if (failed) {
        if (waiting.length === waitingFrom) {
          path.length = pathFrom;
          return FAILED;
        }
        const top = waiting.length -= 3;
        pc = waiting.items[top];
        at = waiting.items[top + 1];
        path.length = waiting.items[top + 2];
      }
    }
  }

  /** Keeps the end for all splits on the way to it. */
  #succeed(pathFrom: number, waitingFrom: number, end: number): number {
    const { items, length } = this.#path;
    for (let i = pathFrom; i < length; i += 3) {
      this.#pageOf(items[i])[(items[i] & (PAGE - 1)) * this.#states + items[i + 1]] = end + 1;
    }
    this.#path.length = pathFrom;
    this.#waiting.length = waitingFrom;
    return end;
  }

  #pageOf(at: number): Int32Array {
    const number = Math.floor(at / PAGE);
    const page = this.#pages[number];
    if (page !== undefined) return page;
    this.#bytes += 4 * this.#pageSize;
    if (this.#bytes > MAXIMUM_BYTES) {
      throw new RangeError("encode: the text is too long for a pattern of the tokenizer; split it");
    }
    if (number > 0) return this.#pages[number] = new Int32Array(this.#pageSize);
    return this.#pages[0] = this.#firstPage.fill(0, 0, this.#pageSize);
  }

  /** Results before a place are not needed again, as nothing but `look` goes back. */
  #dropBefore(at: number): void {
    const number = Math.floor(at / PAGE) - 1;
    for (; this.#dropped < number; this.#dropped++) {
      if (this.#pages[this.#dropped] === undefined) continue;
      this.#pages[this.#dropped] = undefined;
      this.#bytes -= 4 * this.#pageSize;
    }
  }

  /** The end of a run, or −1 if it is too short. Runs that begin inside the last one end there. */
  #endOfRun(instruction: Instruction & { op: "run" }, at: number): number {
    const { set, minimum } = instruction;
    const known = this.#runs.get(instruction);
    const text = this.#text;
    let end = at;
    if (known !== undefined && known[0] <= at && at < known[1]) end = known[1];
    else {
      while (end < text.length) {
        const codePoint = text.codePointAt(end)!;
        if (!set.has(codePoint)) break;
        end += codePoint > 0xFFFF ? 2 : 1;
      }
      if (end - at > 16) this.#runs.set(instruction, [at, end]);
    }
    for (let count = 0, place = at; count < minimum; count++, place = this.#after(place)) {
      if (place >= end) return -1;
    }
    return end;
  }

  #after(at: number): number {
    return at + (at < this.#text.length && this.#text.codePointAt(at)! > 0xFFFF ? 2 : 1);
  }

  /** The place some characters before, or −1. */
  #before(at: number, characters: number): number {
    let place = at;
    for (let count = 0; count < characters; count++) {
      if (place === 0) return -1;
      place--;
      if (place > 0 && this.#text.codePointAt(place - 1)! > 0xFFFF) place--;
    }
    return place;
  }

  #isWord(at: number): boolean {
    return at >= 0 && at < this.#text.length && WORD.has(this.#text.codePointAt(at)!);
  }

  #isAt(place: Place, at: number): boolean {
    const text = this.#text;
    switch (place) {
      case "text start":
        return at === 0;
      case "text end":
        return at === text.length;
      case "last line end":
        return at === text.length || (at === text.length - 1 && text[at] === "\n");
      case "line start":
        return at === 0 || (text[at - 1] === "\n" && at < text.length);
      case "line end":
        return at === text.length || text[at] === "\n";
      case "word boundary":
        return this.#isWord(this.#before(at, 1)) !== this.#isWord(at);
      case "no word boundary":
        return this.#isWord(this.#before(at, 1)) === this.#isWord(at);
    }
  }
}
