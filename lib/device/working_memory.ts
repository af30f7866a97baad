/**
 * Memory for the intermediate results of several programs that never run at the same time.
 *
 * plan.ts takes it slot by slot, the largest first; lib/tensor/compile.ts records a program again
 * if a larger one has taken its place.
 *
 * @module
 */
import type { Device } from "./device.ts";
import { Storage } from "./storage.ts";

/**
 * The memory that compiled functions share: `compile(f, { memory })`. It grows to what the largest
 * of them needs.
 *
 * ```ts
 * import { compile, exp, openDevice, tensor, WorkingMemory } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const memory = new WorkingMemory();
 * const [short, long] = [tensor([0, 1]), tensor([0, 1, 2, 3])];
 * const programs = [short, long].map((x) => compile(() => exp(exp(x)), { memory }));
 * console.log(await programs[0]().data()); // [2.718…, 15.15…]
 * console.log((await programs[1]().data()).length, memory.bytes); // 4 512
 * device.close();
 * ```
 */
export class WorkingMemory {
  readonly #slots: Storage[] = [];

  /** Bytes in use by the largest program so far. */
  get bytes(): number {
    return this.#slots.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * A storage for each size, the largest first. One that is too small is freed and replaced by a
   * larger one: the programs that use it notice, and record themselves again.
   *
   * @internal
   */
  take(device: Device, sizes: readonly number[]): Storage[] {
    return sizes.map((bytes, i) => {
      const slot = this.#slots[i];
      if (slot?.device === device && slot.bytes >= bytes) return slot;
      slot?.dispose();
      return this.#slots[i] = Storage.persistent(device, bytes);
    });
  }
}
