/**
 * Signals that end a process: the first one is passed to the script, so that it can save its work.
 *
 * @module
 */
import type { Heard, Watch } from "./interrupt_worker.ts";
import { whenReaderLeaves } from "./output.ts";

/** Exit codes of the signals that end a process. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 141 };

/**
 * A signal that ends a process: Ctrl-C, a machine that shuts down, a terminal that closes, a reader
 * of the output that leaves.
 */
export type EndingSignal = keyof typeof EXIT_CODES;

/**
 * Milliseconds in which further signals are ignored: a terminal's Ctrl-C reaches a process
 * directly, and again through `deno task`.
 */
const SAME_SIGNAL = 500;

/**
 * Turns the first Ctrl-C into an aborted signal, so that a script can save its work; from half a
 * second later on another one ends the process immediately. Disposing restores the usual behavior.
 *
 * While the main thread computes it hears nothing. A script that computes for seconds without
 * yielding to events calls `listenInWorker`, so that the second Ctrl-C ends it even then.
 *
 * ```ts ignore
 * using interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"]);
 * for await (const event of trainingLoop(trainer, batches, { steps, signal: interrupt.signal })) {
 *   console.log(event.kind);
 * }
 * if (interrupt.signal.aborted) Deno.exit(interrupt.exitCode);
 * ```
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  #listeners = new Map<Deno.Signal, () => void>();
  #worker: Worker | undefined;
  readonly #listening = Promise.withResolvers<void>();
  #exitCode = 0;

  /** Starts to listen: for Ctrl-C, or for these signals. */
  constructor(signals: readonly EndingSignal[] = ["SIGINT"]) {
    if (signals.includes("SIGPIPE")) whenReaderLeaves(() => this.#heard("SIGPIPE"));
    for (const signal of signals.filter(isDelivered)) {
      const listener = signal === "SIGHUP"
        ? async () => await isDetached() || this.#heard(signal)
        : () => this.#heard(signal);
      this.#listeners.set(signal, listener);
      Deno.addSignalListener(signal, listener);
    }
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code that names the first signal: 130, 143, 129 or 141; 0 before there is one. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /**
   * Listens for Ctrl-C and SIGTERM in another thread, which prints `note` if the main thread is
   * busy when a signal arrives. Resolves once it listens; until then the main thread does. Further
   * calls do nothing.
   */
  async listenInWorker(note: string): Promise<void> {
    if (this.signal.aborted) return;
    if (!this.#worker) this.#startWorker(note);
    await this.#listening.promise;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    for (const signal of this.#listeners.keys()) this.#stopListening(signal);
    this.#worker?.terminate();
    this.#listening.resolve();
  }

  #startWorker(note: string): void {
    const signals = [...this.#listeners.keys()].filter((signal) => signal !== "SIGHUP");
    const worker = new Worker(new URL("./interrupt_worker.ts", import.meta.url), {
      type: "module",
    });
    worker.onmessage = ({ data }: MessageEvent<EndingSignal | "listening">) => {
      if (data !== "listening") {
        worker.postMessage("heard" satisfies Heard);
        return this.#heard(data);
      }
      for (const signal of signals) this.#stopListening(signal);
      this.#listening.resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault(); // the main thread goes on listening
      this.#listening.resolve();
    };
    worker.postMessage({ signals, ignoring: SAME_SIGNAL, note } satisfies Watch);
    this.#worker = worker;
  }

  #stopListening(signal: Deno.Signal): void {
    const listener = this.#listeners.get(signal);
    if (listener) Deno.removeSignalListener(signal, listener);
    this.#listeners.delete(signal);
  }

  #heard(signal: EndingSignal): void {
    if (this.signal.aborted) return;
    this.#exitCode = EXIT_CODES[signal];
    // Without a listener the system ends the process, which no loop can delay.
    Deno.unrefTimer(setTimeout(() => this[Symbol.dispose](), SAME_SIGNAL));
    this.#controller.abort();
  }
}

/**
 * Whether the system delivers this signal: Windows has only Ctrl-C, and Deno ignores SIGPIPE, so
 * that writing fails instead.
 */
function isDelivered(signal: EndingSignal): boolean {
  return signal === "SIGINT" || Deno.build.os !== "windows" && signal !== "SIGPIPE";
}

/**
 * Whether the process was started to outlive its terminal, as `nohup` does: then SIGHUP means
 * nothing to it. Deno does not report this, but `nohup` detaches the terminal and writes to a file.
 * Loading node:fs takes 45 ms, so it waits until a signal has arrived.
 */
async function isDetached(): Promise<boolean> {
  if ([Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal())) return false;
  const { fstatSync } = await import("node:fs");
  const output = fstatSync(1);
  return !output.isFIFO() && !output.isSocket();
}
