/**
 * Grids of numbers by layer, head and place: what sweeps over a model's parts result in.
 *
 * @module
 */
import type { Shape } from "../shape.ts";

/** An axis of a grid. */
export type GridAxis = "layer" | "head" | "place" | "part" | "neuron";

/** Numbers by the axes of a sweep, row by row. */
export interface ScoreGrid {
  /** What each axis counts. */
  readonly axes: readonly GridAxis[];
  /** The length of each axis. */
  readonly shape: Shape;
  /** One number for each cell. */
  readonly values: Float32Array;
}

/** The indices of every cell of a grid, in its order. */
export function cells(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (all, length) => all.flatMap((cell) => Array.from({ length }, (_, i) => [...cell, i])),
    [[]],
  );
}
