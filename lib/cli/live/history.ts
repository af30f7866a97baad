/**
 * The points of a run's curves so far, in bounded memory.
 *
 * @module
 */

/**
 * Points in the order of their steps, at most `limit` of them: beyond that, every second one is
 * dropped.
 */
export class History<Point extends readonly [step: number, ...rest: (number | undefined)[]]> {
  #points: Point[] = [];

  /** @throws {RangeError} if the limit is below 2 */
  constructor(readonly limit = 4000) {
    if (!(limit >= 2)) throw new RangeError(`History: the limit must be at least 2, got ${limit}`);
  }

  /** Adds a point whose step is not before the last one's. */
  add(point: Point): void {
    if (this.#points.length >= this.limit) {
      this.#points = this.#points.filter((_, index) => index % 2 === 0);
    }
    this.#points.push(point);
  }

  /** The points after a step. */
  after(step: number): readonly Point[] {
    const from = this.#points.findLastIndex((point) => point[0] <= step) + 1;
    return this.#points.slice(from);
  }
}
