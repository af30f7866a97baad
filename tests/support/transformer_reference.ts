/**
 * The parts of a transformer's block in float64, a sequence at a time.
 *
 * @module
 */
import type { Module } from "../../lib/nn/module.ts";

/** Rows of numbers. */
export type Matrix = number[][];
/** A module's parameters by name, vectors as one row. */
export type Parameters = Map<string, Matrix>;

/** Reads a module's parameters. */
export async function readParameters(module: Module): Promise<Parameters> {
  const parameters: Parameters = new Map();
  for (const [name, tensor] of module.namedParameters()) {
    const data = [...await tensor.data()];
    const width = tensor.shape.at(-1)!;
    const rows = Array.from(
      { length: data.length / width },
      (_, i) => data.slice(i * width, (i + 1) * width),
    );
    parameters.set(name, rows);
  }
  return parameters;
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const column = (matrix: Matrix, j: number) => matrix.map((row) => row[j]);

/** x·W + b. */
export function linear(p: Parameters, name: string, x: Matrix): Matrix {
  const [weight, [bias]] = [p.get(`${name}.weight`)!, p.get(`${name}.bias`)!];
  return x.map((row) => bias.map((b, j) => b + dot(row, column(weight, j))));
}

/** Multi-head attention of x to the source: query i attends to key j if `sees(i, j)`. */
export function attend(
  p: Parameters,
  name: string,
  x: Matrix,
  source: Matrix,
  heads: number,
  sees: (i: number, j: number) => boolean,
): Matrix {
  const q = linear(p, `${name}.query`, x);
  const k = linear(p, `${name}.key`, source);
  const v = linear(p, `${name}.value`, source);
  const size = q[0].length / heads;
  const context = q.map((query, i) =>
    Array.from({ length: heads }, (_, h) => {
      const part = (row: number[]) => row.slice(h * size, (h + 1) * size);
      const powers = k.map((key, j) =>
        sees(i, j) ? Math.exp(dot(part(query), part(key)) / Math.sqrt(size)) : 0
      );
      const total = powers.reduce((sum, power) => sum + power, 0);
      return Array.from(
        { length: size },
        (_, d) => dot(powers, column(v, h * size + d)) / total,
      );
    }).flat()
  );
  return linear(p, `${name}.projection`, context);
}

/** layerNorm(x + y). */
export function addNorm(
  p: Parameters,
  name: string,
  x: Matrix,
  y: Matrix,
  epsilon: number,
): Matrix {
  const [[gain], [bias]] = [p.get(`${name}.norm.weight`)!, p.get(`${name}.norm.bias`)!];
  return x.map((row, i) => {
    const sum = row.map((value, j) => value + y[i][j]);
    const mean = sum.reduce((a, b) => a + b, 0) / sum.length;
    const variance = sum.reduce((a, b) => a + (b - mean) ** 2, 0) / sum.length;
    return sum.map((value, j) =>
      (value - mean) / Math.sqrt(variance + epsilon) * gain[j] + bias[j]
    );
  });
}

/** gelu(x·W₁ + b₁)·W₂ + b₂, the tanh form. */
export function feedForward(p: Parameters, name: string, x: Matrix): Matrix {
  const inner = linear(p, `${name}.c_fc`, x).map((row) =>
    row.map((u) => u / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u ** 3))))
  );
  return linear(p, `${name}.c_proj`, inner);
}
