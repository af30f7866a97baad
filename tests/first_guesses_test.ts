/**
 * What a newcomer writes first, from the habits of PyTorch, NumPy and JAX: `deno run` checks no
 * types, so each guess is right or is refused in one line that says what to write.
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import * as folio from "../mod.ts";
import { sharedDevice } from "./support/devices.ts";

// deno-lint-ignore no-explicit-any
type Anything = any;
const guess: Anything = folio;
const { tensor, useDevice } = folio;

/** Registers a test for each guess: its message, after the name of the error's class. */
function refused(guesses: Record<string, [run: () => unknown, message: string]>): void {
  for (const [name, [run, message]] of Object.entries(guesses)) {
    Deno.test(`refused: ${name}`, async () => {
      useDevice(await sharedDevice("cpu-1"));
      await assert.rejects(async () => await run(), (error: Error) => {
        assert.equal(`${error.name}: ${error.message}`, message);
        return true;
      });
    });
  }
}

const model = () =>
  new folio.GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
const x = () => tensor([[1, 2, 3], [4, 5, 6]]);
const ids = () => tensor(Int32Array.of(1, 0));
const rowOfIds = () => tensor(Int32Array.of(1, 0), { shape: [1, 2] });

refused({
  "sum(x, 0)": [
    () => guess.sum(x(), 0),
    "TypeError: sum: expected an object of options (axis, keepDimensions), got 0; " +
    "write { axis: 0 }",
  ],
  "model.forward(ids, targets)": [
    () => guess.GPT.prototype.forward.call(model(), rowOfIds(), rowOfIds()),
    "TypeError: GPT: expected a ForwardContext after the ids, got a Tensor i32 [1,2]; " +
    "model.loss(ids, targets) takes targets",
  ],
  "crossEntropy(logits [B,T,V], targets)": [
    () => guess.crossEntropy(tensor([[[1, 2], [3, 4]]]), ids()),
    "TypeError: crossEntropy: expected logits [N,V] and targets [N]; got f32 [1,2,2] and i32 [2]; " +
    "pass logits.view([-1, 2])",
  ],
  "zeros(2, 3)": [
    () => guess.zeros(2, 3),
    "TypeError: zeros: expected a shape such as [2, 3], got 2",
  ],
  "scaledDotProductAttention(q, k, v, { is_causal })": [
    () => guess.scaledDotProductAttention(x(), x(), x(), { is_causal: true }),
    "TypeError: scaledDotProductAttention: unknown option 'is_causal'; pass mask: causalMask(T)",
  ],
  "sum(x, { dim })": [
    () => guess.sum(x(), { dim: 0 }),
    "TypeError: sum: unknown option 'dim'; did you mean 'axis'?",
  ],
  "sum(x, { axes })": [
    () => guess.sum(x(), { axes: [0] }),
    "TypeError: sum: unknown option 'axes'; did you mean 'axis'?",
  ],
  "mean(x, { keepdim })": [
    () => guess.mean(x(), { axis: 0, keepdim: true }),
    "TypeError: mean: unknown option 'keepdim'; did you mean 'keepDimensions'?",
  ],
  "max(x, { axis: 2 })": [
    () => folio.max(x(), { axis: 2 }),
    "RangeError: max: axis 2 does not exist in a tensor of rank 2: expected -2 to 1",
  ],
  "sum of an array": [
    () => guess.sum([1, 2, 3]),
    "TypeError: sum: expected a tensor, got an array of 3; make one with tensor(values)",
  ],
  "sum of a promise": [
    () => guess.sum(x().data()),
    "TypeError: sum: expected a tensor, got a promise; await it first",
  ],
  "argmax(x, 1)": [
    () => guess.argmax(x(), 1),
    "TypeError: argmax: expected an object of options (axis, keepDimensions), got 1; " +
    "write { axis: 1 }",
  ],
  "softmax(x, -1)": [
    () => guess.softmax(x(), -1),
    "TypeError: softmax: expected an object of options (axis), got -1; write { axis: -1 }",
  ],
  "softmax(x, { dim })": [
    () => guess.softmax(x(), { dim: -1 }),
    "TypeError: softmax: unknown option 'dim'; did you mean 'axis'?",
  ],
  "topK(x, 2, { axis: 0 })": [
    () => folio.topK(x(), 2, { axis: 0 }),
    "RangeError: topK: expected the last axis of f32 [2,3], got 0; transpose it first",
  ],
  "topK(x, { k })": [
    () => guess.topK(x(), { k: 2 }),
    "RangeError: topK: k must be from 1 to the row's length, got an object with k for f32 [2,3]",
  ],
  "concatenate(list, 1)": [
    () => guess.concatenate([x(), x()], 1),
    "TypeError: concatenate: expected an object of options (axis), got 1; write { axis: 1 }",
  ],
  "concatenate(a, b)": [
    () => guess.concatenate(x(), x()),
    "TypeError: concatenate: expected an object of options (axis), got a Tensor f32 [2,3]",
  ],
  "slice(x, 0, 1)": [
    () => guess.slice(x(), 0, 1),
    "TypeError: slice: expected an object of options (axis, start, end), got 0",
  ],
  "slice(x, { start })": [
    () => guess.slice(x(), { start: 1 }),
    "RangeError: slice: axis undefined does not exist in a tensor of rank 2: expected -2 to 1",
  ],
  "transpose(x, 0, 1)": [
    () => guess.transpose(x(), 0, 1),
    "TypeError: transpose: expected a list of all axes such as [1, 0], got 0",
  ],
  "transpose of an array": [
    () => guess.transpose([[1, 2]]),
    "TypeError: transpose: expected a tensor, got an array of 1; make one with tensor(values)",
  ],
  "embedding with an array of ids": [
    () => guess.embedding(x(), [1, 0]),
    "TypeError: embedding: expected a tensor, got an array of 2; make one with tensor(values)",
  ],
  "embedding with floats for ids": [
    () => folio.embedding(x(), tensor([1, 0])),
    'TypeError: embedding: expected i32 values, got f32 [2]; make it with the option dtype: "i32"',
  ],
  "crossEntropy(…, { ignore_index })": [
    () => guess.crossEntropy(x(), ids(), { ignore_index: 0 }),
    "TypeError: crossEntropy: unknown option 'ignore_index'; did you mean 'ignoreIndex'?",
  ],
  "sequenceLoss(…, { padding })": [
    () => guess.sequenceLoss(x(), Int32Array.of(1, 0), { padding: 0 }),
    "TypeError: sequenceLoss: unknown option 'padding'; name the padding's id by ignoreIndex",
  ],
  "selfAttention(qkv, { numHeads })": [
    () => guess.selfAttention(x(), { numHeads: 1 }),
    "TypeError: selfAttention: unknown option 'numHeads'; did you mean 'heads'?",
  ],
  "selfAttention(qkv, { heads, is_causal })": [
    () => guess.selfAttention(x(), { heads: 1, is_causal: true }),
    "TypeError: selfAttention: unknown option 'is_causal'; did you mean 'causal'?",
  ],
  "matmul(a, b, { transposed })": [
    () => guess.matmul(x(), x(), { transposed: true }),
    "TypeError: matmul: unknown option 'transposed'; did you mean 'transposeA'?",
  ],
  "randomNormal(shape)": [
    () => guess.randomNormal([2]),
    "TypeError: randomNormal: expected a state i32 [2] = [seed, step], got undefined; " +
    "make one with tensor(Int32Array.of(seed, 0))",
  ],
  "add on two devices": [
    async () => folio.add(x(), tensor([1], { device: await sharedDevice("cpu-2") })),
    "TypeError: add: its tensors are on different devices, cpu and cpu; " +
    "copy one over: tensor(await x.data(), { shape: x.shape, device })",
  ],

  "generate(model, prompt, { maxTokens })": [
    () => guess.generate(model(), [1], { maxTokens: 4 }),
    "TypeError: generate: unknown option 'maxTokens'; did you mean 'maxNewTokens'?",
  ],
  "generate(model, prompt, { num_return_sequences })": [
    () => guess.generate(model(), [1], { num_return_sequences: 4 }),
    "TypeError: generate: unknown option 'num_return_sequences'; did you mean 'sequences'?",
  ],
  "generate(model, prompt, { sequences: 2 })": [
    () => folio.generate(model(), [1], { sequences: 2 }),
    "RangeError: generate: one prompt has one result; pass an array for several sequences: " +
    "generate(model, [prompt], { sequences })",
  ],
  "generate(pretrained, prompt)": [
    () => guess.generate({ model: model(), tokenizer: 1 }, [1]),
    "TypeError: generate: expected a model, a GPT, got an object with model, tokenizer; " +
    "take its field model",
  ],
  "generate(promise of a model, prompt)": [
    () => guess.generate(Promise.resolve(model()), [1]),
    "TypeError: generate: expected a model, a GPT, got a promise; await it first",
  ],
  "generate(model, promise of ids)": [
    () => guess.generate(model(), Promise.resolve([1])),
    "TypeError: generate: expected token ids, got a promise; await it first",
  ],
  "generate(model, text)": [
    () => folio.generate(model(), "to be"),
    "TypeError: generate: a text as prompt needs the option tokenizer",
  ],
  "generate(model, text, { tokenizer: folder })": [
    () => guess.generate(model(), "to be", { tokenizer: "runs/baby" }),
    'TypeError: generate: expected a tokenizer, got "runs/baby"; load one with await loadTokenizer(place)',
  ],
  "generate(model, prompt, { stop: id })": [
    () => guess.generate(model(), [1], { stop: 5 }),
    "TypeError: generate: stop must be a text or a list of texts and of token ids, got 5",
  ],
  "generate(model, prompt, { overflow })": [
    () => guess.generate(model(), [1], { overflow: "truncate" }),
    'RangeError: generate: overflow must be "slide" or "stop", got "truncate"',
  ],
  "generate(model, prompt, { seed: NaN })": [
    () => folio.generate(model(), [1], { seed: NaN }),
    "RangeError: generate: seed must be an integer in [0, 2^32), got NaN",
  ],
  "generate(model, unknown id)": [
    () => folio.generate(model(), [1, 8]),
    "RangeError: generate: expected token ids from 0 to 7, got 8 at index 1; " +
    "use the tokenizer of the model",
  ],
  "new Generator(pretrained)": [
    () => new guess.Generator({ model: model() }),
    "TypeError: Generator: expected a model, a GPT, got an object with model; take its field model",
  ],
  "generator.generate(text)": [
    () => guess.Generator.prototype.generate.call(new folio.Generator(model()), "to be").next(),
    'TypeError: Generator.generate: expected token ids, got "to be"; encode it with a tokenizer',
  ],
  "generator.generate(ids, { top_k })": [
    () =>
      guess.Generator.prototype.generate.call(new folio.Generator(model()), [1], { top_k: 3 })
        .next(),
    "TypeError: Generator.generate: unknown option 'top_k'; did you mean 'topK'?",
  ],
  "topNextTokens(model, ids, { topK })": [
    () => guess.topNextTokens(model(), [1], { topK: 3 }),
    "TypeError: topNextTokens: unknown option 'topK'; its options are k, temperature",
  ],
  "greedyDecode(gpt, …)": [
    () => guess.greedyDecode(model(), [[1]], { startToken: 1 }),
    "TypeError: greedyDecode: expected a Transformer, got a GPT",
  ],
  "perplexity(model, text)": [
    () => guess.perplexity(model(), "to be"),
    'TypeError: perplexity: expected token ids, got "to be"; encode it with a tokenizer',
  ],
  "perplexity(model, ids, { batch_size })": [
    () => guess.perplexity(model(), [1, 2], { batch_size: 3 }),
    "TypeError: perplexity: unknown option 'batch_size'; did you mean 'batchSize'?",
  ],
  "new AdamW(parameters, { lr })": [
    () => new guess.AdamW([x()], { lr: 3e-4 }),
    "TypeError: AdamW: unknown option 'lr'; " +
    "the rate is an argument of step and prepare, and an option of Trainer",
  ],
  "new AdamW(parameters, { betas })": [
    () => new guess.AdamW([x()], { betas: [0.9, 0.99] }),
    "TypeError: AdamW: unknown option 'betas'; did you mean 'beta1'?",
  ],
  "new AdamW(model)": [
    () => new guess.AdamW(model()),
    "TypeError: AdamW: expected an array of tensors, such as model.parameters(), got a GPT",
  ],
  "new AdamW(parameters, { weightDecay: -1 })": [
    () => new folio.AdamW([x()], { weightDecay: -1 }),
    "RangeError: AdamW: weightDecay must be a number from 0, got -1",
  ],
  "new SGD(parameters, 0.1)": [
    () => new guess.SGD([x()], 0.1),
    "TypeError: SGD: expected an object of options (momentum, clip, average, lossScaling), got 0.1",
  ],
  "optimizer.step()": [
    () => guess.AdamW.prototype.step.call(new folio.AdamW([x()])),
    "TypeError: AdamW: expected 1 gradients, as valueAndGrad gives them, got undefined",
  ],
  "optimizer.step(gradients)": [
    () => guess.SGD.prototype.step.call(new folio.SGD([x()]), [x()]),
    "RangeError: SGD: the learning rate must be a number from 0, got undefined",
  ],
  "saveCheckpoint(folder, {})": [
    () => guess.saveCheckpoint("runs/never", {}),
    "TypeError: saveCheckpoint: expected a model, a GPT, got undefined",
  ],
  "saveCheckpoint(folder, { model, optimizer: name })": [
    () => guess.saveCheckpoint("runs/never", { model: model(), optimizer: "adamw" }),
    "TypeError: saveCheckpoint: expected an optimizer such as new AdamW(model.parameters()), " +
    'got "adamw"',
  ],
  "loadOptimizerState(folder, { optimizer })": [
    () => guess.loadOptimizerState("runs/never", { optimizer: new folio.AdamW([x()]) }),
    "TypeError: loadOptimizerState: expected a model, a GPT, got undefined",
  ],
  "warmupDecay({ decay })": [
    () => guess.warmupDecay({ learningRate: 1, steps: 9, decay: "cos" }),
    'RangeError: warmupDecay: decay must be one of cosine, linear, constant, got "cos"',
  ],
  "warmupDecay without steps": [
    () => guess.warmupDecay({ learningRate: 1 }),
    "RangeError: warmupDecay: steps must be a number from 0, got undefined",
  ],
  "new Batches(text, …)": [
    () => new guess.Batches("to be", { batchSize: 1, contextLength: 2 }),
    'TypeError: Batches: expected token ids, got "to be"; encode it with a tokenizer',
  ],
  "new Batches(ids, { block_size })": [
    () => new guess.Batches([1, 2, 3], { batchSize: 1, block_size: 2 }),
    "TypeError: Batches: unknown option 'block_size'; did you mean 'contextLength'?",
  ],
  "new Batches(ids, { shuffle })": [
    () => new guess.Batches([1, 2, 3], { batchSize: 1, contextLength: 2, order: "shuffled" }),
    'RangeError: Batches: expected the order "random" or "epochs", got "shuffled"',
  ],
  "new Batches(ids, { seed: 0.5 })": [
    () => new folio.Batches([1, 2, 3], { batchSize: 1, contextLength: 2, seed: 0.5 }),
    "RangeError: Batches: seed must be an integer in [0, 2^32), got 0.5",
  ],

  "model.forward([1, 2, 3])": [
    () => guess.GPT.prototype.forward.call(model(), [1, 2, 3]),
    "TypeError: GPT: expected ids as a tensor i32 [B,T], got an array of 3; " +
    "make it with tensor(Int32Array.from(ids), { shape: [1, ids.length] })",
  ],
  "model.forward(floats)": [
    () => model().forward(tensor([[1, 2, 3]])),
    'TypeError: GPT: expected i32 values, got f32 [1,3]; make it with the option dtype: "i32"',
  ],
  "model.loss(ids, list)": [
    () => guess.GPT.prototype.loss.call(model(), ids().view([1, 2]), [[1, 2]]),
    "TypeError: GPT.loss: expected targets as a tensor i32 [B,T], got an array of 1; " +
    "make it with tensor(Int32Array.from(ids), { shape: [1, ids.length] })",
  ],
  "model.loss of two sizes": [
    () => model().loss(ids().view([1, 2]), ids().view([2, 1]).part(0, [1, 1])),
    "TypeError: GPT.loss: expected a target for each id; got i32 [1,2] and i32 [1,1]",
  ],
  "new GPT({ nLayer })": [
    () => new guess.GPT({ vocabSize: 8, contextLength: 4, nLayer: 3 }),
    "TypeError: model: unknown option 'nLayer'; did you mean 'layers'?",
  ],
  "modelOf({ …, widht })": [
    () => guess.modelOf({ ...folio.PRESETS.baby, widht: 3 }, 10),
    "TypeError: modelOf: unknown option 'widht'; did you mean 'width'?",
  ],
  "linear(x)": [() => guess.linear(x()), "TypeError: linear: expected a tensor, got undefined"],
  "mul(undefined, 2)": [
    () => guess.mul(undefined, 2),
    "TypeError: mul: expected a tensor, got undefined",
  ],
  "layerNorm(x, 1)": [
    () => guess.layerNorm(x(), 1),
    "TypeError: layerNorm: gain: expected a tensor, got 1",
  ],
  "layerNorm(x, gain, { epsilon })": [
    () => guess.layerNorm(x(), tensor([1, 1, 1]), { epsilon: 1e-6 }),
    "TypeError: layerNorm: bias: expected a tensor, got an object with epsilon",
  ],
  "scope(async () => …)": [
    () => folio.scope(() => Promise.resolve(x())),
    "TypeError: scope: the function is asynchronous; it must return tensors, not a promise: " +
    "read values after the scope",
  ],
  "compile(tensor)": [
    () => guess.compile(x()),
    "TypeError: compile: expected a function of tensors, got a Tensor f32 [2,3]",
  ],
  "recompute(tensor, …)": [
    () => guess.recompute(x(), []),
    "TypeError: recompute: expected a function of tensors, got a Tensor f32 [2,3]",
  ],
});

Deno.test("console.log shows a model by its class and size", async () => {
  useDevice(await sharedDevice("cpu-1"));
  const shown = inspect({ model: model() });
  assert.equal(
    shown,
    `{ model: GPT of ${model().parameterCount.toLocaleString("en")} parameters }`,
  );
});

for (
  const [name, run] of Object.entries({
    matmul: (a: folio.Tensor, b: folio.Tensor) => folio.matmul(a, b),
    linear: (a: folio.Tensor, b: folio.Tensor) => folio.linear(a, b),
    where: (a: folio.Tensor, b: folio.Tensor) => folio.where(a, b, 0),
    layerNorm: (a: folio.Tensor, b: folio.Tensor) => folio.layerNorm(a, b.view([4]).part(0, [2])),
    concatenate: (a: folio.Tensor, b: folio.Tensor) => folio.concatenate([a, b]),
    crossEntropy: (a: folio.Tensor, b: folio.Tensor) =>
      folio.crossEntropy(a, tensor(Int32Array.of(0, 1), { device: b.device })),
  })
) {
  Deno.test(`tensors of two devices are refused by ${name}, by its name`, async () => {
    const square = { shape: [2, 2] };
    const a = tensor([1, 2, 3, 4], { ...square, device: await sharedDevice("cpu-1") });
    const b = tensor([1, 2, 3, 4], { ...square, device: await sharedDevice("cpu-2") });
    assert.throws(() => run(a, b), new RegExp(`^TypeError: ${name}: its tensors are on different`));
  });
}

/** A custom operation whose derivative returns what `backward` says. */
const custom = (backward: Anything) =>
  guess.customOp({
    name: "double",
    inputs: { x: "f32" },
    cpu: {
      chunks: () => 1,
      emit(k: Anything) {
        const { x, output } = k.pointers("x", "output");
        k.f.storeF32(output, x.loadF32().mul(2));
      },
    },
    backward,
  });
const derived = (backward: Anything) => {
  const at = tensor([3]);
  return guess.valueAndGrad(() => guess.sum(custom(backward)({ x: at })), [at]);
};
class Headless extends guess.Module {}
class Listed extends guess.Module {
  parts() {
    return { layers: [new folio.Linear(2, 2)] };
  }
}

refused({
  "a * 2": [
    () => guess.tensor([1, 2]) * 2,
    "TypeError: tensor: f32 [2] is no number, so that JavaScript's operators do not apply; use " +
    "add, mul, greater, … or read its value with await item()",
  ],
  "savePretrained(folder, model, tokenizer)": [
    () => guess.savePretrained("hf", model(), folio.CharacterTokenizer.fromText("ab")),
    "TypeError: savePretrained: expected a folder and a model, got a third argument, a " +
    "CharacterTokenizer; a tokenizer goes beside the model: savePretrained(folder, { model, tokenizer })",
  ],
  "savePretrained with a larger tokenizer": [
    () =>
      folio.savePretrained("hf", {
        model: model(),
        tokenizer: folio.CharacterTokenizer.fromText("abcdefghijkl"),
      }),
    "RangeError: savePretrained: the tokenizer has 12 tokens and the model 8; save the model with " +
    "the tokenizer it was made for",
  ],
  "encodeBatch({ paddingSide: 'top' })": [
    () => guess.CharacterTokenizer.fromText("ab").encodeBatch(["a"], { paddingSide: "top" }),
    'RangeError: encodeBatch: paddingSide: expected one of "left", "right", got "top"',
  ],
  "encodeBatch({ padding: 'max' })": [
    () => guess.CharacterTokenizer.fromText("ab").encodeBatch(["a"], { padding: "max" }),
    'RangeError: encodeBatch: padding: expected one of "longest", "max_length", true, false, got "max"',
  ],
  "loss of transposed targets": [
    () =>
      model().loss(
        folio.zeros([2, 4], { dtype: "i32" }),
        folio.zeros([4, 2], { dtype: "i32" }),
      ),
    "TypeError: GPT.loss: expected a target for each id; got i32 [2,4] and i32 [4,2]",
  ],
  "useDevice('cpu')": [
    () => guess.useDevice("cpu"),
    'TypeError: useDevice: expected an open device, got "cpu"; open one with await openDevice()',
  ],
  "tensor(x, { device: 'cpu' })": [
    () => guess.tensor([1], { device: "cpu" }),
    'TypeError: tensor: expected an open device, got "cpu"; open one with await openDevice()',
  ],
  "a derivative that is a tensor": [
    () => derived((dy: Anything) => dy),
    "TypeError: double: 'backward' must return gradients by input, { x }, got a Tensor f32 [1]",
  ],
  "a derivative that is a list": [
    () => derived((dy: Anything) => [dy]),
    "TypeError: double: 'backward' must return gradients by input, { x }, got an array of 1",
  ],
  "a derivative of another name": [
    () => derived((dy: Anything) => ({ y: dy })),
    "TypeError: double: 'backward' must return gradients by input, { x }, got an object with y",
  ],
  "a custom operation of a tensor": [
    () => custom(undefined)(tensor([1])),
    "TypeError: double: expected its inputs by name, as in double({ x })",
  ],
  "customOp with 'float32'": [
    () =>
      guess.customOp({
        name: "double",
        inputs: { x: "float32" },
        wgsl: "fn each_thread(i: u32) {}",
      }),
    'TypeError: customOp: double: inputs: expected { name: "f32" or "i32" }, got "float32" for x',
  ],
  "a module without parts": [
    () => new (Headless as Anything)().parameters(),
    "TypeError: Headless: expected a method parts() that names its tensors and modules, such as " +
    "parts() { return { hidden: this.hidden }; }; without it nothing can be trained or saved",
  ],
  "a list among a module's parts": [
    () => new (Listed as Anything)().parameters(),
    "TypeError: Listed: parts(): expected a tensor or a module as layers, got an array of 1; put " +
    "modules in a row into a ModuleList",
  ],
});
