/** Binary cross-entropy against float64, and its gradients against finite differences. */
import assert from "node:assert/strict";
import { binaryCrossEntropy } from "../lib/ops/binary_cross_entropy.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

forEachDevice("binary cross-entropy is that of sigmoid, also far from 0", async () => {
  const logits = [-100, -3, -0.5, 0, 0.25, 4, 60, 1000];
  const targets = [0, 1, 0.5, 1, 0, 1, 0, 1];
  const term = (x: number, y: number) =>
    Math.max(x, 0) - x * y + Math.log1p(Math.exp(-Math.abs(x)));
  const expected = logits.reduce((sum, x, i) => sum + term(x, targets[i]), 0) / logits.length;
  const loss = binaryCrossEntropy(tensor(logits), tensor(targets));
  assertClose([await loss.item()], [expected], 1e-6);
});

forEachDevice("binary cross-entropy has the gradient σ(x) − y", async () => {
  const targets = tensor([[1, 0, 0.25], [0, 1, 1]]);
  const inputs = [{ values: [-1.5, 0, 2, 0.75, -0.25, 1], shape: [2, 3] }];
  await checkGradients((x) => binaryCrossEntropy(x, targets), inputs);
});

forEachDevice("targets of binary cross-entropy have the shape of the logits", () => {
  const message = /binaryCrossEntropy: expected targets \[2\], got f32 \[1\]/;
  assert.throws(() => binaryCrossEntropy(tensor([1, 2]), tensor([1])), {
    name: "TypeError",
    message,
  });
});
