/**
 * The memory report against numbers computed by hand, and against what the device has given out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { compile } from "../lib/tensor/compile.ts";
import { exp } from "../lib/ops/unary.ts";
import { type Tensor, zeros } from "../lib/tensor/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice } from "./support/devices.ts";

const shape = { vocabSize: 29, contextLength: 16, layers: 1, heads: 2, width: 32 };
const ids = Int32Array.from({ length: 64 }, (_, i) => i % 29);
const batches = { batchSize: 4, contextLength: 16, next: () => ({ inputs: ids, targets: ids }) };

/** Parameter count of that model, each parameter padded to a multiple of 64. */
const PARAMETERS = [
  29 * 32 + 32, // tokens: 928 become 960
  16 * 32, // positions
  ...[64, 64, 32 * 96, 128, 32 * 32, 64], // norm, query-key-value, projection
  ...[64, 64, 32 * 128, 128, 128 * 32, 64], // norm, up, down
  ...[64, 64], // the final norm
].reduce((sum, size) => sum + size);

forEachDevice("parameters, gradients and moments are reported in bytes", async (device) => {
  const model = new GPT(shape);
  const before = device.memory().used;
  const optimizer = new AdamW(model.parameters());
  const trainer = new Trainer(model, optimizer, { learningRate: 1e-3 });
  const { parameters, gradients, optimizer: moments, activations } = trainer.memoryReport();
  assert.deepEqual([parameters, gradients, moments], [4, 4, 8].map((n) => n * PARAMETERS));
  assert.equal(activations, 0, "nothing has run");
  // The parameters' old buffers are freed, so the additional memory is one buffer each for
  // gradient, m and v, and some kilobytes.
  const grown = device.memory().used - before;
  assert.ok(grown >= gradients + moments && grown < gradients + moments + 20_000, `${grown}`);
  trainer.step(batches);
  await trainer.figures();
  const report = trainer.memoryReport();
  assert.equal(report.activations, trainer.report!.bytes);
  assert.equal(report.evaluation, 0);
  // The logits [64, 29] and a block's inner values [64, 128] must be there at least.
  assert.ok(report.activations > 4 * 64 * (29 + 128));
  assert.equal(report.scratch > 0, device.kind === "cpu");
  await trainer.evaluate(batches, 1);
  assert.ok(trainer.memoryReport().evaluation > 4 * 64 * 29);
});

forEachDevice(
  "batches of an update are added in pairs: twice as many keep one more set of gradients",
  () => {
    const activations = [2, 16].map((accumulate) => {
      const model = new GPT(shape);
      const options = { learningRate: 1e-3, accumulate };
      const trainer = new Trainer(model, new AdamW(model.parameters()), options);
      trainer.step(batches);
      return trainer.memoryReport().activations;
    });
    const doublings = 3; // from 2 batches to 16
    const more = (activations[1] - activations[0]) / doublings;
    assert.ok(more < 1.2 * 4 * PARAMETERS, `${activations}`);
  },
);

forEachDevice("plain SGD's state is one velocity a parameter", () => {
  const model = new GPT(shape);
  const trainer = new Trainer(model, new SGD(model.parameters()), { learningRate: 1 });
  assert.equal(trainer.memoryReport().optimizer, 4 * PARAMETERS);
});

forEachDevice("a program's memory is that of the values that are alive together", () => {
  // x² and eˣ meet in the sum, whose value is the result: 1,000 floats fill 4,096 bytes, and a
  // launch's result never shares memory with its inputs.
  const program = compile((x: Tensor) => add(mul(x, x), exp(x)));
  program(zeros([1000]));
  assert.equal(program.report!.bytes, 3 * 4096);
  assert.equal(program.report!.bytesUnshared, 3 * 4096);
  // Two values of a chain are alive at a time, and the result has its own buffer.
  const chain = compile((x: Tensor) => exp(exp(exp(exp(exp(x))))));
  chain(zeros([1000]));
  assert.equal(chain.report!.bytes, 3 * 4096);
  assert.equal(chain.report!.bytesUnshared, 5 * 4096);
});
