/**
 * Samples the next token from logits, on the device: temperature, top-k, top-p (nucleus), min-p.
 *
 * See lib/generate for the generation loop.
 *
 * @module
 */
import { sampleToken as cpu } from "../../kernels/cpu/sample_token.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { deviceOf, expectType, launch } from "../tensor/launch.ts";
import { expectRandomState } from "./random.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "sample_token",
  reads: { logits: "f32", settings: "f32", state: "u32" },
  writes: { weights: "f32", token: "i32" },
  scalars: { rows: "u32", width: "u32", stream: "u32", period: "u32" },
  webgpu: { code: wgsl("sample_token"), workgroups: ({ rows }) => rows },
  cpu,
};

/**
 * A token for each row: logits f32 [B,V], settings f32 [3] = [temperature, topK, topP] or [4] with
 * minP, state i32 [2] = [seed, step] → i32 [B].
 *
 * A temperature of 0 takes the first of the largest logits. Otherwise, in this order: logits are
 * divided by the temperature; those below the topK-th largest are dropped (topK 0 or from V on
 * keeps all); a token is dropped if those likelier than it have at least topP of the probability
 * that is left (topP 1 keeps all, 0 the likeliest); a token is dropped that has less than minP
 * times the likeliest one's probability (minP 0 keeps all). Ties are kept or dropped together. One
 * is drawn in proportion to exp(logit/temperature), by the uniform number of the row's index in
 * (seed, step, `stream`) as in `randomUniform`; the index starts again every `period` rows, default
 * never. The filters are those of transformers. No gradient flows.
 *
 * ```ts
 * import { openDevice, sampleToken, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const logits = tensor([[0, 5, 1], [2, 1, 0]]);
 * const state = tensor(new Int32Array([1337, 0]));
 * console.log(await sampleToken(logits, tensor([0, 0, 1]), state).data()); // [1, 0]
 * device.close();
 * ```
 *
 * @throws {TypeError} for a shape or dtype that does not fit
 */
export function sampleToken(
  logits: Tensor,
  settings: Tensor,
  state: Tensor,
  stream = 0,
  period: number = Math.max(1, logits.shape[0]),
): Tensor {
  expectType("sampleToken", logits, "f32");
  expectType("sampleToken", settings, "f32");
  expectRandomState("sampleToken", state, stream);
  const [rows, width] = logits.shape;
  if (logits.shape.length !== 2 || width === 0 || (settings.size !== 3 && settings.size !== 4)) {
    throw new TypeError(
      `sampleToken: expected logits [B,V] and settings [3] = [temperature, topK, topP] or [4] with minP; got ${logits} and ${settings}`,
    );
  }
  if (!(period >= 1)) {
    throw new RangeError(`sampleToken: period must be a whole number from 1, got ${period}`);
  }
  deviceOf("sampleToken", [logits, settings, state]);
  const weights = empty(logits.shape, { device: logits.device });
  const token = empty([rows], { dtype: "i32", device: logits.device });
  launch(KERNEL, { logits, settings, state, weights, token }, { rows, width, stream, period }, {
    MIN_P: settings.size === 4 ? 1 : 0,
  });
  return token;
}
