/**
 * Reads a run's checkpoints for the viewers of its live page: none while nobody watches, and not
 * more often than a viewer could look at.
 *
 * @module
 */
import type { Feed } from "./feed.ts";
import type { Player } from "./messages.ts";

/** Minimum number of milliseconds between two readings, but for the one at the end. */
const PACE = 2000;

/** The checkpoints of the run of a feed. */
export class Checkpoints {
  #isStale = false;
  #mayRead = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** Reads with `load`, a player's function, once it is needed. */
  constructor(readonly feed: Feed, readonly load: () => Promise<Player>) {}

  /** Notes that there is a new one, or a viewer. */
  note(isSaved: boolean): void {
    this.#isStale ||= isSaved;
    if (!this.#isStale || this.feed.viewers === 0) return;
    const wait = Math.max(0, this.#mayRead - performance.now());
    this.#timer ??= setTimeout(() => this.read(), wait);
  }

  /** Reads the newest now, if there is one that the viewers lack. */
  read(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#reading = this.#reading.then(() => this.#read());
  }

  async #read(): Promise<void> {
    const { run, viewers } = this.feed;
    if (!this.#isStale || viewers === 0 || !run) return;
    this.#isStale = false;
    const checkpoint = await this.load().then((player) => player.readCheckpoint(run.folder))
      .catch(({ message }: Error) => ({ reason: message }));
    this.feed.update([{ kind: "checkpoint", ...checkpoint }]);
    this.#mayRead = performance.now() + PACE;
  }
}
