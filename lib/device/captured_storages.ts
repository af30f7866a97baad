/**
 * The memory that a recorded program captured: storages made outside it, which can be moved or
 * freed while the program lives.
 *
 * A loaded program contains addresses; lib/tensor/compile.ts records it again if one of them is no
 * longer valid.
 *
 * @module
 */
import type { Allocation, Placeable } from "./launch.ts";
import { Storage } from "./storage.ts";

interface Place {
  readonly storage: Placeable;
  readonly allocation: Allocation;
  readonly byteOffset: number;
  readonly touches: number;
}

/** Storages, and their places when this was made. */
export class CapturedStorages {
  readonly #places: readonly Place[];
  #changes: number;

  /**
   * Notes the current place of each storage.
   *
   * @throws {Error} if one has no memory
   */
  constructor(storages: Iterable<Placeable>) {
    this.#places = [...new Set(storages)].map((storage) => {
      storage.watch();
      const { allocation, byteOffset, touches } = storage;
      return { storage, allocation, byteOffset, touches };
    });
    this.#changes = Storage.changes;
  }

  /** Whether `storage` is one of them. */
  has(storage: Placeable): boolean {
    return this.#places.some((place) => place.storage === storage);
  }

  /**
   * Whether one was moved, freed or touched since: one comparison of integers, unless a watched
   * storage of any program has changed.
   */
  get haveChanged(): boolean {
    if (this.#changes === Storage.changes) return false;
    if (this.#places.some(hasChanged)) return true;
    this.#changes = Storage.changes;
    return false;
  }
}

function hasChanged({ storage, allocation, byteOffset, touches }: Place): boolean {
  return storage.disposed || storage.allocation !== allocation ||
    storage.byteOffset !== byteOffset || storage.touches !== touches;
}
