/**
 * The head and its loss in one, in parts and whole: against float64, against the two operations
 * apart, and finite differences.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { crossEntropy } from "../lib/ops/cross_entropy.ts";
import { linearCrossEntropy } from "../lib/ops/linear_cross_entropy.ts";
import { linear } from "../lib/ops/matmul.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";

const wave = (length: number, start: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(1.3 * i + start));

/** Loss and gradients of 3 · the mean in float64, W as [V,C]. */
function reference(
  { x, W, b }: Record<"x" | "W" | "b", Float32Array>,
  targets: Int32Array,
  [N, V, C]: number[],
) {
  const counted = targets.filter((target) => target >= 0).length;
  const [dx, dW, db] = [new Float64Array(N * C), new Float64Array(V * C), new Float64Array(V)];
  let total = 0;
  const logits = new Float64Array(V);
  for (let n = 0; n < N; n++) {
    if (targets[n] < 0) continue;
    let sum = 0;
    for (let v = 0; v < V; v++) {
      logits[v] = b[v];
      for (let c = 0; c < C; c++) logits[v] += x[n * C + c] * W[v * C + c];
      sum += Math.exp(logits[v]);
    }
    total += Math.log(sum) - logits[targets[n]];
    for (let v = 0; v < V; v++) {
      const d = 3 * (Math.exp(logits[v]) / sum - (v === targets[n] ? 1 : 0)) / counted;
      db[v] += d;
      for (let c = 0; c < C; c++) {
        dx[n * C + c] += d * W[v * C + c];
        dW[v * C + c] += d * x[n * C + c];
      }
    }
  }
  return { loss: 3 * total / counted, gradients: [dx, dW, db] };
}

// Chunks of 16 rows, the last one short, and all rows in one chunk.
for (const [N, V, C] of [[37, 300, 5], [5, 7, 3]]) {
  const values = { x: wave(N * C, 0), W: wave(V * C, 2), b: wave(V, 5) };
  const targets = Int32Array.from({ length: N }, (_, n) => n % 5 === 4 ? -100 : (n * 911) % V);
  const expected = reference(values, targets, [N, V, C]);
  forEachDevice(`linear cross-entropy of ${N} rows, ${V} logits each`, async () => {
    const parameters = [
      tensor(values.x, { shape: [N, C] }),
      tensor(values.W, { shape: [V, C] }),
      tensor(values.b),
    ];
    const ids = tensor(targets);
    const [x, W, b] = parameters;
    const options = { transposed: true, rowsAtOnce: 16 };
    const loss = () => mul(linearCrossEntropy(x, W, b, ids, options), 3);
    assertClose([await loss().item()], [expected.loss], 2e-6, "loss without gradient");
    const step = compile(() => valueAndGrad(loss, parameters));
    for (const run of [step, step, () => valueAndGrad(loss, parameters)]) {
      const { value, gradients } = run();
      assertClose([await value.item()], [expected.loss], 2e-6, "loss");
      for (const [i, gradient] of gradients.entries()) {
        assertClose(await gradient.data(), expected.gradients[i], 2e-6, `gradient ${i}`);
      }
    }
    assertClose(await W.data(), values.W, 0, "the weight stays");
  });
}

forEachDevice(
  "linear cross-entropy in parts is the two operations, W [C,V] without bias",
  async () => {
    const [N, V, C] = [13, 210, 2];
    const [x, W] = [
      tensor(wave(N * C, 1), { shape: [N, C] }),
      tensor(wave(V * C, 3), { shape: [C, V] }),
    ];
    const ids = tensor(Int32Array.from({ length: N }, (_, n) => n));
    const apart = (w: Tensor) => crossEntropy(linear(x, w), ids, { ignoreIndex: 12 });
    const whole = (w: Tensor) =>
      linearCrossEntropy(x, w, undefined, ids, { ignoreIndex: 12, rowsAtOnce: 4 });
    const [one, other] = [apart, whole].map((f) => valueAndGrad(() => f(W), [W]));
    assertClose([await other.value.item()], [await one.value.item()], 1e-6);
    assertClose(await other.gradients[0].data(), await one.gradients[0].data(), 1e-6);
  },
);

forEachDevice("linear cross-entropy keeps one part's logits, not all", async (device) => {
  // The default number of rows on the CPU; a software GPU would take seconds.
  const [N, V, C, rows] = device.kind === "cpu" ? [320, 33000, 2, 128] : [64, 3000, 2, 16];
  const options = device.kind === "cpu" ? {} : { rowsAtOnce: rows };
  const parameters = [zeros([N, C]), zeros([C, V]), zeros([V])];
  const [x, W, b] = parameters;
  const ids = zeros([N], { dtype: "i32" });
  const step = compile(() =>
    valueAndGrad(() => linearCrossEntropy(x, W, b, ids, options), parameters)
  );
  step();
  await device.finish();
  const part = 4 * rows * V;
  assert.ok(step.report!.bytes < 2 * part, `${step.report!.bytes} bytes, a part has ${part}`);
  step.dispose();
});

Deno.test("linear cross-entropy keeps only one chunk's logits in eager mode, too", () => {
  const device = new CpuDevice({ threads: 1 });
  const [N, V, C] = [40, 5000, 2];
  const parameters = [[N, C], [C, V], [V]].map((shape) => zeros(shape, { device }));
  const [x, W, b] = parameters;
  const ids = zeros([N], { dtype: "i32", device });
  const loss = () => linearCrossEntropy(x, W, b, ids, { rowsAtOnce: 8 });
  const logits = 4 * 8 * V, ofWeight = 4 * C * V;
  const before = device.memory().used;
  loss().dispose();
  assert.ok(device.memory().peak < before + 1.5 * logits, `${device.memory().peak}`);
  const { gradients } = valueAndGrad(loss, parameters);
  const most = before + 1.5 * logits + 6 * ofWeight;
  assert.ok(device.memory().peak < most, `${device.memory().peak} bytes, expected below ${most}`);
  assert.equal(gradients.length, 3);
  device.close();
});

forEachDevice("linear cross-entropy: finite differences", async (device) => {
  // Reading back is slow on WebGPU, and its gradients are compared above.
  if (device.kind === "webgpu") return;
  const ids = tensor(new Int32Array([1, 0, -100]));
  await checkGradients(
    (x, W, b) => linearCrossEntropy(x, W, b, ids, { rowsAtOnce: 2 }),
    [
      { values: [...wave(6, 0)], shape: [3, 2] },
      { values: [...wave(6, 2)], shape: [2, 3] },
      { values: [...wave(3, 4)], shape: [3] },
    ],
  );
});

forEachDevice("linear cross-entropy refuses shapes that do not fit", () => {
  const ids = zeros([3], { dtype: "i32" });
  const call = (x: number[], w: number[], targets = ids) => () =>
    linearCrossEntropy(zeros(x), zeros(w), undefined, targets);
  assert.throws(call([3, 2], [4, 5]), {
    name: "TypeError",
    message: "linearCrossEntropy: inner sizes differ: [3,2] · [4,5]",
  });
  assert.throws(call([2, 2], [2, 5]), {
    name: "TypeError",
    message: "linearCrossEntropy: expected x [N,C] and targets [N]; got f32 [2,2] and i32 [3]",
  });
  assert.throws(call([3, 2], [2, 5], zeros([3])), /expected i32 values/);
  assert.throws(
    () => linearCrossEntropy(zeros([3, 2]), zeros([2, 5]), undefined, ids, { rowsAtOnce: 0 }),
    { name: "RangeError", message: /rowsAtOnce must be a whole number from 1, got 0/ },
  );
});
