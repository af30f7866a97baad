/**
 * Custom operations: a user's kernel in WGSL, in WebAssembly or in both, and its derivative.
 *
 * @module
 */
import type { CpuKernel, Kernel, ScalarType, WebGpuKernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { differentiable } from "./autograd.ts";
import { deviceOf, expectType, launch } from "./launch.ts";
import { type DType, empty, Tensor } from "./tensor.ts";

/** A value for each input, by name. */
export type ByName<Names, Value> = { readonly [Name in keyof Names]: Value };

/** The definition of a custom operation. */
export interface CustomOpDefinition<
  Inputs extends Readonly<Record<string, DType>>,
  Scalars extends Readonly<Record<string, ScalarType>>,
> {
  /** Name of the operation, for error messages. */
  readonly name: string;
  /** The dtype of each input. Their order is that of the bindings. */
  readonly inputs: Inputs;
  /**
   * Numbers given at each call. `count`, a u32 with the number of the result's elements, is always
   * the first one.
   */
  readonly scalars?: Scalars;
  /** The result's shape. Default: that of the first input. */
  readonly shape?: (shapes: ByName<Inputs, Shape>, scalars: ByName<Scalars, number>) => Shape;
  /** The result's dtype. Default f32. */
  readonly dtype?: DType;
  /**
   * WGSL that defines `fn each_thread(i: u32)`, without declarations of its buffers and scalars:
   * there is a storage array for each input by its name, one to write called `output`, and a
   * uniform struct `s` of the scalars. `i` goes from 0 to `count` − 1 and, because workgroups have
   * 256 threads, can exceed it.
   */
  readonly wgsl?: string;
  /**
   * Workgroups to launch in one to three dimensions, for WGSL with its own entry point `main`
   * instead of `each_thread`. More than 65,535 in the first dimension are folded into the second.
   */
  readonly grid?: (
    scalars: ByName<Scalars, number> & { readonly count: number },
  ) => readonly number[];
  /**
   * The CPU kernel, a function that writes WebAssembly; it accesses inputs, `output` and scalars by
   * name.
   */
  readonly cpu?: CpuKernel;
  /**
   * The derivative: from the gradient of the result to those of the f32 inputs, by name; an omitted
   * input gets none.
   */
  readonly backward?: (
    gradient: Tensor,
    call: {
      readonly inputs: ByName<Inputs, Tensor>;
      readonly output: Tensor;
      readonly scalars: ByName<Scalars, number>;
    },
  ) => { readonly [Name in keyof Inputs]?: Tensor };
}

/** A custom operation: inputs and scalars by name to its result. */
export type CustomOp<
  Inputs extends Readonly<Record<string, DType>>,
  Scalars extends Readonly<Record<string, ScalarType>>,
> = (inputs: ByName<Inputs, Tensor>, scalars?: ByName<Scalars, number>) => Tensor;

const DEFINITION = {
  name: true,
  inputs: true,
  scalars: true,
  shape: true,
  dtype: true,
  wgsl: true,
  grid: true,
  cpu: true,
  backward: true,
};

let made = 0;

/**
 * Makes an operation from custom kernels. It is recorded by `compile` and differentiated like
 * those of the library.
 *
 * The call is a TypeError if the device has no kernel of the operation, if inputs or scalars differ
 * from the declared ones, and if a derivative is needed without `backward`. Make the operation
 * once, not at each use: only then is its kernel built once.
 *
 * ```ts
 * import { customOp, openDevice, sum, tensor, valueAndGrad } from "../../mod.ts";
 *
 * // Leaky ReLU: y = x if x > 0, otherwise slope·x; its derivative is dy or slope·dy.
 * const wgsl = (value: string) => `
 *   fn each_thread(i: u32) {
 *     if (i >= s.count) { return; }
 *     output[i] = ${value} * select(s.slope, 1.0, x[i] > 0.0);
 *   }`;
 * const leakyBackward = customOp({
 *   name: "leaky_relu_backward",
 *   inputs: { x: "f32", dy: "f32" },
 *   scalars: { slope: "f32" },
 *   wgsl: wgsl("dy[i]"),
 *   cpu: {
 *     chunks: () => 1,
 *     emit(k) {
 *       const { f } = k;
 *       const { x, dy, output } = k.pointers("x", "dy", "output");
 *       f.for(0, k.integer("count"), 1, (i) => {
 *         const gradient = f.f32(dy.at(i).loadF32());
 *         f.if(x.at(i).loadF32().le(0), () => f.set(gradient, gradient.mul(k.float("slope"))));
 *         f.storeF32(output.at(i), gradient);
 *       });
 *     },
 *   },
 * });
 * const leakyRelu = customOp({
 *   name: "leaky_relu",
 *   inputs: { x: "f32" },
 *   scalars: { slope: "f32" },
 *   wgsl: wgsl("x[i]"),
 *   cpu: {
 *     chunks: ({ count }) => Math.ceil(count / 8192), // cut so that threads can share the work
 *     emit(k) {
 *       const { f } = k;
 *       const { x, output } = k.pointers("x", "output");
 *       const { start, end } = k.share(k.integer("count"), 8192);
 *       f.for(start, end, 1, (i) => {
 *         const value = f.f32(x.at(i).loadF32());
 *         f.if(value.le(0), () => f.set(value, value.mul(k.float("slope"))));
 *         f.storeF32(output.at(i), value);
 *       });
 *     },
 *   },
 *   backward: (dy, { inputs: { x }, scalars }) => ({ x: leakyBackward({ x, dy }, scalars) }),
 * });
 *
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([-2, 3]);
 * const { value, gradients } = valueAndGrad(() => sum(leakyRelu({ x }, { slope: 0.5 })), [x]);
 * console.log(await value.item(), await gradients[0].data()); // 2 [0.5, 1]
 * device.close();
 * ```
 */
export function customOp<
  const Inputs extends Readonly<Record<string, DType>>,
  const Scalars extends Readonly<Record<string, ScalarType>> = Record<never, never>,
>(definition: CustomOpDefinition<Inputs, Scalars>): CustomOp<Inputs, Scalars> {
  checkOptions("customOp", definition, DEFINITION, {
    grad: "the derivative is backward: (dy, { inputs }) => ({ x: … })",
  });
  const { name, shape, dtype, backward } = definition;
  const kernel = kernelOf(definition);
  const names: (keyof Inputs & string)[] = Object.keys(definition.inputs);
  return (inputs, scalars = {} as ByName<Scalars, number>) => {
    if (inputs as unknown instanceof Tensor || Array.isArray(inputs)) {
      throw new TypeError(`${name}: expected its inputs by name, as in ${name}({ ${names[0]} })`);
    }
    expectNames(name, "inputs", Object.keys(inputs), names);
    expectNames(name, "scalars", Object.keys(scalars), Object.keys(definition.scalars ?? {}));
    names.forEach((input) =>
      expectType(`${name}: ${input}`, inputs[input], definition.inputs[input])
    );
    const shapes = Object.fromEntries(names.map((input) => [input, inputs[input].shape]));
    const result = shape?.(shapes as ByName<Inputs, Shape>, scalars) ?? inputs[names[0]].shape;
    const tensors = names.map((input) => inputs[input]);
    const output = empty(result, { dtype, device: deviceOf(name, tensors) });
    launch(kernel, { ...inputs, output }, { ...scalars, count: output.size });
    return differentiable(output, tensors, (gradient) => {
      if (!backward) {
        throw new TypeError(
          `${name}: its derivative is needed, and customOp got no 'backward'; give one ('() => ({})' lets no gradient through)`,
        );
      }
      const gradients = backward(gradient, { inputs, output, scalars });
      expectGradients(name, gradients, names);
      names.forEach((input) => expectGradient(name, input, inputs[input], gradients[input]));
      return names.map((input) => gradients[input]);
    });
  };
}

function kernelOf<
  Inputs extends Readonly<Record<string, DType>>,
  Scalars extends Readonly<Record<string, ScalarType>>,
>(definition: CustomOpDefinition<Inputs, Scalars>): Kernel {
  const { name, inputs, wgsl, cpu, grid } = definition;
  const scalars = { count: "u32", ...definition.scalars } as const;
  if (!wgsl && !cpu) throw new TypeError(`customOp: ${name} needs a kernel; give 'wgsl' or 'cpu'`);
  if (cpu !== undefined && (typeof cpu?.emit !== "function" || typeof cpu.chunks !== "function")) {
    throw new TypeError(
      `customOp: ${name}: cpu: expected { chunks(scalars), emit(k) }, got ${describe(cpu)}`,
    );
  }
  for (const [input, dtype] of Object.entries(inputs)) expectInputType(name, input, dtype);
  if (Object.keys(inputs).length === 0) {
    throw new TypeError(`customOp: ${name} needs at least one input`);
  }
  const taken = ["output", "s", "main", "each_thread"].find((word) => word in inputs);
  if (taken) throw new TypeError(`customOp: ${name} cannot call an input '${taken}'`);
  if (definition.scalars && "count" in definition.scalars) {
    throw new TypeError(`customOp: ${name} has a scalar 'count' without naming it`);
  }
  // A number distinguishes two operations of the same name, because devices cache kernels by name.
  return {
    name: `${name}#${++made}`,
    reads: inputs,
    writes: { output: definition.dtype ?? "f32" },
    scalars,
    webgpu: wgsl === undefined ? undefined : webgpuKernel(wgsl, grid),
    cpu,
  };
}

function expectInputType(name: string, input: string, dtype: unknown): void {
  if (dtype === "f32" || dtype === "i32") return;
  throw new TypeError(
    `customOp: ${name}: inputs: expected { name: "f32" or "i32" }, got ${
      describe(dtype)
    } for ${input}`,
  );
}

function webgpuKernel<Scalars>(
  text: string,
  grid: ((scalars: Scalars & { readonly count: number }) => readonly number[]) | undefined,
): WebGpuKernel {
  const code = () => text;
  if (!grid) return { code, threads: ({ count }) => count };
  return { code, grid: (given) => grid(given as Scalars & { readonly count: number }) };
}

function expectNames(name: string, what: string, given: string[], expected: string[]): void {
  if (given.length === expected.length && given.every((key) => expected.includes(key))) return;
  throw new TypeError(
    `${name}: expected the ${what} ${expected.join(", ") || "none"}; got ${
      given.join(", ") || "none"
    }`,
  );
}

function expectGradients(name: string, gradients: object, names: readonly string[]): void {
  const isRecord = typeof gradients === "object" && gradients !== null &&
    !(gradients instanceof Tensor) && !Array.isArray(gradients);
  const foreign = isRecord && Object.keys(gradients).find((key) => !names.includes(key));
  if (isRecord && foreign === undefined) return;
  throw new TypeError(
    `${name}: 'backward' must return gradients by input, { ${names.join(", ")} }, got ` +
      describe(gradients),
  );
}

function expectGradient(name: string, input: string, x: Tensor, dx: Tensor | undefined): void {
  if (dx && !sameShape(dx.shape, x.shape)) {
    throw new TypeError(
      `${name}: 'backward' must give a gradient of shape ${
        formatShape(x.shape)
      } for ${input}, got ${dx}`,
    );
  }
}
