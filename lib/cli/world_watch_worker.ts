/**
 * The thread that ends a job of several processes when they no longer answer: the main thread then
 * waits inside MPI, which notices a cut network only after many minutes, or never.
 *
 * @module
 */
import { stderr } from "./output.ts";

/** The first message to this thread. */
export interface Watch {
  /**
   * The second at which the main thread entered MPI, since 1970, 0 outside, −1 after the end;
   * updates done.
   */
  readonly clock: Int32Array;
  /** Seconds that one call may take. */
  readonly timeout: number;
  /** This process's number. */
  readonly rank: number;
  /** The library's function that ends all processes, by its address, and its first argument. */
  readonly abort: {
    readonly address: bigint;
    readonly handle: "pointer" | "i32";
    readonly world: bigint;
  };
}

interface WorkerScope {
  onmessage: (event: MessageEvent<Watch>) => void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { clock, timeout, rank, abort } }) => {
  const { address, handle, world } = abort;
  const end = new Deno.UnsafeFnPointer(Deno.UnsafePointer.create(address)!, {
    parameters: [handle, "i32"],
    result: "i32",
  });
  setInterval(() => {
    const entered = Atomics.load(clock, 0);
    if (entered < 0) scope.close();
    if (entered <= 0 || Date.now() / 1000 - entered <= timeout) return;
    stderr.write(
      `error: process ${rank} has waited ${timeout} s for the others after step ` +
        `${Atomics.load(clock, 1)}: one of them hangs, or the network is cut. All end; continue ` +
        "from the last checkpoint with --resume\n",
    );
    end.call(handle === "i32" ? Number(world) : Deno.UnsafePointer.create(world), 1);
  }, 200);
};
