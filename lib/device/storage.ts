/**
 * Storage: the memory behind a tensor, which while a program is recorded may have no place yet.
 *
 * Eager tensors get memory at once and give it back when they are disposed of or collected;
 * recorded ones get theirs from the program's plan. Shapes are left to lib/tensor.
 *
 * @module
 */
import type { Allocation, Device, Range } from "./device.ts";

const released = new FinalizationRegistry<{ device: Device; allocation: Allocation }>(
  ({ device, allocation }) => device.release(allocation),
);

/** Bytes on a device. */
export class Storage implements Range {
  #allocation: Allocation | undefined;
  #owned = false;
  #disposed = false;

  #byteOffset: number;

  private constructor(readonly device: Device, readonly bytes: number, byteOffset = 0) {
    this.#byteOffset = byteOffset;
  }

  /** New memory, or, while the device records, a place that the program's plan will give. */
  static make(device: Device, bytes: number): Storage {
    if (!device.recorder) return Storage.persistent(device, bytes);
    const storage = new Storage(device, bytes);
    device.recorder.track(storage);
    return storage;
  }

  /** New memory, now, whether or not the device records: for parameters, constants and state. */
  static persistent(device: Device, bytes: number): Storage {
    const storage = new Storage(device, bytes);
    storage.#allocation = device.allocate(Math.max(4, bytes));
    storage.#owned = true;
    released.register(storage, { device, allocation: storage.#allocation }, storage);
    return storage;
  }

  /** A part of this storage; `byteOffset` is a multiple of 256. The part keeps the whole alive. */
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
   * For a part, the storage it was cut from: held so that the memory lives as long as its parts.
   */
  whole: Storage | undefined;

  /** True once the memory was given back. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** True until a recorded storage's plan is made. */
  get pending(): boolean {
    return this.#allocation === undefined && !this.#disposed;
  }

  /**
   * Where the bytes are. Error when they are given back, or belong to a program still being
   * recorded.
   */
  get allocation(): Allocation {
    if (this.#disposed) {
      throw new Error("tensor: its memory was given back (dispose or scope); keep it or copy it");
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

  /** Gives a recorded storage its place, or moves a persistent one (its old memory goes back). */
  place(range: Range): void {
    if (this.#owned) this.dispose();
    this.#disposed = this.#owned = false;
    this.#allocation = range.allocation;
    this.#byteOffset = range.byteOffset;
    this.whole = range instanceof Storage ? range : undefined;
  }

  /** Gives the memory back now. */
  dispose(): void {
    if (this.#owned && this.#allocation && !this.#disposed) {
      released.unregister(this);
      this.device.release(this.#allocation);
    }
    this.#disposed = true;
  }
}
