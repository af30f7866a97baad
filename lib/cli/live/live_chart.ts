/**
 * A run's live page as the training side sees it: it sends updates, and a page on 127.0.0.1 shows
 * them.
 *
 * A separate thread serves the page (worker.ts). Nothing here waits for a viewer, and a failing
 * server cannot disturb training.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import type { Answer, LiveUpdate, Start } from "./messages.ts";

/** Milliseconds to wait at the end for viewers to receive the last updates. */
const CLOSE_TIMEOUT = 1000;

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
  #pending: LiveUpdate[] = [];
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    worker: Worker,
    viewers: Int32Array<SharedArrayBuffer>,
    /** The page's address. */
    readonly url: string,
  ) {
    this.#worker = worker;
    this.#viewers = viewers;
  }

  /**
   * Starts to serve on a port of 127.0.0.1; 0 takes any free one; `player` is the address of a
   * {@linkcode Player}, a module that is loaded when a page asks for what it makes.
   *
   * @throws {UserError} if the port cannot be opened
   */
  static async open(port: number, player?: string): Promise<LiveChart> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const viewers = new Int32Array(new SharedArrayBuffer(4));
    const start: Start = { port, viewers, player };
    const answered = nextAnswer(worker);
    worker.postMessage(start);
    const answer = await answered;
    if (answer?.kind === "listening") {
      return new LiveChart(worker, viewers, `http://127.0.0.1:${answer.port}/`);
    }
    worker.terminate();
    throw new UserError(refusal(port, answer));
  }

  /** Number of open pages; updates that take time to compute can be skipped if there are none. */
  get viewers(): number {
    return Atomics.load(this.#viewers, 0);
  }

  /**
   * Queues an update; the queue is sent to the server when the caller next yields to the event
   * loop.
   */
  send(update: LiveUpdate): void {
    const last = this.#pending.at(-1);
    if (update.kind === "progress" && last?.kind === "progress") this.#pending.pop();
    this.#pending.push(update);
    this.#flushing ??= setTimeout(() => this.#flush());
  }

  /** Sends what is queued and ends; viewers have a second to receive it, and keep their page. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#flush();
    const closed = nextAnswer(this.#worker);
    this.#worker.postMessage("close");
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_TIMEOUT);
    await Promise.race([closed, promise]);
    clearTimeout(timer);
    this.#worker.terminate();
  }

  #flush(): void {
    this.#worker.postMessage(this.#pending);
    this.#pending = [];
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
  }
}

/**
 * The server's next answer; undefined if its thread failed, which must not fail training.
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
  const failure = `the live page cannot be served on port ${port} of 127.0.0.1`;
  if (answer?.kind !== "refused") return `${failure}: its thread did not start`;
  if (answer.name !== "AddrInUse") return `${failure}: ${answer.message}`;
  return `${failure}: it is in use; choose another with --live-port, or 0 for any free port`;
}
