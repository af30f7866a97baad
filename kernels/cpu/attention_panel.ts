/**
 * What attention's kernels do with the scores of a panel of four queries before their softmax, in
 * the forward pass and again in the backward pass.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { defineAdjust } from "./attention_adjust.ts";
import { defineDropout } from "./attention_dropout.ts";
import { defineHideBefore } from "./attention_mask.ts";
import { type AttentionTensors, firstKeysOf } from "./attention_tensors.ts";

/** A panel of scores. */
export interface ScorePanel {
  readonly scores: I32;
  /** The columns that any of the queries sees. */
  readonly from: I32;
  readonly to: I32;
  readonly b: I32;
  readonly head: I32;
  /** The first query, and its position counted from `key`, the key of the first column. */
  readonly query: I32;
  readonly position: I32;
  readonly key: I32;
  /** Dropout's factors; unused without dropout. */
  readonly factors: I32;
}

/**
 * Adjusts scores (soft cap, ALiBi), hides those of other documents, and draws dropout's factors.
 * Call it before any loop.
 */
export function defineScorePanel(
  k: KernelBuilder,
): (tensors: AttentionTensors, panel: ScorePanel) => void {
  const { f } = k;
  const adjust = defineAdjust(k);
  const hideBefore = k.constants.HAS_FIRST_KEYS ? defineHideBefore(k) : undefined;
  const dropout = defineDropout(k);
  return (tensors, { scores, from, to, b, head, query, position, key, factors }) => {
    adjust({ scores, from, to, head, position });
    if (hideBefore) {
      const firsts = firstKeysOf(f, tensors, { b, query, key });
      f.call(hideBefore, { scores, from, to, ...firsts });
    }
    const index = { head: b.mul(tensors.heads).add(head), query, key };
    dropout({ factors, from, to, ...index });
  };
}
