/**
 * The CPU's elementary functions against float64 over dense ranges, with and without fused
 * multiply-add, and at their edges.
 *
 * The bounds are those that the comments of kernels/cpu/math.ts claim.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { Device } from "../lib/device/device.ts";
import type { FunctionBuilder, V128 } from "../lib/wasm/assembler.ts";
import type { Kernel } from "../lib/device/kernel.ts";
import { launch } from "../lib/tensor/launch.ts";
import { empty, tensor } from "../lib/tensor/tensor.ts";
import * as math from "../kernels/cpu/math.ts";
import { mapVectors } from "../kernels/cpu/rows.ts";
import * as exact from "./support/exact_math.ts";

type Emit = (f: FunctionBuilder, x: V128) => V128;

function run(device: Device, name: string, emit: Emit, x: Float32Array): Promise<Float32Array> {
  const kernel: Kernel = {
    name: `probe_${name}`,
    reads: { x: "f32" },
    writes: { y: "f32" },
    scalars: { count: "u32" },
    cpu: {
      chunks: () => 1,
      emit: (k) => {
        const [from, to] = [k.pointer("x"), k.pointer("y")];
        mapVectors(k.f, k.integer("count"), [from], to, (value) => emit(k.f, value));
      },
    },
  };
  const y = empty([x.length], { device });
  launch(kernel, { x: tensor(x, { device }), y }, { count: x.length });
  return y.data() as Promise<Float32Array>;
}

/** The distance from a float of v's size to the next. */
function ulp(v: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(v), 2 ** -126))) - 23);
}

const ERRORS = {
  /** Error in units of the last place (ULP) of the exact value. */
  ulp: (error: number, expected: number) => error / ulp(expected),
  absolute: (error: number) => error,
  /** Absolute up to |x| = 1, then in proportion to |x|. */
  perInput: (error: number, _: number, x: number) => error / Math.max(1, Math.abs(x)),
};

interface Case {
  name: string;
  emit: Emit;
  exact: (x: number) => number;
  ranges: [number, number][];
  bound: number;
  unit: keyof typeof ERRORS;
}

const exponent: [number, number][] = [[-86.9, 88.7], [-1, 1], [-1e-3, 1e-3]];
const around: [number, number][] = [[-12, 12], [-1, 1], [-1e-3, 1e-3]];

const CASES: Case[] = [
  { name: "exp", emit: math.exp, exact: Math.exp, ranges: exponent, bound: 1.6, unit: "ulp" },
  {
    name: "exp2",
    emit: math.exp2,
    exact: (x) => 2 ** x,
    ranges: [[-125.9, 1], [-1, 1], [-1e-3, 1e-3]],
    bound: 2,
    unit: "ulp",
  },
  {
    name: "log",
    emit: math.log,
    exact: Math.log,
    ranges: [[1e-45, 1e-38], [1e-38, 1e-3], [1e-3, 0.99], [0.5, 2], [1, 1e6], [1e6, 3e38]],
    bound: 1,
    unit: "ulp",
  },
  { name: "tanh", emit: math.tanh, exact: Math.tanh, ranges: around, bound: 1.6, unit: "ulp" },
  { name: "erf", emit: math.erf, exact: exact.erf, ranges: around, bound: 6e-7, unit: "absolute" },
  {
    name: "sigmoid",
    emit: math.sigmoid,
    exact: exact.sigmoid,
    ranges: [[-86.9, 88], ...around],
    bound: 2.5,
    unit: "ulp",
  },
  {
    name: "silu",
    emit: math.silu,
    exact: exact.silu,
    ranges: [[-86.9, 88], ...around],
    bound: 3,
    unit: "ulp",
  },
  {
    name: "siluDerivative",
    emit: math.siluDerivative,
    exact: exact.siluDerivative,
    ranges: [[-86, 88], ...around],
    bound: 1.5e-7,
    unit: "perInput",
  },
  {
    name: "geluTanh",
    emit: math.geluTanh,
    exact: exact.geluTanh,
    ranges: around,
    bound: 1.5e-7,
    unit: "perInput",
  },
  {
    name: "geluTanhDerivative",
    emit: math.geluTanhDerivative,
    exact: exact.geluTanhDerivative,
    ranges: around,
    bound: 2.5e-7,
    unit: "absolute",
  },
  {
    name: "gelu",
    emit: math.gelu,
    exact: exact.gelu,
    ranges: around,
    bound: 2e-7,
    unit: "perInput",
  },
  {
    name: "geluDerivative",
    emit: math.geluDerivative,
    exact: exact.geluDerivative,
    ranges: around,
    bound: 4e-7,
    unit: "absolute",
  },
];

const devices = {
  "fused multiply-add": new CpuDevice({ threads: 1 }),
  "no fused multiply-add": new CpuDevice({ threads: 1, relaxedSimd: false }),
};
const POINTS = 1 << 17;

for (const [kind, device] of Object.entries(devices)) {
  for (const { name, emit, exact, ranges, bound, unit } of CASES) {
    Deno.test(`${name} keeps its error bound, ${kind}`, async () => {
      for (const [low, high] of ranges) {
        const x = Float32Array.from(
          { length: POINTS },
          (_, i) => low + (high - low) * i / (POINTS - 1),
        );
        const y = await run(device, name, emit, x);
        let worst = 0, at = NaN;
        for (let i = 0; i < POINTS; i++) {
          const expected = exact(x[i]);
          const error = ERRORS[unit](Math.abs(y[i] - expected), expected, x[i]);
          if (!(error <= worst)) [worst, at] = [Number.isNaN(error) ? Infinity : error, x[i]];
        }
        assert.ok(
          worst <= bound,
          `${name} of ${at} is off by ${worst} (${unit}), allowed ${bound}`,
        );
      }
    });
  }

  Deno.test(`special values, ${kind}`, async () => {
    const x = [0, -0, Infinity, -Infinity, NaN, 1e-45, -1e-40, 1, 200, -200];
    const values = async (name: string, emit: Emit) =>
      Array.from(await run(device, name, emit, Float32Array.from(x)));
    const [f, tiny, small] = [Math.fround, Math.fround(1e-45), Math.fround(-1e-40)];
    const e = await values("exp", math.exp);
    assert.deepEqual(e.slice(0, 7), [1, 1, Infinity, 0, NaN, 1, 1]);
    assert.deepEqual(e.slice(8), [Infinity, 0]);
    const powers = await values("exp2", math.exp2);
    assert.deepEqual([...powers.slice(0, 2), ...powers.slice(3, 8)], [1, 1, 0, NaN, 1, 1, 2]);
    assert.equal(powers[9], 0);
    const logarithms = await values("log", math.log);
    assert.deepEqual(logarithms.slice(0, 5), [-Infinity, -Infinity, Infinity, NaN, NaN]);
    assert.ok(Math.abs(logarithms[5] - Math.log(tiny)) < 2e-5);
    assert.deepEqual(logarithms.slice(6, 8), [NaN, 0]);
    assert.deepEqual(
      await values("tanh", math.tanh),
      [0, -0, 1, -1, NaN, tiny, small, f(Math.tanh(1)), 1, -1],
    );
    const sigmoids = await values("sigmoid", math.sigmoid);
    assert.deepEqual(sigmoids.slice(0, 7), [0.5, 0.5, 1, 0, NaN, 0.5, 0.5]);
    assert.deepEqual(sigmoids.slice(8), [1, 0]);
    // −∞ is taken as −10: no NaN, and nothing that could be seen.
    const gelus = await values("geluTanh", math.geluTanh);
    assert.deepEqual([gelus[0], gelus[1], gelus[2], gelus[4]], [0, -0, Infinity, NaN]);
    assert.ok(Math.abs(gelus[3]) < 1e-30 && Math.abs(gelus[9]) < 1e-30 && gelus[8] === 200);
    const slopes = await values("geluTanhDerivative", math.geluTanhDerivative);
    assert.deepEqual(slopes.slice(0, 3), [0.5, 0.5, 1]);
    assert.ok(Math.abs(slopes[3]) < 1e-30 && Number.isNaN(slopes[4]) && slopes[8] === 1);
    for (const [name, emit] of Object.entries({ gelu: math.gelu, silu: math.silu })) {
      const actual = await values(name, emit);
      assert.deepEqual([actual[0], actual[2], actual[4], actual[8]], [0, Infinity, NaN, 200], name);
      assert.ok(Math.abs(actual[9]) < 1e-30, name);
    }
  });

  Deno.test(`lanes are summed and compared, ${kind}`, async () => {
    const x = Float32Array.of(1, 2, 4, 8, -1, -2, -4, -8);
    const sums = await run(device, "sumLanes", (f, v) => math.sumLanes(f, v).splat(), x);
    assert.deepEqual(Array.from(sums), [15, 15, 15, 15, -15, -15, -15, -15]);
    const largest = await run(device, "maxLane", (f, v) => math.maxLane(f, v).splat(), x);
    assert.deepEqual(Array.from(largest), [8, 8, 8, 8, -1, -1, -1, -1]);
  });
}
