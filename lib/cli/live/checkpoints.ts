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
    if (!this.#isWanted) return;
    const wait = Math.max(0, this.#mayRead - performance.now());
    this.#timer ??= setTimeout(() => this.read(), wait);
  }

  /** Reads the newest now, if there is one that the viewers lack. */
  read(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#reading = this.#reading.then(() => this.#read());
  }

  get #isWanted(): boolean {
    return this.#isStale && this.feed.viewers > 0 && this.feed.run !== undefined;
  }

  async #read(): Promise<void> {
    if (!this.#isWanted) return;
    this.#isStale = false;
    const { folder } = this.feed.run!;
    const checkpoint = await this.load().then((player) => player.readCheckpoint(folder))
      .catch(({ message }: Error) => ({ reason: message }));
    this.feed.update([{ kind: "checkpoint", ...checkpoint }]);
    this.#mayRead = performance.now() + PACE;
  }
}
