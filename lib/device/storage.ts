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
  #allocation: Allocation | undefined;
  #owned = false;
  #disposed = false;

  #byteOffset: number;

  private constructor(readonly device: Device, readonly bytes: number, byteOffset = 0) {
    this.#byteOffset = byteOffset;
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
    const storage = new Storage(device, bytes);
    storage.#allocation = device.allocate(Math.max(4, bytes));
    storage.#owned = true;
    released.register(storage, { device, allocation: storage.#allocation }, storage);
    return storage;
  }

  /**
   * A slice of this storage; `byteOffset` is a multiple of 256. The slice keeps the whole alive.
   */
  part(byteOffset: number, bytes: number): Storage {
    if (byteOffset % 256 !== 0 || byteOffset + bytes > this.bytes) {
      throw new RangeError(
        `storage: a part needs an offset that 256 divides and must lie inside ${this.bytes} bytes; got ${byteOffset} + ${bytes}`,
      );
    }
    const part = new Storage(this.device, bytes, this.byteOffset + byteOffset);
    part.#allocation = this.allocation;
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
    return this.#disposed;
  }

  /** True until the recorded program's plan has given the storage its place. */
  get pending(): boolean {
    return this.#allocation === undefined && !this.#disposed;
  }

  /**
   * The place of the bytes. Error if they were released, or belong to a program still being
   * recorded.
   */
  get allocation(): Allocation {
    if (this.#disposed) {
      throw new Error("tensor: its memory was freed (dispose or scope); keep it or copy it");
    }
    if (!this.#allocation) {
      throw new Error(
        "tensor: it belongs to a program that is being recorded, so it has no value yet; return it from the compiled function",
      );
    }
    return this.#allocation;
  }

  /** Bytes from the allocation's start to this storage's, a multiple of 256. */
  get byteOffset(): number {
    return this.#byteOffset;
  }

  /** Gives a recorded storage its place, or moves a persistent one (its old memory is released). */
  place(range: Range): void {
    if (this.#owned) this.dispose();
    this.#disposed = this.#owned = false;
    this.#allocation = range.allocation;
    this.#byteOffset = range.byteOffset;
    this.whole = range instanceof Storage ? range : undefined;
  }

  /** Releases the memory now. */
  dispose(): void {
    if (this.#owned && this.#allocation && !this.#disposed) {
      released.unregister(this);
      this.device.release(this.#allocation);
    }
    this.#disposed = true;
  }
}
