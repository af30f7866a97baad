/**
 * Generation's rules on logits, before a token is drawn: the repetition penalty, no repeated
 * n-grams, no early end token.
 *
 * Temperature and the filters by probability are in sample_token.ts.
 *
 * @module
 */
import { adjustLogits as cpu } from "../../kernels/cpu/adjust_logits.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "adjust_logits",
  reads: {
    logits: "f32",
    history: "i32",
    lengths: "i32",
    penalty: "f32",
    rules: "i32",
    state: "i32",
    ends: "i32",
  },
  writes: { adjusted: "u32" },
  scalars: { rows: "u32", width: "u32", capacity: "u32", endCount: "u32" },
  webgpu: { code: wgsl("adjust_logits"), workgroups: ({ rows }) => rows },
  cpu,
};

/**
 * The rules and their state; all of it is on the device, so that one program serves every step.
 */
export interface LogitRules {
  /** i32 [B, capacity]: the tokens of each sequence, its prompt included; ids in [0, V). */
  readonly history: Tensor;
  /** i32 [B]: the number of tokens of each sequence. */
  readonly lengths: Tensor;
  /**
   * f32 [1]: divides the positive and multiplies the negative logits of tokens in the history; 1
   * leaves them unchanged.
   */
  readonly penalty: Tensor;
  /**
   * i32 [2]: n of the n-grams that may not repeat (0: all may), and the minimum of tokens before an
   * end token.
   */
  readonly rules: Tensor;
  /** i32 [2]: the second is the number of tokens drawn so far. */
  readonly state: Tensor;
  /** i32 [E]: end tokens, which get −∞ until that minimum is drawn. */
  readonly ends: Tensor;
}

/**
 * logits f32 [B,V] → [B,V], changed in the order penalty, repeated n-grams, end tokens, as
 * transformers does. No gradient flows. Source of the penalty: Keskar et al., arXiv 1909.05858,
 * section 4.1.
 *
 * @throws {TypeError} if the shapes do not fit
 */
export function adjustLogits(logits: Tensor, by: LogitRules): Tensor {
  const [rows, width] = logits.shape;
  const { history, lengths, penalty, rules, state, ends } = by;
  const [historyRows, capacity] = history.shape;
  if (logits.shape.length !== 2 || historyRows !== rows || lengths.size !== rows) {
    throw new TypeError(
      `adjustLogits: expected logits [B,V], history [B,N] and lengths [B]; got ${logits}, ${history} and ${lengths}`,
    );
  }
  const adjusted = empty(logits.shape, { device: logits.device });
  const buffers = { logits, history, lengths, penalty, rules, state, ends, adjusted };
  launch(KERNEL, buffers, { rows, width, capacity, endCount: ends.size });
  return adjusted;
}
