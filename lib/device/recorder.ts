/**
 * Recording: the flat list of launches of a compiled function, before any memory is allocated.
 *
 * plan.ts plans the memory of the list.
 *
 * @module
 */
import type { Launch, Placeable } from "./launch.ts";

/**
 * A launch, or a request that `to` end up with `from`'s value: by renaming if that is safe,
 * otherwise by `copy`.
 */
export type Entry =
  | { readonly kind: "launch"; readonly launch: Launch<Placeable> }
  | {
    readonly kind: "move";
    readonly from: Placeable;
    readonly to: Placeable;
    readonly copy: Launch<Placeable>;
  };

/** Collects what a function launches while its device records. */
export class Recorder {
  /** Launches and moves so far, in program order. */
  readonly entries: Entry[] = [];

  /** Appends a launch. */
  launch(launch: Launch<Placeable>): void {
    this.entries.push({ kind: "launch", launch });
  }
  /**
   * Appends a request that `to` end up with `from`'s value; `copy` is the launch that does it if
   * renaming is not safe.
   */
  move(from: Placeable, to: Placeable, copy: Launch<Placeable>): void {
    this.entries.push({ kind: "move", from, to, copy });
  }

  /** The storages that the entries read or write: the program's own, and those made outside it. */
  storages(): { own: Placeable[]; captured: Placeable[] } {
    const buffers = this.entries.flatMap((entry) =>
      (entry.kind === "launch" ? entry.launch : entry.copy).buffers
    );
    const all = [...new Set(buffers)].filter((storage) => storage !== undefined);
    return {
      own: all.filter(({ pending }) => pending),
      captured: all.filter(({ pending, disposed }) => !pending && !disposed),
    };
  }
}
