/**
 * Encoders that classify: hidden states, logits, loss and gradients are those of PyTorch; classes
 * by name; what is refused.
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { readClassifierConfig } from "../lib/hub/encoder_formats.ts";
import { rememberNames } from "../lib/hub/file_names.ts";
import { classify, classifyIds, loadClassifier } from "../lib/hub/load_classifier.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { Encoder } from "../lib/nn/encoder.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { tokenizerIn } from "../lib/text/tokenizer_files.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertGradients } from "./support/golden_gradients.ts";
import { countingContext } from "./support/dropout_rates.ts";
import {
  type EncoderGolden,
  ENCODERS,
  floats,
  uniform,
  weightFile,
} from "./support/pretrained_golden.ts";

async function withModel(
  golden: EncoderGolden,
  body: (model: SequenceClassifier, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(golden.config));
    await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(golden, { dtype: "F16" }));
    const { model, architecture } = await loadClassifier(folder);
    assert.equal(architecture, golden.config.model_type);
    await body(model, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const message = `element ${i} is ${actual[i]}, expected ${expected[i]}`;
    assert.ok(Math.abs(actual[i] - expected[i]) < tolerance, message);
  }
}

const integers = (rows: number[][]) =>
  tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });

/** The sequences without their padding. */
const sequencesOf = ({ inputs, lengths }: EncoderGolden) =>
  inputs.map((row, b) => row.slice(0, lengths[b]));

for (const [name, golden] of Object.entries(ENCODERS)) {
  forEachDevice(`${name}: hidden states, logits, loss and gradients are PyTorch's`, async () => {
    await withModel(golden, async (model) => {
      const { width } = model.config;
      const input = {
        lengths: tensor(Int32Array.from(golden.lengths)),
        types: model.encoder.tokenTypes ? integers(golden.types) : undefined,
      };
      const ids = integers(golden.inputs);
      const hidden = await model.encoder.forward(ids, input).data();
      const time = golden.inputs[0].length;
      golden.lengths.forEach((length, b) => {
        const row = [b * time * width, (b * time + length) * width] as const;
        assertNear(hidden.subarray(...row), floats(golden.hidden).subarray(...row));
      });
      assertNear(await model.forward(ids, input).data(), floats(golden.logits));

      const named = [...model.namedParameters()];
      const { value, gradients } = valueAndGrad(
        () => model.loss(ids, tensor(Int32Array.from(golden.labels)), input),
        named.map(([, parameter]) => parameter),
      );
      assertNear([await value.item()], [golden.loss]);
      const { source } = readClassifierConfig(JSON.stringify(golden.config)).names;
      await assertGradients(golden, named, gradients, source);
    });
  });

  forEachDevice(
    `${name}: a sequence in a batch gets what it gets alone, under its label`,
    async () => {
      await withModel(golden, async (model) => {
        const sequences = sequencesOf(golden);
        const many = Array.from({ length: 20 }, (_, i) => sequences[i % 3]);
        const together = await classifyIds(model, many);
        for (const [i, sequence] of sequences.entries()) {
          const [alone] = await classifyIds(model, [sequence]);
          assert.equal(together[i].label, alone.label);
          assertNear(
            Object.values(together[i].scores),
            Object.values(alone.scores),
            1e-5,
          );
          const { labels } = model.config;
          assert.deepEqual(Object.keys(alone.scores), labels);
          assertNear([Object.values(alone.scores).reduce((a, b) => a + b)], [1], 1e-5);
          assert.equal(alone.score, alone.scores[alone.label]);
          assert.equal(alone.score, Math.max(...Object.values(alone.scores)));
        }
      });
    },
  );
}

const { bert, distilbert } = ENCODERS;

/** The rates of dropout in a training pass, in order. */
function dropoutRates(golden: EncoderGolden, change: object = {}): number[] {
  const text = JSON.stringify({ ...golden.config, ...change });
  const { config } = readClassifierConfig(text);
  const model = new SequenceClassifier({ ...config, layers: 2 });
  const { context, rates } = countingContext();
  model.loss(integers(golden.inputs), tensor(Int32Array.from(golden.labels)), {}, context);
  return rates;
}

forEachDevice("dropout is applied as in transformers, at the rates of config.json", () => {
  // Embeddings, then attention's weights and output and the feed-forward's output in two layers,
  // then the head.
  const both = { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.4 };
  assert.deepEqual(dropoutRates(bert, both), [0.2, 0.4, 0.2, 0.2, 0.4, 0.2, 0.2, 0.2]);
  const classifier = { hidden_dropout_prob: 0.1, classifier_dropout: 0.3 };
  const none = { attention_probs_dropout_prob: 0 };
  assert.deepEqual(
    dropoutRates(bert, { ...classifier, ...none }),
    [...new Array(5).fill(0.1), 0.3],
  );
  assert.deepEqual(dropoutRates(bert, { hidden_dropout_prob: 0, ...none }), []);
  // DistilBERT drops nothing of what attention adds.
  const rates = { dropout: 0.1, attention_dropout: 0.4, seq_classif_dropout: 0.3 };
  assert.deepEqual(dropoutRates(distilbert, rates), [0.1, 0.4, 0.1, 0.4, 0.1, 0.3]);
  // RoBERTa drops before its head, too; ALBERT nothing of what the feed-forward adds.
  const { roberta, albert, modernbert } = ENCODERS;
  const robertaRates = { ...both, classifier_dropout: 0.3 };
  assert.deepEqual(
    dropoutRates(roberta, robertaRates),
    [0.2, 0.4, 0.2, 0.2, 0.4, 0.2, 0.2, 0.3, 0.3],
  );
  const albertRates = { ...both, num_hidden_groups: 1, classifier_dropout_prob: 0.3 };
  assert.deepEqual(dropoutRates(albert, albertRates), [0.2, 0.4, 0.2, 0.4, 0.2, 0.3]);
  const modernRates = {
    num_hidden_layers: 2,
    layer_types: null,
    embedding_dropout: 0.1,
    attention_dropout: 0.2,
    mlp_dropout: 0.3,
    classifier_dropout: 0.4,
  };
  assert.deepEqual(
    dropoutRates(modernbert, modernRates),
    [0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.3, 0.4],
  );
  const read = (golden: EncoderGolden, change: object) =>
    readClassifierConfig(JSON.stringify({ ...golden.config, ...change })).config;
  assert.equal(read(bert, { attention_probs_dropout_prob: 0.4 }).attentionDropout, 0.4);
  assert.equal(read(distilbert, { attention_dropout: 0.4 }).attentionDropout, 0.4);
  const message = /hidden_dropout_prob: expected a probability in \[0, 1\), got 1/;
  assert.throws(() => read(bert, { hidden_dropout_prob: 1 }), { name: "SyntaxError", message });
});

forEachDevice(
  "a pre-norm encoder with rotary positions hides padding and ends with a norm",
  async () => {
    const sizes = { vocabSize: 9, contextLength: 8, layers: 2, heads: 2, width: 8 };
    const choices = { normPlacement: "pre", positions: "rotary", norm: "rms" } as const;
    const encoder = new Encoder({ ...sizes, ...choices });
    assert.equal(encoder.positions, undefined);
    for (const parameter of encoder.parameters()) {
      if (parameter.shape.length === 2) parameter.write(uniform("weights", parameter.size));
    }
    const encode = (ids: number[][], lengths: number[]) =>
      encoder.forward(integers(ids), { lengths: tensor(Int32Array.from(lengths)) }).data();
    const [short, padded] = [await encode([[1, 2, 3]], [3]), await encode([[1, 2, 3, 4, 5]], [3])];
    assertNear(padded.subarray(0, 24), short, 1e-6);
    const turned = await encode([[2, 1, 3]], [3]);
    assert.ok(Math.abs(turned[16] - short[16]) > 1e-6, "the order of tokens makes no difference");
    assertNear([Math.hypot(...short.subarray(0, 8))], [Math.sqrt(8)], 1e-3);
  },
);

forEachDevice(
  "texts are classified with their special tokens, and cut before the last one",
  async () => {
    await withModel(distilbert, async (model) => {
      const tokenizer = await vocabularyTokenizer();
      const results = await classify(model, tokenizer, ["w7 w8 w9", "w7 ".repeat(40)]);
      const expected = [[2, 7, 8, 9, 3], [2, ...Array(14).fill(7), 3]];
      assert.deepEqual(results, await classifyIds(model, expected));
      assert.ok(["NEGATIVE", "POSITIVE"].includes(results[0].label));
      await assert.rejects(classifyIds(model, [[]]), /expected 1 to 16 tokens, got 0 in text 0/);
      await assert.rejects(
        classifyIds(model, [[1], [61]]),
        /text 1: expected token ids from 0 to 60, got 61/,
      );
      await assert.rejects(classifyIds(model, [Array(17).fill(1)]), RangeError);
      assert.deepEqual(await classifyIds(model, []), []);
    });
  },
);

/** A BERT that reads its problem type and labels from config.json. */
function problemModel(change: object): SequenceClassifier {
  const { config } = readClassifierConfig(JSON.stringify({ ...bert.config, ...change }));
  return new SequenceClassifier(config);
}

forEachDevice("scores and losses follow problem_type", async () => {
  const ids = integers(bert.inputs);
  const input = { lengths: tensor(Int32Array.from(bert.lengths)) };
  const check = async (model: SequenceClassifier, labels: number[][], oracle: Oracle) => {
    for (const parameter of model.parameters()) parameter.write(uniform("w", parameter.size));
    const shape = [labels.length, labels[0].length];
    const logits = [...await model.forward(ids, input).data()];
    const scores = await model.scores(model.forward(ids, input)).data();
    assertNear(scores, logits.map(oracle.score), 1e-6);
    const loss = model.loss(ids, tensor(labels.flat(), { shape }), input);
    const terms = labels.flat().map((label, i) => oracle.loss(logits[i], label));
    assertNear([await loss.item()], [terms.reduce((a, b) => a + b) / terms.length], 1e-5);
    const [best] = await classifyIds(model, [sequencesOf(bert)[0]]);
    const first = Array.from(scores.subarray(0, shape[1]));
    assertNear(Object.values(best.scores), first, 1e-5);
    assertNear([best.score], [Math.max(...first)], 1e-5);
  };
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  await check(problemModel({ problem_type: "multi_label_classification" }), [
    [1, 0, 1],
    [0, 0, 0],
    [1, 1, 0.25],
  ], {
    score: sigmoid,
    loss: (x, y) => -y * Math.log(sigmoid(x)) - (1 - y) * Math.log(1 - sigmoid(x)),
  });
  const regression = { score: (x: number) => x, loss: (x: number, y: number) => (x - y) ** 2 };
  const ratings = { problem_type: "regression" };
  await check(problemModel(ratings), [[1, -2, 0.5], [0, 3, 1], [1, 1, 1]], regression);
  const reranker = problemModel({ id2label: { "0": "LABEL_0" }, problem_type: null });
  await check(reranker, [[1], [-2], [0.5]], regression);
  const flat = reranker.loss(ids, tensor([1, -2, 0.5]), input);
  const column = reranker.loss(ids, tensor([[1], [-2], [0.5]]), input);
  assert.equal(await flat.item(), await column.item());
});

/** What transformers computes of a logit, and of a logit and a label. */
interface Oracle {
  score(logit: number): number;
  loss(logit: number, label: number): number;
}

forEachDevice("pairs are classified with their token types, the longer one cut", async () => {
  await withModel(bert, async (model) => {
    const tokenizer = await vocabularyTokenizer();
    const pairs = [["w7 w8", "w9"], ["w7", "w9 ".repeat(40)]] as const;
    const results = await classify(model, tokenizer, pairs);
    const second = Array<number>(12).fill(9);
    const rows = [[2, 7, 8, 3, 9, 3], [2, 7, 3, ...second, 3]];
    const types = [[0, 0, 0, 0, 1, 1], [0, 0, 0, ...second.map(() => 1), 1]];
    for (const [i, ids] of rows.entries()) {
      const logits = model.forward(integers([ids]), { types: integers([types[i]]) });
      const expected = await model.scores(logits).data();
      assertNear(Object.values(results[i].scores), expected, 1e-5);
      const [untyped] = await classifyIds(model, [ids]);
      assert.notDeepEqual(untyped.scores, results[i].scores);
    }
  });
});

/** BERT's tokenizer of 61 tokens: five special ones, and token i is "wi". */
async function vocabularyTokenizer(): Promise<Tokenizer> {
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const vocabulary = Array.from({ length: 61 }, (_, id) => special[id] ?? `w${id}`).join("\n");
  const read = (name: string) =>
    Promise.resolve(name === "vocab.txt" ? new TextEncoder().encode(vocabulary) : undefined);
  return (await tokenizerIn(read))!;
}

forEachDevice("a language model is no classifier, nor the other way round", async () => {
  await withModel(distilbert, async (_, folder) => {
    await assert.rejects(
      loadPretrained(folder),
      /model_type: .*got "distilbert"; .*loadClassifier/,
    );
    await Deno.writeTextFile(`${folder}/config.json`, '{"model_type":"gpt2"}');
    await assert.rejects(loadClassifier(folder), /model_type: .*got "gpt2"/);
  });
});

Deno.test("a classifier's config.json is read, and refused if malformed", () => {
  const read = (change: object) =>
    readClassifierConfig(JSON.stringify({ ...distilbert.config, ...change })).config;
  assert.deepEqual(read({}).labels, ["NEGATIVE", "POSITIVE"]);
  assert.deepEqual(read({ id2label: null }).labels, ["LABEL_0", "LABEL_1"]);
  assert.deepEqual(read({ id2label: null, num_labels: 3 }).labels.length, 3);
  assert.deepEqual(read({ id2label: { "1": "b", "0": "a" } }).labels, ["a", "b"]);
  const refused = (change: object, message: RegExp) =>
    assert.throws(() => read(change), { name: "SyntaxError", message });
  for (const id2label of [[], {}, ["a"], { "1": "a" }, { "0": 1 }, "a", { "0": "a", x: "b" }]) {
    refused({ id2label }, /id2label: expected names/);
  }
  refused({ id2label: null, num_labels: 1e6 }, /num_labels/);
  refused({ problem_type: "ranking" }, /problem_type: expected one of single_label/);
  assert.equal(read({ problem_type: "regression" }).problemType, "regression");
  const mpnet = { ...ENCODERS.mpnet.config, pad_token_id: 0 };
  refused(mpnet, /pad_token_id: expected 1, got 0/);
  refused({ n_heads: 5 }, /heads 5 does not divide width 32/);
  refused({ n_layers: 10001 }, /at most 10000/);
  refused({ model_type: "bert", position_embedding_type: "relative_key" }, /relative_key/);
  refused({ model_type: "bert", layer_norm_eps: 0 }, /above 0/);
});

Deno.test("a padding token inside a RoBERTa's text, which transformers does not count, is refused", async () => {
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  for (const [golden, isRefused] of [[ENCODERS.roberta, true], [ENCODERS.albert, false]] as const) {
    const { config, names } = readClassifierConfig(JSON.stringify(golden.config));
    const model = new SequenceClassifier(config);
    rememberNames(model, names);
    const pad = (golden.config as { pad_token_id: number }).pad_token_id;
    const ids = [3, pad, 4];
    if (!isRefused) assert.equal((await classifyIds(model, [ids])).length, 1);
    else {
      await assert.rejects(classifyIds(model, [ids]), {
        name: "RangeError",
        message: `classify: expected no padding token in text 0, got ${pad}; this model does not ` +
          "count its position; remove it from the text",
      });
      assert.equal((await classifyIds(model, [[3, 4]])).length, 1);
    }
  }
  device.close();
});
