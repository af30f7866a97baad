/**
 * A worker thread of the CPU device: loads the kernels that the shared memory lists, walks programs, parks in between.
 *
 * It takes one message, its memory and number; from then on everything reaches it through the shared memory.
 *
 * @module
 */
import { CONTROL, locked } from "./scheduler.ts";
import { KernelTable } from "./kernel_table.ts";

interface Start {
  memory: WebAssembly.Memory;
  scheduler: Uint8Array<ArrayBuffer>;
  thread: number;
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<Start>) => void) | null;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { memory, scheduler, thread } }) => {
  const kernels = new KernelTable(memory, scheduler);
  const words = new Int32Array(memory.buffer, 0, 1024);
  let seen = locked(words, () => {
    Atomics.add(words, CONTROL.joined / 4, 1);
    return Atomics.load(words, CONTROL.epoch / 4);
  });
  for (;;) {
    kernels.park(seen);
    seen = Atomics.load(words, CONTROL.epoch / 4);
    if (Atomics.load(words, CONTROL.stop / 4)) break;
    kernels.loadListed();
    kernels.walk(thread);
  }
  scope.close();
};
