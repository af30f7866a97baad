/**
 * Recording: the flat list of launches that a compiled function makes, before any memory is given.
 *
 * What is done with the list is left to plan.ts.
 *
 * @module
 */
import type { Launch } from "./device.ts";
import type { Storage } from "./storage.ts";

/**
 * A launch, or the wish that `from`'s value be in `to`, by renaming where that is safe and by
 * `copy` where it is not.
 */
export type Entry =
  | { readonly kind: "launch"; readonly launch: Launch<Storage> }
  | {
    readonly kind: "move";
    readonly from: Storage;
    readonly to: Storage;
    readonly copy: Launch<Storage>;
  };

/** Collects what a function launches while its device records. */
export class Recorder {
  /** What was launched and moved so far, in program order. */
  readonly entries: Entry[] = [];
  readonly #tracked = new Set<Storage>();

  /** Takes note of a storage that awaits its place. */
  track(storage: Storage): void {
    this.#tracked.add(storage);
  }
  /** All storages that await their place. */
  get tracked(): ReadonlySet<Storage> {
    return this.#tracked;
  }
  /** Takes note of a launch. */
  launch(launch: Launch<Storage>): void {
    this.entries.push({ kind: "launch", launch });
  }
  /**
   * Takes note of the wish that `from`'s value be in `to`; `copy` is the launch that fulfils it
   * where renaming cannot.
   */
  move(from: Storage, to: Storage, copy: Launch<Storage>): void {
    this.entries.push({ kind: "move", from, to, copy });
  }
}
