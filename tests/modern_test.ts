/**
 * The options of fast recipes together against PyTorch's numbers: ReLU², norms without gains, value
 * embeddings, an untied head and a soft-cap. See tests/golden/modern/README.md.
 *
 * @module
 */
import assert from "node:assert/strict";
import { GPT } from "../lib/nn/gpt.ts";
import { zeroProjectionWeights } from "../lib/nn/initial_weights.ts";
import { rmsNorm } from "../lib/ops/rms_norm.ts";
import { layerNorm } from "../lib/ops/layer_norm.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import golden from "./golden/modern/gpt.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { floats } from "./support/matmul_reference.ts";
import { wave } from "./support/wave.ts";

const CONFIG = {
  vocabSize: 13,
  contextLength: 6,
  layers: 2,
  heads: 2,
  width: 16,
  norm: "rms",
  normGain: false,
  positions: "rotary",
  queryKeyNorm: true,
  activation: "relu_squared",
  bias: false,
  tiedHead: false,
  logitSoftCap: 5,
  valueEmbeddings: [false, true],
} as const;

const CHANGEABLE = { ...CONFIG, valueEmbeddings: [...CONFIG.valueEmbeddings] };

forEachDevice("a GPT with every option has PyTorch's logits, loss and gradients", async () => {
  const model = new GPT(CHANGEABLE);
  const named = model.namedParameters();
  assert.deepEqual([...named.keys()], Object.keys(golden.gradients));
  [...named.values()].forEach((weight, i) => weight.write(wave(weight.shape, i, 0.4)));
  const values = Array.from({ length: 12 }, (_, i) => i * 5 % 13);
  const ids = tensor(Int32Array.from(values), { shape: [2, 6] });
  const targets = tensor(Int32Array.from(values, (id) => (id + 3) % 13), { shape: [2, 6] });
  assertClose(await model.forward(ids).data(), golden.logits, 1e-5, "logits");
  const { value, gradients } = valueAndGrad(() => model.loss(ids, targets), model.parameters());
  assertClose([await value.item()], [golden.loss], 1e-6, "loss");
  for (const [i, [name, expected]] of Object.entries(golden.gradients).entries()) {
    const gradient = Array.from(await gradients[i].data());
    const norm = Math.hypot(...gradient);
    const along = gradient.reduce((sum, g, j) => sum + g * Math.cos(0.9 * j), 0);
    assertClose([norm / expected[0]], [1], 2e-5, name);
    assertClose([along / expected[0]], [expected[1] / expected[0]], 2e-5, name);
  }
});

forEachDevice("norms without a gain are those with a gain of 1, and so are gradients", async () => {
  for (const shape of [[5, 6], [9, 8]]) {
    const x = tensor(floats(shape[0] * shape[1], 3), { shape });
    const one = tensor(new Float32Array(shape[1]).fill(1));
    const bias = tensor(floats(shape[1], 4));
    assert.deepEqual(await rmsNorm(x).data(), await rmsNorm(x, one).data());
    assert.deepEqual(
      await layerNorm(x, undefined, bias).data(),
      await layerNorm(x, one, bias).data(),
    );
    const values = { values: [...floats(shape[0] * shape[1], 5)], shape };
    await checkGradients((x) => rmsNorm(x), [values]);
    const biased = { values: [...floats(shape[1], 6)], shape: [shape[1]] };
    await checkGradients((x, bias) => layerNorm(x, undefined, bias), [values, biased]);
  }
});

forEachDevice("with zero projections a new model predicts every token alike", async () => {
  const model = new GPT(CHANGEABLE, { initial: zeroProjectionWeights() });
  const ids = tensor(Int32Array.of(1, 2, 3), { shape: [1, 3] });
  assertClose(await model.forward(ids).data(), new Float32Array(39), 0);
  assertClose([await model.loss(ids, ids).item()], [Math.log(13)], 1e-6);
});
