/**
 * A scale of the loss that follows the range of half precision: gradients are computed times a
 * power of 2, so that small ones survive, and divided by it before the update. A step whose
 * gradients overflow changes nothing but halves the scale; 200 steps without that double it.
 *
 * Source: Micikevicius et al., arXiv 1710.03740.
 *
 * @module
 */
import { lossScale as adjustOnCpu } from "../../kernels/cpu/loss_scale.ts";
import { unscale as unscaleOnCpu } from "../../kernels/cpu/unscale.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";
import { mul } from "../ops/binary.ts";
import { differentiable } from "../tensor/autograd.ts";
import { copy } from "../tensor/copy.ts";
import { launch } from "../tensor/launch.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

const UNSCALE: Kernel = {
  name: "unscale",
  reads: { state: "f32" },
  updates: { gradient: "f32" },
  scalars: { count: "u32" },
  webgpu: { code: wgsl("unscale"), threads: ({ count }) => count },
  cpu: unscaleOnCpu,
};

const ADJUST: Kernel = {
  name: "loss_scale",
  reads: { norm: "f32" },
  updates: { state: "f32" },
  scalars: { interval: "f32", most: "f32" },
  webgpu: { code: wgsl("loss_scale"), threads: () => 1 },
  cpu: adjustOnCpu,
};

/**
 * The first scale. Layers lift their gradients by the number of rows already (`gradientScale`), so
 * this is less than what others begin with.
 */
const FIRST = 256;
/** Steps without an overflow after which the scale doubles. */
const INTERVAL = 200;
/** The largest scale: its product with f32's smallest normal numbers is still small. */
const MOST = 2 ** 24;

/** The loss scale of an optimizer, on its device. */
export class LossScale {
  /** [3]: the scale, the steps since it changed, and the steps that were skipped. */
  readonly state: Tensor;

  constructor(device: Device) {
    this.state = keep(tensor([FIRST, 0, 0], { device }));
  }

  /** The loss as it is, whose gradient is multiplied by the scale. */
  scaled(loss: Tensor): Tensor {
    const scale = this.state.part(0, []);
    return differentiable(copy(loss), [loss], (gradient) => [mul(gradient, scale)]);
  }

  /** Divides a flat buffer of gradients by the scale. */
  unscale(gradient: Tensor): void {
    launch(UNSCALE, { state: this.state, gradient }, { count: gradient.size });
  }

  /** Adjusts the scale after a step whose gradients had this norm. */
  adjust(norm: Tensor): void {
    launch(ADJUST, { norm, state: this.state }, { interval: INTERVAL, most: MOST });
  }
}
