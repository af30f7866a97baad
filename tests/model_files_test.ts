/**
 * Model folders as people publish them: each is read as transformers reads it, or refused by name.
 */
import assert from "node:assert/strict";
import { readModelConfig } from "../lib/hub/config.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import type { ArchitectureNames } from "../lib/hub/format.ts";
import { readGenerationConfig } from "../lib/hub/generation_config.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { matchParameters } from "../lib/hub/names.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { encodeSafetensors, SafetensorsFile } from "../lib/hub/safetensors.ts";
import { decodeFloat32 } from "../lib/hub/safetensors_dtype.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { Random } from "../lib/random.ts";
import { trainBytePair } from "../lib/text/byte_pair_training.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { sharedDevice } from "./support/devices.ts";

const small = { vocabSize: 8, contextLength: 8, layers: 1, heads: 2, width: 8 };

type Entries = Record<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>;

/** Runs `body` with a saved model's folder, its tensors and a function that writes others. */
async function withModel(
  config: Partial<ConstructorParameters<typeof GPT>[0]>,
  body: (folder: string, entries: Entries, write: (e: Entries) => Promise<void>) => Promise<void>,
): Promise<void> {
  useDevice(await sharedDevice("cpu-1"));
  const folder = await Deno.makeTempDir();
  try {
    await savePretrained(folder, new GPT({ ...small, ...config }, { random: new Random(3) }));
    const path = `${folder}/model.safetensors`;
    const file = await SafetensorsFile.open(fileSource(path));
    const entries: Entries = {};
    for (const [name, { shape }] of file.tensors) {
      entries[name] = { shape, data: await file.float32(name) };
    }
    file.close();
    await body(folder, entries, async (changed) => {
      await Deno.writeFile(
        path,
        await new Blob([...encodeSafetensors(Object.entries(changed))]).bytes(),
      );
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const sanitize = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a head that differs from its tied table is used; an equal one is not",
  sanitize,
  () =>
    withModel({ tiedHead: true }, async (folder, entries, write) => {
      const table = entries["transformer.wte.weight"];
      await write({ ...entries, "lm_head.weight": table });
      assert.equal((await loadPretrained(folder)).config.tiedHead, true);
      const head = { shape: table.shape, data: table.data.map((value) => -value) };
      await write({ ...entries, "lm_head.weight": head });
      const { config, model } = await loadPretrained(folder);
      assert.equal(config.tiedHead, false);
      assert.deepEqual(await model.head!.weight.data(), head.data);
      assert.deepEqual(await model.tokens.weight.data(), table.data);
    }),
);

Deno.test(
  "a tied table may be stored as the head alone",
  sanitize,
  () =>
    withModel({ tiedHead: true }, async (folder, entries, write) => {
      const { "transformer.wte.weight": table, ...others } = entries;
      await write({ ...others, "lm_head.weight": table });
      const { model } = await loadPretrained(folder);
      assert.deepEqual(await model.tokens.weight.data(), table.data);
    }),
);

Deno.test(
  "an untied head that the file lacks is named",
  sanitize,
  () =>
    withModel({ tiedHead: false }, async (folder, entries, write) => {
      const { "lm_head.weight": _, ...others } = entries;
      await write(others);
      await assert.rejects(
        loadPretrained(folder),
        /missing: "lm_head.weight"; .*head is not tied to the token table \(tie_word_embeddings\)/,
      );
    }),
);

Deno.test("LayerNorm's old names gamma and beta are its weight and bias", () => {
  const names: ArchitectureNames = {
    name: "bert",
    source: (parameter) => ({ names: [`bert.${parameter}`], transposed: false }),
    prefix: /^bert\./,
  };
  const parameters = ["x.LayerNorm.weight", "x.LayerNorm.bias"];
  const found = (stored: string[]) =>
    [...matchParameters(parameters, stored, names).values()].flatMap(({ names }) => names);
  const old = ["bert.x.LayerNorm.gamma", "bert.x.LayerNorm.beta"];
  assert.deepEqual(found(old), old);
  const bare = ["x.LayerNorm.gamma", "x.LayerNorm.beta"];
  assert.deepEqual(found(bare), bare);
});

Deno.test("Infinity and NaN, as Python writes them, are read; where they count, they are refused", () => {
  const gpt2 = (fields: string) => readModelConfig(`{"model_type": "gpt2", ${fields}}`);
  gpt2('"notes": "NaN is \\" Infinity", "loss": NaN, "low": -Infinity, "high": [Infinity]');
  assert.throws(
    () => gpt2('"layer_norm_epsilon": Infinity'),
    /normEpsilon must be .* got Infinity/,
  );
  assert.throws(() => gpt2('"layer_norm_epsilon": NaN'), /layer_norm_epsilon: .*, got "NaN"/);
  assert.throws(() => gpt2('"loss": Nan'), /^SyntaxError: config.json: not JSON/);
});

Deno.test("quantized weights are refused by name, and Mistral's window has its default", () => {
  const read = (config: object) => readModelConfig(JSON.stringify(config));
  assert.throws(
    () => read({ model_type: "llama", quantization_config: { quant_method: "gptq" } }),
    /quantization_config: expected none; .*, got {"quant_method":"gptq"}/,
  );
  const mistral = { model_type: "mistral", num_hidden_layers: 2 };
  assert.deepEqual(read(mistral).config.window, [4096, 4096]);
  assert.equal(read({ ...mistral, sliding_window: null }).config.window, undefined);
});

Deno.test("the makers' sampling is read from generation_config.json", () => {
  const sampling = (json: object | string) =>
    readGenerationConfig(typeof json === "string" ? json : JSON.stringify(json)).sampling;
  assert.deepEqual(sampling(""), {});
  assert.deepEqual(sampling({}), {});
  assert.deepEqual(sampling({ temperature: 0.6, top_p: 0.9 }), {});
  assert.deepEqual(sampling({ do_sample: false, temperature: 0.6 }), { temperature: 0 });
  assert.deepEqual(sampling({ do_sample: true, top_p: 0.9, repetition_penalty: 1.1 }), {
    repetitionPenalty: 1.1,
    temperature: 1,
    topK: 50,
    topP: 0.9,
  });
  const all = '{"do_sample": true, "temperature": 0.7, "top_k": 20, "min_p": 0.1}';
  assert.deepEqual(sampling(all), { minP: 0.1, temperature: 0.7, topK: 20, topP: 1 });
  assert.throws(() => sampling('{"do_sample": 1}'), /^SyntaxError: generation_config.json: do_s/);
  assert.throws(() => sampling("{"), /^SyntaxError: generation_config.json: not JSON/);
});

// Made by torch 2.13: `torch.tensor([byte], dtype=torch.uint8).view(torch.float8_…).float()`.
Deno.test("8-bit floats are widened exactly", () => {
  const e4m3 = Uint8Array.of(0x00, 0x01, 0x07, 0x08, 0x38, 0x7e, 0x7f, 0x80, 0xb9, 0xfe);
  assert.deepEqual(
    [...decodeFloat32("F8_E4M3", e4m3)],
    [0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, 448, NaN, -0, -1.125, -448],
  );
  const e5m2 = Uint8Array.of(0x01, 0x03, 0x04, 0x3c, 0x7b, 0x7c, 0x7e, 0xb9);
  assert.deepEqual(
    [...decodeFloat32("F8_E5M2", e5m2)],
    [2 ** -16, 3 * 2 ** -16, 2 ** -14, 1, 57344, Infinity, NaN, -0.625],
  );
});

Deno.test(
  "what a loaded model says is saved again",
  sanitize,
  () =>
    withModel({ vocabSize: 300 }, async (folder) => {
      const tokenizer = trainBytePair("a text to train on", { vocabSize: 260 });
      const { model } = await loadPretrained(folder);
      const sampling = { temperature: 0.6, topK: 20, topP: 0.9, repetitionPenalty: 1.2 };
      const ends = { beginToken: 1, endTokens: [2, 3], padToken: 4 };
      await savePretrained(folder, { model, tokenizer, sampling, ...ends });
      const json = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
      assert.equal((await json("config.json")).pad_token_id, 4);
      assert.equal((await json("tokenizer_config.json")).model_max_length, 8);
      const again = await loadPretrained(folder);
      assert.deepEqual(again.sampling, sampling);
      assert.deepEqual(again.padToken, 4);
      await savePretrained(folder, again);
      assert.equal((await json("generation_config.json")).top_k, 20);
    }),
);
