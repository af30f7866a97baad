/**
 * GGUF files: numbers of every type to the bit, logits, text and tokens of each family against
 * transformers and gguf, and files that are damaged. See golden/gguf/reference.py.
 */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import {
  chatText,
  generate,
  loadModelConfig,
  loadPretrained,
  loadTokenizer,
  quantize,
  Random,
  savePretrained,
} from "../mod.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { bytesSource } from "../lib/hub/byte_source.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { readModelConfig } from "../lib/hub/config.ts";
import { GGUF_FAMILIES } from "../lib/hub/gguf_config.ts";
import { readGgufHeader } from "../lib/hub/gguf_header.ts";
import { ggufRepository } from "../lib/hub/gguf_repository.ts";
import { readGguf } from "../lib/hub/gguf_weights.ts";
import { tokenizerOf } from "../lib/hub/load_tokenizer.ts";
import { requireText } from "../lib/hub/repository.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { line, run, scratchFolder } from "./support/command.ts";
import { sharedDevice } from "./support/devices.ts";
import { serveModel } from "./support/model_server.ts";
import { floats } from "./support/pretrained_golden.ts";

const FOLDER = new URL("golden/gguf/", import.meta.url);
const expected = JSON.parse(await Deno.readTextFile(new URL("expected.json", FOLDER))) as {
  readonly texts: string[];
  readonly types: Record<string, string>;
  readonly models: Record<string, { inputs: number[][]; logits: string; greedy: number[] }>;
  readonly tokens: Record<string, number[][]>;
};
const NAMES = Object.keys(expected.models);
const placeOf = (name: string) => new URL(`${name}.gguf`, FOLDER);

/** Reading a file is the same for every device, so one is enough. */
function onDevice(name: string, body: () => Promise<void>): void {
  const fn = async () => {
    useDevice(await sharedDevice("cpu-1"));
    await body();
  };
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

Deno.test("numbers of every type are gguf's, to the bit", async () => {
  const source = fileSource(placeOf("types").pathname);
  const { tensors } = await readGgufHeader(source);
  assert.deepEqual([...tensors.keys()], Object.keys(expected.types));
  for (const [name, entry] of tensors) {
    const values = floats(expected.types[name]);
    assert.deepEqual(await readGguf(source, entry), values, name);
    const part = await readGguf(source, entry, { first: 37, count: 41 });
    assert.deepEqual(part, values.slice(37, 78), name);
  }
  source.close();
});

Deno.test("every family has a file", async () => {
  const families = await Promise.all(NAMES.map(async (name) => {
    const source = fileSource(placeOf(name).pathname);
    const { metadata } = await readGgufHeader(source);
    source.close();
    return metadata.get("general.architecture");
  }));
  assert.deepEqual([...new Set(families)].sort(), Object.keys(GGUF_FAMILIES).sort());
});

for (const name of NAMES) {
  onDevice(`${name}.gguf: logits and greedy text are those of transformers`, async () => {
    const { inputs, logits, greedy } = expected.models[name];
    const { model } = await loadPretrained(placeOf(name), { tokenizer: false });
    const ids = tensor(Int32Array.from(inputs.flat()), { shape: [2, 20] });
    const values = await model.forward(ids).data() as Float32Array;
    const { vocabSize } = model.config;
    const own = [9, 19, 29, 39].flatMap((row) => [
      ...values.subarray(row * vocabSize, (row + 1) * vocabSize),
    ]);
    const wanted = floats(logits);
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert.equal(own.length, wanted.length);
    own.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-4 * largest, `${i}`));
    const options = { temperature: 0, maxNewTokens: 64 };
    assert.deepEqual((await generate(model, inputs[0].slice(0, 8), options)).tokens, greedy);
  });
}

onDevice("a GGUF file's weights in f32, 16, 8 and 4 bits", async () => {
  const { inputs } = expected.models.llama;
  const ids = tensor(Int32Array.from(inputs[0]), { shape: [1, 20] });
  const bits = { bf16: 16, int8: 8, int4: 4 } as const;
  for (const weights of ["bf16", "int8", "int4"] as const) {
    const { model } = await loadPretrained(placeOf("llama"), { weights });
    const rounded = (await loadPretrained(placeOf("llama"))).model;
    await quantize(rounded, { bits: bits[weights] });
    assert.deepEqual(await model.forward(ids).data(), await rounded.forward(ids).data());
  }
});

Deno.test("texts have the tokens of transformers, and are written back", async () => {
  for (const [name, rows] of Object.entries(expected.tokens)) {
    const tokenizer = await loadTokenizer(placeOf(name));
    for (const [i, text] of expected.texts.entries()) {
      assert.deepEqual([...tokenizer.encode(text)], rows[i], `${name}: ${text}`);
    }
  }
});

Deno.test("a text that is decoded is the one that was encoded", async () => {
  for (const name of ["llama", "llama3", "qwen2", "smollm3", "gemma", "gpt2"]) {
    const tokenizer = await loadTokenizer(placeOf(name));
    for (const text of ["the rain in the inn", " on  a thing\n\nre 1234 é", "north 北\t."]) {
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text, name);
    }
    assert.equal(tokenizer.decode([319]), "", "a row without a token");
  }
});

onDevice("what a GGUF file says beside its weights", async () => {
  const llama = await loadPretrained(placeOf("llama"));
  const { architecture, beginToken, endTokens, tokenizer, config } = llama;
  assert.deepEqual([architecture, beginToken, endTokens], ["llama", 1, [2]]);
  assert.equal(await chatText(tokenizer, [{ role: "user", content: "hi" }]), "<s>hi</s>");
  assert.equal(config.rotaryBase, 50000);
  assert.equal((await loadModelConfig(placeOf("mistral").pathname)).config.window?.[1], 9);
  assert.equal((await loadModelConfig(placeOf("phi3_longrope"))).config.contextLength, 80);
  const folder = await Deno.makeTempDir();
  await savePretrained(folder, llama);
  const again = await loadPretrained(folder);
  const ids = tensor(Int32Array.of(5, 6, 7), { shape: [1, 3] });
  assert.deepEqual(await again.model.forward(ids).data(), await llama.model.forward(ids).data());
  const text = "on the <user>inn";
  assert.deepEqual(again.tokenizer.encode(text), tokenizer.encode(text));
  await Deno.remove(folder, { recursive: true });
});

/** A file whose text `from` is `to`, of the same length. */
async function edited(name: string, from: string, to: string): Promise<string> {
  const bytes = await Deno.readFile(placeOf(name));
  const latin = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const at = latin.indexOf(from);
  assert.ok(at > 0 && from.length === to.length);
  bytes.set(new TextEncoder().encode(to), at);
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  await Deno.writeFile(path, bytes);
  return path;
}

Deno.test("what does not open is refused by name, with what does", async () => {
  const refused = async (path: string, message: RegExp) => {
    await assert.rejects(loadModelConfig(path), message);
    await Deno.remove(path);
  };
  await refused(
    await edited("llama", "llama", "mamba"),
    /GGUF: general.architecture: expected one of gpt2, llama, .* got "mamba"/,
  );
  const types = await Deno.readFile(placeOf("types"));
  const at = new TextDecoder("latin1").decode(types).indexOf("Q4_K");
  types[at + 4 + 4 + 16] = 23;
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  await Deno.writeFile(path, types);
  await refused(path, /tensor "Q4_K": expected a type of F32, .*, Q4_K, .* got IQ4_XS/);
  await assert.rejects(
    loadModelConfig("./no-such.gguf"),
    /model .\/no-such.gguf: there is no such/,
  );
  const options = { revision: "main" };
  await assert.rejects(loadModelConfig(placeOf("llama"), options), /expected no revision/);
});

Deno.test("a damaged header ends in one line", async () => {
  const whole = await Deno.readFile(placeOf("llama"));
  const random = new Random(11);
  let opened = 0;
  for (let i = 0; i < 1500; i++) {
    let bytes = whole.slice();
    for (let edits = 1 + random.integer(3); edits > 0; edits--) {
      const at = random.integer(i % 3 === 0 ? 1200 : 12_000);
      bytes[at] = [0, 255, random.integer(256), bytes[at] ^ 1 << random.integer(8)][i % 4];
    }
    if (i % 10 === 0) bytes = bytes.subarray(0, random.integer(bytes.length));
    const folder = { name: "damaged", open: () => Promise.resolve(bytesSource(bytes)) };
    const repository = ggufRepository("damaged.gguf", folder, "damaged.gguf");
    try {
      const text = await requireText(repository, "config.json");
      readModelConfig(text);
      await tokenizerOf(repository);
      (await repository.openWeights()).close();
      opened++;
    } catch (error) {
      assert.ok(error instanceof SyntaxError || error instanceof RangeError, `${i}: ${error}`);
      assert.ok(!error.message.includes("\n") && error.message.length < 2000, error.message);
    }
  }
  assert.ok(opened > 100 && opened < 1400, `${opened} opened`);
});

Deno.test("a folder that holds a GGUF file alone is that model", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/model`;
  await Deno.mkdir(path);
  await Deno.writeTextFile(`${path}/README.md`, "");
  await Deno.copyFile(placeOf("llama"), `${path}/tiny.Q8_0.gguf`);
  for (const place of [path, `${path}/`, pathToFileURL(path)]) {
    assert.equal((await loadModelConfig(place)).config.width, 32);
    assert.equal((await loadTokenizer(place)).vocabSize, 289);
  }
  await Deno.copyFile(placeOf("qwen2"), `${path}/other.gguf`);
  await assert.rejects(loadModelConfig(path), {
    message: `model ${path}: it has 2 GGUF files, and no config.json; give one of them: ` +
      `${path}/other.gguf, ${path}/tiny.Q8_0.gguf`,
  });
  await Deno.writeTextFile(`${path}/config.json`, '{"model_type":"gpt2"}');
  assert.equal((await loadModelConfig(path)).architecture, "gpt2");
});

onDevice("a GGUF file is read from a server, by ranges", async () => {
  const bytes = await Deno.readFile(placeOf("llama"));
  await using server = serveModel({ "tiny/a b.gguf": bytes });
  const { model, tokenizer } = await loadPretrained(`${server.url}tiny/a%20b.gguf`);
  const own = await loadPretrained(placeOf("llama"));
  const ids = tensor(Int32Array.from(expected.models.llama.inputs[0]), { shape: [1, 20] });
  assert.deepEqual(await model.forward(ids).data(), await own.model.forward(ids).data());
  assert.deepEqual(tokenizer.toJSON(), own.tokenizer.toJSON());
  assert.ok(
    server.log.some((request) => /^GET tiny\/a b\.gguf bytes=/.test(request)),
    `${server.log}`,
  );
  await assert.rejects(loadPretrained(`${server.url}no.gguf`), /no\.gguf: there is no such file/);
});

Deno.test("deno task sample writes with a GGUF file", async () => {
  const place = placeOf("llama").pathname;
  await using folder = await scratchFolder();
  const args = line("--prompt the --max-new-tokens 8 --temperature 0 --weights int8 --device cpu");
  const { code, out, err } = await run("sample", [place, ...args], folder.path);
  assert.equal(code, 0, err);
  assert.ok(out.startsWith("the"), out);
});
