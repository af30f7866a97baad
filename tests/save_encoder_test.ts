/**
 * Encoders, classifiers, masked language models and encoder–decoders are saved in their own format,
 * with the names, shapes and numbers of the file that they came from, and load to the same bits;
 * what no published architecture expresses is saved as Folio's own.
 */
import assert from "node:assert/strict";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadClassifier } from "../lib/hub/load_classifier.ts";
import { loadEncoder } from "../lib/hub/load_encoder.ts";
import { loadEncoderDecoder } from "../lib/hub/load_encoder_decoder.ts";
import { loadMaskedLanguageModel } from "../lib/hub/load_masked_language_model.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { Encoder } from "../lib/nn/encoder.ts";
import { MaskedLanguageModel } from "../lib/nn/masked_language_model.ts";
import type { Module } from "../lib/nn/module.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { size } from "../lib/shape.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { forEachDevice } from "./support/devices.ts";
import {
  ENCODER_DECODERS,
  ENCODERS,
  type Golden,
  MASKED,
  weight,
  weightFile,
} from "./support/pretrained_golden.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

/** Files do not depend on the device. */
function onCpu(name: string, body: () => Promise<void>): void {
  forEachDevice(name, body, false, ["cpu-1"]);
}

const json = async (path: string) => JSON.parse(await Deno.readTextFile(path));

/** A loaded model, or one made here. */
interface Loaded {
  readonly model: Module;
  readonly config?: unknown;
  readonly architecture?: string;
}

type Load = (folder: string) => Promise<Loaded>;

async function assertSameBits(a: Module, b: Module): Promise<void> {
  const [own, other] = [a.namedParameters(), b.namedParameters()];
  assert.deepEqual([...own.keys()], [...other.keys()]);
  for (const [name, parameter] of own) {
    assert.deepEqual(await parameter.data(), await other.get(name)!.data(), name);
  }
}

/** What was read beside the weights; without a tokenizer, reading it throws. */
function factsOf(loaded: Loaded): object {
  const names = Object.keys(loaded).filter((name) => name !== "model" && name !== "tokenizer");
  return Object.fromEntries(names.map((name) => [name, loaded[name as keyof Loaded]]));
}

/** Fields that transformers writes otherwise, or of which another one is a copy. */
const OTHERWISE = ["label2id"];

/** Loads a golden model, saves it, and compares config and tensors with its own. */
async function checkSaved(golden: Golden, load: Load, headless = false): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(golden.config));
    await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(golden));
    const loaded = await load(folder);
    const out = `${folder}/saved`;
    await savePretrained(out, loaded as never);
    const again = await load(out);
    assert.deepEqual(factsOf(again), factsOf(loaded));
    await assertSameBits(again.model, loaded.model);
    const config = await json(`${out}/config.json`);
    // Alone, as a training run saves it, too.
    await savePretrained(`${folder}/alone`, loaded.model as never);
    assert.equal((await json(`${folder}/alone/config.json`)).model_type, config.model_type);
    for (const [field, value] of Object.entries(config)) {
      if (!(field in golden.config) || OTHERWISE.includes(field)) continue;
      if (headless && field === "architectures") continue;
      assert.deepEqual(value, golden.config[field], field);
    }
    const file = await SafetensorsFile.open(fileSource(`${out}/model.safetensors`));
    const names = Object.keys(golden.shapes);
    for (const [name, { shape }] of file.tensors) {
      const full = headless ? names.find((one) => one.endsWith(`.${name}`))! : name;
      assert.deepEqual(shape, golden.shapes[full], name);
      const own = weight(full, size(shape));
      const skipped = /position_embeddings|embed_positions/.test(name) ? 3 * 32 : 0;
      const data = await file.float32(name);
      assert.deepEqual(data.subarray(skipped), own.subarray(skipped), name);
    }
    if (!headless) assert.deepEqual([...file.tensors.keys()].sort(), names.sort());
    file.close();
  });
}

for (const [name, golden] of Object.entries(ENCODERS)) {
  onCpu(`${name}: a classifier and its encoder are written as they were read`, async () => {
    await checkSaved(golden, loadClassifier);
    await checkSaved(golden, loadEncoder, true);
  });
}

for (const [name, golden] of Object.entries(MASKED)) {
  onCpu(`${name}: a masked language model is written as it was read`, async () => {
    await checkSaved(golden, loadMaskedLanguageModel);
  });
}

for (const [name, golden] of Object.entries(ENCODER_DECODERS)) {
  onCpu(`${name}: an encoder–decoder is written as it was read`, async () => {
    await checkSaved(golden, loadEncoderDecoder);
  });
}

const sizes = { vocabSize: 9, contextLength: 8, layers: 2, heads: 2, width: 8 };
const head = { poolerActivation: "tanh", labels: ["a", "b"] } as const;

/** Saves a model, loads it, and returns the `model_type`. */
async function typeOf(model: Module, load: Load): Promise<string> {
  let type = "";
  await inTemporaryFolder(async (folder) => {
    await savePretrained(folder, model as Encoder);
    const again = await load(folder);
    await assertSameBits(again.model, model);
    await savePretrained(`${folder}/again`, again as never);
    const config = await json(`${folder}/config.json`);
    assert.deepEqual(await json(`${folder}/again/config.json`), config);
    type = config.model_type;
  });
  return type;
}

onCpu("a model is saved in the first architecture that expresses it", async () => {
  const bert = { ...sizes, activation: "gelu", tokenTypes: 2, attentionDropout: 0.1 } as const;
  assert.equal(await typeOf(new Encoder(bert), loadEncoder), "bert");
  assert.equal(await typeOf(new SequenceClassifier({ ...bert, ...head }), loadClassifier), "bert");
  const masked = new MaskedLanguageModel({ ...bert, activation: "relu" });
  assert.equal(await typeOf(masked, loadMaskedLanguageModel), "roberta"); // its head has GELU
  const relative = { ...sizes, relativeBuckets: 32 };
  assert.equal(await typeOf(new Encoder(relative), loadEncoder), "mpnet");
  const narrow = { ...sizes, embeddingWidth: 4, layerGroups: 1, tokenTypes: 1 };
  assert.equal(await typeOf(new Encoder(narrow), loadEncoder), "albert");
});

onCpu("what no published architecture expresses is saved as Folio's own", async () => {
  assert.equal(await typeOf(new Encoder(sizes), loadEncoder), "folio-encoder"); // no token types
  const windows = { ...sizes, positions: "rotary", window: [undefined, 3], dropout: 0.1 } as const;
  assert.equal(await typeOf(new Encoder(windows), loadEncoder), "folio-encoder");
  const classifier = new SequenceClassifier({ ...windows, ...head, poolerNorm: true });
  assert.equal(await typeOf(classifier, loadClassifier), "folio-encoder");
  const masked = new MaskedLanguageModel({ ...windows, logitBias: false });
  assert.equal(await typeOf(masked, loadMaskedLanguageModel), "folio-encoder");
  const both = { ...sizes, sourceVocabSize: 9, targetVocabSize: 7 };
  const { vocabSize: _, ...transformer } = both;
  const plain = new Transformer(transformer);
  assert.equal(await typeOf(plain, loadEncoderDecoder), "folio-encoder-decoder");
  const relative = new Transformer({ ...transformer, positions: "relative", norm: "rms" });
  assert.equal(await typeOf(relative, loadEncoderDecoder), "folio-encoder-decoder");
});

onCpu("the encoder in a file of Folio's own classifier is loaded alone", async () => {
  await inTemporaryFolder(async (folder) => {
    const model = new SequenceClassifier({ ...sizes, ...head });
    await savePretrained(folder, model);
    await assertSameBits((await loadEncoder(folder)).model, model.encoder);
  });
});

onCpu(
  "a sentence-transformer is saved with its pooling, prompts and tokenizer",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const tokenizer = WordTokenizer.fromText("to be or not to be");
      const { vocabSize } = tokenizer;
      const config = { ...sizes, vocabSize, tokenTypes: 1, activation: "gelu" } as const;
      const modules = {
        pooling: "cls",
        normalize: true,
        maxLength: 6,
        lowercase: true,
        prompts: { query: "ask: " },
        defaultPrompt: "query",
      } as const;
      const ends = { beginToken: 1, endTokens: [2], padToken: 0 };
      await savePretrained(folder, { model: new Encoder(config), tokenizer, ...modules, ...ends });
      const { model: _model, config: _config, tokenizer: again, ...loaded } = await loadEncoder(
        folder,
      );
      assert.deepEqual(loaded, { ...modules, ...ends, architecture: "bert", hasTokenizer: true });
      assert.deepEqual(again.toJSON(), tokenizer.toJSON());
      assert.equal((await json(`${folder}/tokenizer_config.json`)).model_max_length, 6);
      await savePretrained(folder, { model: new Encoder(config) }); // its own folder
    });
  },
);

onCpu("an impossible request is refused", async () => {
  const transformer = new Transformer({
    sourceVocabSize: 9,
    targetVocabSize: 9,
    contextLength: 8,
    layers: 1,
    heads: 2,
    width: 8,
  });
  await inTemporaryFolder(async (folder) => {
    await assert.rejects(
      savePretrained(folder, { model: transformer, startTokens: [1, 2, 3] }),
      /^RangeError: savePretrained: expected at most two startTokens, got 3$/,
    );
    await assert.rejects(
      savePretrained(folder, { model: new Encoder(sizes), sampling: {} } as never),
      /^TypeError: savePretrained: unknown option 'sampling'/,
    );
    await assert.rejects(
      savePretrained(folder, { model: {} } as never),
      /^TypeError: savePretrained: expected as model a GPT, TextClassifier, .* or Transformer, got/,
    );
  });
});
