/**
 * Room for events while tokens are made: on the CPU every read is ready at once, so that without a
 * pause no signal or timer would come through.
 *
 * @module
 */

/** Milliseconds of work between two pauses; a pause takes about one. */
const INTERVAL = 100;

/** Pauses now and then. */
export class EventLoop {
  #last = performance.now();

  /** Lets waiting events run, if the last pause is long ago. */
  async pause(): Promise<void> {
    if (performance.now() - this.#last < INTERVAL) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#last = performance.now();
  }
}
