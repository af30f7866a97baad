/**
 * Prefix tuning, prompt tuning and bottlenecks: the reference's numbers, finite differences,
 * generation with and without the cache, training beside a frozen base, files, and wrong arguments.
 */
import assert from "node:assert/strict";
import type { Attached } from "../lib/adapt/attached.ts";
import { attachBottleneck } from "../lib/adapt/bottleneck.ts";
import { attachPrefix, attachPrompt, type LearnedPrompt } from "../lib/adapt/learned_prompt.ts";
import { loadAdapter } from "../lib/adapt/load_adapter.ts";
import { loadPrompt, savePrompt } from "../lib/adapt/prompt_files.ts";
import { Batches } from "../lib/data/batches.ts";
import { generate } from "../lib/generate/generate.ts";
import { Generator } from "../lib/generate/generator.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { encodeSafetensors, SafetensorsFile } from "../lib/hub/safetensors.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { compile } from "../lib/tensor/compile.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { perplexity } from "../lib/train/perplexity.ts";
import { Trainer } from "../lib/train/trainer.ts";
import peft from "./golden/peft_prompts.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { golden } from "./support/golden.ts";
import { assertClose } from "./support/gradient_check.ts";
import { DECODERS, floats, weight, weightFile } from "./support/pretrained_golden.ts";

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
const tokens = Uint16Array.from({ length: 400 }, (_, i) => (i * i + (i >> 2)) % 13);
const rows = (ids: number[][]) =>
  tensor(Int32Array.from(ids.flat()), { shape: [ids.length, ids[0].length] });

/** What is put on a model, by name. */
const KINDS: Readonly<Record<string, (model: GPT) => Attached>> = {
  "a prefix": (model) => attachPrefix(model, { tokens: 3 }),
  "a prompt": (model) => attachPrompt(model, { tokens: 3 }),
  bottlenecks: (model) => attachBottleneck(model, { size: 4 }),
};

/** Numbers that change what the model computes. */
function draw(adapter: Attached, deviation = 0.5): void {
  const random = new Random(9);
  for (const parameter of adapter.namedParameters().values()) {
    parameter.write(random.normals(parameter.size, deviation));
  }
}

function withAdapter(attach: (model: GPT) => Attached, config: Partial<ModelConfigInput> = {}) {
  const model = new GPT({ ...shape, ...config }, { random: new Random(3) });
  const adapter = attach(model);
  draw(adapter);
  return { model, adapter };
}

async function checkGolden(
  adapter: Attached,
  { name, keys }: { name: string; keys: (parameter: string) => string },
): Promise<void> {
  const folder = `${golden}/finetune/${name}`;
  const { inputs, targets, loss } = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const file = await SafetensorsFile.open(fileSource(`${folder}/expected.safetensors`));
  const { model } = adapter;
  const [x, y] = [rows(inputs), rows(targets)];
  assertClose(await model.forward(x).data(), await file.float32("logits"), 2e-5);
  const { value, gradients } = valueAndGrad(() => model.loss(x, y), adapter.parameters());
  assert.ok(Math.abs(await value.item() - loss) < 2e-5);
  const named = [...adapter.namedParameters().keys()];
  assert.equal(named.length, file.tensors.size - 1);
  for (const [i, parameter] of named.entries()) {
    const actual = await gradients[i].data();
    (await file.float32(`grad.${keys(parameter)}`)).forEach((g, j) =>
      assert.ok(Math.abs(actual[j] - g) <= 1e-5 + 1e-4 * Math.abs(g), `${parameter}[${j}]`)
    );
  }
  file.close();
}

for (const kind of ["prefix", "prompt"] as const) {
  forEachDevice(`${kind}: PEFT's file gives the reference's logits and gradients`, async () => {
    const folder = `${golden}/finetune/${kind}`;
    const { model } = await loadPretrained(`${golden}/gpt2-tiny`, { dropout: 0, tokenizer: false });
    const prompt = await loadPrompt(folder, model, { trainable: true });
    assert.equal(prompt.kind, kind);
    assert.equal(prompt.report.trained, kind === "prefix" ? 5 * 2 * 2 * 48 : 5 * 48);
    await checkGolden(prompt, { name: kind, keys: (name) => name });
  }, golden === undefined);
}

forEachDevice("bottleneck: the reference's logits and gradients", async () => {
  const { model } = await loadPretrained(`${golden}/gpt2-tiny`, { dropout: 0, tokenizer: false });
  const adapter = attachBottleneck(model, { size: 8 });
  const keys = (name: string) => name.replace(".weight", "").replace(".bias", "_bias");
  const file = await SafetensorsFile.open(
    fileSource(`${golden}/finetune/bottleneck/adapter.safetensors`),
  );
  for (const [name, parameter] of adapter.namedParameters()) {
    parameter.write(await file.float32(keys(name)));
  }
  file.close();
  await checkGolden(adapter, { name: "bottleneck", keys });
}, golden === undefined);

for (const [name, { config, shape, logits }] of Object.entries(peft)) {
  forEachDevice(`${name}: a ${config.peft_type} of PEFT gives PEFT's logits`, async () => {
    const folder = await Deno.makeTempDir();
    const [base, place] = [`${folder}/base`, `${folder}/prompt`];
    for (const path of [base, place]) await Deno.mkdir(path);
    await Deno.writeTextFile(`${base}/config.json`, JSON.stringify(DECODERS[name].config));
    await Deno.writeFile(`${base}/model.safetensors`, await weightFile(DECODERS[name]));
    const key = "prompt_embeddings";
    const entries = [[key, { shape, data: weight(key, shape[0] * shape[1]) }]] as const;
    const bytes = await new Blob([...encodeSafetensors(entries, { format: "pt" })]).bytes();
    await Deno.writeFile(`${place}/adapter_model.safetensors`, bytes);
    await Deno.writeTextFile(`${place}/adapter_config.json`, JSON.stringify(config));
    const { model } = await loadPretrained(base, { dropout: 0, tokenizer: false });
    const prompt = await loadPrompt(place, model);
    const x = rows(DECODERS[name].inputs.map((ids) => ids.slice(0, 12)));
    assertClose(await model.forward(x).data(), floats(logits), 2e-5);
    await savePrompt(`${place}-again`, prompt, { base: name });
    const text = await Deno.readTextFile(`${place}-again/adapter_config.json`);
    for (const [field, value] of Object.entries(JSON.parse(text))) {
      assert.deepEqual(value, (config as Record<string, unknown>)[field], field);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

for (const [what, attach] of Object.entries(KINDS)) {
  for (const [family, config] of Object.entries({ "a GPT-2": {}, "a Llama": llama })) {
    forEachDevice(`${what} on ${family}: finite differences, also with recomputation`, async () => {
      const { model, adapter } = withAdapter(attach, config);
      const [x, y] = [rows([[1, 5, 3, 2], [4, 4, 9, 0]]), rows([[5, 3, 2, 7], [4, 9, 0, 1]])];
      const loss = (recomputeActivations = false) =>
        model.loss(x, y, new ForwardContext({ recomputeActivations }));
      const parameters = adapter.parameters();
      const gradients = valueAndGrad(() => loss(), parameters).gradients;
      const again = valueAndGrad(() => loss(true), parameters).gradients;
      const random = new Random(1);
      for (const [i, parameter] of parameters.entries()) {
        const g = await gradients[i].data() as Float32Array;
        assert.deepEqual(await again[i].data(), g);
        const values = Float32Array.from(await parameter.data());
        const direction = random.normals(parameter.size, 1);
        const along = async (step: number) => {
          parameter.write(values.map((value, j) => value + step * direction[j]));
          return await loss().item();
        };
        const slope = (await along(1e-2) - await along(-1e-2)) / 2e-2;
        parameter.write(values);
        const product = g.reduce((sum, value, j) => sum + value * direction[j], 0);
        assert.ok(
          Math.abs(slope - product) < 3e-3 * (1 + Math.abs(product)),
          `${slope} ${product}`,
        );
      }
    });

    forEachDevice(`${what} on ${family}: the cache gives what whole texts give`, async () => {
      const { model, adapter } = withAdapter(attach, config);
      /** The most likely tokens, each from the whole text so far. */
      const greedy = async (prompt: number[], count: number) => {
        const ids = [...prompt];
        while (ids.length < prompt.length + count) {
          const logits = await model.forward(rows([ids])).data() as Float32Array;
          const last = logits.subarray(-shape.vocabSize);
          ids.push(last.indexOf(Math.max(...last)));
        }
        return ids.slice(prompt.length);
      };
      const options = { temperature: 0, maxNewTokens: 6 };
      const generator = new Generator(model);
      const write = (prompt: number[]) => Array.fromAsync(generator.generate(prompt, options));
      for (const prompt of [[1, 5, 3, 2, 12], [7]]) {
        assert.deepEqual(await write(prompt), await greedy(prompt, 6));
      }
      const several = await generate(model, [[1, 5, 3], [7], [2, 2, 2, 2]], options);
      for (const [i, prompt] of [[1, 5, 3], [7], [2, 2, 2, 2]].entries()) {
        assert.deepEqual([...several[i].tokens], await greedy(prompt, 6));
      }
      draw(adapter, 0.3); // trained on meanwhile
      assert.deepEqual(await write([1, 5, 3]), await greedy([1, 5, 3], 6));
      adapter.enabled = false;
      assert.deepEqual(await write([1, 5, 3]), await greedy([1, 5, 3], 6));
      // Past its context a generator reads the last half again.
      adapter.enabled = true;
      const long = await Array.fromAsync(
        generator.generate([1, 5, 3], { temperature: 0, maxNewTokens: 20 }),
      );
      assert.equal(long.length, 20);
    });
  }

  forEachDevice(`${what}: training leaves the base, and switching off is the base`, async () => {
    const model = new GPT(shape, { random: new Random(3) });
    const x = rows([[1, 5, 3, 2]]);
    const forward = compile(() => model.forward(x));
    const base = await forward().data();
    const before = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    const adapter = attach(model);
    const trainer = new Trainer(model, new AdamW(adapter.parameters()), { learningRate: 0.1 });
    const batch = new Batches(tokens, { batchSize: 2, contextLength: 8, seed: 1 }).next();
    const batches = { batchSize: 2, contextLength: 8, next: () => batch };
    for (let step = 0; step < 12; step++) trainer.step(batches);
    const losses = (await trainer.figures()).map(({ loss }) => loss);
    assert.ok(losses[11] < losses[0], `${losses}`);
    const after = await Promise.all(model.parameters().map((parameter) => parameter.data()));
    assert.deepEqual(after, before);
    const trained = await forward().data();
    assert.notDeepEqual(trained, base);
    assert.ok(Number.isFinite((await perplexity(model, tokens.slice(0, 40))).perplexity));
    adapter.enabled = false;
    assert.deepEqual(await forward().data(), base);
    adapter.enabled = true;
    assert.deepEqual(await forward().data(), trained);
    adapter.detach();
    assert.deepEqual(await forward().data(), base);
    assert.throws(() => adapter.enabled = true, /detached/);
    assert.equal(model.textLength, 16);
  });
}

for (const kind of ["prefix", "prompt"] as const) {
  forEachDevice(`a ${kind} is saved as PEFT does, and loaded with the same bits`, async () => {
    const { model, adapter } = withAdapter(KINDS[`a ${kind}`], llama);
    const prompt = adapter as LearnedPrompt;
    const x = rows([[1, 5, 3, 2]]);
    const own = await model.forward(x).data();
    const folder = await Deno.makeTempDir();
    await savePrompt(folder, prompt, { base: "mine" });
    const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    assert.equal(config.num_virtual_tokens, 3);
    assert.equal(config.token_dim, kind === "prefix" ? 8 : 16);
    prompt.detach();
    const loaded = await loadPrompt(folder, model);
    assert.deepEqual(await model.forward(x).data(), own);
    assert.deepEqual(loaded.parameters(), [], "not trainable unless that is asked for");
    loaded.detach();
    await assert.rejects(() => loadAdapter(folder, model), /loadPrompt loads learned prompts/);
    const wide = new GPT({ ...shape, ...llama, width: 32 });
    await assert.rejects(() => loadPrompt(folder, wide), /prompt_embeddings: expected \[3,\d+\]/);
    const other = new GPT({ ...shape, ...llama }, { random: new Random(4) });
    await assert.rejects(() => loadPrompt(folder, other), /other weights/);
    const tries: [change: object, message: RegExp][] = [
      [{ num_virtual_tokens: 0 }, /num_virtual_tokens: expected a whole number from 1, got 0/],
      [{ peft_type: "IA3" }, /peft_type: expected "PREFIX_TUNING" or "PROMPT_TUNING", got "IA3"/],
      [{ peft_type: "LORA" }, /load it with loadAdapter/],
      [{ task_type: "SEQ_CLS" }, /task_type: expected "CAUSAL_LM"/],
      [{ num_transformer_submodules: 2 }, /num_transformer_submodules: expected 1/],
    ];
    for (const [change, message] of tries) {
      const text = JSON.stringify({ ...config, ...change });
      await Deno.writeTextFile(`${folder}/adapter_config.json`, text);
      await assert.rejects(() => loadPrompt(folder, model), message);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

forEachDevice(
  "a prompt starts as a text; attention's weights have virtual tokens first",
  async () => {
    const model = new GPT(shape, { random: new Random(3) });
    const prompt = attachPrompt(model, { tokens: 3, text: [5, 6] });
    const table = await model.tokens.weight.data() as Float32Array;
    const expected = [5, 6, 5].flatMap((id) => [...table.subarray(id * 16, (id + 1) * 16)]);
    assert.deepEqual([...await prompt.virtualTokens.values.data()], expected);
    const x = rows([[1, 2, 4]]);
    assert.deepEqual(model.attentionWeights(x).shape, [1, 2, 2, 6, 6]);
    // The same as reading the text itself before.
    const whole = new GPT(shape, { random: new Random(3) }).forward(rows([[5, 6, 5, 1, 2, 4]]));
    assertClose(await model.forward(x).data(), (await whole.data()).slice(3 * 13), 1e-6);
    prompt.detach();
    attachPrefix(model, { tokens: 3 });
    assert.deepEqual(model.attentionWeights(x).shape, [1, 2, 2, 3, 6]);
  },
);

forEachDevice("what cannot be attached is refused by name", () => {
  const model = new GPT(shape);
  const few = { tokens: 2 };
  const tries: [attach: () => unknown, message: RegExp][] = [
    [
      () => attachPrefix(model, { tokens: 0 }),
      /expected 1 to 15 tokens, for a context of 16, got 0/,
    ],
    [() => attachPrompt(model, { tokens: 16 }), /expected 1 to 15 tokens/],
    [() => attachPrompt(model, { ...few, text: [99] }), /attachPrompt: /],
    [() => attachBottleneck(model, { size: 1.5 }), /whole size from 1, got 1.5/],
    [() => attachPrefix({} as GPT), /expected a model, a GPT/],
    [() => attachPrefix(model, { size: 3 } as object), /unknown option 'size'/],
    [
      () => attachPrefix(new GPT({ ...shape, positions: "alibi" }), few),
      /without ALiBi positions; use attachLora/,
    ],
    [() => attachPrompt(new GPT({ ...shape, window: [4, undefined] }), few), /attention windows/],
    [
      () => attachPrompt(new GPT({ ...shape, ...llama, embeddingScale: 4 }), few),
      /scaled embeddings/,
    ],
  ];
  for (const [attach, message] of tries) assert.throws(attach, message);
  const prefix = attachPrefix(model, { tokens: 2 });
  assert.throws(() => attachPrompt(model, { tokens: 2 }), /virtual tokens already/);
  prefix.enabled = false;
  attachPrompt(model, { tokens: 2 });
  assert.throws(() => prefix.enabled = true, /without virtual tokens/);
  const cache = model.makeCache(1);
  model.virtualTokens = undefined;
  const context = new ForwardContext({ cache });
  assert.throws(() => model.forward(rows([[1]]), context), /a cache of 0 virtual tokens/);
  attachBottleneck(model);
  assert.throws(() => attachBottleneck(model), /bottlenecks already/);
});
