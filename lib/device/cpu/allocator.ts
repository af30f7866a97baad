/**
 * The heap in the CPU device's shared memory: best fit over the free blocks; neighbors are joined
 * when they are freed.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import type { Allocation } from "../launch.ts";

/** A block of the shared memory, aligned to 64 bytes. */
export interface Block extends Allocation {
  readonly pointer: number;
  readonly bytes: number;
}

const ALIGNMENT = 64;
const PAGE = 65536;
const LIMIT_PAGES = 65536;

/** Allocates blocks in a growing WebAssembly memory. */
export class Allocator {
  #free: { pointer: number; bytes: number }[] = [];
  #used = 0;
  #peak = 0;
  /** Where the memory begins that no block has used. */
  #unused: number;

  /** Creates a heap of free memory, all 0, from `start` to the end of `memory`. */
  constructor(readonly memory: WebAssembly.Memory, start: number) {
    this.#unused = start;
    this.#free.push({ pointer: start, bytes: memory.buffer.byteLength - start });
  }

  get used(): number {
    return this.#used;
  }
  get peak(): number {
    return this.#peak;
  }

  /**
   * Allocates a block of at least `bytes`.
   *
   * @throws {UserError} if the 4 GiB of a 32-bit memory are used up
   */
  allocate(bytes: number): Block {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let best = -1;
    this.#free.forEach((block, i) => {
      if (block.bytes >= size && (best < 0 || block.bytes < this.#free[best].bytes)) best = i;
    });
    if (best < 0) {
      this.#grow(size);
      return this.allocate(bytes);
    }
    const block = this.#free[best];
    const pointer = block.pointer;
    if (block.bytes === size) this.#free.splice(best, 1);
    else this.#free[best] = { pointer: pointer + size, bytes: block.bytes - size };
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    const zeroed = pointer >= this.#unused;
    this.#unused = Math.max(this.#unused, pointer + size);
    return { pointer, bytes: size, zeroed };
  }

  /** Frees a block. */
  release(block: Block): void {
    this.#used -= block.bytes;
    let at = this.#free.findIndex((free) => free.pointer > block.pointer);
    if (at < 0) at = this.#free.length;
    this.#free.splice(at, 0, { pointer: block.pointer, bytes: block.bytes });
    this.#join(at);
    if (at > 0) this.#join(at - 1);
  }

  #join(at: number): void {
    const [block, next] = [this.#free[at], this.#free[at + 1]];
    if (!next || block.pointer + block.bytes !== next.pointer) return;
    this.#free.splice(at, 2, { pointer: block.pointer, bytes: block.bytes + next.bytes });
  }

  #grow(bytes: number): void {
    const before = this.memory.buffer.byteLength;
    const last = this.#free.at(-1);
    const have = last && last.pointer + last.bytes === before ? last.bytes : 0;
    const needed = Math.ceil((bytes - have) / PAGE);
    const room = LIMIT_PAGES - before / PAGE;
    const pages = Math.min(room, Math.max(needed, Math.ceil(before / PAGE / 4)));
    try {
      if (pages < needed) throw new RangeError();
      this.memory.grow(pages);
    } catch {
      throw new UserError(
        `cpu: no memory left for ${bytes} bytes; ${this.#used} are in use and the limit is 4 GiB. ` +
          "Use a smaller batch, context or model, and scope() in loops that read no value",
      );
    }
    const grown = pages * PAGE;
    if (have > 0) {
      this.#free[this.#free.length - 1] = { pointer: last!.pointer, bytes: have + grown };
    } else this.#free.push({ pointer: before, bytes: grown });
  }
}
