/** Yielding to the event loop during long work. */
import assert from "node:assert/strict";
import { yieldToEvents } from "../lib/yield_to_events.ts";

/** Calls `yieldToEvents` until a timer that was set before has fired. */
async function untilTimer(): Promise<number> {
  const start = performance.now();
  let fired = false;
  setTimeout(() => fired = true);
  while (!fired) {
    await yieldToEvents();
    assert.ok(performance.now() - start < 5000, "the timer never fired");
  }
  return performance.now() - start;
}

Deno.test("yieldToEvents lets a timer through during long work, but not at every call", async () => {
  await untilTimer();
  const milliseconds = await untilTimer(); // the last yield was just now
  assert.ok(milliseconds > 15, `yielded again after ${milliseconds} ms`);
});

Deno.test("a timer comes through after a package has loaded Node's MessageChannel", async () => {
  await import("node:worker_threads");
  for (let i = 0; i < 3; i++) assert.ok(await untilTimer() < 1000);
});
