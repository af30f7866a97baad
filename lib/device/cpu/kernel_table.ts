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
import { PRIVATE_PAGES } from "../../wasm/assembler.ts";

type Walk = (thread: number, record: number) => void;
type KernelFunction = (block: number, chunk: number, scratch: number) => void;

/** Instantiates kernels and runs programs on the thread that constructed it. */
export class KernelTable {
  readonly #table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  /** What kernels may import: memories, the BLAS, and the functions of libraries. */
  readonly #imports: WebAssembly.ModuleImports;
  readonly #walk: Walk;
  /** Waits until the epoch is no longer `epoch`, at most 0.3 s. */
  readonly park: (epoch: number) => void;

  /** Creates the instance for a thread; `sgemm` is for kernels that import it. */
  constructor(
    readonly memory: WebAssembly.Memory,
    scheduler: Uint8Array<ArrayBuffer>,
    sgemm?: Sgemm,
  ) {
    const own = new WebAssembly.Memory({ initial: PRIVATE_PAGES, maximum: PRIVATE_PAGES });
    this.#imports = { memory, private: own, sgemm: sgemm! };
    const { walk, park } = this.#instantiate(scheduler, { memory, table: this.#table });
    this.#walk = walk as Walk;
    this.park = park as (epoch: number) => void;
  }

  /**
   * Instantiates a kernel and puts it into `slot`, the table's next one, or a library, whose
   * functions later kernels import; if the module is invalid, throws what the engine says and
   * leaves the table as it was.
   */
  load(slot: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { kernel, ...functions } = this.#instantiate(bytes, this.#imports);
    if (slot === this.#table.length) this.#table.grow(1);
    if (kernel) this.#table.set(slot, kernel);
    else Object.assign(this.#imports, functions);
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
   * others wait for it. An error outside a kernel, such as of an exhausted stack, is thrown.
   */
  run(thread: number): void {
    const words = new Int32Array(this.memory.buffer, 0, 1024);
    const at = CONTROL.at / 4 + thread;
    words[at] = words[CONTROL.program / 4];
    for (let before = this.#progress(words[at]);;) {
      try {
        return this.#walk(thread, words[at]);
      } catch (error) {
        const now = this.#progress(words[at]);
        if (now === before) throw error; // no chunk was claimed since the last error
        before = now;
        this.#noteTrap(words[at]);
      }
    }
  }

  /** The record and its chunks claimed so far, of each part. */
  #progress(record: number): string {
    const words = new Int32Array(this.memory.buffer);
    const start = record >>> 0;
    return `${record}:${words.subarray((start + RECORD.claimed) / 4, (start + RECORD.bytes) / 4)}`;
  }

  /** Notes the kernel of the record, and counts its chunk as done. */
  #noteTrap(record: number): void {
    const words = new Int32Array(this.memory.buffer);
    const start = (record >>> 0) / 4;
    Atomics.store(words, CONTROL.trapped / 4, 1 + words[start + RECORD.slot / 4]);
    Atomics.add(words, start + RECORD.done / 4, 1);
    Atomics.notify(words, start + RECORD.done / 4);
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
