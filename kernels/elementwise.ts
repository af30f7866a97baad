/**
 * The elementwise functions: one row each, in WGSL and in WebAssembly, and the activations with
 * their derivatives.
 *
 * WGSL expressions may call what webgpu/math.wgsl defines; cpu/math.ts has the same functions
 * in WebAssembly. The kernels that apply a function of the table are unary and binary; the matrix
 * products apply an activation before they store. See lib/ops/activation.ts, unary.ts and binary.ts
 * for the functions of tensors.
 *
 * @module
 */
import type { KernelFunction } from "../lib/device/kernel_function.ts";
import { type FunctionBuilder, V128 } from "../lib/wasm/assembler.ts";
import * as math from "./cpu/math.ts";

/** A function of one float. */
interface UnaryRow {
  /** Its value at `x`. */
  readonly wgsl: string;
  readonly cpu: (f: FunctionBuilder, x: V128) => V128;
}

/** A function of two floats. */
interface BinaryRow {
  /** Its value at `a` and `b`. */
  readonly wgsl: string;
  readonly cpu: (f: FunctionBuilder, a: V128, b: V128) => V128;
}

/** An activation: a function of one float, and its gradient in the backward pass. */
export interface ActivationRow extends UnaryRow {
  /** `dy` times the derivative at `x`. */
  readonly wgslBackward: string;
  readonly cpuBackward: (f: FunctionBuilder, dy: V128, x: V128) => V128;
  /** The derivative at `x`, if the gradient is `dy` times it and it is costly: see `hasSlope`. */
  readonly slope?: UnaryRow;
}

/** 0 in every lane. */
const zero = (f: FunctionBuilder) => f.constant(V128.of(0));

/** The non-linearities that a layer can apply, by name. */
export type Activation = "gelu" | "gelu_tanh" | "relu" | "silu" | "relu_squared";

/** The rows of the activations. */
export const ACTIVATIONS: Readonly<Record<Activation, ActivationRow>> = {
  /** x·Φ(x). */
  gelu: {
    wgsl: "gelu(x)",
    wgslBackward: "dy * gelu_derivative(x)",
    cpu: math.gelu,
    cpuBackward: (f, dy, x) => dy.mul(math.geluDerivative(f, x)),
    slope: { wgsl: "gelu_derivative(x)", cpu: math.geluDerivative },
  },
  /** The approximation of `gelu` by tanh. */
  gelu_tanh: {
    wgsl: "gelu_tanh(x)",
    wgslBackward: "dy * gelu_tanh_derivative(x)",
    cpu: math.geluTanh,
    cpuBackward: (f, dy, x) => dy.mul(math.geluTanhDerivative(f, x)),
    slope: { wgsl: "gelu_tanh_derivative(x)", cpu: math.geluTanhDerivative },
  },
  /** max(x, 0). Written so that NaN stays, and that an infinite `dy` gives 0 where x ≤ 0. */
  relu: {
    wgsl: "select(x, 0.0, x < 0.0)",
    wgslBackward: "select(0.0, dy, x > 0.0)",
    cpu: (f, x) => x.pmax(zero(f)),
    cpuBackward: (f, dy, x) => dy.and(x.gt(zero(f))),
  },
  /** x·sigmoid(x). */
  silu: {
    wgsl: "silu(x)",
    wgslBackward: "dy * silu_derivative(x)",
    cpu: math.silu,
    cpuBackward: (f, dy, x) => dy.mul(math.siluDerivative(f, x)),
    slope: { wgsl: "silu_derivative(x)", cpu: math.siluDerivative },
  },
  /** max(x, 0)². */
  relu_squared: {
    wgsl: "select(x, 0.0, x < 0.0) * select(x, 0.0, x < 0.0)",
    wgslBackward: "select(0.0, 2.0 * x * dy, x > 0.0)",
    cpu: (f, x) => math.square(f, f.v128(x.pmax(zero(f)))),
    cpuBackward: (f, dy, x) => x.add(x).mul(dy).and(x.gt(zero(f))),
  },
};

/** The functions of one variable. */
const UNARY = {
  negate: { wgsl: "-x", cpu: (_, x) => x.neg() },
  exp: { wgsl: "exp(x)", cpu: math.exp },
  log: { wgsl: "log(x)", cpu: math.log },
  tanh: { wgsl: "accurate_tanh(x)", cpu: math.tanh },
  sqrt: { wgsl: "sqrt(x)", cpu: (_, x) => x.sqrt() },
  rsqrt: { wgsl: "1.0 / sqrt(x)", cpu: (_, x) => V128.of(1).div(x.sqrt()) },
  sigmoid: { wgsl: "1.0 / (1.0 + exp(-x))", cpu: math.sigmoid },
  abs: { wgsl: "abs(x)", cpu: (_, x) => x.abs() },
  square: { wgsl: "x * x", cpu: math.square },
  reciprocal: { wgsl: "1.0 / x", cpu: (_, x) => V128.of(1).div(x) },
  ...ACTIVATIONS,
} satisfies Readonly<Record<string, UnaryRow>>;

/** The name of a function of one variable. */
export type UnaryName = keyof typeof UNARY;

/** 1 if the mask is set, otherwise 0. */
const flag = (mask: V128) => mask.and(V128.of(1));

/** The functions of two variables. */
const BINARY = {
  add: { wgsl: "a + b", cpu: (_, a, b) => a.add(b) },
  sub: { wgsl: "a - b", cpu: (_, a, b) => a.sub(b) },
  mul: { wgsl: "a * b", cpu: (_, a, b) => a.mul(b) },
  div: { wgsl: "a / b", cpu: (_, a, b) => a.div(b) },
  maximum: { wgsl: "max(a, b)", cpu: (_, a, b) => a.max(b) },
  minimum: { wgsl: "min(a, b)", cpu: (_, a, b) => a.min(b) },
  greater: { wgsl: "select(0.0, 1.0, a > b)", cpu: (_, a, b) => flag(a.gt(b)) },
  greaterEqual: { wgsl: "select(0.0, 1.0, a >= b)", cpu: (_, a, b) => flag(a.ge(b)) },
  equal: { wgsl: "select(0.0, 1.0, a == b)", cpu: (_, a, b) => flag(a.eq(b)) },
  /** a if b is above 0, otherwise 0: no 0·∞. */
  gate: { wgsl: "select(0.0, a, b > 0.0)", cpu: (f, a, b) => a.and(b.gt(zero(f))) },
} satisfies Readonly<Record<string, BinaryRow>>;

/** The name of a function of two variables. */
export type BinaryName = keyof typeof BINARY;

/** The function `name` of one variable, for a kernel that calls it with one argument. */
export function unaryFunction(name: UnaryName): KernelFunction {
  const { wgsl, cpu } = UNARY[name];
  return { parameters: ["x"], wgsl, cpu };
}

/** The function `name` of two variables, for a kernel that calls it with two arguments. */
export function binaryFunction(name: BinaryName): KernelFunction {
  const { wgsl, cpu } = BINARY[name];
  return { parameters: ["a", "b"], wgsl, cpu };
}

/** The gradient of the activation `name`, for a kernel that calls it with `dy` and `x`. */
export function backwardFunction(name: Activation): KernelFunction {
  const { wgslBackward, cpuBackward } = ACTIVATIONS[name];
  return { parameters: ["dy", "x"], wgsl: wgslBackward, cpu: cpuBackward };
}

const IDENTITY: KernelFunction = { parameters: ["x"], wgsl: "x", cpu: (_, x) => x };
const IDENTITY_BACKWARD: KernelFunction = {
  parameters: ["dy", "x"],
  wgsl: "dy",
  cpu: (_, dy) => dy,
};
const TIMES: KernelFunction = {
  parameters: ["dy", "x"],
  wgsl: "dy * x",
  cpu: (_, dy, x) => dy.mul(x),
};

/**
 * Whether the forward pass should save the activation's derivative rather than its argument: they
 * share an exponential.
 */
export function hasSlope(name: Activation): boolean {
  return ACTIVATIONS[name].slope !== undefined;
}

/** What the functions of a product's epilogue do. */
export interface EpilogueChoices {
  /** `activate` applies it. Default: the value itself. */
  readonly activation?: Activation;
  /** `save` is its derivative. Default: the value itself. */
  readonly slopeOf?: Activation;
  /** `backward` multiplies by its derivative at the second argument. */
  readonly derivativeOf?: Activation;
  /** `backward` multiplies by the second argument. Default: the first argument itself. */
  readonly multiplies?: boolean;
}

/** The functions of a product's epilogue: `activate`, `save` and `backward`. */
export function epilogueFunctions(
  { activation, slopeOf, derivativeOf, multiplies }: EpilogueChoices,
): Readonly<Record<"activate" | "save" | "backward", KernelFunction>> {
  const slope = slopeOf && ACTIVATIONS[slopeOf].slope;
  const backward = derivativeOf ? backwardFunction(derivativeOf) : IDENTITY_BACKWARD;
  return {
    activate: activation ? unaryFunction(activation) : IDENTITY,
    save: slope ? { parameters: ["x"], ...slope } : IDENTITY,
    backward: multiplies ? TIMES : backward,
  };
}
