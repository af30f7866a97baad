/**
 * Retries of requests to a server: one budget of tries and one of time, both renewed by progress
 * only, so that no server keeps a reader forever.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { UnreachableError } from "./unreachable.ts";

/** Milliseconds before the second try; doubled for each further one. */
const FIRST_PAUSE = 200;
/** Bytes that count as progress. */
const PROGRESS = 1 << 16;
/** The longest `Retry-After` that is waited for, in seconds. */
const LONGEST_WAIT = 60;
/** Statuses besides 5xx that are worth a retry: Request Timeout, Too Many Requests. */
const PASSING = [408, 429];

/** How long to retry. */
export interface PatienceOptions {
  /** Number of consecutive failures that are followed by another try. */
  readonly retries: number;
  /** Milliseconds without progress after which there is no further try; default: any number. */
  readonly time?: number;
  /** Whether to retry if there is no answer at all; default true. */
  readonly unanswered?: boolean;
  /** Ends a pause; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** The tries of one file. */
export class Patience {
  readonly #options: PatienceOptions;
  #failures = 0;
  #waited = false;
  #since = performance.now();
  #arrived = 0;

  /** Starts with full budgets. */
  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Counts bytes that arrived: 64 KiB of them renew the budgets. */
  received(bytes: number): void {
    this.#arrived += bytes;
    if (this.#arrived < PROGRESS) return;
    this.#arrived = this.#failures = 0;
    this.#waited = false;
    this.#since = performance.now();
  }

  /**
   * Waits until the next try.
   *
   * @throws the error itself, if there is no further try: it is a decision of the user or of the
   *   server, or a budget is spent
   */
  async afterFailure(error: unknown): Promise<void> {
    const { retries, time = Infinity, signal } = this.#options;
    if (signal?.aborted) throw signal.reason;
    const refusal = error instanceof UnreachableError ? error.refusal : undefined;
    if (!this.#mayPass(error)) throw error;
    const wait = refusal?.retryAfter;
    const isSpent = ++this.#failures > retries || performance.now() - this.#since > time;
    if (isSpent || wait !== undefined && (this.#waited || wait > LONGEST_WAIT)) {
      throw this.#counted(error);
    }
    if (wait === undefined) return await pause(FIRST_PAUSE * 2 ** (this.#failures - 1), signal);
    this.#waited = true;
    await pause(1000 * wait, signal);
    this.#since = performance.now();
  }

  #mayPass(error: unknown): boolean {
    if (!(error instanceof UserError)) return this.#options.unanswered !== false;
    if (!(error instanceof UnreachableError)) return false;
    const { refusal } = error;
    if (!refusal) return this.#options.unanswered !== false;
    return refusal.status >= 500 || PASSING.includes(refusal.status);
  }

  #counted(error: unknown): unknown {
    if (this.#failures === 1 || !(error instanceof UnreachableError)) return error;
    return error.triedTimes(this.#failures);
  }
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    function end() {
      clearTimeout(timer);
      reject(signal!.reason);
    }
    signal?.addEventListener("abort", end, { once: true });
  });
}
