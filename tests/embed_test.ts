/**
 * Vectors of texts: folders as sentence-transformers publishes them, pooled values that PyTorch
 * computed, and what is refused.
 */
import assert from "node:assert/strict";
import { cosineSimilarity, embed } from "../lib/hub/embed.ts";
import { classify, loadClassifier } from "../lib/hub/load_classifier.ts";
import { loadEncoder, type PretrainedEncoder } from "../lib/hub/load_encoder.ts";
import { encodeSafetensors } from "../lib/hub/safetensors.ts";
import type { BatchOptions } from "../lib/text/encode_batch.ts";
import { size } from "../lib/shape.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { serveModel } from "./support/model_server.ts";
import { type EncoderGolden, ENCODERS, floats, weight } from "./support/pretrained_golden.ts";

const { bert, distilbert } = ENCODERS;

/** One word for each id: word 7 is "w7". */
const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const VOCAB = Array.from({ length: 61 }, (_, id) => WORDS[id] ?? `w${id}`).join("\n");

const MODULES = ["Transformer", "Pooling", "Normalize"].map((kind, idx) => ({
  idx,
  name: String(idx),
  path: idx === 0 ? "" : `${idx}_${kind}`,
  type: `sentence_transformers.models.${kind}`,
}));

/**
 * A folder as the hub has it: no tokenizer.json, and tensors without the prefix of a head's model.
 */
async function withFolder(
  golden: EncoderGolden,
  files: Record<string, unknown>,
  body: (folder: string) => Promise<void>,
  { isBare = true } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const all: Record<string, unknown> = {
      "config.json": golden.config,
      "vocab.txt": VOCAB,
      "tokenizer_config.json": { tokenizer_class: "BertTokenizer", do_lower_case: true },
      ...files,
    };
    await Deno.mkdir(`${folder}/1_Pooling`);
    for (const [name, content] of Object.entries(all)) {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await Deno.writeFile(`${folder}/model.safetensors`, await weights(golden, isBare));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function weights({ shapes }: EncoderGolden, isBare: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const stored = isBare ? name.replace(/^(distil)?bert\./, "") : name;
    return [stored, { shape, data: weight(name, size(shape)) }] as const;
  });
  return new Blob([...encodeSafetensors(entries, { format: "pt" })]).bytes();
}

/** The golden's sequences as texts whose ids, special ones aside, are those of the sequences. */
function textsOf(golden: EncoderGolden): string[] {
  return golden.inputs.map((row, b) =>
    row.slice(0, golden.lengths[b]).map((id) => WORDS[id] ?? `w${id}`).join(" ")
  );
}

/** The encoder with a tokenizer that puts no special tokens around a text. */
function withoutSpecialTokens(encoder: PretrainedEncoder): PretrainedEncoder {
  const { tokenizer } = encoder;
  const encodeBatch = (texts: string[], options: BatchOptions) =>
    tokenizer.encodeBatch(texts, { ...options, addSpecialTokens: false });
  const value = { encode: tokenizer.encode, encodeBatch };
  return Object.create(encoder, { tokenizer: { value } });
}

function pooled(golden: EncoderGolden, pooling: "cls" | "mean", normalize: boolean): number[][] {
  const hidden = floats(golden.hidden);
  const [time, width] = [golden.inputs[0].length, hidden.length / golden.inputs.flat().length];
  return golden.lengths.map((length, b) => {
    const count = pooling === "cls" ? 1 : length;
    const vector = Array.from({ length: width }, (_, c) => {
      let sum = 0;
      for (let t = 0; t < count; t++) sum += hidden[(b * time + t) * width + c];
      return sum / count;
    });
    const norm = normalize ? Math.hypot(...vector) : 1;
    return vector.map((value) => value / norm);
  });
}

function assertVectors(actual: readonly ArrayLike<number>[], expected: number[][]): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((vector, i) => assertClose(actual[i], vector, 1e-4, `text ${i}`));
}

/** BERT's own types of tokens are not 0 in the golden's batch; DistilBERT has none. */
const mean = { pooling_mode_cls_token: false, pooling_mode_mean_tokens: true };

forEachDevice("a folder of sentence-transformers pools and normalizes as it says", async () => {
  const files = {
    "modules.json": MODULES,
    "1_Pooling/config.json": { word_embedding_dimension: 32, ...mean },
    "sentence_bert_config.json": { max_seq_length: 12, do_lower_case: false },
  };
  await withFolder(distilbert, files, async (folder) => {
    const encoder = withoutSpecialTokens(await loadEncoder(folder));
    assert.equal(encoder.model.config.width, 32);
    const texts = textsOf(distilbert);
    assertVectors(await embed(encoder, texts), pooled(distilbert, "mean", true));
    assertVectors(
      await embed(encoder, texts, { pooling: "cls", normalize: false, batchSize: 1 }),
      pooled(distilbert, "cls", false),
    );
    const [long, cut] = await embed(encoder, [
      Array(30).fill("w9").join(" "),
      Array(12).fill("w9").join(" "),
    ]);
    assertClose(long, cut, 1e-6);
    assert.deepEqual(await embed(encoder, []), []);
  });
});

forEachDevice("files in folders of a model's address are found", async () => {
  const files = {
    "modules.json": JSON.stringify(MODULES),
    "1_Pooling/config.json": JSON.stringify({ pooling_mode: "cls" }),
    "config.json": JSON.stringify(distilbert.config),
    "vocab.txt": VOCAB,
    "model.safetensors": await weights(distilbert, true),
  };
  await using server = serveModel(files);
  const encoder = await loadEncoder(server.url);
  assert.equal(encoder.pooling, "cls");
  assert.ok(server.log.some((line) => line.includes(" 1_Pooling/config.json")), `${server.log}`);
});

forEachDevice("many texts get what each gets alone, in their order", async () => {
  await withFolder(bert, {}, async (folder) => {
    const encoder = await loadEncoder(folder);
    assert.deepEqual([encoder.pooling, encoder.normalize], ["mean", false]);
    const texts = Array.from(
      { length: 40 },
      (_, i) => "w9 w5 w30 ".repeat(i % 5 + 1) + `w${6 + i}`,
    );
    const together = await embed(encoder, texts, { batchSize: 7 });
    for (const i of [0, 3, 17, 39]) {
      const [alone] = await embed(encoder, [texts[i]]);
      assertClose(together[i], alone, 1e-5, `text ${i}`);
    }
    // Texts are read with [CLS] and [SEP], in lower case.
    const [a, b] = await embed(encoder, ["W9 w5", "w9 w5"]);
    assert.deepEqual(a, b);
  });
});

forEachDevice("prompts precede a text", async () => {
  const settings = { prompts: { query: "w7 w8 ", passage: "" }, default_prompt_name: "query" };
  const files = {
    "modules.json": [MODULES[0], MODULES[1]],
    "1_Pooling/config.json": { pooling_mode: "cls" },
    "config_sentence_transformers.json": settings,
  };
  await withFolder(bert, files, async (folder) => {
    const encoder = await loadEncoder(folder);
    assert.deepEqual([encoder.pooling, encoder.normalize], ["cls", false]);
    const [prompted] = await embed(encoder, ["w9"]);
    const [passage] = await embed(encoder, ["w7 w8 w9"], { promptName: "passage" });
    const [own] = await embed(encoder, ["w8 w9"], { prompt: "w7 " });
    assert.deepEqual([prompted, own], [passage, passage]);
    await assert.rejects(embed(encoder, ["a"], { promptName: "title" }), {
      name: "RangeError",
      message: "embed: promptName: expected one of query, passage, got title",
    });
  });
});

forEachDevice("what Folio does not compute is refused by name", async () => {
  const refused = async (files: Record<string, unknown>, message: RegExp) => {
    await withFolder(distilbert, files, async (folder) => {
      await assert.rejects(loadEncoder(folder), { name: "SyntaxError", message });
    });
  };
  const dense = [...MODULES, { type: "sentence_transformers.models.Dense", path: "2_Dense" }];
  await refused(
    { "modules.json": dense },
    /modules\.json: expected modules of type .*, got .*Dense/,
  );
  await refused({ "modules.json": {} }, /modules\.json: expected a list/);
  await refused({ "modules.json": "[" }, /modules\.json: not JSON/);
  const pooling = (config: object) => ({ "1_Pooling/config.json": config });
  await refused(pooling({ pooling_mode_max_tokens: true }), /got pooling_mode_max_tokens/);
  await refused(pooling({ pooling_mode: "max" }), /by cls or mean, got "max"/);
  await refused(
    pooling({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: true }),
    /pooling_mode_cls_token and pooling_mode_mean_tokens/,
  );
  await refused(pooling({ ...mean, include_prompt: false }), /include_prompt false/);
  await refused({ "config_sentence_transformers.json": { prompts: [1] } }, /expected prompts/);
  await withFolder(distilbert, {}, async (folder) => {
    const encoder = await loadEncoder(folder);
    await assert.rejects(embed(encoder, "w9" as unknown as string[]), {
      name: "TypeError",
      message: 'embed: expected a list of texts, got "w9"',
    });
    await assert.rejects(embed(encoder, ["w9"], { batchSize: 0 }), /batchSize/);
    const bare = await loadEncoder(folder, { tokenizer: false });
    await assert.rejects(embed(bare, ["w9"]), { name: "UserError", message: /no tokenizer/ });
  });
});

forEachDevice("a classifier's folder without a tokenizer.json classifies texts", async () => {
  await withFolder(distilbert, {}, async (folder) => {
    const { model, tokenizer } = await loadClassifier(folder);
    const [result] = await classify(model, tokenizer, ["w9 w10"]);
    assert.ok(["NEGATIVE", "POSITIVE"].includes(result.label));
    // The same weights make an encoder, whose file then has a head that is not read.
    const encoder = await loadEncoder(folder);
    assert.equal(encoder.model.blocks.items.length, model.encoder.blocks.items.length);
  }, { isBare: false });
});

Deno.test("the cosine of vectors", () => {
  assert.equal(cosineSimilarity([3, 4], [6, 8]), 1);
  assert.equal(cosineSimilarity([1, 0], [0, 2]), 0);
  assert.equal(cosineSimilarity([0, 0], [1, 2]), 0);
  assert.throws(() => cosineSimilarity([1], [1, 2]), {
    name: "RangeError",
    message: "cosineSimilarity: expected vectors of one size, got 1 and 2",
  });
});
