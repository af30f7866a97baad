/**
 * The processes that train one model together, each on its share of every update's batches
 * (data parallelism), through the system's MPI.
 *
 * Every process holds the whole model. An update adds their gradients and each then makes the same
 * step, so that parameters stay equal without being sent again. See lib/device/mpi.ts for the
 * library, trainer.ts for the step.
 *
 * @module
 */
import { codeHash } from "../data/code_files.ts";
import {
  type AbortCall,
  BUCKET_BYTES,
  INTERFACES,
  launchedProcesses,
  Mpi,
  type MpiKind,
} from "../device/mpi.ts";
import { describe, UserError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { VERSION } from "../version.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectDeno } from "../runtime.ts";

/** Options of `openWorld`. */
export interface WorldOptions {
  /**
   * The MPI library: `auto` takes the launcher's; `openmpi`, `mpich` or `abi` (MPI 5's standard
   * interface) the system's of that kind, anything else is a path. Default `auto`.
   */
  mpi?: string;
}

/**
 * Joins the processes that a launcher started together with this one. Without a launcher it is a
 * world of one process, which loads no MPI.
 *
 * ```ts
 * import { openWorld } from "../../mod.ts";
 * const world = await openWorld(); // started by: mpirun -n 4 deno run --allow-ffi --allow-env …
 * console.log(`process ${world.rank} of ${world.size}`); // process 0 of 1
 * world.close();
 * ```
 *
 * @throws {UserError} if the library cannot be opened, or is not the launcher's; or if a process
 * runs other code than process 0: another script, another copy of Folio or another Deno
 * @throws {TypeError} if an option is unknown or no text
 */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  checkOptions("openWorld", options, { mpi: "auto" });
  expectDeno("open a world of processes", "MPI");
  const { mpi = "auto" } = options;
  if (typeof mpi !== "string") {
    throw new TypeError(`openWorld: mpi must be a name or a path, got ${describe(mpi)}`);
  }
  const launched = launchedProcesses();
  if (mpi === "auto" && launched.size === 1 && !launched.kind) {
    return new World(undefined);
  }
  const opened = open(mpi, launched.kind);
  if (opened.size !== launched.size) {
    throw new UserError(
      `MPI: the launcher started ${launched.size} processes and ${opened.version} sees ` +
        `${opened.size}: the launcher is of another MPI than the library, and each process would ` +
        "train alone; start with that library's own mpirun, or name its library with --mpi",
    );
  }
  const world = new World(opened);
  world.expectSame("version of Folio", VERSION);
  world.expectSame("code", (await codeHash()).slice(0, 12));
  return world;
}

/** Opens a library by its kind, or by its path, which must then name one. */
function open(choice: string, launcher: MpiKind | undefined): Mpi {
  if (choice === "auto") return new Mpi(launcher ?? "openmpi");
  if (Object.hasOwn(INTERFACES, choice)) return new Mpi(choice as MpiKind);
  const kind = choice.includes("mpi_abi") ? "abi" : choice.includes("mpich") ? "mpich" : launcher;
  return new Mpi(kind ?? "openmpi", choice);
}

/** Processes that compute together; this one is number `rank` of `size`. */
export class World {
  /** This process's number, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** How many of them are on this machine. */
  readonly processesHere: number;
  readonly #mpi: Mpi | undefined;
  readonly #machines: number;
  /**
   * Shared with a thread that watches: the second at which this process entered MPI, since 1970, 0
   * outside, −1 after the end; and the updates done.
   *
   * @internal
   */
  readonly clock: Int32Array = new Int32Array(new SharedArrayBuffer(8));
  #milliseconds = 0;
  #closed = false;

  /** @internal */
  constructor(mpi: Mpi | undefined) {
    this.#mpi = mpi;
    this.rank = mpi?.rank ?? 0;
    this.size = mpi?.size ?? 1;
    const machines = this.gatherTexts(mpi?.machine ?? "");
    this.processesHere = machines.filter((machine) => machine === machines[this.rank]).length;
    this.#machines = new Set(machines).size;
  }

  /** Milliseconds that this process has spent in MPI so far. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** The library, and how many machines the processes are on. */
  describe(): string {
    if (!this.#mpi) return "1 process";
    const places = this.#machines === 1 ? "1 machine" : `${this.#machines} machines`;
    const buckets = `buckets of ${BUCKET_BYTES / 2 ** 20} MB`;
    return `${this.size} processes on ${places}, ${this.#mpi.version}, ${buckets}`;
  }

  /**
   * Sums an f32 tensor over all processes, in place. On the CPU the library adds in the tensor's
   * own memory; a GPU's memory is read and written again.
   *
   * @throws {TypeError} if the tensor is not f32
   */
  async allReduce(tensor: Tensor): Promise<void> {
    if (tensor.dtype !== "f32") {
      throw new TypeError(`World.allReduce: expected an f32 tensor, got ${tensor.dtype}`);
    }
    await this.#withBytes(tensor, (mpi, { buffer, byteOffset, byteLength }) => {
      mpi.sum(new Float32Array(buffer, byteOffset, byteLength / 4));
    });
  }

  /** Copies a tensor of process 0 to all others. */
  async broadcast(tensor: Tensor): Promise<void> {
    await this.#withBytes(tensor, (mpi, bytes) => mpi.broadcast(bytes));
  }

  /** Bytes of process 0, in all processes; the others pass undefined. */
  broadcastBytes(bytes: Uint8Array | undefined): Uint8Array {
    return this.#timed((mpi) => {
      const length = new Float64Array([bytes?.length ?? 0]);
      mpi.broadcast(new Uint8Array(length.buffer));
      const received = this.rank === 0 ? bytes! : new Uint8Array(length[0]);
      mpi.broadcast(received);
      return received;
    }) ?? bytes!;
  }

  /** A value of process 0 as JSON, in all processes; the others' is not read. */
  broadcastJson<Value>(value: Value | undefined): Value {
    const text = this.rank === 0 ? new TextEncoder().encode(JSON.stringify(value)) : undefined;
    return JSON.parse(new TextDecoder().decode(this.broadcastBytes(text)));
  }

  /** The numbers of each process, by rank; all must pass equally many. */
  gather(numbers: readonly number[]): number[][] {
    const own = Float64Array.from(numbers);
    return this.#timed((mpi) => {
      const all = new Float64Array(mpi.gather(new Uint8Array(own.buffer)).buffer);
      return Array.from(
        { length: this.size },
        (_, rank) => [...all.subarray(rank * own.length, (rank + 1) * own.length)],
      );
    }) ?? [[...numbers]];
  }

  /** A text of at most 255 bytes of each process, by rank. */
  gatherTexts(text: string): string[] {
    const bytes = new Uint8Array(256);
    const { written } = new TextEncoder().encodeInto(text, bytes.subarray(1));
    bytes[0] = written;
    return this.#timed((mpi) => {
      const all = mpi.gather(bytes);
      return Array.from({ length: this.size }, (_, rank) => {
        const start = 256 * rank;
        return new TextDecoder().decode(all.subarray(start + 1, start + 1 + all[start]));
      });
    }) ?? [text];
  }

  /** Whether the flag is set in any process. */
  any(flag: boolean): boolean {
    if (!this.#mpi) return flag;
    return this.gather([flag ? 1 : 0]).some(([set]) => set === 1);
  }

  /**
   * Checks that all processes have the same text, such as a hash.
   *
   * @throws {UserError} naming the first process that has another
   */
  expectSame(what: string, text: string): void {
    const texts = this.gatherTexts(text);
    const other = texts.findIndex((found) => found !== texts[0]);
    if (other < 0) return;
    throw new UserError(
      `world: process ${other} has another ${what} (${texts[other]}) than process 0 ` +
        `(${texts[0]}); start the same script with the same flags everywhere`,
    );
  }

  /**
   * Checks that all processes have the same bits in a tensor.
   *
   * @throws {UserError} naming the first process that has others
   */
  async expectEqual(what: string, tensor: Tensor): Promise<void> {
    if (!this.#mpi) return;
    const { device, storage } = tensor;
    const bytes = device.hostBytes?.(storage) ?? new Uint8Array(await device.read(storage));
    const hashes = this.gather([hashOf(bytes)]);
    const other = hashes.findIndex(([hash]) => hash !== hashes[0][0]);
    if (other < 0) return;
    throw new UserError(
      `world: process ${other} has other ${what} than process 0; its machine computes or ` +
        "communicates wrongly. Continue from the last checkpoint without it",
    );
  }

  /**
   * Whether sums of `count` numbers have the bits of a pairwise sum, (0+1)+(2+3), as one process
   * that accumulates gradients computes it: depends on the MPI, the number of processes and the
   * count.
   */
  sumsPairwise(count: number): boolean {
    return this.#timed((mpi) => {
      const numbers = sampleOf(this.rank, count);
      mpi.sum(numbers);
      const expected = pairwiseSum(Array.from({ length: this.size }, (_, rank) => rank));
      const same = numbers.every((number, i) => number === expected[i % SAMPLE]);
      return this.gather([same ? 1 : 0]).every(([equal]) => equal === 1);
    }) ?? true;
  }

  /** Ends all processes with an exit code; no process returns from what it waits for. */
  abort(code = 1): void {
    this.#mpi?.abort(code);
  }

  /**
   * How another thread can end all processes while this one waits in MPI; undefined if this one is
   * alone.
   *
   * @internal
   */
  get abortCall(): AbortCall | undefined {
    return this.#mpi?.abortCall;
  }

  /**
   * Leaves the world, once all processes do. A process that ends without it, because of an error,
   * ends the others: the launcher stops them.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    Atomics.store(this.clock, 0, LEFT);
    this.#mpi?.finish();
  }

  async #withBytes(
    { device, storage }: Tensor,
    body: (mpi: Mpi, bytes: Uint8Array<ArrayBuffer>) => void,
  ): Promise<void> {
    if (!this.#mpi) return;
    const shared = device.hostBytes?.(storage);
    const bytes = shared ?? new Uint8Array(await device.read(storage));
    this.#timed((mpi) => body(mpi, bytes));
    if (!shared) device.write(storage, bytes);
  }

  #timed<Result>(body: (mpi: Mpi) => Result): Result | undefined {
    if (!this.#mpi) return undefined;
    const before = performance.now();
    Atomics.store(this.clock, 0, Date.now() / 1000);
    try {
      return body(this.#mpi);
    } finally {
      Atomics.store(this.clock, 0, 0);
      this.#milliseconds += performance.now() - before;
    }
  }
}

/** What the clock says once the world is closed. */
const LEFT = -1;

/** FNV-1a of the 32-bit words. */
function hashOf({ buffer, byteOffset, byteLength }: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(buffer, byteOffset, byteLength / 4)) {
    hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  }
  return hash;
}

/** Numbers in a sample, which then repeat. */
const SAMPLE = 1021;

/** Numbers whose sums depend on the order, different in each process. */
function sampleOf(rank: number, count: number): Float32Array<ArrayBuffer> {
  const sample = Float32Array.from({ length: SAMPLE }, (_, i) => {
    const hash = Math.imul(i + 1, 2654435761) ^ Math.imul(rank + 1, 1664525);
    return (hash >>> 8) / 2 ** 24 * 10 ** (i % 5 - 2);
  });
  return Float32Array.from({ length: count }, (_, i) => sample[i % SAMPLE]);
}

/** (0+1)+(2+3) of the processes' samples; a rest joins the sum before it. */
function pairwiseSum(ranks: readonly number[]): Float32Array {
  let sums = ranks.map((rank) => sampleOf(rank, SAMPLE));
  while (sums.length > 1) {
    const next: Float32Array<ArrayBuffer>[] = [];
    for (let i = 0; i < sums.length; i += 2) {
      const [a, b] = [sums[i], sums[i + 1]];
      next.push(b ? a.map((number, j) => number + b[j]) : a);
    }
    sums = next;
  }
  return sums[0];
}
