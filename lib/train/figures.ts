/**
 * Loss and gradient norm of each step, kept in a ring buffer on the device and read many at a time,
 * because a read takes 10 ms on WebGPU. See trainer.ts for the step that records them.
 *
 * @module
 */
import { recordFigures as cpu } from "../../kernels/cpu/record_figures.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "record_figures",
  reads: { loss: "f32", norm: "f32" },
  updates: { counter: "u32", ring: "f32" },
  scalars: { length: "u32" },
  webgpu: { code: wgsl("record_figures"), threads: () => 1 },
  cpu,
};

/** The figures of one step. */
export interface StepFigures {
  /** The training loss, in nats per token. */
  readonly loss: number;
  /** The norm of all gradients, before clipping. */
  readonly gradientNorm: number;
}

/** Most steps between two reads of their figures. */
const LENGTH = 256;

/** A ring buffer of figures on the device: at most 256 steps between two reads. */
export class FigureRing {
  readonly #counter: Tensor;
  readonly #ring: Tensor;
  #recorded = 0;
  #read = 0;

  constructor(device: Device) {
    this.#counter = keep(zeros([1], { dtype: "i32", device }));
    this.#ring = keep(zeros([LENGTH, 2], { device }));
  }

  /** Launches the kernel that appends figures; call `noteRun` for each run of a compiled one. */
  record(loss: Tensor, norm: Tensor): void {
    const buffers = { loss, norm, counter: this.#counter, ring: this.#ring };
    launch(KERNEL, buffers, { length: LENGTH });
  }

  /** Counts one run of the compiled function on the host. */
  noteRun(): void {
    this.#recorded++;
  }

  /** True if one more step would overwrite figures that were not read. */
  get isFull(): boolean {
    return this.#recorded - this.#read >= LENGTH;
  }

  /** Throws an Error if it is full; `operation` names the trainer. */
  expectRoom(operation: string): void {
    if (!this.isFull) return;
    throw new Error(`${operation}: ${LENGTH} steps were not read; call figures() in time`);
  }

  /** The figures recorded since the last read, oldest first. */
  async read(): Promise<StepFigures[]> {
    const values = await this.#ring.data();
    const figures: StepFigures[] = [];
    for (; this.#read < this.#recorded; this.#read++) {
      const row = 2 * (this.#read % LENGTH);
      figures.push({ loss: values[row], gradientNorm: values[row + 1] });
    }
    return figures;
  }
}
