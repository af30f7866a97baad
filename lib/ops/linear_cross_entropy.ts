/**
 * A model's head and its loss in one operation, for vocabularies whose logits are too many to keep.
 *
 * cross_entropy.ts has only the loss, matmul.ts only the product.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import type { DeviceTraits } from "../device/device.ts";
import { differentiable, isTracked, withoutTape } from "../tensor/autograd.ts";
import { add, mul } from "./binary.ts";
import { concatenate } from "./concatenate.ts";
import {
  crossEntropy,
  type CrossEntropyOptions,
  meanLoss,
  tokenLosses,
  tokenLossesInPlace,
} from "./cross_entropy.ts";
import { expectType } from "../tensor/launch.ts";
import {
  gradientOfBias,
  gradientOfInput,
  gradientOfWeight,
  linear,
  type LinearLayer,
  linearLayer,
} from "./matmul.ts";
import { gemm, type GemmSizes } from "./gemm.ts";
import { scope } from "../tensor/scope.ts";
import { slice } from "./slice.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** The weight is [V, C], as in tied heads. Default false: [C, V]. */
  transposed?: boolean;
  /**
   * Rows whose logits are in memory at a time. Default: as many as make 32 MiB (128 on a GPU), a
   * power of two, but 64 at least.
   */
  rowsAtOnce?: number;
}

/**
 * Maximum of logits in memory at a time: 32 MiB, or the default limit of a GPU binding, because a
 * GPU needs many rows to be busy.
 */
const MAX_LOGITS = { few: 2 ** 23, many: 2 ** 25 };
const MIN_ROWS = 64;

/**
 * crossEntropy(x·W + bias, targets), in nats, without ever storing all logits: x f32 [N,C], weight
 * [C,V] (or [V,C] with `transposed`), bias [V], targets i32 [N] → [].
 *
 * With at most `rowsAtOnce` rows the two operations run in sequence. Otherwise it goes through the
 * rows in slices: a slice's logits are turned into its contribution to the gradients of x, W and
 * bias immediately and then freed, so that nothing is computed twice. Rows whose target is
 * `ignoreIndex` are ignored.
 *
 * ```ts
 * import { linearCrossEntropy, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 2]]), weight = tensor([[1, 0], [0, 0.5]]);
 * const loss = linearCrossEntropy(x, weight, undefined, tensor(new Int32Array([1])));
 * console.log(await loss.item()); // both logits are 1: ln 2 = 0.693
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape or dtype does not fit
 */
export function linearCrossEntropy(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  targets: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const names = { ignoreIndex: true, transposed: true, rowsAtOnce: true };
  checkOptions("linearCrossEntropy", options, names);
  const { transposed = false, ignoreIndex } = options;
  const layer = linearLayer("linearCrossEntropy", { x, weight, bias, transposed });
  const { sizes } = layer;
  expectType("linearCrossEntropy", targets, "i32");
  if (x.shape.length !== 2 || targets.shape.length !== 1 || targets.size !== sizes.m) {
    throw new TypeError(
      `linearCrossEntropy: expected x [N,C] and targets [N]; got ${x} and ${targets}`,
    );
  }
  const { rowsAtOnce = defaultRows(sizes, x.device.traits) } = options;
  expectValue("linearCrossEntropy: rowsAtOnce", wholeNumber({ min: 1 }), rowsAtOnce);
  if (sizes.m <= rowsAtOnce) {
    return crossEntropy(linear(x, weight, bias, { transposed }), targets, { ignoreIndex });
  }
  const inputs = [x, weight, bias];
  const needs = inputs.map(isTracked);
  const parts = { ...options, rowsAtOnce };
  const { loss, gradients } = withoutTape(() => inParts(layer, targets, needs, parts));
  const { mean, scale } = meanLoss(loss, targets, sizes.n, options);
  return differentiable(mean, inputs, (gradient) => {
    const factor = mul(gradient, scale);
    return gradients.map((each) => each && mul(each, factor));
  });
}

/** A power of two, because products cut their inner axis into blocks of 256. */
function defaultRows({ n }: GemmSizes, { manyCores }: DeviceTraits): number {
  const limit = manyCores ? MAX_LOGITS.many : MAX_LOGITS.few;
  return Math.max(MIN_ROWS, 2 ** Math.floor(Math.log2(limit / n)));
}

interface PartOptions extends LinearCrossEntropyOptions {
  rowsAtOnce: number;
}

/**
 * Losses and gradient of x for some rows; the gradients of W and the bias are sums over all rows up
 * to these.
 */
interface Part {
  loss: Tensor;
  ofInput?: Tensor;
  ofWeight?: Tensor;
  ofBias?: Tensor;
}

/**
 * The rows' losses, [N], and the derivative of their sum with respect to each of x, weight and bias
 * that needs one.
 */
function inParts(
  layer: LinearLayer,
  targets: Tensor,
  needs: readonly boolean[],
  options: PartOptions,
): { loss: Tensor; gradients: (Tensor | undefined)[] } {
  const { x, sizes } = layer;
  const parts: Part[] = [];
  for (let start = 0; start < sizes.m; start += options.rowsAtOnce) {
    const range = { axis: 0, start, end: Math.min(sizes.m, start + options.rowsAtOnce) };
    const before = parts.at(-1);
    const compute = () => {
      const rows = { ...layer, x: slice(x, range), sizes: { ...sizes, m: range.end - start } };
      return onePart(rows, slice(targets, range), needs, { ...options, before });
    };
    if (x.device.recorder) parts.push(compute());
    else { // eager: the logits are freed before those of the next chunk are allocated
      parts.push(scope(compute));
      for (const old of [before?.ofWeight, before?.ofBias]) old?.dispose();
    }
  }
  const ofInput = needs[0] ? concatenate(parts.map((part) => part.ofInput!)) : undefined;
  const { ofWeight, ofBias } = parts.at(-1)!;
  return {
    loss: concatenate(parts.map(({ loss }) => loss)),
    gradients: [ofInput, ofWeight, ofBias],
  };
}

function onePart(
  layer: LinearLayer,
  targets: Tensor,
  needs: readonly boolean[],
  { ignoreIndex, before }: PartOptions & { before?: Part },
): Part {
  const { x, weight, bias, transposed, sizes } = layer;
  const head = { transposeB: transposed, bias, rounding: {} };
  const logits = gemm(x, weight, sizes, [sizes.m, sizes.n], head);
  if (!needs.some(Boolean)) return { loss: tokenLosses(logits, targets, { ignoreIndex }) };
  const loss = tokenLossesInPlace(logits, targets, { ignoreIndex });
  const ofBias = needs[2] ? gradientOfBias(logits) : undefined;
  return {
    loss,
    ofInput: needs[0] ? gradientOfInput(logits, layer) : undefined,
    ofWeight: needs[1] ? gradientOfWeight(logits, layer, before?.ofWeight) : undefined,
    ofBias: ofBias && before?.ofBias ? add(before.ofBias, ofBias) : ofBias,
  };
}
