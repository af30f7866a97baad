/**
 * The thread in which an `Interrupt` listens while the main thread computes.
 *
 * It passes on the first signal. Then it ignores further ones for a moment and stops listening, so
 * that the system ends the process at the next one; if the main thread has not heard the signal by
 * then, it says so.
 *
 * @module
 */

import { stderr } from "./output.ts";

/** The first message to this thread. */
export interface Watch {
  /** Signals to listen for. */
  readonly signals: readonly Deno.Signal[];
  /** Milliseconds after the first signal in which further ones are ignored. */
  readonly ignoring: number;
  /** Line for standard error if the main thread is busy when they have passed. */
  readonly note: string;
}

/** The main thread's answer to a signal. */
export type Heard = "heard";

interface WorkerScope {
  onmessage: ((event: MessageEvent<Watch | Heard>) => void) | null;
  postMessage(message: Deno.Signal | "listening"): void;
}

const scope = globalThis as unknown as WorkerScope;

let isBusy = true;

scope.onmessage = ({ data }) => {
  if (data === "heard") isBusy = false;
  else listen(data);
};

function listen({ signals, ignoring, note }: Watch): void {
  const listeners = signals.map((signal) => [signal, () => heard(signal)] as const);
  let isHeard = false;
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  scope.postMessage("listening");

  function heard(signal: Deno.Signal): void {
    if (isHeard) return;
    isHeard = true;
    scope.postMessage(signal);
    setTimeout(() => {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
      if (isBusy) stderr.write(`\n${note}\n`);
    }, ignoring);
  }
}
