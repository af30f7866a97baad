/**
 * Yields to the event loop during long work, so that signals (Ctrl-C) and timers are handled.
 *
 * On the CPU every read-back is ready immediately, so a loop of training steps or tokens would
 * otherwise never leave the queue of microtasks.
 *
 * @module
 */

/** Milliseconds of work between two yields, so that a signal is handled within 50. */
const YIELD_INTERVAL = 25;

/** Time of this thread's last yield; all callers share its event loop. */
let last = performance.now();

/** Lets waiting events run if the last yield was at least `YIELD_INTERVAL` milliseconds ago. */
export async function yieldToEvents(): Promise<void> {
  if (performance.now() - last < YIELD_INTERVAL) return;
  await nextTurn();
  last = performance.now();
}

/** Waits for the next iteration of the event loop; a timer would take a millisecond more. */
function nextTurn(): Promise<void> {
  // Not by a message in Deno: the first npm package that uses Node's API replaces the global
  // MessageChannel by one whose messages arrive before any timer.
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
