/**
 * Softmax cross-entropy on integer targets.
 *
 * No one-hot is made, and no second tensor of the logits' size: the derivative overwrites the
 * logits if nothing reads them afterwards.
 *
 * @module
 */
import * as cpu from "../../kernels/cpu/cross_entropy.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { checkOptions } from "../options.ts";
import { differentiable } from "../tensor/autograd.ts";
import { consume } from "../tensor/copy.ts";
import { deviceOf, expectType, launch } from "../tensor/launch.ts";
import { laneConstants } from "./reduce_run.ts";
import { rowWorkgroups } from "./rows.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const ROW_SCALARS = { rows: "u32", width: "u32", ignore: "i32" } as const;

const ROWS: Kernel = {
  name: "cross_entropy",
  reads: { logits: "f32", targets: "i32" },
  writes: { loss: "f32", logSum: "f32" },
  scalars: ROW_SCALARS,
  webgpu: { code: wgsl("cross_entropy"), workgroups: rowWorkgroups },
  cpu: cpu.crossEntropy,
};

const MEAN: Kernel = {
  name: "cross_entropy_mean",
  reads: { loss: "f32", targets: "i32" },
  writes: { mean: "f32", scale: "f32" },
  scalars: { rows: "u32", width: "u32", ignore: "i32" },
  webgpu: { code: wgsl("cross_entropy_mean"), workgroups: () => 1 },
  cpu: cpu.crossEntropyMean,
};

const BACKWARD: Kernel = {
  name: "cross_entropy_backward",
  reads: { targets: "i32", logSum: "f32", gradient: "f32", scale: "f32" },
  updates: { logits: "f32" },
  scalars: ROW_SCALARS,
  webgpu: {
    code: wgsl("cross_entropy_backward"),
    threads: ({ rows, width }) => rows * width,
  },
  cpu: cpu.crossEntropyBackward,
};

const IN_PLACE: Kernel = {
  name: "cross_entropy_in_place",
  reads: { targets: "i32" },
  updates: { logits: "f32" },
  writes: { loss: "f32" },
  scalars: ROW_SCALARS,
  webgpu: { code: wgsl("cross_entropy_in_place"), workgroups: rowWorkgroups },
  cpu: cpu.crossEntropyInPlace,
};

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** The target whose rows are ignored, such as the padding's id. Default −100. */
  ignoreIndex?: number;
}

/** The default of `ignoreIndex`: no id of a vocabulary. */
export const IGNORED = -100;

/**
 * The mean over rows of ln Σⱼ exp(logits[i,j]) − logits[i, targets[i]], in nats: logits f32 [N,V],
 * targets i32 [N] → [].
 *
 * Rows whose target is `ignoreIndex` are ignored; if none is left the value and the gradient are 0.
 * A target outside [0, V) is ignored, too: targets on a device are not read, so check ids on the
 * host, as `Batches` and `sequenceLoss` do.
 *
 * ```ts
 * import { crossEntropy, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const logits = tensor([[0, 0], [0, 0]]);
 * const targets = tensor(new Int32Array([1, -100]));
 * console.log(await crossEntropy(logits, targets).item()); // ln 2 = 0.693
 * device.close();
 * ```
 *
 * @throws {TypeError} if the shapes do not fit
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { loss, logSum, scalars } = rowLosses("crossEntropy", logits, targets, options);
  const { mean, scale } = meanLoss(loss, targets, logits.shape[1], options);
  return differentiable(mean, [logits], (gradient) => {
    const dLogits = consume(logits);
    launch(BACKWARD, { targets, logSum, gradient, scale, logits: dLogits }, scalars);
    return [dLogits];
  });
}

/**
 * Each row's cross-entropy: logits f32 [N,V], targets i32 [N] → [N], 0 if the target is ignored.
 * No gradient flows: for evaluation.
 *
 * ```ts
 * import { openDevice, tensor, tokenLosses } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const logits = tensor([[0, 0], [0, 0]]);
 * console.log(await tokenLosses(logits, tensor(Int32Array.of(1, -100))).data()); // [ln 2, 0]
 * device.close();
 * ```
 */
export function tokenLosses(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  return rowLosses("tokenLosses", logits, targets, options).loss;
}

/**
 * The mean of the losses of rows that count, V wide, and the factor 1 / (their number, at least 1):
 * [] each.
 */
export function meanLoss(
  loss: Tensor,
  targets: Tensor,
  width: number,
  { ignoreIndex: ignore = IGNORED }: CrossEntropyOptions,
): { mean: Tensor; scale: Tensor } {
  const mean = empty([], { device: loss.device });
  const scale = empty([], { device: loss.device });
  launch(MEAN, { loss, targets, mean, scale }, { rows: loss.size, width, ignore });
  return { mean, scale };
}

/**
 * Each row's loss, [N], and softmax(logits) − onehot(target) in place of the logits, 0 in ignored
 * rows. No gradient flows.
 */
export function tokenLossesInPlace(
  logits: Tensor,
  targets: Tensor,
  { ignoreIndex: ignore = IGNORED }: CrossEntropyOptions,
): Tensor {
  const [rows, width] = logits.shape;
  const loss = empty([rows], { device: logits.device });
  const lanes = laneConstants(logits, width, 1);
  launch(IN_PLACE, { targets, logits, loss }, { rows, width, ignore }, lanes);
  return loss;
}

function rowLosses(
  operation: string,
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions,
) {
  expectType(operation, logits, "f32");
  expectType(operation, targets, "i32");
  checkOptions(operation, options, { ignoreIndex: true });
  const device = deviceOf(operation, [logits, targets]);
  const { ignoreIndex: ignore = IGNORED } = options;
  const [rows, width] = logits.shape;
  if (logits.shape.length !== 2 || targets.shape.length !== 1 || targets.size !== rows) {
    throw new TypeError(
      `${operation}: expected logits [N,V] and targets [N]; got ${logits} and ${targets}` +
        (logits.shape.length > 2 ? `; pass logits.view([-1, ${logits.shape.at(-1)}])` : ""),
    );
  }
  const loss = empty([rows], { device });
  const logSum = empty([rows], { device });
  const scalars = { rows, width, ignore };
  launch(ROWS, { logits, targets, loss, logSum }, scalars, laneConstants(logits, width, 1));
  return { loss, logSum, scalars };
}
