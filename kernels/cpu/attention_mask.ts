/**
 * Masks of attention: the keys that a query sees are a range, so a mask is a comparison with its
 * ends.
 *
 * @module
 */
import {
  type FunctionBuilder,
  type FunctionHandle,
  type I32,
  type ParametersOf,
  V128,
} from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { BLOCK, forAddresses, PANEL, roundUp, ROWS } from "./attention_blocks.ts";

/** The range of keys that queries see, relative to any of the keys. */
export interface Mask {
  /** The first query's position. */
  readonly position: I32;
  readonly behind: I32;
  readonly ahead: I32;
  /** The key after the last that counts. */
  readonly end: I32;
}

/**
 * The keys that `rows` queries see, or some of them: a query at position p sees max(0, p − behind)
 * … min(end, p + ahead + 1) − 1.
 */
export function visibleRange(
  f: FunctionBuilder,
  { position, behind, ahead, end }: Mask,
  rows: I32 | number = 1,
): { low: I32; high: I32 } {
  const low = f.max(position.sub(behind), 0);
  return { low, high: f.min(position.add(ahead).add(rows), end) };
}

/** Columns from … to − 1 of a panel's scores, multiples of four, and the panel's mask. */
export const MASKED_COLUMNS = {
  from: "i32",
  to: "i32",
  position: "i32",
  behind: "i32",
  ahead: "i32",
  end: "i32",
} as const;

/** `MASKED_COLUMNS` inside a function. */
export type MaskedColumns = ParametersOf<typeof MASKED_COLUMNS>;

/**
 * Calls `body` if a panel's queries see any key, with the columns that they see, rounded out to
 * whole pairs of vectors, and the mask: operands of a function with `MASKED_COLUMNS`; otherwise
 * `otherwise`.
 */
export function ifVisible(
  f: FunctionBuilder,
  { position, behind, ahead, end }: Mask,
  body: (columns: MaskedColumns) => void,
  otherwise?: () => void,
): void {
  const mask = { position, behind, ahead, end };
  const { low, high } = visibleRange(f, mask, PANEL);
  f.if(low.ltS(high), () => {
    body({ ...mask, from: f.i32(low.and(-8)), to: f.i32(roundUp(high, 8)) });
  }, otherwise);
}

const DOCUMENT_COLUMNS = {
  scores: "i32",
  from: "i32",
  to: "i32",
  first0: "i32",
  first1: "i32",
  first2: "i32",
  first3: "i32",
} as const;

/**
 * Defines a function that sets the scores of a panel's rows before the first keys of their
 * documents to −∞; the first keys are columns of the scores.
 */
export function defineHideBefore(k: KernelBuilder): FunctionHandle<typeof DOCUMENT_COLUMNS> {
  return k.define(DOCUMENT_COLUMNS, (f, { scores, from, to, ...first }) => {
    const firsts = [first.first0, first.first1, first.first2, first.first3]
      .map((column) => f.v128(column.toF32().splat()));
    f.for(from, to, 4, (column) => {
      const lane = f.v128(column.toF32().splat().add(V128.lanes(0, 1, 2, 3)));
      const at = f.i32(scores.at(column));
      for (const row of ROWS) {
        const values = at.loadV128(row * 4 * BLOCK);
        const hidden = lane.lt(firsts[row]).bitSelect(V128.of(-Infinity), values);
        f.storeV128(at, hidden, row * 4 * BLOCK);
      }
    });
  });
}

/**
 * Sets the hidden scores of a panel's rows to −∞; returns a loop over the columns, four at a time,
 * whose body receives their address in the first row.
 */
export function maskPanel(
  f: FunctionBuilder,
  scores: I32,
  { from, to, ...mask }: MaskedColumns,
): (body: (at: I32) => void) => void {
  const ranges = ROWS.map((row) =>
    visibleRange(f, { ...mask, position: f.i32(mask.position.add(row)) })
  );
  const hide = (columns: { from: I32; to: I32 }, hides: (lane: V128, row: number) => V128) =>
    f.for(columns.from, columns.to, 4, (column) => {
      const lane = f.v128(column.toF32().splat().add(V128.lanes(0, 1, 2, 3)));
      const at = f.i32(scores.at(column));
      for (const row of ROWS) {
        const hidden = hides(lane, row).bitSelect(V128.of(-Infinity), at.loadV128(row * 4 * BLOCK));
        f.storeV128(at, hidden, row * 4 * BLOCK);
      }
    });
  const splats = (values: I32[]) => values.map((value) => f.v128(value.toF32().splat()));
  const before = f.min(ranges[PANEL - 1].low, to);
  f.if(from.ltS(before), () => {
    const lows = splats(ranges.map(({ low }) => low));
    hide({ from, to: before }, (lane, row) => lane.lt(lows[row]));
  });
  const after = f.max(ranges[0].high.and(-4), from);
  f.if(after.ltS(to), () => {
    const highs = splats(ranges.map(({ high }) => high));
    hide({ from: after, to }, (lane, row) => lane.ge(highs[row]));
  });
  const [first, stop] = [f.i32(scores.at(from)), f.i32(scores.at(to))];
  return (body) => forAddresses(f, first, stop, body);
}
