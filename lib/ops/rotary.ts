/**
 * Rotary positions (RoPE): queries and keys rotated by angles that grow with their position, so
 * that their product depends on the distance.
 *
 * @module
 */
import { rotary as cpu } from "../../kernels/cpu/rotary.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { DeviceCache } from "../tensor/device_cache.ts";
import { keep } from "../tensor/scope.ts";
import { empty, type Tensor, tensor } from "../tensor/tensor.ts";
import { expectRotaryScaling, rotaryFrequencies, type RotaryScaling } from "./rotary_scaling.ts";

const KERNEL: Kernel = {
  name: "rotary",
  reads: { x: "f32", cosine: "f32", sine: "f32", position: "i32" },
  writes: { y: "f32" },
  scalars: {
    rows: "u32",
    time: "u32",
    width: "u32",
    heads: "u32",
    headPairs: "u32",
    half: "u32",
    positions: "u32",
    direction: "f32",
  },
  webgpu: { code: wgsl("rotary"), threads: ({ rows, width }) => rows * width / 2 },
  cpu,
};

/** Options of `rotary`. */
export interface RotaryOptions {
  /** Number of heads to rotate, from the first column on; the columns after them are copied. */
  heads: number;
  /** D, the size of a head; even. */
  headSize: number;
  /** R, columns of each head to rotate, from its first on; even. Default: D. */
  dimensions?: number;
  /** Base of the frequencies. Default 10,000. */
  base?: number;
  /** Scaling of the frequencies for a longer context. Default: none. */
  scaling?: RotaryScaling;
  /** i32 [1], or [B] for x [B,T,W]: the position of each sequence's first row. Default 0. */
  position?: Tensor;
  /** Positions in the table of angles. Default: the rows of x, or 4,096 with a `position`. */
  positions?: number;
}

const OPTIONS = {
  heads: true,
  headSize: true,
  dimensions: true,
  base: true,
  scaling: true,
  position: true,
  positions: true,
};

/**
 * x [B,T,W] with the pairs (j, j + R/2) of each head rotated by the angle (position +
 * t)·base^(−2j/R), W even. Source: Su et al., arXiv 2104.09864; the pairing is Llama's.
 *
 * A row outside the table of angles has the angles of the nearest one inside: positions on a device
 * are not read.
 *
 * ```ts
 * import { openDevice, rotary, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[[1, 0], [1, 0]]]); // one head of size 2 at positions 0 and 1
 * console.log(await rotary(x, { heads: 1, headSize: 2 }).data()); // [1, 0, cos 1, sin 1]
 * device.close();
 * ```
 *
 * @throws {TypeError} if D or R is odd, or the heads or positions do not fit
 * @throws {RangeError} if the base is not above 0, or there are fewer positions than rows
 */
export function rotary(x: Tensor, options: RotaryOptions): Tensor {
  expectType("rotary", x, "f32");
  checkOptions("rotary", options, OPTIONS);
  const { heads, headSize, dimensions = headSize, base = 10000, scaling, position } = options;
  const [time, width] = x.shape.slice(-2);
  const isCount = Number.isInteger(heads) && heads >= 0;
  if (!isCount || headSize % 2 !== 0 || width % 2 !== 0 || heads * headSize > width) {
    throw new TypeError(
      `rotary: expected an even head size and ${heads} × ${headSize} columns; got ${x}`,
    );
  }
  if (dimensions % 2 !== 0 || dimensions < 2 || dimensions > headSize) {
    throw new TypeError(
      `rotary: expected an even number of dimensions from 2 to ${headSize}; got ${dimensions}`,
    );
  }
  if (!(base > 0 && base < Infinity)) {
    throw new RangeError(`rotary: base must be a number above 0, got ${describe(base)}`);
  }
  const half = dimensions / 2;
  if (scaling) expectRotaryScaling("rotary", scaling, half);
  const positions = options.positions ?? (position ? Math.max(4096, time) : time);
  if (!Number.isInteger(positions) || positions < time) {
    throw new RangeError(
      `rotary: expected positions for the ${time} rows of ${x}, got ${describe(positions)}`,
    );
  }
  const rows = x.size / width;
  if (position && position.size !== 1 && position.size * time !== rows) {
    throw new TypeError(
      `rotary: expected one position, or one for each sequence of ${x}; got ${position}`,
    );
  }
  const angles = angleTables(x.device, positions, half, { base, scaling });
  const turn = (input: Tensor, direction: 1 | -1) => {
    const y = empty(x.shape, { device: x.device });
    const sizes = { rows, time, width, heads, headPairs: headSize / 2, half, positions };
    const scalars = { ...sizes, direction };
    const constants = { OFFSET: !position ? 0 : position.size === 1 ? 1 : 2 };
    launch(KERNEL, { x: input, ...angles, position, y }, scalars, constants);
    return y;
  };
  return differentiable(turn(x, 1), [x], (dy) => [turn(dy, -1)]);
}

interface AngleTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

const tables = new DeviceCache<AngleTables>();

type Frequencies = Pick<RotaryOptions, "scaling"> & { base: number };

function angleTables(
  device: Device,
  positions: number,
  half: number,
  frequencies: Frequencies,
): AngleTables {
  const key = JSON.stringify([positions, half, frequencies]);
  return tables.get(device, key, () => makeTables(device, positions, half, frequencies));
}

function makeTables(
  device: Device,
  positions: number,
  half: number,
  { base, scaling }: Frequencies,
): AngleTables {
  const { frequencies: turns, gain } = rotaryFrequencies(half, base, scaling);
  const values = (f: (angle: number) => number) => {
    const array = new Float32Array(positions * half);
    for (let i = 0; i < array.length; i++) {
      array[i] = gain * f(Math.floor(i / half) * turns[i % half]);
    }
    return keep(tensor(array, { shape: [positions, half], device }));
  };
  return { cosine: values(Math.cos), sine: values(Math.sin) };
}
