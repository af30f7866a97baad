/**
 * The lens on every kind of model: hook points and their shapes, caches, and edits, of which each
 * changes what depends on it or is refused; in generation, in compiled functions and for gradients.
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import type { Device } from "../lib/device/device.ts";
import { generate } from "../lib/generate/generate.ts";
import { generateTargets } from "../lib/generate/generate_targets.ts";
import { Generator } from "../lib/generate/generator.ts";
import { topNextTokens } from "../lib/generate/top_next_tokens.ts";
import type { Edit } from "../lib/lens/edit.ts";
import { gradientsAt } from "../lib/lens/gradients_at.ts";
import { hookPoints } from "../lib/lens/hook_points.ts";
import { type LensInput, type LensModel, runModel } from "../lib/lens/model_parts.ts";
import { runWithCache, withCache } from "../lib/lens/run_with_cache.ts";
import { type Hooks, withHooks } from "../lib/lens/with_hooks.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import { Encoder } from "../lib/nn/encoder.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { MaskedLanguageModel } from "../lib/nn/masked_language_model.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { TextClassifier } from "../lib/nn/text_classifier.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { scope } from "../lib/tensor/scope.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const SIZES = { width: 16, heads: 4, layers: 2, contextLength: 16 };
const LLAMA = {
  norm: "rms",
  positions: "rotary",
  activation: "silu",
  gated: true,
  bias: false,
  keyValueHeads: 2,
  tiedHead: false,
} as const;

const gpt = (config: Partial<ModelConfigInput> = {}) =>
  new GPT({ vocabSize: 9, ...SIZES, ...config });
const bert = { vocabSize: 9, ...SIZES };
const seq2seq = { sourceVocabSize: 9, targetVocabSize: 9, ...SIZES };

const KINDS: Record<string, () => LensModel | Promise<LensModel>> = {
  "GPT-2": () => gpt(),
  "Llama": () => gpt(LLAMA),
  "Qwen3, windows": () => gpt({ ...LLAMA, queryKeyNorm: true, window: [2, undefined] }),
  "Gemma 2": () =>
    gpt({
      ...LLAMA,
      normPlacement: "sandwich",
      attentionSoftCap: 5,
      logitSoftCap: 3,
      embeddingScale: 2,
    }),
  "GPT-NeoX": () => gpt({ positions: "rotary", rotaryDimensions: 2, parallelResidual: true }),
  "GPT-J": () =>
    gpt({ positions: "rotary", parallelResidual: true, sharedNorm: true, tiedHead: false }),
  "BLOOM": () => gpt({ positions: "alibi", embeddingNorm: true, heads: 2 }),
  "attention only": () =>
    gpt({
      norm: "none",
      feedForward: false,
      positions: "shortformer",
      outputSize: 4,
      tiedHead: false,
    }),
  "post-norm": () => gpt({ normPlacement: "post", positions: "sinusoidal" }),
  "classifier on a GPT": () => new TextClassifier(gpt(), { labels: ["a", "b"] }),
  "encoder": () => new Encoder({ ...bert, tokenTypes: 2 }),
  "ModernBERT": () =>
    new Encoder({
      ...bert,
      positions: "rotary",
      activation: "silu",
      gated: true,
      bias: false,
      normPlacement: "pre",
      firstNorm: false,
    }),
  "masked": () => new MaskedLanguageModel({ ...bert, relativeBuckets: 4 }),
  "classifier": () =>
    new SequenceClassifier({ ...bert, labels: ["a", "b"], poolerActivation: "tanh" }),
  "T5": () =>
    new Transformer({
      ...seq2seq,
      positions: "relative",
      normPlacement: "pre",
      norm: "rms",
      bias: false,
    }),
  "BART": () => new Transformer({ ...seq2seq, positions: "learned", embeddingNorm: true }),
};

/** A model with weights large enough that edits show in its value. */
async function made(kind: string): Promise<LensModel> {
  const model = await KINDS[kind]();
  const random = new Random(7);
  for (const [name, parameter] of model.namedParameters()) {
    const isGain = /norm|ln_/.test(name) && name.endsWith("weight");
    parameter.write(random.normals(parameter.size, 0.3).map((x) => isGain ? 1 + x : x));
  }
  return model;
}

const ROWS = [[1, 2, 3, 4, 5], [6, 7, 8, 1, 3], [2, 8, 5, 5, 7]];
const OTHERS = [[3, 3, 1, 8, 2], [5, 1, 7, 2, 2], [8, 4, 6, 1, 1]];

function inputOf(model: LensModel, rows: number[][]): LensInput {
  return model instanceof Transformer ? { source: rows, target: rows.toReversed() } : rows;
}

async function valueOf(model: LensModel, rows: number[][] = ROWS, hooks: Hooks = {}) {
  const run = () => scope(() => runModel("test", model, inputOf(model, rows)));
  const value = withHooks(model, hooks, run);
  const data = await value.data();
  value.dispose();
  return data as Float32Array;
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));
}

/** x·(1 + noise), with noise on the last axis, which no norm and no softmax undoes. */
function disturbed(x: Tensor): Tensor {
  const factors = new Random(3).normals(x.shape.at(-1)!, 0.4).map((n) => 1.3 + Math.abs(n));
  return mul(x, tensor(factors, { device: x.device }));
}

forEachDevice(
  "every point: its value is kept, changes count, copies change nothing",
  async () => {
    for (const kind of Object.keys(KINDS)) {
      const model = await made(kind);
      const points = hookPoints(model, { batch: 3, length: 5 });
      const plain = await valueOf(model);
      const { logits, cache } = runWithCache(model, inputOf(model, ROWS));
      assertClose(await logits.data(), plain, 1e-4, `${kind}: logits beside a cache`);
      assert.deepEqual(cache.names, points.map(({ name }) => name));
      for (const { name, shape } of points) {
        assert.deepEqual(cache.get(name).shape, shape, `${kind}: ${name}`);
        const same = await valueOf(model, ROWS, { [name]: { patch: cache.get(name) } });
        assertClose(same, plain, 1e-4, `${kind}: own value at ${name}`);
        const changed = await valueOf(model, ROWS, { [name]: disturbed });
        assert(distance(changed, plain) > 1e-4, `${kind}: nothing depends on ${name}`);
      }
      cache.dispose();
      assert.deepEqual(await valueOf(model), plain, "hooks remain");
    }
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "the values at all points are those of the CPU",
  async (device) => {
    const cpu = await sharedDevice("cpu-1");
    const values = async (device: Device) => {
      useDevice(device);
      const model = await made("Llama");
      const { cache } = runWithCache(model, ROWS);
      const list = cache.names.map(async (name) => [name, await cache.get(name).data()] as const);
      return new Map(await Promise.all(list));
    };
    const [expected, got] = [await values(cpu), await values(device)];
    for (const [name, value] of got) {
      assertClose(
        finite(value),
        finite(expected.get(name)!),
        1e-4,
        name,
      );
    }
  },
  false,
  ["webgpu"],
);

/** Scores of hidden keys are −∞. */
function finite(values: ArrayLike<number>): number[] {
  return Array.from(values, (x) => x === -Infinity ? 1e3 : x);
}

forEachDevice(
  "the residual stream of another text makes its value",
  async () => {
    for (const kind of Object.keys(KINDS)) {
      const model = await made(kind);
      const other = await valueOf(model, OTHERS);
      const names = hookPoints(model).map(({ name }) => name);
      for (const end of [/blocks\.0\.hook_resid_pre$/, /blocks\.1\.hook_resid_post$/]) {
        const chosen = names.filter((name) => end.test(name));
        const { cache } = runWithCache(model, inputOf(model, OTHERS), { names: chosen });
        const hooks = Object.fromEntries(chosen.map((name) => [name, { patch: cache.get(name) }]));
        assertClose(await valueOf(model, ROWS, hooks), other, 1e-4, `${kind}: ${end}`);
      }
    }
  },
  false,
  ["cpu-2"],
);

const MODEL = () => made("Llama") as Promise<GPT>;

forEachDevice(
  "edits as data change the selected elements only",
  async () => {
    const model = await MODEL();
    const { cache } = runWithCache(model, OTHERS);
    const cases: [name: string, edit: Edit, expected: (x: number, at: number[]) => number][] = [
      ["blocks.0.attn.hook_z", { zero: true, head: 1 }, (x, [, , h]) => h === 1 ? 0 : x],
      ["blocks.0.attn.hook_z", { set: 2, place: [0, -1] }, (x, [, t]) => t % 4 === 0 ? 2 : x],
      ["blocks.1.hook_resid_pre", { add: 1, scale: -3, row: 2 }, (x, [b]) => b === 2 ? x - 3 : x],
      ["blocks.1.mlp.hook_post", { set: 5, dimension: 7 }, (x, [, , d]) => d === 7 ? 5 : x],
      [
        "blocks.1.attn.hook_pattern",
        { zero: true, head: 0, place: 2, key: 1 },
        (x, at) => `${at.slice(1)}` === "0,2,1" ? 0 : x,
      ],
      ["logits", { set: -9, dimension: [0, 1] }, (x, [, , id]) => id < 2 ? -9 : x],
    ];
    for (const [name, edit, expected] of cases) {
      await checkEdit(model, name, edit, expected);
    }
    const whole = await cache.get("blocks.0.hook_mlp_out").data();
    const at = ([b, t, c]: number[]) => (b * 5 + t) * 16 + c;
    await checkEdit(
      model,
      "blocks.0.hook_mlp_out",
      { patch: cache.get("blocks.0.hook_mlp_out"), place: 3 },
      (x, index) => index[1] === 3 ? whole[at(index)] : x,
    );
    const plain = await (runWithCache(model, ROWS).cache.get("blocks.0.hook_mlp_out")).data();
    await checkEdit(
      model,
      "blocks.0.hook_mlp_out",
      { mean: true },
      (_, [, t, c]) => [0, 1, 2].reduce((sum, b) => sum + plain[at([b, t, c])], 0) / 3,
    );
    const order = [0, 1, 2].map((b) => b);
    const name = "blocks.0.hook_mlp_out";
    const resampled = await valuesAt(model, name, { [name]: { resample: 4 } });
    for (const b of order) {
      const own = resampled.subarray(b * 80, b * 80 + 80);
      const from = order.filter((c) => distance(own, plain.subarray(c * 80, c * 80 + 80)) < 1e-3);
      assert(from.length === 1 && from[0] !== b, `row ${b} comes from ${from}`);
    }
  },
  false,
  ["cpu-2", "webgpu"],
);

async function valuesAt(model: LensModel, name: string, hooks: Hooks) {
  const { cache } = withHooks(model, hooks, () => runWithCache(model, ROWS, { names: name }));
  return await cache.get(name).data();
}

async function checkEdit(
  model: LensModel,
  name: string,
  edit: Edit,
  expected: (x: number, at: number[]) => number,
): Promise<void> {
  const { cache } = runWithCache(model, ROWS, { names: name });
  const { shape } = cache.get(name);
  const before = await cache.get(name).data();
  const after = await valuesAt(model, name, { [name]: edit });
  const indices = (i: number) =>
    shape.map((length, axis) =>
      Math.floor(i / shape.slice(axis + 1).reduce((n, l) => n * l, 1)) % length
    );
  assertClose(after, before.map((x, i) => expected(x, indices(i))), 1e-5, name);
}

Deno.test("what cannot be is refused by name", async () => {
  useDevice(await sharedDevice("cpu-2"));
  const model = gpt();
  const run = () => model.forward(tensor(Int32Array.of(1, 2, 3), { shape: [1, 3] }));
  const hooked = (hooks: unknown) => () => withHooks(model, hooks as Hooks, run);
  const cases: [unknown, RegExp][] = [
    [{ "blocks.0.atn.hook_z": { zero: true } }, /did you mean 'blocks\.0\.attn\.hook_z'/],
    [{ "blocks.7.hook_mlp_out": { zero: true } }, /no hook point 'blocks\.7\.hook_mlp_out'/],
    [{ "blocks.0.hook_mlp_out": { head: 1, zero: true } }, /no head to select/],
    [{ "blocks.0.hook_mlp_out": { place: 3, zero: true } }, /place from -3 to 2, got 3/],
    [{ "blocks.0.hook_mlp_out": { mean: true } }, /mean needs two sequences or more/],
    [{ "blocks.0.hook_mlp_out": { resample: 1 } }, /resample needs two sequences or more/],
    [{ "blocks.0.hook_mlp_out": { zero: true, set: 1 } }, /expected one of .*, got zero and set/],
    [{ "blocks.0.hook_mlp_out": { place: 1 } }, /expected one of .*, got none/],
    [{ "blocks.0.hook_mlp_out": { zeros: true } }, /unknown option 'zeros'.*'zero'/],
    [{ "blocks.0.hook_mlp_out": { zero: false } }, /expected zero: true/],
    [{ "blocks.0.hook_mlp_out": { zero: true, scale: 2 } }, /scale is for add/],
    [{ "blocks.0.hook_mlp_out": { set: "2" } }, /expected set as a number or as f32/],
    [{ "blocks.0.hook_mlp_out": { patch: tensor([1, 2]) } }, /expected patch f32 \[1,3,16\]/],
    [{ "blocks.0.hook_mlp_out": () => tensor([1]) }, /a hook that returns f32 \[1,3,16\]/],
    [{ "blocks.0.hook_mlp_out": async () => {} }, /a hook cannot wait/],
    [{ "blocks.0.hook_mlp_out": { backward: 1 } }, /backward: function/],
    [[], /hooks by the names of points/],
  ];
  for (const [hooks, message] of cases) assert.throws(hooked(hooks), { message });
  const edit = { "blocks.0.hook_mlp_out": { zero: true } } as const;
  assert.throws(() => withHooks(model, edit, () => 1), /no pass that reaches blocks\.0\.hook_mlp/);
  await assert.rejects(withHooks(model, edit, () => Promise.resolve(1)), /no pass that reaches/);
  assert.throws(() => withHooks({} as GPT, edit, run), /expected a model/);
  assert.throws(() => hookPoints({ model } as unknown as GPT), /take its field model/);
  assert.throws(() => runWithCache(model, [[1, 2], [3]]), /rows of one length/);
  assert.throws(() => runWithCache(model, { source: [1], target: [1] }), /encoder–decoders/);
  assert.throws(() => runWithCache(model, [1], { names: /hook_nothing/ }), /fits no hook point/);
  assert.throws(() => runWithCache(model, [1], { names: "hook_embd" }), /'hook_embed'/);
  const { cache } = runWithCache(model, [1], { names: "hook_embed" });
  assert.throws(() => cache.get("hook_embe"), /'hook_embed'/);
  assert.equal(model.isHooked, false);
});

forEachDevice(
  "hooks inside hooks, at the same time, and after an error",
  async () => {
    const model = await MODEL();
    const plain = await valueOf(model);
    const [first, second]: Hooks[] = [
      { "blocks.0.hook_mlp_out": (x) => add(x, 1) },
      { "blocks.0.hook_mlp_out": (x) => mul(x, 2) },
    ];
    const both = await withHooks(model, first, () => valueOf(model, ROWS, second));
    const list = { "blocks.0.hook_mlp_out": [(x: Tensor) => add(x, 1), (x: Tensor) => mul(x, 2)] };
    assert.deepEqual(both, await valueOf(model, ROWS, list));
    await Promise.all([
      withHooks(model, first, () => valueOf(model)),
      withHooks(model, second, async () => {
        await valueOf(model);
        await valueOf(model);
      }),
    ]);
    await assert.rejects(
      withHooks(model, first, async () => {
        await valueOf(model);
        throw new Error("mine");
      }),
      /mine/,
    );
    assert.deepEqual(await valueOf(model), plain);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "compiled functions are recorded again with other hooks",
  async () => {
    const model = await MODEL();
    const ids = tensor(Int32Array.from(ROWS.flat()), { shape: [3, 5] });
    const forward = compile(() => model.forward(ids));
    const plain = await forward().data();
    const hooks = { "blocks.1.attn.hook_pattern": { zero: true, head: 2 } } as const;
    const expected = await valueOf(model, ROWS, hooks);
    assert.deepEqual(await withHooks(model, hooks, () => forward().data()), expected);
    assert.deepEqual(await forward().data(), plain);
    let records = 0;
    const inside = compile(() => {
      records++;
      return withHooks(model, hooks, () => model.forward(ids));
    });
    assert.deepEqual(await inside().data(), expected);
    assert.deepEqual(await inside().data(), expected);
    assert.equal(records, 1);
    const kept = compile(() => {
      const { cache } = runWithCache(model, ids, { names: "blocks.1.attn.hook_z" });
      return cache.get("blocks.1.attn.hook_z");
    });
    const { cache } = runWithCache(model, ids, { names: "blocks.1.attn.hook_z" });
    assert.deepEqual(await kept().data(), await cache.get("blocks.1.attn.hook_z").data());
    for (const compiled of [forward, inside, kept]) compiled.dispose();
  },
  false,
  ["cpu-2", "webgpu"],
);

forEachDevice(
  "training steps follow the hooks",
  async () => {
    const after = async (hooks: Hooks, recomputeActivations = false) => {
      const model = await MODEL();
      const options = { learningRate: 1e-2, recomputeActivations };
      const trainer = new Trainer(model, new AdamW(model.parameters()), options);
      const batch = {
        inputs: Int32Array.from(ROWS.flat()),
        targets: Int32Array.from(OTHERS.flat()),
      };
      const source = { batchSize: 3, contextLength: 5, next: () => batch };
      trainer.step(source);
      withHooks(model, hooks, () => trainer.step(source));
      trainer.step(source);
      return await model.head!.weight.data();
    };
    const plain = await after({});
    const nothing: Hooks = { "blocks.1.hook_resid_pre": () => {} };
    assert.deepEqual(await after(nothing), plain);
    assert.deepEqual(await after(nothing, true), plain);
    assert(distance(await after({ "blocks.1.hook_mlp_out": { zero: true } }), plain) > 1e-4);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "gradients at points: differences, and hooks on gradients",
  async () => {
    const model = await MODEL();
    const ids = tensor(Int32Array.from(ROWS.flat()), { shape: [3, 5] });
    const loss = () => model.loss(ids, ids);
    const names = ["blocks.0.attn.hook_z", "blocks.1.attn.hook_pattern", "blocks.1.hook_resid_mid"];
    const { value, cache, gradients } = gradientsAt(model, loss, names);
    assertClose(await value.data(), await loss().data(), 1e-5, "loss");
    for (const name of names) {
      const { shape, size } = cache.get(name);
      const direction = new Random(5).normals(size, 1);
      const step = tensor(direction, { shape });
      const at = async (scale: number) =>
        await withHooks(model, { [name]: { add: step, scale } }, loss).item();
      const gradient = await gradients.get(name).data() as Float32Array;
      const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
      assertClose([(await at(1e-2) - await at(-1e-2)) / 2e-2], [slope], 2e-2, name);
    }
    let seen: number[] = [];
    const hooks: Hooks = {
      "blocks.1.hook_resid_mid": {
        backward: (gradient, { shape }) => {
          seen = [...shape];
          return mul(gradient, 0);
        },
      },
    };
    const { weight } = model.tokens;
    const { gradients: [whole] } = valueAndGrad(loss, [weight]);
    const { gradients: [blocked] } = withHooks(model, hooks, () => valueAndGrad(loss, [weight]));
    assert.deepEqual(seen, [3, 5, 16]);
    assert(distance(await whole.data(), new Float32Array(weight.size)) > 0);
    assert.deepEqual(distance(await blocked.data(), new Float32Array(weight.size)), 0);
    const total = gradientsAt(model, () => sum(model.forward(ids)), "logits");
    assert.deepEqual(await total.gradients.get("logits").data(), new Float32Array(135).fill(1));
  },
  false,
  ["cpu-2", "webgpu"],
);

forEachDevice(
  "a cache of a loss with padding and recomputed activations",
  async () => {
    const model = new Encoder({ ...bert, tokenTypes: 2 });
    const ids = tensor(Int32Array.from(ROWS.flat()), { shape: [3, 5] });
    const lengths = tensor(Int32Array.of(5, 3, 1));
    const { cache } = withCache(model, () => model.forward(ids, { lengths }), { names: /pattern/ });
    const pattern = await cache.get("blocks.1.attn.hook_pattern").toArray<number[][][][]>();
    assert.deepEqual(pattern[2][0].map((row) => row.slice(1)), Array(5).fill([0, 0, 0, 0]));
    await Promise.resolve();
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "generation with hooks is that of whole passes",
  async () => {
    for (const kind of ["GPT-2", "Llama"]) {
      const model = await made(kind) as GPT;
      const prompts = [[1, 2, 3, 4], [5, 6, 7], [8, 8, 1, 2, 3]];
      const options = { maxNewTokens: 6, temperature: 0, scores: true };
      const noop = { "blocks.0.hook_resid_post": () => {} };
      const plain = await generate(model, prompts, options);
      const same = await withHooks(model, noop, () => generate(model, prompts, options));
      assert.deepEqual(same.map(({ tokens }) => tokens), plain.map(({ tokens }) => tokens));
      for (const hooks of EDITS) {
        const got = await withHooks(model, hooks, () => generate(model, prompts, options));
        const expected: number[][] = [];
        for (const prompt of prompts) expected.push(await greedy(model, prompt, 6, hooks));
        assert.deepEqual(
          got.map(({ tokens }) => tokens.slice(-6)),
          expected,
          Object.keys(hooks)[0],
        );
      }
      const again = await generate(model, prompts, options);
      assert.deepEqual(again, plain);
    }
  },
  false,
  ["cpu-2"],
);

const EDITS: Hooks[] = [
  { "blocks.0.attn.hook_k": { zero: true, place: 1 } },
  { "blocks.1.attn.hook_v": { set: 3, place: [0, 2] } },
  { "blocks.1.attn.hook_pattern": { zero: true, head: 3, place: -1 } },
  { "blocks.0.hook_resid_post": (x) => add(x, 1.5) },
  { logits: { set: 50, dimension: 4, place: -1 } },
];

async function greedy(model: GPT, prompt: number[], count: number, hooks: Hooks) {
  const tokens = [...prompt];
  for (let i = 0; i < count; i++) {
    const [next] = await withHooks(model, hooks, () => topNextTokens(model, tokens, { k: 1 }));
    const logits = await valueOf(model, [tokens], hooks);
    const last = [...logits.slice(-9)];
    assert.equal(next.id, last.indexOf(Math.max(...last)));
    tokens.push(next.id);
  }
  return tokens.slice(prompt.length);
}

forEachDevice(
  "beams with hooks are those of whole passes",
  async () => {
    const model = await MODEL();
    const options = { beams: 3, sequences: 3, maxNewTokens: 4, lengthPenalty: 0 };
    const noop: Hooks = { "blocks.0.hook_resid_post": () => {} };
    const prompt = [1, 2, 3];
    const plain = await generate(model, [prompt], options);
    const same = await withHooks(model, noop, () => generate(model, [prompt], options));
    assert.deepEqual(same.map(({ tokens }) => tokens), plain.map(({ tokens }) => tokens));
    for (const hooks of EDITS.slice(0, 3)) {
      const found = await withHooks(model, hooks, () => generate(model, [prompt], options));
      assert.equal(found.length, 3);
      for (const { tokens, score } of found) {
        let sum = 0;
        for (const [i, token] of tokens.entries()) {
          const text = [...prompt, ...tokens.slice(0, i)];
          const logits = (await valueOf(model, [text], hooks)).slice(-9);
          sum += logits[token] - Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
        }
        assertClose([score!], [sum], 1e-3, Object.keys(hooks)[0]);
      }
    }
    assert.deepEqual(await generate(model, [prompt], options), plain);
    const t5 = await made("T5") as Transformer;
    const targets = { startToken: 1, maxNewTokens: 3, beams: 2 };
    const set = { logits: { set: 50, dimension: 6 } } as const;
    const [six] = await withHooks(t5, set, () => generateTargets(t5, [[1, 2]], targets));
    assert.deepEqual(six.tokens, [6, 6, 6]);
  },
  false,
  ["cpu-2"],
);

forEachDevice("several documents a row with hooks at patterns", async () => {
  for (const config of [LLAMA, { attentionSoftCap: 2, window: [3, undefined] }]) {
    const model = gpt(config);
    const rows = (values: number[]) => tensor(Int32Array.from(values), { shape: [2, 6] });
    const ids = rows([1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 5, 7]);
    const documents = {
      starts: rows([0, 0, 2, 2, 2, 2, 0, 1, 1, 1, 4, 4]),
      positions: rows([0, 1, 0, 1, 2, 3, 0, 0, 1, 2, 0, 1]),
    };
    const run = () => model.forward(ids, new ForwardContext({ documents }));
    const name = "blocks.0.attn.hook_pattern";
    const { result, cache } = withCache(model, run, { names: name });
    assertClose(await result.data(), await run().data(), 1e-5, "logits");
    const [[head]] = await cache.get(name).toArray<number[][][][]>();
    assert.deepEqual(head[2].map((weight) => weight > 0), [false, false, true, ...no(3)]);
    assert.deepEqual(head[4].slice(0, 2), [0, 0]);
  }
});

const no = (count: number) => new Array<boolean>(count).fill(false);

forEachDevice(
  "a stream goes on with and without hooks, past the context",
  async () => {
    const model = await MODEL();
    const options = { maxNewTokens: 40, temperature: 0 };
    const plain = await Array.fromAsync(new Generator(model).generate([1, 2, 3], options));
    const stream = new Generator(model).generate([1, 2, 3], options);
    const tokens: number[] = [];
    const take = async () => void tokens.push((await stream.next()).value!);
    const noop: Hooks = { "blocks.0.hook_resid_post": () => {} };
    for (let i = 0; i < 40; i++) {
      // A stream hands out tokens that are computed already: then no pass is made.
      const hooked = () => withHooks(model, noop, take).catch(() => {});
      await (i % 7 > 4 ? hooked() : take());
    }
    assert.deepEqual(tokens, plain);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "targets of encoder–decoders",
  async () => {
    for (const kind of ["T5", "BART"]) {
      const model = await made(kind) as Transformer;
      const options = { startToken: 1, maxNewTokens: 5, temperature: 0, sequences: 2 };
      const plain = await generateTargets(model, [[1, 2, 3], [4, 5]], options);
      const noop: Hooks = {
        "decoder.blocks.0.hook_resid_post": () => {},
        "encoder.hook_embed": () => {},
      };
      const same = await withHooks(
        model,
        noop,
        () => generateTargets(model, [[1, 2, 3], [4, 5]], options),
      );
      assert.deepEqual(
        same.map(({ tokens }) => tokens),
        plain.map(({ tokens }) => tokens),
      );
      const set = { logits: { set: 50, dimension: 6 } } as const;
      const six = await withHooks(model, set, () => generateTargets(model, [[1, 2]], options));
      assert.deepEqual(six[0].tokens, [6, 6, 6, 6, 6]);
    }
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "rounded weights",
  async () => {
    for (const kind of ["GPT-2", "Llama"]) {
      const model = await made(kind) as GPT;
      await quantize(model, { bits: 8 });
      const plain = await valueOf(model);
      for (const { name } of hookPoints(model)) {
        const { cache } = runWithCache(model, ROWS, { names: name });
        const same = await valueOf(model, ROWS, { [name]: { patch: cache.get(name) } });
        assertClose(same, plain, 1e-3, `own value at ${name}`);
        const changed = await valueOf(model, ROWS, { [name]: disturbed });
        assert(distance(changed, plain) > 1e-3, `nothing depends on ${name}`);
      }
    }
  },
  false,
  ["cpu-2"],
);
