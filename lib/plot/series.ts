/**
 * Series of values over steps: smoothing, and thinning to the resolution of a figure.
 *
 * @module
 */

/** A value at a step. */
export interface Point {
  /** Steps done, from 0. */
  readonly step: number;
  /** Value at that step. */
  readonly value: number;
}

/** The points whose value is a finite number. */
export function finitePoints(points: readonly Point[]): Point[] {
  return points.filter(({ step, value }) => Number.isFinite(step) && Number.isFinite(value));
}

/**
 * The mean over about `points` neighbors: each value and up to ⌊points / 2⌋ on both sides, fewer at
 * the ends, so that the curve neither lags behind its series nor bends at the ends.
 *
 * ```ts
 * const series = [1, 3, 8].map((value, step) => ({ step, value }));
 * console.assert(movingAverage(series, 3)[1].value === 4);
 * ```
 */
export function movingAverage(series: readonly Point[], points: number): Point[] {
  const reach = Math.floor(points / 2);
  const sums = [0];
  for (const { value } of series) sums.push(sums.at(-1)! + value);
  return series.map(({ step }, index) => {
    const near = Math.min(reach, index, series.length - 1 - index);
    return { step, value: (sums[index + near + 1] - sums[index - near]) / (2 * near + 1) };
  });
}

/**
 * A series with at most about `count` points that looks the same: the minimum and the maximum of
 * each interval are kept, and the ends.
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
