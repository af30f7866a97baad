/**
 * A run's live chart as the training side sees it: updates go in, and a page on 127.0.0.1 shows
 * them.
 *
 * The page is served by a thread of its own (worker.ts). Nothing here waits for a viewer, and
 * nothing that happens to the server reaches training.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import type { Answer, LiveUpdate, Start } from "./messages.ts";

/** Milliseconds that viewers have at the end to be told of it. */
const FAREWELL = 1000;

/**
 * Serves a page with a run's curves, sample and attention.
 *
 * ```ts
 * import { LiveChart } from "./live_chart.ts";
 * const chart = await LiveChart.open(0);
 * const { status } = await fetch(chart.url).then(async (page) => (await page.text(), page));
 * console.assert(status === 200);
 * chart.send({ kind: "training", points: [[1, 4.17, 1e-5, 9000]] });
 * chart.send({ kind: "end", ending: "finished" });
 * await chart.close();
 * ```
 */
export class LiveChart {
  readonly #worker: Worker;
  readonly #viewers: Int32Array<SharedArrayBuffer>;
  #waiting: LiveUpdate[] = [];
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    worker: Worker,
    viewers: Int32Array<SharedArrayBuffer>,
    /** Where the page is. */
    readonly url: string,
  ) {
    this.#worker = worker;
    this.#viewers = viewers;
  }

  /**
   * Starts to serve on a port of 127.0.0.1; 0 takes any free one. UserError where the port cannot
   * be had.
   */
  static async open(port: number): Promise<LiveChart> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const viewers = new Int32Array(new SharedArrayBuffer(4));
    const start: Start = { port, viewers };
    const answered = nextAnswer(worker);
    worker.postMessage(start);
    const answer = await answered;
    if (answer?.kind === "listening") {
      return new LiveChart(worker, viewers, `http://127.0.0.1:${answer.port}/`);
    }
    worker.terminate();
    throw new UserError(refusal(port, answer));
  }

  /** Pages that are open; what costs time to find out is worth finding out for them only. */
  get viewers(): number {
    return Atomics.load(this.#viewers, 0);
  }

  /**
   * Takes an update; the server is told of all that has come when the caller next lets timers
   * through.
   */
  send(update: LiveUpdate): void {
    const last = this.#waiting.at(-1);
    if (update.kind === "progress" && last?.kind === "progress") this.#waiting.pop();
    this.#waiting.push(update);
    this.#flushing ??= setTimeout(() => this.#flush());
  }

  /** Tells what is left and ends; viewers have a second to read it, and keep the page as it is. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#flush();
    const closed = nextAnswer(this.#worker);
    this.#worker.postMessage("close");
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FAREWELL);
    await Promise.race([closed, promise]);
    clearTimeout(timer);
    this.#worker.terminate();
  }

  #flush(): void {
    this.#worker.postMessage(this.#waiting);
    this.#waiting = [];
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
  }
}

/**
 * The server's next answer; undefined where its thread has failed, which is no reason to fail here.
 */
function nextAnswer(worker: Worker): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(undefined);
    };
  });
}

function refusal(port: number, answer: Answer | undefined): string {
  const place = `the live chart cannot be served on port ${port} of 127.0.0.1`;
  if (answer?.kind !== "refused") return `${place}: its thread did not start`;
  if (answer.name !== "AddrInUse") return `${place}: ${answer.message}`;
  return `${place}: it is in use; name another with --live-port, or 0 for any free one`;
}
