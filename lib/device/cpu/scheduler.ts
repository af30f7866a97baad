/**
 * The scheduler: the WebAssembly loop in which all threads run the same list of launches.
 *
 * A program is a block of records, one per launch; threads claim chunks of a record with one atomic
 * add, then wait for each other at a barrier. A worker takes part from the first program that
 * starts after it has joined, so nothing waits for one that starts slowly or cannot start at all.
 * Waiting threads spin briefly, then sleep. The result does not depend on which thread claims a
 * chunk. kernel_table.ts fills the function table and continues after a kernel's trap.
 *
 * @module
 */
import { type FunctionBuilder, I32, ModuleBuilder } from "../../wasm/assembler.ts";
import { KERNEL_PARAMETERS } from "../kernel_builder.ts";

/** Byte addresses of the control words, in separate cache lines; the heap starts at `HEAP`. */
export const CONTROL = {
  /** Counter of started programs; a parked worker waits for it to change. */
  epoch: 64,
  /** The address and the number of records of the running program. */
  program: 128,
  programLength: 132,
  /** Number of threads at the barrier, the barrier's round, and the number that sleep at it. */
  arrived: 192,
  round: 256,
  sleepers: 320,
  /** Number of threads that run the program, and the barrier's round when it was started. */
  threads: 384,
  firstRound: 388,
  /** Scratch memory: address, and bytes for each thread. */
  scratch: 448,
  scratchBytes: 452,
  /** Number of kernels; the directory has the (address, bytes) of each kernel's module. */
  kernels: 512,
  stop: 516,
  /** 1 + the slot of a kernel that trapped in the running program; 0 if none did. */
  trapped: 520,
  /** A lock around joining and starting, and the workers that have joined. */
  lock: 576,
  joined: 580,
  /** 1 while a program runs: a worker that has joined since waits for the next one. */
  busy: 584,
  /** For each thread a word that is 1 from its start until it retires. */
  alive: 640,
  directory: 4096,
} as const;

/** The address at which the heap starts. */
export const HEAP = 65536;
/** Capacity of the directory, in kernels. */
export const MAX_KERNELS = (HEAP - CONTROL.directory) / 8;

/** Fields of a launch's record: claimed chunks, chunks, function slot, parameter block. */
export const RECORD = { claimed: 0, chunks: 4, slot: 8, block: 12, bytes: 64 } as const;

/**
 * Rounds that a thread spins before it sleeps: about 50 µs, longer than the launches of a small
 * model.
 */
const SPINS = 20_000;
/**
 * Nanoseconds after which a sleeper checks again, 0.2 s: an engine can end a thread only while it
 * runs.
 */
const NAP = 200_000_000;
/**
 * Nanoseconds after which a worker without work retires, 0.3 s, unless a program runs: an idle one
 * would keep a finished script from ending.
 */
const IDLE = 300_000_000;

/** The bytes of the scheduler's module: `walk(thread)` and `park(epoch)`. */
export function schedulerModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ table: true });
  module.export("walk", module.define({ thread: "i32" }, (f, { thread }) => emitWalk(f, thread)));
  module.export("park", module.define({ seen: "i32" }, (f, { seen }) => emitPark(f, seen)));
  return module.encode();
}

/** Runs `body` while no other thread is inside a `locked` of the same memory. */
export function locked<T>(words: Int32Array, body: () => T): T {
  while (Atomics.compareExchange(words, CONTROL.lock / 4, 0, 1) !== 0);
  try {
    return body();
  } finally {
    Atomics.store(words, CONTROL.lock / 4, 0);
  }
}

/** A control word's address. */
const word = (address: number) => I32.of(address);

/** Waits until the epoch is no longer `seen`, at most `IDLE`. */
function emitPark(f: FunctionBuilder, seen: I32): void {
  const epoch = word(CONTROL.epoch);
  const spins = f.i32(SPINS);
  f.while(spins, () => {
    f.if(epoch.atomicLoad().ne(seen), () => f.return());
    f.set(spins, spins.sub(1));
  });
  f.drop(epoch.atomicWait(seen, IDLE));
}

/** Waits until the word at `address` is no longer `seen`. */
function spinThenSleep(f: FunctionBuilder, address: number, seen: I32, sleepers: number): void {
  const waited = word(address);
  const spins = f.i32(SPINS);
  f.while(waited.atomicLoad().eq(seen), () => {
    f.if(spins.eqz(), () => {
      f.drop(word(sleepers).atomicAdd(1));
      f.drop(waited.atomicWait(seen, NAP));
      f.drop(word(sleepers).atomicAdd(-1));
    }, () => f.set(spins, spins.sub(1)));
  });
}

/**
 * Walks the program, from the launch that the threads are at: the first one, or, for a thread that
 * left the walk by a trap, the one at whose barrier the others wait for it.
 */
function emitWalk(f: FunctionBuilder, thread: I32): void {
  const firstRound = word(CONTROL.firstRound).loadI32();
  const done = f.i32(word(CONTROL.round).atomicLoad().sub(firstRound));
  const record = f.i32(word(CONTROL.program).loadI32().add(done.mul(RECORD.bytes)));
  const left = f.i32(word(CONTROL.programLength).loadI32().sub(done));
  const threads = f.i32(word(CONTROL.threads).loadI32());
  const scratchBytes = word(CONTROL.scratchBytes).loadI32();
  const scratch = f.i32(word(CONTROL.scratch).loadI32().add(scratchBytes.mul(thread)));
  const chunk = f.i32();
  const round = f.i32();
  f.while(left, () => {
    const chunks = f.i32(record.loadI32(RECORD.chunks));
    f.set(chunk, record.atomicAdd(1, RECORD.claimed));
    f.while(chunk.ltU(chunks), () => {
      const block = record.loadI32(RECORD.block);
      const slot = record.loadI32(RECORD.slot);
      f.callIndirect(slot, KERNEL_PARAMETERS, { block, chunk, scratch });
      f.set(chunk, record.atomicAdd(1, RECORD.claimed));
    });
    f.set(round, word(CONTROL.round).atomicLoad());
    f.if(word(CONTROL.arrived).atomicAdd(1).eq(threads.sub(1)), () => {
      f.atomicStore(word(CONTROL.arrived), 0);
      f.atomicStore(record, 0, RECORD.claimed);
      f.atomicStore(word(CONTROL.round), round.add(1));
      f.if(word(CONTROL.sleepers).atomicLoad(), () => {
        f.drop(word(CONTROL.round).atomicNotify(-1));
      });
    }, () => spinThenSleep(f, CONTROL.round, round, CONTROL.sleepers));
    f.set(record, record.add(RECORD.bytes));
    f.set(left, left.sub(1));
  });
}
