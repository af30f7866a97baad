/**
 * One update of Muon, and its orthogonal steps alone, of the 16 matrices of the baby size.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Muon } from "../lib/optim/muon.ts";
import { orthogonalStep, quintics } from "../lib/optim/newton_schulz.ts";
import { Random } from "../lib/random.ts";
import { compile } from "../lib/tensor/compile.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { benchEachDevice } from "./devices.ts";

const LAYERS = 4;
const SHAPES = [[128, 384], [128, 128], [128, 512], [512, 128]];

/** Multiplications and additions of a step, each symmetric product counted half. */
function operations(iterations: number): number {
  return LAYERS * SHAPES.reduce((sum, [rows, columns]) => {
    const [m, n] = [Math.min(rows, columns), Math.max(rows, columns)];
    return sum + 3 * m * m * n + (4 * iterations - 3) * m ** 3;
  }, 0);
}

/** Normal numbers. */
function normals(shape: number[], seed: number): Tensor {
  const random = new Random(seed);
  const values = Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal());
  return tensor(values, { shape });
}

/** Throws unless the rows of a step of rate 1, or its columns, have norms near their scale. */
async function checkStep(x: Tensor): Promise<void> {
  const values = await x.data();
  const [rows, columns] = x.shape;
  const scale = Math.sqrt(Math.max(1, columns / rows));
  const norm = Math.hypot(...values) / Math.sqrt(Math.min(rows, columns)) / scale;
  assert.ok(Math.abs(norm - 1) < 0.25, `singular values near ${norm}`);
}

const shapes = SHAPES.flatMap((shape) => Array.from({ length: LAYERS }, () => shape));
for (const [coefficients, iterations] of [["jordan", 5], ["polar_express", 4]] as const) {
  const work = { operations: operations(iterations), products: true };
  const name = `${coefficients} × ${iterations}, 16 matrices of width 128`;
  await benchEachDevice(`Muon, ${name}`, work, async () => {
    const matrices = shapes.map((shape) => zeros(shape));
    const gradients = shapes.map(normals);
    const optimizer = new Muon(matrices, { coefficients, iterations });
    const run = compile(() => optimizer.update(gradients));
    optimizer.prepare(1);
    run();
    for (const matrix of matrices) await checkStep(matrix);
    return run;
  });
  await benchEachDevice(`orthogonal steps, ${name}`, work, async () => {
    const sizes = shapes.map(([rows, columns]) => rows * columns);
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    const all = sizes.reduce((a, b) => a + b, 0);
    const parameter = zeros([all]);
    const update = normals([1, all], 1).view([all]);
    const hyper = tensor([0, 1, 1]);
    const groups = SHAPES.map(([rows, columns], i) => {
      const start = starts[LAYERS * i];
      return { start, count: LAYERS, stride: rows * columns, rows, columns };
    });
    const step = { parameter, update, hyper, quintics: quintics(coefficients, iterations) };
    const run = compile(() => orthogonalStep(groups, step));
    run();
    await checkStep(parameter.part(0, SHAPES[0]));
    return run;
  });
}
