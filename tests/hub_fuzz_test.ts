/**
 * Files of a model with random damage: each is read, or refused with a SyntaxError, in little time
 * and memory.
 *
 * `FOLIO_FUZZ=100000` sets the number of inputs of each kind; the default is quick.
 */
import assert from "node:assert/strict";
import { readModelConfig } from "../lib/hub/config.ts";
import { readEncoderDecoderConfig } from "../lib/hub/encoder_decoder_formats.ts";
import {
  readClassifierConfig,
  readEncoderConfig,
  readMaskedConfig,
} from "../lib/hub/encoder_formats.ts";
import { loadClassifier } from "../lib/hub/load_classifier.ts";
import { loadEncoderDecoder } from "../lib/hub/load_encoder_decoder.ts";
import { loadMaskedLanguageModel } from "../lib/hub/load_masked_language_model.ts";
import { readSafetensorsHeader } from "../lib/hub/safetensors_header.ts";
import { readIndex } from "../lib/hub/weight_files.ts";
import type { EncoderConfig } from "../lib/nn/encoder.ts";
import { Random } from "../lib/random.ts";
import { forEachDevice } from "./support/devices.ts";
import {
  DECODERS,
  ENCODER_DECODERS,
  ENCODERS,
  type Golden,
  MASKED,
  weightFile,
} from "./support/pretrained_golden.ts";

const INPUTS = Number(Deno.env.get("FOLIO_FUZZ") ?? 2000);

/** What is put into files: values at the edges, and the pieces of JSON. */
const PIECES = [
  ...["0", "-1", "1e308", "1e999", "4294967296", "9007199254740993", "0.5", "NaN", "null", "true"],
  ...['""', '"\\u0000"', '"__proto__"', '"constructor"', "{}", "[]", "[[[[", "{{", ",", ":", "\\"],
  ...['"F32"', '"I64"', "\u{FFFF}", "\0", "[0,8]", "[2,2]", '"model_type":"llama"', "\uD800"],
].map((piece) => new TextEncoder().encode(piece));

/** One to four changes: bytes altered, cut out, doubled or replaced by a piece. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let result = new Uint8Array(bytes);
  const below = (n: number) => Math.floor(random.uniform() * n);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(result.length + 1);
    const length = below(Math.min(20, result.length - at) + 1);
    const kind = below(5);
    const put = kind === 0
      ? result.slice(at, at + length).map((byte) => byte ^ 1 << below(8))
      : kind === 1
      ? new Uint8Array(0)
      : kind === 2
      ? result.slice(at, at + 2 * length)
      : kind === 3
      ? PIECES[below(PIECES.length)]
      : result.slice(below(result.length), below(result.length));
    const joined = new Uint8Array(result.length - length + put.length);
    joined.set(result.subarray(0, at));
    joined.set(put, at);
    joined.set(result.subarray(at + length), at + put.length);
    result = joined;
  }
  return result;
}

/** Values that a field might have by mistake or malice. */
const VALUES: readonly unknown[] = [
  ...[0, -1, 1, 2, 3, 7, 0.5, 1e308, 2 ** 31, 2 ** 53, null, true, false, "", "1", "llama", "bert"],
  ...[[], {}, [[]], [[["global"], 1e9]], { "0": 1 }, { rope_type: "llama3" }, "__proto__", "../x"],
];

/**
 * The same JSON with one to three values replaced, removed or added; damaged bytes if the input is
 * not JSON.
 */
function altered(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const below = (n: number) => Math.floor(random.uniform() * n);
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return damaged(bytes, random);
  }
  for (let changes = 1 + below(3); changes > 0; changes--) {
    let place = json;
    let keys = Object.keys(place);
    let key = keys[below(keys.length)];
    while (typeof place[key] === "object" && place[key] !== null && below(3) > 0) {
      place = place[key];
      keys = Object.keys(place);
      key = keys[below(keys.length)] ?? "0";
    }
    const other = below(8) === 0 ? `${key}s` : key;
    if (below(6) === 0) delete place[key];
    else place[other] = structuredClone(VALUES[below(VALUES.length)]);
  }
  return new TextEncoder().encode(JSON.stringify(json));
}

/**
 * Gives a reader damaged copies of good files; at least one of each must be refused, and one read.
 */
function fuzz(name: string, good: () => Promise<Uint8Array[]>, read: (bytes: Uint8Array) => void) {
  Deno.test(`${name}: ${INPUTS} damaged files are read or refused`, async () => {
    const files = await good();
    files.forEach(read);
    const random = new Random(1);
    let refused = 0;
    for (let i = 0; i < INPUTS; i++) {
      const change = i % 2 === 0 ? damaged : altered;
      const bytes = change(files[i % files.length], random);
      try {
        read(bytes);
      } catch (error) {
        const text = new TextDecoder().decode(bytes).slice(0, 2000);
        assert.ok(error instanceof SyntaxError, `${(error as Error).stack}\n${text}`);
        assert.ok(error.message.length < 1000 && !error.message.includes("\n"), error.message);
        refused++;
      }
    }
    assert.ok(refused > 0 && refused < INPUTS, `${refused} refused`);
    if (INPUTS >= 100_000) console.log(`${name}: ${refused} of ${INPUTS} refused`);
  });
}

const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

fuzz(
  "config.json",
  () => {
    const small = { vocabSize: 8, contextLength: 8, layers: 2, heads: 2, width: 8 };
    const own = { model_type: "folio", ...small, window: [null, 4], positions: "rotary" };
    const files = [...Object.values(DECODERS).map(({ config }) => config), own];
    const families = new URL("golden/families/", import.meta.url);
    const published = Array.from(Deno.readDirSync(families))
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => Deno.readFileSync(new URL(`${name}/config.json`, families)));
    return Promise.resolve([...files.map(encode), ...published]);
  },
  (bytes) => {
    const { config, endTokens } = readModelConfig(decode(bytes));
    const { width, heads, headSize = width / heads } = config;
    assert.ok(Number.isInteger(headSize) && config.layers <= 10_000);
    assert.ok(endTokens.every((id) => id >= 0));
    assert.ok(!config.window || config.window.length === config.layers);
  },
);

fuzz(
  "a classifier's config.json",
  () => Promise.resolve(configs(ENCODERS)),
  (bytes) => {
    const { config } = readClassifierConfig(decode(bytes));
    expectSound(config);
    assert.ok(config.labels.length > 0 && config.labels.every((name) => typeof name === "string"));
  },
);

fuzz(
  "an encoder's config.json",
  () => Promise.resolve(configs(ENCODERS)),
  (bytes) => expectSound(readEncoderConfig(decode(bytes)).config),
);

fuzz(
  "a masked language model's config.json",
  () => Promise.resolve(configs(MASKED)),
  (bytes) => expectSound(readMaskedConfig(decode(bytes)).config),
);

fuzz(
  "an encoder–decoder's config.json",
  () => Promise.resolve(configs(ENCODER_DECODERS)),
  (bytes) => {
    const { config } = readEncoderDecoderConfig(decode(bytes));
    const { width, heads, headSize = width / heads } = config;
    assert.ok(Number.isInteger(headSize));
    assert.ok(config.layers <= 10_000 && (config.decoderLayers ?? 0) <= 10_000);
  },
);

function configs(models: Record<string, { readonly config: object }>): Uint8Array[] {
  return Object.values(models).map(({ config }) => encode(config));
}

/** Whether sizes are such that a model can be made. */
function expectSound({ width, heads, layers }: EncoderConfig): void {
  assert.ok(width % heads === 0 && layers <= 10_000);
}

fuzz(
  "model.safetensors.index.json",
  () => {
    const map = Object.fromEntries(
      Object.keys(DECODERS.gpt2.shapes).map((name, i) => [name, `model-0000${i % 3}.safetensors`]),
    );
    return Promise.resolve([encode({ metadata: { total_size: 1 }, weight_map: map })]);
  },
  (bytes) => {
    for (const file of readIndex(decode(bytes))) {
      assert.match(file, /^[\w][\w.-]*$/);
      assert.ok(!file.includes(".."));
    }
  },
);

fuzz(
  "the header of model.safetensors",
  async () => {
    const names = Object.keys(DECODERS.gpt2.shapes).filter((name) => name.includes("ln_1"));
    return [await weightFile(DECODERS.gpt2, { names })];
  },
  (bytes) => {
    const { tensors, dataStart } = readSafetensorsHeader(bytes);
    let end = 0;
    for (const info of tensors.values()) {
      assert.equal(info.begin, end);
      end = info.end;
    }
    assert.equal(dataStart + end, bytes.length);
  },
);

const LOADERS = [
  [ENCODERS, loadClassifier],
  [MASKED, loadMaskedLanguageModel],
  [ENCODER_DECODERS, loadEncoderDecoder],
] as const;

forEachDevice(
  "a config.json that does not fit the weights beside it ends in one line",
  async () => {
    const random = new Random(2);
    const folder = await Deno.makeTempDir();
    let opened = 0;
    let count = 0;
    try {
      for (const [models, load] of LOADERS) {
        for (const golden of Object.values<Golden>(models)) {
          await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(golden));
          for (let i = 0; i < INPUTS / 50; i++) {
            await Deno.writeFile(`${folder}/config.json`, altered(encode(golden.config), random));
            count++;
            try {
              const { model } = await load(folder, { tokenizer: false });
              for (const parameter of model.parameters()) parameter.dispose();
              opened++;
            } catch (error) {
              const { name, message } = error as Error;
              assert.match(name, /^(Syntax|User|Range)Error$/, `${(error as Error).stack}`);
              assert.ok(message.length < 4000 && !message.includes("\n"), message);
            }
          }
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assert.ok(opened > 0 && opened < count, `${opened} of ${count} opened`);
  },
  false,
  ["cpu-1"],
);
