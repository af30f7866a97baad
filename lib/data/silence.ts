/**
 * The end of a request whose server is silent, or sends a byte now and then.
 *
 * @module
 */

/** Slowest transfer that is waited for, in bytes a second. */
const SLOWEST = 1000;

/** Aborts a request if its answer, or the next part of it, does not arrive in time. */
export class Silence {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  readonly #caller: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The time allowed for the next part, what is left of it, and when it began to run. */
  #allowed: number;
  #left: number;
  #since = 0;
  #arrived = 0;

  /**
   * Starts waiting: for the head of the answer `timeout` milliseconds, later three times as many.
   * `caller` aborts the request, too.
   */
  constructor(timeout: number, caller?: AbortSignal) {
    this.#timeout = timeout;
    this.#caller = caller;
    this.#allowed = this.#left = timeout;
    // Not AbortSignal.any: the garbage collector takes such a signal while a request waits for it.
    caller?.addEventListener("abort", this.#follow);
    if (caller?.aborted) this.#follow();
    this.resume();
  }

  /** For the request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The head of the answer has arrived: waits for its body. */
  answered(): void {
    const isRunning = this.#timer !== undefined;
    this.pause();
    this.#allowed = this.#left = 3 * this.#timeout;
    this.#arrived = 0;
    if (isRunning) this.resume();
  }

  /**
   * A part of the body has arrived. The time runs anew once there are enough bytes for the time
   * that is allowed for them.
   */
  received(bytes: number): void {
    this.#arrived += bytes;
    if (this.#arrived >= SLOWEST * this.#allowed / 1000) this.answered();
  }

  /** Nobody reads now: the time does not run. */
  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#left -= performance.now() - this.#since;
  }

  /** Somebody reads: the time runs on. */
  resume(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#controller.abort(this.#reason()), Math.max(0, this.#left));
  }

  /** Stops waiting. */
  end(): void {
    this.pause();
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  readonly #follow = () => this.#controller.abort(this.#caller!.reason);

  #reason(): Error {
    const seconds = this.#allowed / 1000;
    const said = this.#arrived === 0 ? "no answer for" : `only ${this.#arrived} bytes in`;
    return new Error(`${said} ${seconds} s`);
  }
}
