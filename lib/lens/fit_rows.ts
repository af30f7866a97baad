/**
 * Fits parameters to rows of activations, batches of which are drawn at random.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { embedding } from "../ops/embedding.ts";
import { AdamW } from "../optim/adamw.ts";
import { Random } from "../random.ts";
import { valueAndGrad } from "../tensor/autograd.ts";
import { compile } from "../tensor/compile.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { yieldToEvents } from "../yield_to_events.ts";

/** How parameters are fitted. */
export interface FitOptions {
  /** Updates. */
  readonly steps: number;
  /** Rows of an update. */
  readonly batch: number;
  /** Learning rate, which falls to 0 in a straight line. */
  readonly learningRate: number;
  /** What rows are drawn with. */
  readonly seed: number;
}

/** Steps between two yields to events. */
const STRETCH = 20;

/**
 * Minimizes the mean of `loss` over rows by AdamW without weight decay; each of `tables` is [N,·],
 * and `loss` gets the same rows of each. Returns the last loss.
 */
export async function fitRows(
  tables: readonly Tensor[],
  parameters: readonly Tensor[],
  loss: (...rows: Tensor[]) => Tensor,
  { steps, batch, learningRate, seed }: FitOptions,
): Promise<number> {
  const { device, shape: [count] } = tables[0];
  const random = new Random(seed);
  const index = zeros([batch], { dtype: "i32", device });
  const optimizer = new AdamW([...parameters], { weightDecay: 0 });
  const step = compile(() => {
    const rows = tables.map((table) => embedding(table, index));
    const { value, gradients } = valueAndGrad(() => loss(...rows), [...parameters]);
    optimizer.update(gradients);
    return value;
  });
  let last = index;
  for (let i = 0; i < steps; i++) {
    index.write(Int32Array.from({ length: batch }, () => random.integer(count)));
    optimizer.prepare(learningRate * (1 - i / steps));
    last = onDevice(device, step);
    if (i % STRETCH === STRETCH - 1) await yieldToEvents();
  }
  const value = (await last.data())[0];
  step.dispose();
  return value;
}
