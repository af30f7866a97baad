/**
 * A worker thread of the CPU device: instantiates the kernels that the shared memory lists, runs
 * programs, parks between them, and retires after 0.3 s without one.
 *
 * It receives one message, with its memory and number; everything else reaches it through the
 * shared memory.
 *
 * @module
 */
import { openBlas } from "./blas.ts";
import { CONTROL, locked } from "./scheduler.ts";
import { KernelTable } from "./kernel_table.ts";

interface Start {
  memory: WebAssembly.Memory;
  scheduler: Uint8Array<ArrayBuffer>;
  thread: number;
  /** The path of the system BLAS that kernels may call. */
  blas?: string;
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { memory, scheduler, thread, blas } }) => {
  const sgemm = blas === undefined ? undefined : openBlas(blas, memory);
  const kernels = new KernelTable(memory, scheduler, sgemm);
  const words = new Int32Array(memory.buffer, 0, 1024);
  let seen = locked(words, () => {
    Atomics.add(words, CONTROL.joined / 4, 1);
    return Atomics.load(words, CONTROL.epoch / 4);
  });
  const isStopped = () => Atomics.load(words, CONTROL.stop / 4) !== 0;
  while (!isStopped()) {
    kernels.park(seen);
    if (isStopped()) break;
    const epoch = Atomics.load(words, CONTROL.epoch / 4);
    if (epoch === seen) {
      if (retires(words, seen, thread)) break;
      continue;
    }
    seen = epoch;
    kernels.loadListed();
    kernels.run(thread);
  }
  scope.close();
};

/**
 * Leaves the device if no program was started since the epoch `seen`, and none runs that was
 * started without this worker; a later one starts a new worker.
 */
function retires(words: Int32Array, seen: number, thread: number): boolean {
  return locked(words, () => {
    if (Atomics.load(words, CONTROL.epoch / 4) !== seen) return false;
    if (Atomics.load(words, CONTROL.busy / 4) !== 0) return false;
    Atomics.sub(words, CONTROL.joined / 4, 1);
    Atomics.store(words, CONTROL.alive / 4 + thread, 0);
    return true;
  });
}
