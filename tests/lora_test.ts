/** LoRA: what it computes and trains, switching and merging it, and wrong options. */
import assert from "node:assert/strict";
import { adapterChanges } from "../lib/adapt/adapter_changes.ts";
import { attachLora } from "../lib/adapt/lora.ts";
import type { LoraAdapter } from "../lib/adapt/lora_adapter.ts";
import type { LoraOptions } from "../lib/adapt/lora_options.ts";
import { Batches } from "../lib/data/batches.ts";
import { Generator } from "../lib/generate/generator.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const shape = { vocabSize: 13, contextLength: 16, layers: 2, heads: 2, width: 16 };
const llama: Partial<ModelConfigInput> = {
  keyValueHeads: 1,
  gated: true,
  activation: "silu",
  norm: "rms",
  positions: "rotary",
  bias: false,
  tiedHead: false,
};
const prompt = [1, 5, 3, 2, 12, 7];
const tokens = Uint16Array.from({ length: 400 }, (_, i) => (i * i + (i >> 2)) % 13);
const ids = () => tensor(Int32Array.from(prompt), { shape: [1, prompt.length] });
const targets = () => tensor(Int32Array.from(prompt.toReversed()), { shape: [1, prompt.length] });

/** A model with an adapter whose B's are not 0. */
function adaptedModel(
  config: Partial<ModelConfigInput> = {},
  options: LoraOptions = {},
): { model: GPT; adapter: LoraAdapter } {
  const model = new GPT({ ...shape, ...config }, { random: new Random(3) });
  const adapter = attachLora(model, { rank: 2, alpha: 4, modules: "all-linear", ...options });
  const random = new Random(9);
  for (const { update: { b } } of adapter.layers) b.write(random.normals(b.size, 0.3));
  return { model, adapter };
}

/** The same model with the updates added to its weights in float64, on the host. */
async function mergedOnHost({ model, adapter }: ReturnType<typeof adaptedModel>): Promise<GPT> {
  const merged = new GPT(model.config);
  const own = merged.namedParameters();
  for (const [name, parameter] of model.namedParameters()) {
    const values = Float64Array.from(await parameter.data());
    for (const { linear, inputs, outputs, start, update } of adapter.layers) {
      if (linear.weight !== parameter) continue;
      const [a, b] = [await update.a.data(), await update.b.data()];
      const [rank] = update.a.shape;
      const columns = parameter.shape[1];
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          const at = linear.transposed ? (start + o) * inputs + i : i * columns + start + o;
          for (let r = 0; r < rank; r++) {
            values[at] += update.scale * b[o * rank + r] * a[r * inputs + i];
          }
        }
      }
    }
    own.get(name)!.write(Float32Array.from(values));
  }
  return merged;
}

const VARIANTS: Readonly<Record<string, [Partial<ModelConfigInput>, LoraOptions]>> = {
  "every linear layer of a GPT-2": [{}, {}],
  "every linear layer of a Llama, separately": [llama, {}],
  "queries and values of a packed projection": [llama, { modules: ["q_proj", "v_proj"] }],
  "an untied head": [llama, { modules: ["lm_head", "down_proj"] }],
};

for (const [what, [config, options]] of Object.entries(VARIANTS)) {
  forEachDevice(`LoRA on ${what}: logits and loss are those of the merged weights`, async () => {
    const adapted = adaptedModel(config, options);
    const merged = await mergedOnHost(adapted);
    const { model, adapter } = adapted;
    const expected = await merged.forward(ids()).data();
    assertClose(await model.forward(ids()).data(), expected, 1e-5);
    const losses = [model, merged].map((each) => each.loss(ids(), targets()).item());
    assertClose([await losses[0]], [await losses[1]], 1e-5);
    const before = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    adapter.merge();
    assertClose(await model.forward(ids()).data(), expected, 1e-5);
    adapter.unmerge();
    const after = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    assert.deepEqual(after, before, "the base's bits are back");
  });
}

forEachDevice("gradients of A and B are finite differences, with recomputation too", async () => {
  const { model, adapter } = adaptedModel(llama, { modules: ["q_proj", "v_proj", "gate_proj"] });
  const loss = () => model.loss(ids(), targets());
  const gradients = valueAndGrad(loss, adapter.parameters()).gradients;
  const random = new Random(1);
  for (const [i, parameter] of adapter.parameters().entries()) {
    const values = Float32Array.from(await parameter.data());
    const direction = random.normals(parameter.size, 1);
    const along = async (step: number) => {
      parameter.write(values.map((value, j) => value + step * direction[j]));
      return await loss().item();
    };
    const slope = (await along(2e-2) - await along(-2e-2)) / 4e-2;
    parameter.write(values);
    const g = await gradients[i].data() as Float32Array;
    const product = g.reduce((sum, value, j) => sum + value * direction[j], 0);
    assert.ok(Math.abs(slope - product) < 2e-3 * (1 + Math.abs(product)), `${slope}, ${product}`);
  }
});

for (const [what, [config, options]] of Object.entries(VARIANTS)) {
  forEachDevice(`a training step adds weights and updates up: ${what}`, async () => {
    const { model, adapter } = adaptedModel(config, options);
    const rows = Int32Array.from({ length: 64 }, (_, i) => (i * i + 3) % 13);
    const [x, y] = [
      tensor(rows, { shape: [4, 16] }),
      tensor(rows.toReversed(), { shape: [4, 16] }),
    ];
    const randomState = tensor(new Int32Array(2));
    const results = [undefined, randomState].map((randomState) =>
      valueAndGrad(
        () => model.loss(x, y, new ForwardContext({ randomState })),
        adapter.parameters(),
      )
    );
    const [{ value, gradients }, training] = results;
    assertClose([await training.value.item()], [await value.item()], 1e-5);
    for (const [i, gradient] of gradients.entries()) {
      assertClose(await training.gradients[i].data(), await gradient.data(), 1e-5);
    }
  });
}

forEachDevice("training changes the adapter only; recomputing gives the same bits", async () => {
  const run = async (options: { recomputeActivations?: boolean }, dropout = 0.2) => {
    const { model, adapter } = adaptedModel({}, { dropout });
    const before = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0, clip: 1 });
    const trainer = new Trainer(model, optimizer, { learningRate: 1e-2, ...options });
    const batches = new Batches(tokens, { batchSize: 2, contextLength: 8, seed: 1 });
    for (let step = 0; step < 4; step++) trainer.step(batches);
    const figures = await trainer.figures();
    const after = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    assert.deepEqual(after, before);
    return figures;
  };
  const figures = await run({});
  assert.deepEqual(await run({ recomputeActivations: true }), figures);
  const plain = await run({}, 0);
  assert.deepEqual(await run({ recomputeActivations: true }, 0), plain);
  const { model, adapter } = adaptedModel({}, { dropout: 0 });
  const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0, clip: 1 });
  const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
  trainer.step(new Batches(tokens, { batchSize: 2, contextLength: 8, seed: 1 }));
  assert.notEqual((await trainer.figures())[0].loss, figures[0].loss, "dropout acts in training");
});

forEachDevice("compiled functions and generators follow an adapter that is switched", async () => {
  const model = new GPT(shape, { random: new Random(3) });
  const forward = compile(() => model.forward(ids()));
  const write = () =>
    Array.fromAsync(new Generator(model).generate(prompt, { temperature: 0, maxNewTokens: 8 }));
  const [base, text] = [await forward().data(), await write()];
  const { adapter: other, model: reference } = adaptedModel();
  const expected = await reference.forward(ids()).data();
  const adapter = attachLora(model, { rank: 2, alpha: 4, modules: "all-linear" });
  for (const [i, { update }] of adapter.layers.entries()) {
    update.b.write(await other.layers[i].update.b.data());
  }
  assertClose(await forward().data(), expected, 1e-5);
  const adaptedText = await write();
  const uncached = await Array.fromAsync(
    new Generator(reference).generate(prompt, { temperature: 0, maxNewTokens: 8 }),
  );
  assert.deepEqual(adaptedText, uncached);
  adapter.enabled = false;
  assert.deepEqual(await forward().data(), base);
  assert.deepEqual(await write(), text);
  adapter.enabled = true;
  adapter.merge();
  assertClose(await forward().data(), expected, 1e-5);
  adapter.unmerge();
  assertClose(await forward().data(), expected, 1e-5);
  adapter.detach();
  assert.deepEqual(await forward().data(), base);
  assert.throws(() => adapter.merge(), /detached/);
});

forEachDevice("a base in 8 bits takes an adapter in f32; merging it is refused", async () => {
  const { model, adapter } = adaptedModel();
  const before = await model.forward(ids()).data();
  await quantize(model, { group: 16 });
  assertClose(await model.forward(ids()).data(), before, 0.05);
  assert.throws(() => adapter.merge(), /rounded ones; merge first and quantize then/);
  assert.throws(
    () => new AdamW(model.parameters()),
    /^TypeError: AdamW: .* train first and quantize/,
  );
});

forEachDevice("biases are trained with the adapter, and off with it", async () => {
  const { model, adapter } = adaptedModel({}, { bias: "all", modules: ["c_attn"] });
  const base = await model.forward(ids()).data();
  const bias = model.blocks.items[1].feedForward!.up.bias!;
  assert.ok(adapter.parameters().includes(bias));
  bias.write(new Float32Array(bias.size).fill(0.5));
  const changed = await model.forward(ids()).data();
  assert.notDeepEqual(changed, base);
  adapter.enabled = false;
  assert.deepEqual(await bias.data(), new Float32Array(bias.size));
  adapter.enabled = true;
  assert.deepEqual(await model.forward(ids()).data(), changed);
});

const REFUSED: Readonly<Record<string, [options: object, message: RegExp]>> = {
  "a module that is none": [
    { modules: ["c_atn"] },
    /"c_atn"; the nearest is "c_attn"; the model has c_attn, c_proj, c_fc$/,
  ],
  "a token table": [{ modules: ["c_attn", "wte"] }, /"wte", which is a token or position table/],
  "a tied head": [{ modules: ["lm_head"] }, /"lm_head", which is .* or a head tied to one/],
  "a regular expression that matches nothing": [{ modules: "q_proj" }, /match a layer/],
  "a malformed regular expression": [{ modules: "(" }, /regular expression/],
  "layers beside a regular expression": [{ modules: ".*", layers: 1 }, /list of names/],
  "a layer that is none": [{ modules: ["c_attn"], layers: [7] }, /in layers \[7\]/],
  "a rank above the layer's sizes": [
    { rank: 17 },
    /at most 16 for transformer\.h\.0\.attn\.c_attn/,
  ],
  "a rank of 0": [{ rank: 0 }, /whole rank from 1, got 0/],
  "a dropout of 1": [{ dropout: 1 }, /dropout in \[0, 1\), got 1/],
  "PEFT's name of an option": [{ lora_alpha: 8 }, /its name is alpha/],
  "an unknown bias": [{ bias: "some" }, /bias to be one of none, lora_only, all, got "some"/],
};

for (const [what, [options, message]] of Object.entries(REFUSED)) {
  Deno.test(`attachLora refuses ${what}`, () => {
    const model = new GPT(shape);
    assert.throws(() => attachLora(model, options), message);
  });
}

Deno.test("attachLora refuses to train a part of a packed bias", () => {
  const model = new GPT({ ...shape, ...llama, queryKeyValueBias: true });
  const options = { modules: ["q_proj", "v_proj"], bias: "lora_only" } as const;
  assert.throws(() => attachLora(model, options), /packed with others/);
});

Deno.test("an adapter says what it trains", () => {
  const { adapter } = adaptedModel({}, { modules: ["c_attn"] });
  const { modules, trained, total, share, bytes } = adapter.report;
  assert.deepEqual(modules, ["transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn"]);
  assert.equal(trained, 2 * 2 * (16 + 48));
  assert.equal(bytes, 4 * trained);
  assert.equal(share, trained / (total + trained));
});

Deno.test("adapterChanges: norms and singular values are those of the merged weights' difference", async () => {
  useDevice(await sharedDevice("cpu-1"));
  for (const config of [{}, llama]) {
    const fixture = adaptedModel(config, {
      modules: config === llama ? ["q_proj", "v_proj"] : "all-linear",
    });
    const { model, adapter } = fixture;
    const changes = await adapterChanges(adapter);
    assert.deepEqual(changes.map(({ name }) => name), adapter.report.modules);
    for (const [at, { linear, inputs, outputs, start, update }] of adapter.layers.entries()) {
      const [a, b] = [await update.a.data(), await update.b.data()];
      const weight = await linear.weight.data();
      const of = (i: number, o: number) =>
        weight[
          linear.transposed ? (start + o) * inputs + i : i * linear.weight.shape[1] + start + o
        ];
      // ΔW, column by column; the sums of σ² and of σ⁴ are those of ΔW's and of ΔWᵀ·ΔW's squares.
      const columns = Array.from(
        { length: outputs },
        (_, o) =>
          Array.from(
            { length: inputs },
            (_, i) => update.scale * (b[2 * o] * a[i] + b[2 * o + 1] * a[inputs + i]),
          ),
      );
      const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
      const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
      const squares = total(columns.map((column) => dot(column, column)));
      const fourth = total(columns.flatMap((x) => columns.map((y) => dot(x, y) ** 2)));
      const { relative, singularValues } = changes[at];
      const [first, second] = singularValues;
      assert.ok(first >= second && second > 0 && singularValues.length === 2);
      assertClose([first ** 2 + second ** 2], [squares], 1e-5 * squares);
      assertClose([first ** 4 + second ** 4], [fourth], 1e-5 * fourth);
      const norm = Math.sqrt(
        total(
          columns.map((_, o) => total(Array.from({ length: inputs }, (_, i) => of(i, o) ** 2))),
        ),
      );
      assertClose([relative], [Math.sqrt(squares) / norm], 1e-5);
    }
    adapter.merge();
    assert.deepEqual(await adapterChanges(adapter), changes);
    adapter.unmerge();
    await quantize(model);
    await assert.rejects(adapterChanges(adapter), /is rounded; load its base in f32/);
  }
});
