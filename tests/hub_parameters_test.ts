/** Parameter names and layouts of GPT-2, GPT-Neo and Llama files, found and read in Folio's. */
import assert from "node:assert/strict";
import { bytesSource } from "../lib/hub/byte_source.ts";
import { type Architecture, FORMATS, namesOf } from "../lib/hub/config.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { matchParameters } from "../lib/hub/names.ts";
import { readParameters } from "../lib/hub/parameters.ts";
import { encodeSafetensors, SafetensorsFile } from "../lib/hub/safetensors.ts";
import type { Shape } from "../lib/shape.ts";
import { modelConfig } from "../lib/nn/config.ts";
import { golden } from "./support/golden.ts";

/** These architectures' names and layouts do not depend on it. */
const config = modelConfig({ vocabSize: 3, contextLength: 2, layers: 1, heads: 1, width: 2 });

/** A file of tensors filled with 0, 1, 2, … (or with `values`). */
async function fileOf(
  shapes: Record<string, number[]>,
  values?: number[],
): Promise<SafetensorsFile> {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, i) => values?.[i] ?? i);
    return [name, { shape, data }] as const;
  });
  const bytes = await new Blob([...encodeSafetensors(entries)]).bytes();
  return await SafetensorsFile.open(bytesSource(bytes, "m.safetensors"));
}

async function readAll(file: SafetensorsFile, shapes: Record<string, Shape>, of: Architecture) {
  const read = await Array.fromAsync(
    readParameters(file, new Map(Object.entries(shapes)), namesOf(of, config)),
  );
  return Object.fromEntries(read.map(([name, data]) => [name, [...data]]));
}

Deno.test("gpt2: a parameter is the tensor of its name, with or without the prefix", async () => {
  const shapes = { "transformer.wte.weight": [3, 2], "transformer.h.0.attn.c_attn.weight": [2, 6] };
  const expected = {
    "transformer.wte.weight": [0, 1, 2, 3, 4, 5],
    "transformer.h.0.attn.c_attn.weight": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  };
  assert.deepEqual(await readAll(await fileOf(shapes), shapes, "gpt2"), expected);
  const bare = { "h.0.attn.c_attn.weight": [2, 6], "wte.weight": [3, 2] };
  assert.deepEqual(await readAll(await fileOf(bare), shapes, "gpt2"), expected);
});

Deno.test("masks, frequencies and a tied head's weight are ignored; an untied head's is not", () => {
  const wte = "transformer.wte.weight";
  const extra = ["h.0.attn.bias", "transformer.h.1.attn.masked_bias", "lm_head.weight"];
  assert.deepEqual([...matchParameters([wte], [wte, ...extra], namesOf("gpt2", config)).keys()], [
    wte,
  ]);
  const neo = ["transformer.h.0.attn.attention.bias", "transformer.h.0.attn.attention.masked_bias"];
  matchParameters([wte], [wte, ...neo], namesOf("gpt_neo", config));
  const frequencies = "model.layers.0.self_attn.rotary_emb.inv_freq";
  matchParameters([wte], ["model.embed_tokens.weight", frequencies], namesOf("llama", config));
  const head = matchParameters(
    [wte, "lm_head.weight"],
    [wte, "lm_head.weight"],
    namesOf("gpt2", config),
  );
  assert.deepEqual(head.get("lm_head.weight"), { names: ["lm_head.weight"], transposed: false });
});

Deno.test("missing and unexpected tensors are named, the first five of each", () => {
  const parameters = Array.from({ length: 7 }, (_, i) => `transformer.h.${i}.ln_1.weight`);
  assert.throws(
    () => matchParameters(parameters, ["a.weight", parameters[6]], namesOf("gpt2", config)),
    {
      name: "SyntaxError",
      message: "weights do not fit the configuration (gpt2): missing: " +
        parameters.slice(0, 5).map((name) => `"${name}"`).join(", ") +
        ' and 1 more; not expected: "a.weight"',
    },
  );
  const message = /missing: "lm_head.weight"; not expected: none/;
  assert.throws(() => matchParameters(["lm_head.weight"], [], namesOf("gpt2", config)), {
    message,
  });
});

Deno.test("gpt_neo: query, key and value are turned and joined, without a bias", async () => {
  const at = "transformer.h.1.attn.attention";
  const file = await fileOf({
    [`${at}.q_proj.weight`]: [2, 2],
    [`${at}.k_proj.weight`]: [2, 2],
    [`${at}.v_proj.weight`]: [2, 2],
    [`${at}.out_proj.weight`]: [2, 2],
    [`${at}.out_proj.bias`]: [2],
    "transformer.h.1.mlp.c_fc.weight": [3, 2],
    "transformer.h.1.mlp.c_fc.bias": [3],
    "transformer.h.1.ln_1.weight": [2],
    "transformer.wpe.weight": [2, 2],
  });
  const block = "transformer.h.1";
  const read = await readAll(file, {
    [`${block}.attn.c_attn.weight`]: [2, 6],
    [`${block}.attn.c_proj.weight`]: [2, 2],
    [`${block}.attn.c_proj.bias`]: [2],
    [`${block}.mlp.c_fc.weight`]: [2, 3],
    [`${block}.mlp.c_fc.bias`]: [3],
    [`${block}.ln_1.weight`]: [2],
    "transformer.wpe.weight": [2, 2],
  }, "gpt_neo");
  assert.deepEqual(read, {
    [`${block}.attn.c_attn.weight`]: [0, 2, 0, 2, 0, 2, 1, 3, 1, 3, 1, 3],
    [`${block}.attn.c_proj.weight`]: [0, 2, 1, 3],
    [`${block}.attn.c_proj.bias`]: [0, 1],
    [`${block}.mlp.c_fc.weight`]: [0, 2, 4, 1, 3, 5],
    [`${block}.mlp.c_fc.bias`]: [0, 1, 2],
    [`${block}.ln_1.weight`]: [0, 1],
    "transformer.wpe.weight": [0, 1, 2, 3],
  });
});

Deno.test("llama: fewer key-value heads, biases joined, a gate, norms and tables by their names", async () => {
  const at = "model.layers.0";
  const file = await fileOf({
    "model.embed_tokens.weight": [3, 2],
    [`${at}.self_attn.q_proj.weight`]: [2, 2],
    [`${at}.self_attn.k_proj.weight`]: [1, 2],
    [`${at}.self_attn.v_proj.weight`]: [1, 2],
    [`${at}.self_attn.q_proj.bias`]: [2],
    [`${at}.self_attn.k_proj.bias`]: [1],
    [`${at}.self_attn.v_proj.bias`]: [1],
    [`${at}.input_layernorm.weight`]: [2],
    [`${at}.mlp.gate_proj.weight`]: [3, 2],
    "model.norm.weight": [2],
    "lm_head.weight": [3, 2],
  });
  const read = await readAll(file, {
    "transformer.wte.weight": [3, 2],
    "transformer.h.0.attn.c_attn.weight": [2, 4],
    "transformer.h.0.attn.c_attn.bias": [4],
    "transformer.h.0.ln_1.weight": [2],
    "transformer.h.0.mlp.c_gate.weight": [2, 3],
    "transformer.ln_f.weight": [2],
    "lm_head.weight": [3, 2],
  }, "llama");
  assert.deepEqual(read, {
    "transformer.wte.weight": [0, 1, 2, 3, 4, 5],
    "transformer.h.0.attn.c_attn.weight": [0, 2, 0, 0, 1, 3, 1, 1],
    "transformer.h.0.attn.c_attn.bias": [0, 1, 0, 0],
    "transformer.h.0.ln_1.weight": [0, 1],
    "transformer.h.0.mlp.c_gate.weight": [0, 2, 4, 1, 3, 5],
    "transformer.ln_f.weight": [0, 1],
    "lm_head.weight": [0, 1, 2, 3, 4, 5],
  });
});

Deno.test("every parameter of a Llama block has its place", () => {
  const name = (folio: string) =>
    FORMATS.llama.source(`transformer.h.9.${folio}.weight`, config).names;
  const at = "model.layers.9";
  assert.deepEqual(name("attn.c_proj"), [`${at}.self_attn.o_proj.weight`]);
  assert.deepEqual(name("ln_2"), [`${at}.post_attention_layernorm.weight`]);
  assert.deepEqual(name("mlp.c_fc"), [`${at}.mlp.up_proj.weight`]);
  assert.deepEqual(name("mlp.c_proj"), [`${at}.mlp.down_proj.weight`]);
});

Deno.test("a tensor of another shape is refused before any is read", async () => {
  const shapes = { "transformer.wte.weight": [3, 2], "transformer.h.0.mlp.c_fc.weight": [2, 8] };
  const refused = async (of: Architecture, tensors: Record<string, number[]>, message: string) =>
    await assert.rejects(readAll(await fileOf(tensors), shapes, of), {
      name: "SyntaxError",
      message,
    });
  const wte = { "transformer.wte.weight": [3, 2] }, fc = "transformer.h.0.mlp.c_fc.weight";
  const expected = `m.safetensors: ${fc}: expected`;
  await refused("gpt2", { ...wte, [fc]: [8, 2] }, `${expected} [2,8] for ${fc}, got [8,2]`);
  await refused("gpt2", { ...wte, [fc]: [16] }, `${expected} [2,8] for ${fc}, got [16]`);
  await refused("gpt2", { ...wte, [fc]: [1, 2, 8] }, `${expected} [2,8] for ${fc}, got [1,2,8]`);
  await refused("gpt_neo", { ...wte, [fc]: [2, 8] }, `${expected} [8,2] for ${fc}, got [2,8]`);
  const at = "transformer.h.0.attn.attention";
  const parts = { [`${at}.q_proj.weight`]: [2, 2], [`${at}.k_proj.weight`]: [2, 2] };
  const file = await fileOf({ ...parts, [`${at}.v_proj.weight`]: [2, 3] });
  const read = readAll(file, { "transformer.h.0.attn.c_attn.weight": [2, 6] }, "gpt_neo");
  await assert.rejects(read, {
    name: "SyntaxError",
    message: /got \[2,2\] \+ \[2,2\] \+ \[2,3\]$/,
  });
});

Deno.test("a weight that is NaN is refused, with its tensor and file", async () => {
  const file = await fileOf({ "transformer.wte.weight": [1, 2] }, [1, NaN]);
  await assert.rejects(readAll(file, { "transformer.wte.weight": [1, 2] }, "gpt2"), {
    name: "RangeError",
    message: "tensor transformer.wte.weight of m.safetensors: element 1 is NaN " +
      "(1 of 2 are not finite)",
  });
});

Deno.test("a file of another model is refused, with its name", async () => {
  const read = readAll(await fileOf({ "model.norm.weight": [2] }), {
    "transformer.ln_f.weight": [2],
  }, "gpt2");
  await assert.rejects(read, {
    name: "SyntaxError",
    message: /^m\.safetensors: weights do not fit/,
  });
});

Deno.test({
  name: "golden gpt2-tiny is read by the names and shapes of a GPT-2",
  ignore: golden === undefined,
  async fn() {
    const file = await SafetensorsFile.open(fileSource(`${golden}/gpt2-tiny/model.safetensors`));
    const [width, hidden, blocks] = [48, 192, 2];
    const block: [string, number[]][] = [
      ["ln_1.weight", [width]],
      ["ln_1.bias", [width]],
      ["attn.c_attn.weight", [width, 3 * width]],
      ["attn.c_attn.bias", [3 * width]],
      ["attn.c_proj.weight", [width, width]],
      ["attn.c_proj.bias", [width]],
      ["ln_2.weight", [width]],
      ["ln_2.bias", [width]],
      ["mlp.c_fc.weight", [width, hidden]],
      ["mlp.c_fc.bias", [hidden]],
      ["mlp.c_proj.weight", [hidden, width]],
      ["mlp.c_proj.bias", [width]],
    ];
    const shapes = new Map<string, Shape>([
      ["transformer.wte.weight", [65, width]],
      ["transformer.wpe.weight", [32, width]],
      ["transformer.ln_f.weight", [width]],
      ["transformer.ln_f.bias", [width]],
    ]);
    for (let i = 0; i < blocks; i++) {
      for (const [name, shape] of block) shapes.set(`transformer.h.${i}.${name}`, shape);
    }
    let count = 0;
    for await (const [, data] of readParameters(file, shapes, namesOf("gpt2", config))) {
      count += data.length;
    }
    assert.equal(count, 61296);
    file.close();
  },
});
