/**
 * One thread's kernels: its instance of the scheduler, and the function table through which the
 * scheduler calls them.
 *
 * Every thread has the same kernels in the same slots, read from the directory in shared memory.
 *
 * @module
 */
import type { Sgemm } from "./blas.ts";
import { CONTROL, RECORD } from "./scheduler.ts";

type Walk = (thread: number) => void;
type KernelFunction = (block: number, chunk: number, scratch: number) => void;

/** Instantiates kernels and runs programs on the thread that constructed it. */
export class KernelTable {
  readonly #table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  readonly #walk: Walk;
  /** Waits until the epoch is no longer `epoch`, at most 0.3 s. */
  readonly park: (epoch: number) => void;

  /** Creates the instance for a thread; `sgemm` is for kernels that import it. */
  constructor(
    readonly memory: WebAssembly.Memory,
    scheduler: Uint8Array<ArrayBuffer>,
    readonly sgemm?: Sgemm,
  ) {
    const { walk, park } = this.#instantiate(scheduler, { memory, table: this.#table });
    this.#walk = walk as Walk;
    this.park = park as (epoch: number) => void;
  }

  /**
   * Instantiates a kernel and puts it into `slot`, the table's next one; if its module is invalid,
   * throws what the engine says and leaves the table as it was.
   */
  load(slot: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { kernel } = this.#instantiate(bytes, { memory: this.memory, sgemm: this.sgemm! });
    if (slot === this.#table.length) this.#table.grow(1);
    this.#table.set(slot, kernel);
  }

  /** Instantiates the kernels that were listed since the last call. */
  loadListed(): void {
    const words = new Uint32Array(this.memory.buffer, 0, 16384); // addresses go beyond 2^31
    const listed = Atomics.load(words, CONTROL.kernels / 4);
    // If another thread has grown the memory, this thread's view may be stale; growing it by 0
    // pages refreshes it.
    if (listed > this.#table.length) this.memory.grow(0);
    for (let i = this.#table.length; i < listed; i++) {
      const at = CONTROL.directory / 4 + 2 * i;
      this.load(i, new Uint8Array(this.memory.buffer, words[at], words[at + 1]).slice());
    }
  }

  /**
   * Runs the program that the control words describe, as one of its threads. A kernel's trap leaves
   * out the rest of its chunk and is noted in `CONTROL.trapped`; the thread walks on, because the
   * others wait for it at each barrier. An error outside a kernel, such as of an exhausted stack,
   * is thrown.
   */
  run(thread: number): void {
    for (let before = "";;) {
      try {
        return this.#walk(thread);
      } catch (error) {
        const at = this.#noteTrap();
        if (at === before) throw error; // no chunk was claimed since the last error
        before = at;
      }
    }
  }

  /** Notes the kernel of the current launch; returns the launch and its chunks claimed so far. */
  #noteTrap(): string {
    const words = new Int32Array(this.memory.buffer);
    const done = words[CONTROL.round / 4] - words[CONTROL.firstRound / 4] | 0;
    const record = (words[CONTROL.program / 4] >>> 0) + done * RECORD.bytes;
    Atomics.store(words, CONTROL.trapped / 4, 1 + words[(record + RECORD.slot) / 4]);
    return `${done}:${words[(record + RECORD.claimed) / 4]}`;
  }

  /** Runs one chunk of the kernel in `slot` on this thread alone. */
  call(slot: number, block: number, chunk: number, scratch: number): void {
    (this.#table.get(slot) as KernelFunction)(block, chunk, scratch);
  }

  #instantiate(bytes: Uint8Array<ArrayBuffer>, env: WebAssembly.ModuleImports) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
    // deno-lint-ignore ban-types -- the exports of a module are functions of many types
    return instance.exports as Record<string, Function>;
  }
}
