/**
 * The CPU device: WebAssembly SIMD kernels on all cores over one shared memory.
 *
 * It emits kernels at their first use, writes programs as records for the scheduler, and wakes the
 * workers. The main thread is thread 0 and computes like the others. A launch of one chunk runs on
 * the main thread alone, so small tensors do not pay for threads.
 *
 * @module
 */
import type { Device, DeviceTraits, LoadedProgram } from "../device.ts";
import type { GemmPlan, GemmRequest } from "../gemm.ts";
import type { Allocation, Launch, Range } from "../launch.ts";
import {
  bufferNames,
  type Constants,
  encodeScalars,
  type Kernel,
  kernelKey,
  type KernelLibrary,
} from "../kernel.ts";
import { emitKernel } from "../kernel_builder.ts";
import type { Recorder } from "../recorder.ts";
import { Allocator, type Block } from "./allocator.ts";
import { type Blas, findBlas } from "./blas.ts";
import { expectValue, wholeNumber } from "../../rules.ts";
import { relaxedSimdSupported } from "../../wasm/assembler.ts";
import { dependencies } from "./dependencies.ts";
import { chooseCpuGemm } from "./gemm_choice.ts";
import { KernelTable } from "./kernel_table.ts";
import { usableThreads } from "./threads.ts";
import { wideAdvice, wideVectors } from "./wide_vectors.ts";
import { CONTROL, HEAP, locked, MAX_KERNELS, RECORD, schedulerModule } from "./scheduler.ts";

/** Options of the CPU device. */
export interface CpuOptions {
  /** Threads, the main one among them; one where workers cannot help. Default: all cores. */
  threads?: number;
  /** Use fused multiply-add. Default: if the engine supports it. */
  relaxedSimd?: boolean;
  /**
   * Matmul by a system BLAS: `auto`, or a library's name or path; if it cannot be loaded, the
   * device's description says why. Default: none.
   */
  blas?: string;
  /** Use vectors of 256 bits. Default: if V8 was told to make them (wide_vectors.ts). */
  wideVectors?: boolean;
  /** Why this device was chosen, for its description. */
  reason?: string;
}

const MAX_THREADS = 64;

const TRAITS: Omit<DeviceTraits, "wideVectors"> = {
  workgroupThreads: 1,
  vec4Loads: false, // its kernels are vectorized for all sizes
  manyCores: false,
  isAsynchronous: false,
  symmetricProducts: true,
  integerProducts: true,
  maxHeadSize: Infinity,
  tokensPerRead: 1,
};

/** Runs kernels as WebAssembly, on `threads` threads. */
export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly traits: DeviceTraits;
  readonly description: string;
  readonly advice: string | undefined;
  readonly threads: number;
  readonly blas: Blas | undefined;
  recorder: Recorder | undefined;
  readonly #memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
  readonly #heap = new Allocator(this.#memory, HEAP);
  readonly #scheduler = schedulerModule();
  readonly #table: KernelTable;
  readonly #relaxed: boolean;
  readonly #slots = new Map<string, number>();
  #scratch: Block | undefined;
  #single: Block;

  constructor(options: CpuOptions = {}) {
    const { count: threads, reason: alone } = usableThreads(options.threads);
    expectValue("cpu: threads", wholeNumber({ min: 1, max: MAX_THREADS }), threads);
    this.threads = threads;
    this.#relaxed = options.relaxedSimd ?? relaxedSimdSupported();
    const isWide = options.wideVectors ?? wideVectors();
    this.traits = { ...TRAITS, wideVectors: isWide };
    this.#single = this.#heap.allocate(RECORD.bytes);
    const library = options.blas === undefined ? undefined : this.#findBlas(options.blas);
    const found = library && "blas" in library ? library : undefined;
    this.blas = found?.blas;
    this.#table = new KernelTable(this.#memory, this.#scheduler, found?.sgemm);
    const bits = isWide ? " of 256 bits" : "";
    const simd = (this.#relaxed ? "relaxed SIMD" : "SIMD") + bits;
    const count = `${threads} thread${threads > 1 ? "s" : ""}`;
    const parts = [...found ? [found.blas.name] : [], `WebAssembly ${simd}`, count].join(", ");
    const trouble = library && "reason" in library ? library.reason : this.blas?.advice;
    const reasons = [options.reason, trouble].filter((reason) => reason);
    const chosen = [`cpu (${parts})`, ...reasons].join(": ");
    this.description = alone ? `${chosen}; ${alone}` : chosen;
    this.advice = isWide || this.blas ? undefined : wideAdvice();
    this.#startWorkers();
  }

  chooseGemm(request: GemmRequest): GemmPlan {
    return chooseCpuGemm(request, {
      hasBlas: this.blas !== undefined,
      isWide: this.traits.wideVectors,
    });
  }

  allocate(bytes: number): Allocation {
    return this.#heap.allocate(bytes);
  }
  release(allocation: Allocation): void {
    this.#heap.release(allocation as Block);
  }
  write(target: Range, data: ArrayBufferView): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.#memory.buffer).set(bytes, pointerOf(target));
  }
  read(source: Range): Promise<ArrayBuffer> {
    return Promise.resolve(this.peek(source));
  }
  peek(source: Range): ArrayBuffer {
    const copy = new Uint8Array(source.bytes);
    copy.set(new Uint8Array(this.#memory.buffer, pointerOf(source), source.bytes));
    return copy.buffer;
  }
  hostBytes(range: Range): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#memory as { buffer: unknown } as { buffer: ArrayBuffer };
    return new Uint8Array(buffer, pointerOf(range), range.bytes);
  }

  launch(launch: Launch<Range>): void {
    const { slot, words, chunks } = this.#bind(launch);
    const block = this.#heap.allocate(words.byteLength);
    this.#words(block.pointer, words.length).set(words);
    try {
      if (chunks === 1) this.#call(launch.kernel.name, slot, block.pointer);
      else if (chunks > 1) {
        this.#record(this.#single.pointer, { slot, chunks, block: block.pointer, after: 0 });
        this.#run(this.#single.pointer, 1, false);
      }
    } finally {
      this.#heap.release(block);
    }
  }

  /** Runs a launch of one chunk on this thread. */
  #call(name: string, slot: number, block: number): void {
    try {
      this.#table.call(slot, block, 0, this.#scratch?.pointer ?? 0);
    } catch (cause) {
      throw trapError(name, { cause });
    }
  }

  load(launches: readonly Launch<Range>[]): LoadedProgram {
    const after = dependencies(launches);
    const bound = launches.map((launch) => this.#bind(launch));
    const blockWords = bound.reduce((sum, { words }) => sum + words.length, 0);
    const alone = bound.every(({ chunks }) => chunks <= 1);
    const records = this.#heap.allocate(Math.max(1, bound.length) * RECORD.bytes);
    const blocks = this.#heap.allocate(Math.max(1, blockWords) * 4);
    let at = blocks.pointer;
    bound.forEach(({ slot, words, chunks }, i) => {
      this.#words(at, words.length).set(words);
      this.#record(records.pointer + i * RECORD.bytes, {
        slot,
        chunks,
        block: at,
        after: after[i],
      });
      at += words.byteLength;
    });
    return {
      run: () => this.#run(records.pointer, bound.length, alone),
      dispose: () => {
        this.#heap.release(records);
        this.#heap.release(blocks);
      },
    };
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
  memory(): { used: number; peak: number; scratch: number } {
    const scratch = this.#scratch?.bytes ?? 0;
    return { used: this.#heap.used, peak: this.#heap.peak, scratch };
  }
  close(): void {
    // The workers end by themselves: a worker that is terminated keeps the shared memory forever.
    this.#store(CONTROL.stop, 1);
    const words = new Int32Array(this.#memory.buffer, 0, 1024);
    Atomics.add(words, CONTROL.epoch / 4, 1);
    Atomics.notify(words, CONTROL.epoch / 4);
  }

  #findBlas(choice: string) {
    const scratch = this.#heap.allocate(256);
    const found = findBlas(choice, this.#memory, scratch.pointer);
    this.#heap.release(scratch);
    return found;
  }

  /**
   * Runs a list of records; with `alone`, if no launch has work for a second thread, the workers
   * are not woken.
   */
  #run(program: number, length: number, alone: boolean): void {
    if (length === 0) return;
    if (!alone) this.#startWorkers();
    const words = new Int32Array(this.#memory.buffer, 0, 1024);
    locked(words, () => {
      words[CONTROL.program / 4] = program;
      words[CONTROL.programLength / 4] = length;
      words[CONTROL.threads / 4] = alone ? 1 : 1 + words[CONTROL.joined / 4];
      words[CONTROL.busy / 4] = 1;
      if (!alone) Atomics.add(words, CONTROL.epoch / 4, 1);
    });
    if (!alone && this.threads > 1) Atomics.notify(words, CONTROL.epoch / 4);
    try {
      this.#table.run(0);
    } finally {
      Atomics.store(words, CONTROL.busy / 4, 0);
    }
    this.#throwTrap(words);
  }

  #throwTrap(words: Int32Array): void {
    const trapped = Atomics.exchange(words, CONTROL.trapped / 4, 0);
    if (trapped === 0) return;
    const [name] = [...this.#slots.keys()][trapped - 1].split(",");
    throw trapError(name);
  }

  /**
   * Starts the workers that are not running; until one has joined, and if it never does, the other
   * threads compute its chunks.
   */
  #startWorkers(): void {
    const words = new Int32Array(this.#memory.buffer, 0, 1024);
    for (let thread = 1; thread < this.threads; thread++) {
      if (Atomics.load(words, CONTROL.alive / 4 + thread)) continue;
      Atomics.store(words, CONTROL.alive / 4 + thread, 1);
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      worker.addEventListener("error", (event) => event.preventDefault());
      worker.postMessage({
        memory: this.#memory,
        scheduler: this.#scheduler,
        thread,
        blas: this.blas?.path,
      });
    }
  }

  #record(at: number, fields: Record<"slot" | "chunks" | "block" | "after", number>): void {
    const words = this.#words(at, RECORD.bytes / 4).fill(0);
    for (const [name, value] of Object.entries(fields)) {
      words[RECORD[name as keyof typeof fields] / 4] = value;
    }
  }

  #bind(launch: Launch<Range>): { slot: number; words: Uint32Array; chunks: number } {
    const { kernel, constants, scalars, buffers } = launch;
    const cpu = kernel.cpu;
    if (!cpu) {
      throw new TypeError(`${kernel.name}: it has no CPU kernel; run it with the device 'webgpu'`);
    }
    const sizes = cpu.tiling?.choose(scalars, constants) ?? {};
    const all = { ...scalars, ...sizes };
    this.#reserveScratch(cpu.scratchBytes?.(all, constants) ?? 0);
    const chunks = cpu.chunks(all, constants);
    const scalarWords = encodeScalars(kernel, scalars);
    const sizeWords = cpu.tiling?.sizes.map((name) => sizes[name]) ?? [];
    const words = new Uint32Array(buffers.length + scalarWords.length + sizeWords.length + 1);
    buffers.forEach((buffer, i) => words[i] = buffer ? pointerOf(buffer) : 0);
    words.set(scalarWords, buffers.length);
    words.set(sizeWords, buffers.length + scalarWords.length);
    words[words.length - 1] = chunks;
    return { slot: this.#slot(kernel, constants), words, chunks };
  }

  #slot(kernel: Kernel, constants: Constants): number {
    const key = kernelKey(kernel, constants);
    const slot = this.#slots.get(key);
    if (slot !== undefined) return slot;
    const library = kernel.cpu!.library?.(constants);
    if (library && !this.#slots.has(library.name)) this.#addLibrary(library);
    return this.#add(key, kernel.name, this.#emit(kernel, constants));
  }

  #addLibrary({ name, module }: KernelLibrary): void {
    this.#add(name, name, module({ relaxed: this.#relaxed }));
  }

  /** Loads a module into the next slot on this thread, and lists it for the others. */
  #add(key: string, name: string, bytes: Uint8Array<ArrayBuffer>): number {
    this.#load(name, bytes);
    const slot = this.#list(bytes);
    this.#slots.set(key, slot);
    return slot;
  }

  /** Loads the next module on this thread; only a valid one is listed for the others. */
  #load(name: string, bytes: Uint8Array<ArrayBuffer>): void {
    try {
      this.#table.load(this.#slots.size, bytes);
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw error;
      throw new TypeError(
        `${name}: its CPU kernel is no valid WebAssembly: ${error.message}; check the types of the values it stores and passes`,
        { cause: error },
      );
    }
  }

  #emit(kernel: Kernel, constants: Constants): Uint8Array<ArrayBuffer> {
    const { name, functions = {} } = kernel;
    const cpu = kernel.cpu!;
    const sizes = (cpu.tiling?.sizes ?? []).map((size) => [size, "u32"] as const);
    const scalars = { ...kernel.scalars, ...Object.fromEntries(sizes) };
    const build = { name, buffers: bufferNames(kernel), scalars, constants, functions };
    return emitKernel(build, (k) => cpu.emit(k), { relaxed: this.#relaxed });
  }

  #list(bytes: Uint8Array): number {
    const slot = this.#slots.size;
    if (slot >= MAX_KERNELS) throw new RangeError(`cpu: more than ${MAX_KERNELS} kernels`);
    const block = this.#heap.allocate(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, block.pointer);
    const entry = this.#words(CONTROL.directory + 8 * slot, 2);
    entry[0] = block.pointer;
    entry[1] = bytes.length;
    this.#store(CONTROL.kernels, slot + 1);
    return slot;
  }

  #reserveScratch(bytes: number): void {
    const perThread = Math.ceil(bytes / 4096) * 4096;
    if (this.#scratch && this.#scratch.bytes >= perThread * this.threads) return;
    if (perThread === 0) return;
    if (this.#scratch) this.#heap.release(this.#scratch);
    this.#scratch = this.#heap.allocate(perThread * this.threads);
    this.#store(CONTROL.scratch, this.#scratch.pointer);
    this.#store(CONTROL.scratchBytes, perThread);
  }

  #words(pointer: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, pointer, length);
  }
  #store(address: number, value: number): void {
    Atomics.store(new Int32Array(this.#memory.buffer, 0, 1024), address / 4, value);
  }
}

function trapError(name: string, options?: ErrorOptions): Error {
  return new Error(
    `${name}: its CPU kernel trapped, by an address out of bounds or an integer division by 0; ` +
      "check its loads, stores and divisions",
    options,
  );
}

function pointerOf(range: Range): number {
  return (range.allocation as Block).pointer + range.byteOffset;
}
