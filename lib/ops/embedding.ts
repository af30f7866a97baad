/**
 * Embedding: rows of a table, selected by ids, with positions added in the same launch.
 *
 * @module
 */
import * as cpu from "../../kernels/cpu/embedding.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { checkOptions } from "../options.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import { consume } from "../tensor/copy.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "embedding",
  reads: { table: "f32", ids: "i32", positions: "f32", offset: "i32" },
  writes: { y: "f32" },
  scalars: { rows: "u32", width: "u32", count: "u32", time: "u32" },
  webgpu: { code: wgsl("embedding"), threads: ({ count, width }) => count * width },
  cpu: cpu.embedding,
};

/** Columns of a workgroup of the scatter, as in its WGSL. */
const BACKWARD_COLUMNS = 64;

const BACKWARD: Kernel = {
  name: "embedding_backward",
  reads: { dy: "f32", ids: "i32" },
  updates: { table: "f32" },
  scalars: { rows: "u32", width: "u32", count: "u32" },
  webgpu: {
    code: wgsl("embedding_backward"),
    workgroups: (
      { rows, width },
      { ROWS },
    ) => Math.ceil(rows / ROWS) * Math.ceil(width / BACKWARD_COLUMNS),
  },
  cpu: cpu.embeddingBackward,
};

const POSITIONS_BACKWARD: Kernel = {
  name: "positions_backward",
  reads: { dy: "f32" },
  writes: { table: "f32" },
  scalars: { places: "u32", time: "u32", count: "u32", width: "u32" },
  webgpu: {
    code: wgsl("positions_backward"),
    threads: ({ places, width }) => places * width,
  },
  cpu: cpu.positionsBackward,
};

/** Options of `embedding`. */
export interface EmbeddingOptions {
  /** [places, C]: row t is added to the t-th token of each sequence; ids are then [..., T]. */
  positions?: Tensor;
  /**
   * i32 [1], or [B] for ids [B,T]: the position of each sequence's first token. Default 0. It is
   * for generation: `positions` then gets no gradient.
   */
  offset?: Tensor;
}

/**
 * table[ids] (+ positions[offset + t]): table f32 [V,C], ids i32 [...] → [...,C].
 *
 * An id outside the table counts as the nearest one inside: ids on a device are not read, so check
 * them on the host, as `Batches` and `GPT` do. The gradient is summed in the order of the ids.
 *
 * ```ts
 * import { embedding, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const table = tensor([[1, 2], [3, 4], [5, 6]]);
 * console.log(await embedding(table, tensor(Int32Array.of(2, 0))).toArray()); // [[5, 6], [1, 2]]
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape or dtype does not fit
 */
export function embedding(table: Tensor, ids: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkOptions("embedding", options, { positions: true, offset: true });
  const { positions, offset } = options;
  expectType("embedding", table, "f32");
  expectType("embedding", ids, "i32");
  const [rows, width] = table.shape;
  const time = ids.shape[ids.shape.length - 1] ?? 1;
  if (table.shape.length !== 2 || (positions && positions.shape[1] !== width)) {
    throw new TypeError(
      `embedding: expected a table [V,C] and positions [T,C]; got ${table} and ${positions}`,
    );
  }
  if (positions && !offset && positions.shape[0] < time) {
    throw new TypeError(`embedding: ${time} tokens in a row, but positions are ${positions}`);
  }
  if (offset && offset.size !== 1 && offset.size * time !== ids.size) {
    throw new TypeError(
      `embedding: expected one offset, or one for each row of ${ids}; got ${offset}`,
    );
  }
  const y = empty([...ids.shape, width], { device: table.device });
  const sizes = { rows, width, count: ids.size };
  const constants = {
    POSITIONS: positions ? 1 : 0,
    OFFSET: !offset ? 0 : offset.size === 1 ? 1 : 2,
  };
  const buffers = { table, ids, positions, offset: positions && offset, y };
  launch(KERNEL, buffers, { ...sizes, time }, constants);
  const learned = isTracked(positions) && !offset;
  const backward = (dy: Tensor, [gathered]: readonly (Tensor | undefined)[]) => [
    tableGradient(dy, ids, table, gathered),
    learned ? positionsGradient(dy, positions!, time) : undefined,
  ];
  return differentiable(y, [table, positions], backward, { sums: [0] });
}

/** The gradient of the table, added to the gradient gathered for it so far (a tied head's). */
function tableGradient(
  dy: Tensor,
  ids: Tensor,
  table: Tensor,
  gathered: Tensor | undefined,
): Tensor {
  const [rows, width] = table.shape;
  const sum = gathered ? consume(gathered) : empty(table.shape, { device: table.device });
  // Each workgroup of the scatter reads all ids: with a long table it owns more rows.
  const constants = { ZERO: gathered ? 0 : 1, ROWS: rows > 1024 ? 8 : 1 };
  launch(BACKWARD, { dy, ids, table: sum }, { rows, width, count: ids.size }, constants);
  return sum;
}

function positionsGradient(dy: Tensor, positions: Tensor, time: number): Tensor {
  const [places, width] = positions.shape;
  const table = empty(positions.shape, { device: dy.device });
  const scalars = { places, time, count: dy.size / width, width };
  launch(POSITIONS_BACKWARD, { dy, table }, scalars);
  return table;
}
