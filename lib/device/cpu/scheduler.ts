/**
 * The scheduler: the WebAssembly loop in which all threads run the same list of launches.
 *
 * A program is a block of records, one per launch; threads claim chunks of a record with one atomic
 * add and go on to the next one. Each thread begins with a part of its own, the same of every
 * launch, and then helps with the others': chunks are in the order of the rows, so that most of
 * what a thread reads is what it wrote, in the cache of its core. Before a record they wait until
 * those that it depends on are done (dependencies.ts), and at the end for each other. A worker
 * takes part from the first program that starts after it has joined, so nothing waits for one that
 * starts slowly or cannot start at all. Waiting threads spin briefly, then sleep. The result does
 * not depend on which thread claims a chunk. kernel_table.ts fills the function table and continues
 * after a kernel's trap.
 *
 * @module
 */
import { type FunctionBuilder, I32, ModuleBuilder, V128 } from "../../wasm/assembler.ts";
import { KERNEL_PARAMETERS } from "../kernel_builder.ts";

/** Byte addresses of the control words, in separate cache lines; the heap starts at `HEAP`. */
export const CONTROL = {
  /** Counter of started programs; a parked worker waits for it to change. */
  epoch: 64,
  /** The address and the number of records of the running program. */
  program: 128,
  programLength: 132,
  /** Number of threads at the program's end, the programs ended so far, and the threads asleep. */
  arrived: 192,
  ended: 256,
  sleepers: 320,
  /** Number of threads that run the program. */
  threads: 384,
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
  /** For each thread the address of the record that it is at. */
  at: 1024,
  directory: 4096,
} as const;

/** The address at which the heap starts. */
export const HEAP = 65536;
/** Capacity of the directory, in kernels. */
export const MAX_KERNELS = (HEAP - CONTROL.directory) / 8;

/** Maximum of parts into which a launch's chunks are divided, one for each thread. */
const MAX_PARTS = 8;

/**
 * Fields of a launch's record: chunks, function slot, parameter block, chunks that are done, the
 * number of the program's first records that must be done before it starts, and the chunks claimed
 * of each part.
 */
export const RECORD = {
  chunks: 0,
  slot: 4,
  block: 8,
  done: 12,
  after: 16,
  claimed: 32,
  bytes: 32 + 4 * MAX_PARTS,
} as const;

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

/** The bytes of the scheduler's module: `walk(thread, record)` and `park(epoch)`. */
export function schedulerModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ table: true });
  module.export("walk", module.define({ thread: "i32", record: "i32" }, emitWalk));
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

/** Waits until `isOver` of the word at `address`; whoever changes it wakes the sleepers. */
function spinThenSleep(f: FunctionBuilder, address: I32, isOver: (value: I32) => I32): void {
  const spins = f.i32(SPINS);
  const value = f.i32(address.atomicLoad());
  f.while(isOver(value).eqz(), () => {
    f.if(spins.eqz(), () => {
      f.drop(word(CONTROL.sleepers).atomicAdd(1));
      f.drop(address.atomicWait(value, NAP));
      f.drop(word(CONTROL.sleepers).atomicAdd(-1));
    }, () => f.set(spins, spins.sub(1)));
    f.set(value, address.atomicLoad());
  });
}

/** Wakes the threads that sleep until the word at `address` changes. */
function wake(f: FunctionBuilder, address: I32): void {
  f.if(word(CONTROL.sleepers).atomicLoad(), () => f.drop(address.atomicNotify(-1)));
}

/**
 * Walks the program from `record`: the first one, or, for a thread that left the walk by a trap,
 * the one that it was at.
 */
function emitWalk(f: FunctionBuilder, { thread, record }: { thread: I32; record: I32 }): void {
  const program = f.i32(word(CONTROL.program).loadI32());
  const end = f.i32(program.add(word(CONTROL.programLength).loadI32().mul(RECORD.bytes)));
  const scratchBytes = word(CONTROL.scratchBytes).loadI32();
  const scratch = f.i32(word(CONTROL.scratch).loadI32().add(scratchBytes.mul(thread)));
  const at = f.i32(thread.mul(4).add(CONTROL.at));
  const parts = ownPart(f, thread);
  const firstOpen = f.i32(program);
  f.while(record.ltU(end), () => {
    f.storeI32(at, record);
    waitForRecords(f, firstOpen, program.add(record.loadI32(RECORD.after).mul(RECORD.bytes)));
    computeChunks(f, record, scratch, parts);
    f.set(record, record.add(RECORD.bytes));
  });
  waitForRecords(f, firstOpen, end);
  meet(f, program, end);
}

/** Waits until all records before `last` are done; those before `firstOpen` are known to be. */
function waitForRecords(f: FunctionBuilder, firstOpen: I32, last: I32): void {
  const stop = f.i32(last);
  f.while(firstOpen.ltU(stop), () => {
    const chunks = f.i32(firstOpen.loadI32(RECORD.chunks));
    spinThenSleep(f, f.i32(firstOpen.add(RECORD.done)), (done) => done.geU(chunks));
    f.set(firstOpen, firstOpen.add(RECORD.bytes));
  });
}

/** The number of parts of each launch, and a thread's own. */
interface Parts {
  readonly count: I32;
  readonly own: I32;
}

function ownPart(f: FunctionBuilder, thread: I32): Parts {
  const threads = f.i32(word(CONTROL.threads).loadI32());
  const count = f.minU(threads, MAX_PARTS);
  // Of the threads that were started, those that have joined may be any.
  return { count, own: f.i32(thread.mul(count).divU(threads).remU(count)) };
}

/** Claims chunks of the record, at first of the own part, and computes them until none is left. */
function computeChunks(f: FunctionBuilder, record: I32, scratch: I32, { count, own }: Parts): void {
  const chunks = f.i32(record.loadI32(RECORD.chunks));
  const part = f.i32(own);
  f.for(0, count, 1, () => {
    const first = f.i32(chunks.mul(part).divU(count));
    const end = f.i32(chunks.mul(part.add(1)).divU(count));
    const claimed = f.i32(record.add(part.mul(4)).add(RECORD.claimed));
    // An add would take the cache line from the threads that still claim.
    f.if(claimed.atomicLoad().ltU(end.sub(first)), () => {
      const chunk = f.i32(claimed.atomicAdd(1).add(first));
      f.while(chunk.ltU(end), () => {
        const block = record.loadI32(RECORD.block);
        const slot = record.loadI32(RECORD.slot);
        f.callIndirect(slot, KERNEL_PARAMETERS, { block, chunk, scratch });
        const isLast = record.atomicAdd(1, RECORD.done).eq(chunks.sub(1));
        f.if(isLast, () => wake(f, f.i32(record.add(RECORD.done))));
        f.set(chunk, claimed.atomicAdd(1).add(first));
      });
    });
    f.set(part, part.add(1).remU(count));
  });
}

/** Waits for the other threads at the program's end; the last one prepares its next run. */
function meet(f: FunctionBuilder, program: I32, end: I32): void {
  const ended = f.i32(word(CONTROL.ended).atomicLoad());
  const others = word(CONTROL.threads).loadI32().sub(1);
  f.if(word(CONTROL.arrived).atomicAdd(1).eq(others), () => {
    f.atomicStore(word(CONTROL.arrived), 0);
    f.while(program.ltU(end), () => {
      f.storeI32(program, 0, RECORD.done);
      for (let part = 0; part < MAX_PARTS; part += 4) {
        f.storeV128(program, V128.of(0), RECORD.claimed + 4 * part);
      }
      f.set(program, program.add(RECORD.bytes));
    });
    f.atomicStore(word(CONTROL.ended), ended.add(1));
    wake(f, word(CONTROL.ended));
  }, () => spinThenSleep(f, word(CONTROL.ended), (value) => value.ne(ended)));
}
