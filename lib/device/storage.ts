/**
 * Storage: the memory of a tensor, which may have no place yet while a program is recorded.
 *
 * Eager tensors get memory immediately and release it when they are disposed of or collected;
 * recorded ones get theirs from the program's plan. See lib/tensor for shapes.
 *
 * @module
 */
import type { Device } from "./device.ts";
import type { Allocation, Placeable, Range } from "./launch.ts";

const released = new FinalizationRegistry<{ device: Device; allocation: Allocation }>(
  ({ device, allocation }) => device.release(allocation),
);

/** Bytes on a device. */
export class Storage implements Placeable {
  static #changes = 0;
  #allocation: Allocation | undefined;
  #owned = false;
  #reserved = false;
  #disposed = false;
  #watched = false;
  #touches = 0;
  /** From the whole's start, or from the allocation's if there is no whole. */
  #byteOffset: number;

  private constructor(readonly device: Device, readonly bytes: number, byteOffset = 0) {
    this.#byteOffset = byteOffset;
  }

  /** How often a watched storage was moved, freed or touched, in the whole process. */
  static get changes(): number {
    return Storage.#changes;
  }

  /** New memory, or, while the device records, a place that the program's plan will assign. */
  static make(device: Device, bytes: number): Storage {
    return device.recorder ? new Storage(device, bytes) : Storage.persistent(device, bytes);
  }

  /**
   * Memory that is allocated immediately, even while the device records: for parameters, constants
   * and state.
   */
  static persistent(device: Device, bytes: number): Storage {
    const storage = Storage.reserved(device, bytes);
    storage.allocate();
    return storage;
  }

  /** Memory that `allocate` takes later, when its content is known. */
  static reserved(device: Device, bytes: number): Storage {
    const storage = new Storage(device, bytes);
    storage.#reserved = true;
    return storage;
  }

  /** Takes the memory of a reserved storage, if it has none yet. */
  allocate(): void {
    if (!this.#reserved || this.#disposed) return;
    this.#reserved = false;
    const allocation = this.#allocation = this.device.allocate(Math.max(4, this.bytes));
    this.#owned = true;
    released.register(this, { device: this.device, allocation }, this);
  }

  /**
   * A slice of this storage; `byteOffset` is a multiple of 256. The slice keeps the whole alive and
   * moves with it.
   */
  part(byteOffset: number, bytes: number): Storage {
    if (byteOffset % 256 !== 0 || byteOffset + bytes > this.bytes) {
      throw new RangeError(
        `storage: expected a part of ${this.bytes} bytes from a multiple of 256 on, got ` +
          `${bytes} bytes from ${byteOffset} on`,
      );
    }
    this.#expectPlaced();
    const part = new Storage(this.device, bytes, byteOffset);
    part.whole = this;
    return part;
  }
  /**
   * For a slice, the storage that it is part of: held so that the memory lives as long as its
   * slices.
   */
  whole: Storage | undefined;

  /** True once the memory has been released. */
  get disposed(): boolean {
    return this.#disposed || (this.whole?.disposed ?? false);
  }

  /** True until the recorded program's plan has given the storage its place. */
  get pending(): boolean {
    if (this.#disposed) return false;
    return this.whole ? this.whole.pending : this.#allocation === undefined;
  }

  /**
   * The place of the bytes.
   *
   * @throws {Error} if they were released, or belong to a program still being recorded
   */
  get allocation(): Allocation {
    this.#expectPlaced();
    return this.whole ? this.whole.allocation : this.#allocation!;
  }

  /** Bytes from the allocation's start to this storage's, a multiple of 256. */
  get byteOffset(): number {
    return this.whole ? this.whole.byteOffset + this.#byteOffset : this.#byteOffset;
  }

  /**
   * Gives a recorded storage its place, or moves a persistent one (its old memory is released). In
   * another storage, it moves with that one from then on.
   */
  place(range: Range): void {
    if (this.#owned) this.dispose();
    else this.#noteChange();
    this.#disposed = this.#owned = false;
    this.whole = range instanceof Storage ? range : undefined;
    this.#allocation = this.whole ? undefined : range.allocation;
    this.#byteOffset = this.whole ? 0 : range.byteOffset;
  }

  /** Counts in `changes`, from now on, when this storage is moved, freed or touched. */
  watch(): void {
    this.#watched = true;
    this.whole?.watch();
  }

  /** How often `touch` was called. */
  get touches(): number {
    return this.#touches;
  }

  /** Says that what is computed with this memory has changed: programs record it again. */
  touch(): void {
    this.#touches++;
    this.#noteChange();
  }

  /** Releases the memory now; what a program being recorded makes, its plan releases. */
  dispose(): void {
    if (this.#disposed || (this.pending && !this.#reserved)) return;
    if (this.#owned) {
      released.unregister(this);
      this.device.release(this.#allocation!);
    }
    this.#disposed = true;
    this.#noteChange();
  }

  #noteChange(): void {
    if (this.#watched) Storage.#changes++;
  }

  #expectPlaced(): void {
    if (this.disposed) {
      throw new Error("tensor: its memory was freed (dispose or scope); keep it or copy it");
    }
    if (this.pending) {
      throw new Error(
        "tensor: it belongs to a program that is being recorded, so it has no value yet; return it from the compiled function",
      );
    }
  }
}
