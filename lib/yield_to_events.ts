/**
 * Yields to the event loop during long work, so that signals (Ctrl-C) and timers get through.
 *
 * On the CPU every read-back is ready immediately, so a loop of training steps or tokens would
 * otherwise never leave the queue of microtasks.
 *
 * @module
 */

/** Milliseconds of work between two yields; a yield takes about one. */
const YIELD_INTERVAL = 100;

/** When this thread last yielded: its event loop is one, whoever asks. */
let last = performance.now();

/** Lets waiting events run if the last yield was at least `YIELD_INTERVAL` milliseconds ago. */
export async function yieldToEvents(): Promise<void> {
  if (performance.now() - last < YIELD_INTERVAL) return;
  await new Promise((resolve) => setTimeout(resolve));
  last = performance.now();
}
