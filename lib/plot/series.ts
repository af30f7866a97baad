/**
 * Series of values over steps: smoothed, and thinned to what a picture can show.
 *
 * @module
 */

/** A value at a step. */
export interface Point {
  /** Steps done, from 0. */
  readonly step: number;
  /** The value there. */
  readonly value: number;
}

/** The points whose value is a finite number. */
export function finitePoints(points: readonly Point[]): Point[] {
  return points.filter(({ step, value }) => Number.isFinite(step) && Number.isFinite(value));
}

/**
 * Exponential moving average over about `points` points: mₜ = m̂ₜ₋₁ + (vₜ − m̂ₜ₋₁)·a/(1 − (1 − a)ᵗ)
 * with a = 2/(points + 1), so that the first values are plain averages and nothing is drawn to zero.
 *
 * @example
 * ```ts
 * const smooth = movingAverage([{ step: 0, value: 1 }, { step: 1, value: 3 }], 1e9);
 * console.assert(Math.abs(smooth[1].value - 2) < 1e-6);
 * ```
 */
export function movingAverage(series: readonly Point[], points: number): Point[] {
  const rate = 2 / (points + 1);
  let sum = 0;
  let weight = 0;
  return series.map(({ step, value }) => {
    sum = (1 - rate) * sum + rate * value;
    weight = (1 - rate) * weight + rate;
    return { step, value: sum / weight };
  });
}

/**
 * A series with at most about `count` points that looks the same: of each stretch the least and the
 * greatest value are kept, and the ends.
 */
export function thin(series: readonly Point[], count: number): readonly Point[] {
  if (series.length <= count) return series;
  const stretch = Math.ceil(series.length / (count / 2));
  const kept = new Set<Point>([series[0]]);
  for (let start = 0; start < series.length; start += stretch) {
    const part = series.slice(start, start + stretch);
    const least = part.reduce((a, b) => b.value < a.value ? b : a);
    const greatest = part.reduce((a, b) => b.value > a.value ? b : a);
    for (const point of part) if (point === least || point === greatest) kept.add(point);
  }
  return [...kept.add(series.at(-1)!)];
}
