/** Adapters of Python's PEFT: read with its logits, and refused by name if they cannot be. */
import assert from "node:assert/strict";
import { readAdapterConfig } from "../lib/adapt/adapter_config.ts";
import { attachLora } from "../lib/adapt/lora.ts";
import { loadAdapter } from "../lib/adapt/load_adapter.ts";
import { saveAdapter } from "../lib/adapt/adapter_files.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { encodeSafetensors } from "../lib/hub/safetensors.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { size } from "../lib/shape.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import golden from "./golden/peft.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { DECODERS, floats, weight, weightFile } from "./support/pretrained_golden.ts";

/** An adapter of golden/peft_reference.py. */
interface PeftGolden {
  readonly config: Record<string, unknown>;
  readonly shapes: Record<string, number[]>;
  readonly logits: string;
}

const ADAPTERS = golden as unknown as Record<string, PeftGolden>;

/** Folders of a base and of its adapter. */
async function folders(name: string): Promise<{ base: string; adapter: string }> {
  const folder = await Deno.makeTempDir();
  const [base, adapter] = [`${folder}/base`, `${folder}/adapter`];
  await Deno.mkdir(base);
  await Deno.writeTextFile(`${base}/config.json`, JSON.stringify(DECODERS[name].config));
  await Deno.writeFile(`${base}/model.safetensors`, await weightFile(DECODERS[name]));
  await writeAdapter(adapter, ADAPTERS[name]);
  return { base, adapter };
}

async function writeAdapter(folder: string, { config, shapes }: Omit<PeftGolden, "logits">) {
  await Deno.mkdir(folder, { recursive: true });
  const entries = Object.entries(shapes).map(([key, shape]) =>
    [key, { shape, data: weight(key, size(shape)) }] as const
  );
  const bytes = await new Blob([...encodeSafetensors(entries, { format: "pt" })]).bytes();
  await Deno.writeFile(`${folder}/adapter_model.safetensors`, bytes);
  await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(config));
}

for (const [name, { logits, config, shapes }] of Object.entries(ADAPTERS)) {
  const { inputs } = DECODERS[name];

  forEachDevice(`${name}: an adapter of PEFT gives PEFT's logits, and is saved again`, async () => {
    const { base, adapter: folder } = await folders(name);
    const { model } = await loadPretrained(base, { dropout: 0, tokenizer: false });
    const ids = tensor(Int32Array.from(inputs.flat()), {
      shape: [inputs.length, inputs[0].length],
    });
    const before = await model.forward(ids).data();
    const adapter = await loadAdapter(folder, model);
    const own = await model.forward(ids).data();
    assertClose(own, floats(logits), 3e-5); // GPT-Neo does not scale its scores
    assert.deepEqual(adapter.parameters(), [], "it is not trainable unless that is asked for");

    const again = `${folder}-again`;
    await saveAdapter(again, adapter, { base: name });
    const written = JSON.parse(await Deno.readTextFile(`${again}/adapter_config.json`));
    for (const [key, value] of Object.entries(written)) {
      if (key === "folio_version") continue;
      assert.deepEqual(value, config[key], key);
    }
    adapter.detach();
    assert.deepEqual(await model.forward(ids).data(), before, "the base is as it was");
    await loadAdapter(again, model);
    assert.deepEqual(await model.forward(ids).data(), own);
    await Deno.remove(folder.slice(0, -"/adapter".length), { recursive: true });
  });

  Deno.test(`${name}: the layers that PEFT adapts`, async () => {
    const { base, adapter: folder } = await folders(name);
    const { model } = await loadPretrained(base, { dropout: 0, tokenizer: false });
    const { choices } = readAdapterConfig(JSON.stringify(config));
    const { modules, rank, rankPattern } = choices;
    const named = attachLora(model, { rank, modules, rankPattern }).report.modules;
    const keys = Object.keys(shapes).filter((key) => key.endsWith("lora_A.weight"));
    const expected = keys.map((key) => key.slice("base_model.model.".length, -14));
    assert.deepEqual([...named].sort(), expected.sort());
    await Deno.remove(folder.slice(0, -"/adapter".length), { recursive: true });
  });
}

const plain = { peft_type: "LORA", r: 2, target_modules: ["c_attn"], task_type: "CAUSAL_LM" };

const REFUSED: Readonly<Record<string, [config: object, message: RegExp]>> = {
  "another method": [{ ...plain, peft_type: "IA3" }, /peft_type: expected "LORA", got "IA3"/],
  "mlx-lm's file": [{ fine_tune_type: "lora", lora_parameters: { rank: 8 } }, /mlx-lm/],
  "DoRA": [{ ...plain, use_dora: true }, /use_dora: expected it to be off, got true/],
  "a bias of B": [{ ...plain, lora_bias: true }, /lora_bias: expected it to be off/],
  "a changed base": [{ ...plain, init_lora_weights: "pissa" }, /init_lora_weights: .*"pissa"/],
  "whole modules that are no list": [
    { ...plain, modules_to_save: "lm_head" },
    /modules_to_save: expected a list/,
  ],
  "a variant of the future": [{ ...plain, use_fancy: { depth: 2 } }, /use_fancy/],
  "no modules": [{ ...plain, target_modules: null }, /target_modules: expected names, got none/],
  "a rank of 0": [{ ...plain, r: 0 }, /rank/],
  "a task that is none": [{ ...plain, task_type: "TOKEN_CLS" }, /task_type/],
};

for (const [what, [config, message]] of Object.entries(REFUSED)) {
  Deno.test(`adapter_config.json with ${what} is refused by name`, () => {
    assert.throws(() => readAdapterConfig(JSON.stringify(config)), (error) => {
      assert.ok(error instanceof SyntaxError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("unknown keys that are off are ignored", () => {
  const off = { use_fancy: false, fancy_config: null, fancy_layers: [], fancy_table: {} };
  assert.equal(readAdapterConfig(JSON.stringify({ ...plain, ...off })).choices.rank, 2);
});

forEachDevice("an adapter of another base names the tensor and both shapes", async () => {
  const folder = await Deno.makeTempDir();
  const small = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
  await saveAdapter(folder, attachLora(small, { rank: 2 }));
  const wide = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 32 });
  await assert.rejects(
    () => loadAdapter(folder, wide),
    /c_attn\.lora_A\.weight: expected \[2,32\], .*got \[2,16\]; the adapter is of another base/,
  );
  small.finalNorm!.weight!.write(new Float32Array(16).fill(2));
  await assert.rejects(() => loadAdapter(folder, small), /other weights \(SHA-256 [0-9a-f]{12}…\)/);
  await Deno.remove(folder, { recursive: true });
});

forEachDevice("an adapter on a token table, or with a whole one, is refused by name", async () => {
  const { shapes, config } = ADAPTERS.gpt2;
  const { base, adapter } = await folders("gpt2");
  const { model } = await loadPretrained(base, { dropout: 0, tokenizer: false });
  const tries: [key: string, shape: number[], message: RegExp][] = [
    [
      "wte.lora_embedding_A",
      [2, 61],
      /lora_embedding_A \[2,61\].*; it updates a token table or a head that is tied to one/,
    ],
    ["wte.lora_A.weight", [2, 61], /lora_A\.weight \[2,61\].*; it updates a token table or a head/],
    ["wte.weight", [99, 32], /a whole token table of 99 rows, .* and the base's has \d+$/],
  ];
  for (const [key, shape, message] of tries) {
    const more = { ...shapes, [`base_model.model.transformer.${key}`]: shape };
    await writeAdapter(adapter, { config, shapes: more });
    await assert.rejects(() => loadAdapter(adapter, model), message);
  }
  const tied = { "base_model.model.lm_head.lora_A.weight": [2, 32] };
  await writeAdapter(adapter, { config, shapes: tied });
  await assert.rejects(
    () => loadAdapter(adapter, model),
    /got .*lm_head.*; it updates a token table/,
  );
  await Deno.remove(base.slice(0, -"/base".length), { recursive: true });
});

Deno.test("a folder without an adapter, or with a pickle, is refused in one line", async () => {
  const folder = await Deno.makeTempDir();
  const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
  await assert.rejects(() => loadAdapter(folder, model), /no adapter_config\.json/);
  await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(plain));
  await assert.rejects(() => loadAdapter(folder, model), /no adapter_model\.safetensors/);
  await Deno.writeTextFile(`${folder}/adapter_model.bin`, "pickle");
  await assert.rejects(() => loadAdapter(folder, model), /adapter_model\.bin, a Python pickle/);
  await Deno.remove(folder, { recursive: true });
});
