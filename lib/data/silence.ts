/**
 * A request that ends if its server is silent, or sends a byte now and then.
 *
 * The time limit does not rely on the signal of `fetch` alone: Deno keeps only a weak reference to
 * the signal that follows it, so that after a garbage collection an abort no longer reaches the
 * body, and a read of it would never end.
 *
 * @module
 */

/** Slowest transfer that is waited for, in bytes a second. */
const SLOWEST = 1000;

/** One request with a time limit for its answer and for each part of the body. */
export class Silence {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  readonly #caller: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Milliseconds allowed for the next part, the rest of them, and when that began to run. */
  #allowed: number;
  #left: number;
  #since = 0;
  #arrived = 0;

  /**
   * The head of the answer must arrive within `timeout` milliseconds, each part of the body within
   * three times as many. `caller` ends the request, too.
   */
  constructor(timeout: number, caller?: AbortSignal) {
    this.#timeout = timeout;
    this.#caller = caller;
    this.#allowed = this.#left = timeout;
    caller?.addEventListener("abort", this.#follow);
    if (caller?.aborted) this.#follow();
  }

  /** Sends the request and waits for the head of the answer. */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const answer = fetch(url, { ...init, signal: this.#controller.signal });
    const discard = () => void answer.then(({ body }) => body?.cancel()).catch(() => {});
    const response = await this.#inTime(answer, discard);
    this.#allow(3 * this.#timeout);
    return response;
  }

  /** A body that is read in time: the time runs only while a read is pending. */
  body(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = stream.getReader();
    const cancel = (reason?: unknown) => reader.cancel(reason).catch(() => {});
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const { value, done } = await this.#inTime(reader.read(), cancel);
      if (done) return controller.close();
      this.#received(value.length);
      controller.enqueue(value);
    };
    return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
  }

  /** Releases the caller's signal. */
  end(): void {
    this.#pause();
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  /** The result of `work`, unless the time runs out first; `abandon` is called then. */
  #inTime<Result>(work: Promise<Result>, abandon: () => void): Promise<Result> {
    const { signal } = this.#controller;
    return new Promise<Result>((resolve, reject) => {
      const stop = () => {
        reject(signal.reason);
        abandon();
      };
      const settled = () => {
        this.#pause();
        signal.removeEventListener("abort", stop);
      };
      work.then(resolve, reject).finally(settled);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop);
      this.#resume();
    });
  }

  /** Renews the time once there are enough bytes for the time that is allowed for them. */
  #received(bytes: number): void {
    this.#arrived += bytes;
    if (this.#arrived >= SLOWEST * this.#allowed / 1000) this.#allow(3 * this.#timeout);
  }

  #allow(milliseconds: number): void {
    this.#allowed = this.#left = milliseconds;
    this.#arrived = 0;
  }

  #resume(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#controller.abort(this.#reason()), Math.max(0, this.#left));
  }

  #pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#left -= performance.now() - this.#since;
  }

  readonly #follow = () => this.#controller.abort(this.#caller!.reason);

  #reason(): Error {
    const seconds = this.#allowed / 1000;
    const said = this.#arrived === 0 ? "no answer for" : `only ${this.#arrived} bytes in`;
    return new Error(`${said} ${seconds} s`);
  }
}
