/**
 * Initial values of parameters: functions from a shape and a random stream to numbers.
 *
 * @module
 */
import { currentDevice } from "../device/current_device.ts";
import { Storage } from "../device/storage.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { Random } from "../random.ts";
import { type Shape, size } from "../shape.ts";
import { empty, Tensor, tensor } from "../tensor/tensor.ts";

/** Draws the values of a parameter of this shape. */
export type Initializer = (shape: Shape, random: Random) => Float32Array<ArrayBuffer>;

/** The word "lays": a stream that no model's seed uses. */
const LAYERS = 0x6c617973;

/**
 * Random stream that layers made without their own share: no two layers start with the same
 * weights, and a program that makes the same layers gets the same weights.
 */
export const layerRandom: Random = new Random(0, LAYERS);

const fill = (shape: Shape, draw: () => number): Float32Array<ArrayBuffer> => {
  const values = new Float32Array(size(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
};

/** Every value `value`. */
export function constant(value: number): Initializer {
  return (shape) => new Float32Array(size(shape)).fill(value);
}

/** N(0, deviation²). */
export function normal(deviation = 0.02): Initializer {
  return (shape, random) => random.normals(size(shape), deviation);
}

/** N(0, 1) truncated at ±2, times `deviation`: values beyond two deviations are drawn again. */
export function truncatedNormal(deviation: number): Initializer {
  return (shape, random) =>
    fill(shape, () => {
      for (;;) {
        const value = random.normal();
        if (Math.abs(value) <= 2) return deviation * value;
      }
    });
}

/** U(−limit, limit). */
export function uniform(limit: number): Initializer {
  return (shape, random) => fill(shape, () => limit * (2 * random.uniform() - 1));
}

/** The standard deviation of N(0, 1) truncated at ±2. */
const TRUNCATED_DEVIATION = 0.87962566103423978;

/** Options of `varianceScaling`. */
export interface VarianceScalingOptions {
  /** Factor of the variance. Default 1. */
  scale?: number;
  /** The number that divides the variance. Default `fan_in`. */
  mode?: "fan_in" | "fan_out" | "fan_avg";
  /** The distribution that values are drawn from. Default `truncated_normal`. */
  distribution?: "normal" | "truncated_normal" | "uniform";
}

/**
 * Variance `scale / n`, n the number of inputs, outputs or their mean, for weights [inputs,
 * outputs]. Source: Glorot & Bengio 2010; He et al. 2015.
 *
 * @throws {RangeError} for a shape of fewer than two axes
 */
export function varianceScaling(options: VarianceScalingOptions = {}): Initializer {
  checkOptions("varianceScaling", options, { scale: true, mode: true, distribution: true });
  const { scale = 1, mode = "fan_in", distribution = "truncated_normal" } = options;
  return (shape, random) => {
    if (shape.length < 2) {
      throw new RangeError(`varianceScaling: expected at least two axes, got ${shape.length}`);
    }
    const [inputs, outputs] = [size(shape.slice(0, -1)), shape[shape.length - 1]];
    const fan = { fan_in: inputs, fan_out: outputs, fan_avg: (inputs + outputs) / 2 }[mode];
    const deviation = Math.sqrt(scale / fan);
    const draw = {
      normal: () => normal(deviation),
      truncated_normal: () => truncatedNormal(deviation / TRUNCATED_DEVIATION),
      uniform: () => uniform(deviation * Math.sqrt(3)),
    }[distribution]();
    return draw(shape, random);
  };
}

/** LeCun's normal: variance 1/inputs, truncated at two deviations. Source: LeCun et al. 1998. */
export function lecunNormal(): Initializer {
  return varianceScaling();
}

/**
 * The parameters that have no values yet, and how they are made; undefined while values are drawn.
 */
let empties: { readonly made: Tensor[]; readonly make: (shape: Shape) => Tensor } | undefined;

/** Options of `withoutInitialValues`. */
export interface WithoutValuesOptions {
  /** Each parameter takes its memory with its first `write`. Default false: immediately. */
  readonly memoryLater?: boolean;
}

/**
 * Runs `f`, in which parameters get no values: the caller writes them later. If `f` throws, such as
 * when memory is exhausted, the parameters' memory is released.
 */
export function withoutInitialValues<T>(
  f: () => T,
  { memoryLater = false }: WithoutValuesOptions = {},
): T {
  const before = empties;
  const made: Tensor[] = [];
  empties = { made, make: memoryLater ? reserved : empty };
  try {
    return f();
  } catch (error) {
    for (const parameter of made) parameter.dispose();
    throw error;
  } finally {
    empties = before;
  }
}

function reserved(shape: Shape): Tensor {
  return new Tensor(Storage.reserved(currentDevice(), 4 * size(shape)), shape);
}

/**
 * A parameter with values drawn by `initializer`.
 *
 * @throws {TypeError} if the initializer is not a function, or `random` not a `Random`
 */
export function parameter(shape: Shape, initializer: Initializer, random: Random): Tensor {
  if (typeof initializer !== "function") {
    throw new TypeError(
      `initializer: expected a function, such as normal(0.02), got ${describe(initializer)}`,
    );
  }
  if (!(random instanceof Random)) {
    throw new TypeError(`random: expected new Random(seed), got ${describe(random)}`);
  }
  if (!empties) return tensor(initializer(shape, random), { shape });
  const parameter = empties.make(shape);
  empties.made.push(parameter);
  return parameter;
}
