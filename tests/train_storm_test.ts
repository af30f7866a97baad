/**
 * A run under a storm of signals: `deno run -A tests/support/training_storm.ts 100 1` is a larger
 * one.
 */
import assert from "node:assert/strict";
import { trainingStorm } from "./support/training_storm.ts";

Deno.test({
  name:
    "killed, terminated and interrupted at twelve random moments, a run has the bits of a whole one",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { signals, steps } = await trainingStorm(12, 3);
    assert.equal(Object.values(signals).reduce((sum, count) => sum + count), 12);
    assert.ok(steps > 3, "no step was made");
  },
});
