/**
 * Splitting where the script changes, as SentencePiece's training of Unigram models does.
 *
 * @module
 */

import { SCRIPT_RUNS } from "./unicode_script_table.ts";

/** What belongs to every script, such as the space. */
const EVERY = -1;

interface ScriptTable {
  readonly starts: Uint32Array;
  readonly scripts: Int16Array;
}

let table: ScriptTable | undefined;

function readTable(): ScriptTable {
  const runs = SCRIPT_RUNS.split(" ").map((run) => run.split("."));
  let at = 0;
  return {
    starts: Uint32Array.from(runs, ([distance]) => at += parseInt(distance, 36)),
    scripts: Int16Array.from(runs, ([, script]) => script === "" ? EVERY : parseInt(script, 36)),
  };
}

function scriptOf(codePoint: number): number {
  const { starts, scripts } = table ??= readTable();
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (starts[middle] <= codePoint) low = middle;
    else high = middle - 1;
  }
  return scripts[low];
}

/**
 * Starts and ends of the pieces of one script. What belongs to every script joins the piece before
 * it; at the beginning of a text it is lost, as in the reference.
 */
export function scriptSplits(text: string): number[] {
  const pieces: number[] = [];
  let last = EVERY;
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at)!;
    const script = scriptOf(codePoint);
    if (script !== EVERY && script !== last) {
      if (pieces.length > 0) pieces.push(at);
      pieces.push(at);
      last = script;
    }
    at += codePoint > 0xFFFF ? 2 : 1;
  }
  if (pieces.length > 0) pieces.push(text.length);
  return pieces;
}
