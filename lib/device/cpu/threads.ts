/**
 * How many threads the CPU device may have where it runs: workers need memory that is shared with
 * them, and the thread that opens the device must be allowed to wait for them.
 *
 * @module
 */
import { runtime } from "../../runtime.ts";

/** A number of threads, and why it is lower than asked for. */
export interface Threads {
  /** Threads, the opening one among them. */
  readonly count: number;
  /** Why there is only one. */
  readonly reason?: string;
}

/** `asked` threads, default all cores, or one with the reason where more cannot work. */
export function usableThreads(asked?: number): Threads {
  const reason = asked === 1 ? undefined : obstacle();
  if (reason !== undefined) return { count: 1, reason };
  return { count: asked ?? globalThis.navigator?.hardwareConcurrency ?? 1 };
}

/** Why a second thread cannot work here; undefined if it can. */
function obstacle(): string | undefined {
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false) {
    return "one thread, because the page is not cross-origin isolated (headers COOP and COEP)";
  }
  if (typeof SharedArrayBuffer === "undefined") {
    return "one thread, because threads have no memory to share here (no SharedArrayBuffer)";
  }
  if (typeof Worker === "undefined") return `one thread, because ${runtime()} has no web workers`;
  if (!mayWait()) {
    return "one thread, because a page's main thread may not wait for others; open the device in a worker";
  }
}

/** Whether this thread may block, which browsers forbid to the main thread of a page. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0); // returns: 0 is not 1
    return true;
  } catch {
    return false;
  }
}
