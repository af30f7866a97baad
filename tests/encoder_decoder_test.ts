/**
 * T5, Flan-T5 and BART: the encoder's value, logits, loss, gradients and greedy text are those of
 * transformers; files as the hub has them; what is refused.
 */
import assert from "node:assert/strict";
import { greedyDecode } from "../lib/generate/greedy_decode.ts";
import { textToText } from "../lib/generate/text_to_text.ts";
import {
  encoderDecoderNamesOf,
  readEncoderDecoderConfig,
} from "../lib/hub/encoder_decoder_formats.ts";
import {
  loadEncoderDecoder,
  type PretrainedEncoderDecoder,
} from "../lib/hub/load_encoder_decoder.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { encodeSafetensors } from "../lib/hub/safetensors.ts";
import { relativeBucket } from "../lib/nn/relative_positions.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { transpose } from "../lib/ops/transpose.ts";
import { size } from "../lib/shape.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import buckets from "./golden/encoders/buckets.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { countingContext } from "./support/dropout_rates.ts";
import { assertGradients } from "./support/golden_gradients.ts";
import { assertClose } from "./support/gradient_check.ts";
import {
  ENCODER_DECODERS,
  type EncoderDecoderGolden,
  floats,
  weight,
} from "./support/pretrained_golden.ts";

const { t5, bart } = ENCODER_DECODERS;

/** Entries of a file beside the golden's: copies of the table, zeros. */
type More = Readonly<Record<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>>;

async function withFolder(
  golden: EncoderDecoderGolden,
  body: (folder: string) => Promise<void>,
  { more = {}, config = {}, rename = (name: string) => name, files = {} }: {
    more?: More;
    config?: object;
    rename?: (name: string) => string;
    files?: Record<string, object>;
  } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const own = Object.entries(golden.shapes).map(([name, shape]) =>
      [rename(name), { shape, data: weight(name, size(shape)) }] as const
    );
    const bytes = encodeSafetensors([...own, ...Object.entries(more)], { format: "pt" });
    await Deno.writeFile(`${folder}/model.safetensors`, await new Blob([...bytes]).bytes());
    const all = { "config.json": { ...golden.config, ...config }, ...files };
    for (const [name, content] of Object.entries(all)) {
      await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(content));
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const integers = (rows: number[][]) =>
  tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });

/** The sequences without their padding. */
const sequencesOf = ({ inputs, lengths }: EncoderDecoderGolden) =>
  inputs.map((row, b) => row.slice(0, lengths[b]));

for (const [name, golden] of Object.entries(ENCODER_DECODERS)) {
  forEachDevice(`${name}: values, loss and gradients are those of transformers`, async () => {
    await withFolder(golden, async (folder) => {
      const { model } = await loadEncoderDecoder(folder);
      const [source, target] = [integers(golden.inputs), integers(golden.target)];
      const lengths = { sourceLengths: tensor(Int32Array.from(golden.lengths)) };
      const encoded = await model.encode(source, lengths).data();
      const [time, { width }] = [golden.inputs[0].length, model.config];
      golden.lengths.forEach((length, b) => {
        const row = [b * time * width, (b * time + length) * width] as const;
        assertClose(encoded.subarray(...row), floats(golden.encoded).subarray(...row), 1e-4);
      });
      const logits = await model.forward(source, target, lengths).data();
      assertClose(logits, floats(golden.logits), 1e-4, "logits");
      const named = [...model.namedParameters()];
      const { value, gradients } = valueAndGrad(
        () => model.loss(source, target, integers(golden.next), lengths),
        named.map(([, parameter]) => parameter),
      );
      assertClose([await value.item()], [golden.loss], 1e-5, "loss");
      const names = encoderDecoderNamesOf(golden.config.model_type as "t5", model.config);
      await assertGradients(golden, named, gradients, names.source);
    });
  });

  forEachDevice(`${name}: 64 greedy tokens are those of transformers`, async () => {
    await withFolder(golden, async (folder) => {
      const { model, startTokens } = await loadEncoderDecoder(folder);
      const options = { startToken: startTokens, maxNewTokens: 64 };
      assert.deepEqual(await greedyDecode(model, sequencesOf(golden), options), golden.greedy);
    });
  });
}

Deno.test("ranges of distances are those of transformers", () => {
  for (const [bidirectional, count, maxDistance, expected] of buckets.ranges) {
    const options = {
      bidirectional: bidirectional as boolean,
      buckets: count as number,
      maxDistance: maxDistance as number,
    };
    const own = buckets.distances.map((distance) => relativeBucket(distance, options));
    assert.deepEqual(own, expected, JSON.stringify(options));
  }
});

forEachDevice("tables that a file repeats are not read, zeros are checked", async () => {
  const shape = t5.shapes["shared.weight"];
  const copy = { shape, data: weight("shared.weight", size(shape)) };
  const names = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
  const more = Object.fromEntries(names.map((name) => [name, copy]));
  await withFolder(t5, async (folder) => {
    await loadEncoderDecoder(folder);
  }, { more });
  const bias = (value: number) => ({
    final_logits_bias: { shape: [1, 61], data: new Float32Array(61).fill(value) },
  });
  // facebook/bart-base omits the prefix, too.
  const rename = (name: string) => name.replace(/^model\./, "");
  await withFolder(bart, async (folder) => {
    const { startTokens, endTokens } = await loadEncoderDecoder(folder);
    assert.deepEqual([startTokens, endTokens], [[2, 5], [2]]);
  }, { more: bias(0), rename, config: { forced_bos_token_id: 5 } });
  await withFolder(bart, async (folder) => {
    const message = /final_logits_bias: expected zeros, got 0\.5/;
    await assert.rejects(loadEncoderDecoder(folder), { name: "SyntaxError", message });
  }, { more: bias(0.5) });
});

forEachDevice("the file decides whether the head is tied", async () => {
  const head = (name: string) => ({
    "lm_head.weight": { shape: [61, 32], data: weight(name, 61 * 32) },
  });
  const assertLogits = async (folder: string, golden: EncoderDecoderGolden) => {
    const { model } = await loadEncoderDecoder(folder);
    const lengths = { sourceLengths: tensor(Int32Array.from(golden.lengths)) };
    const logits = model.forward(integers(golden.inputs), integers(golden.target), lengths);
    assertClose(await logits.data(), floats(golden.logits), 1e-4);
  };
  // A copy of the table.
  const copy = { more: head("shared.weight") };
  await withFolder(t5, (folder) => assertLogits(folder, t5), copy);
  // Another head; transformers 5 writes that it is tied, and whether its input is scaled.
  const { flan_t5: flan } = ENCODER_DECODERS;
  const config = { tie_word_embeddings: true, scale_decoder_outputs: false };
  await withFolder(flan, (folder) => assertLogits(folder, flan), { config });
  await withFolder(bart, async (folder) => {
    const { model } = await loadEncoderDecoder(folder);
    assert.deepEqual(await model.head!.weight.data(), await transposed(weight("own", 61 * 32)));
  }, { more: head("own") });
});

/** A head as the file has it, [61,32], in the model's layout. */
function transposed(data: Float32Array<ArrayBuffer>) {
  return transpose(tensor(data, { shape: [61, 32] })).data();
}

forEachDevice("generation_config.json names the tokens around a target", async () => {
  const generation = { decoder_start_token_id: 7, eos_token_id: [3, 4] };
  await withFolder(bart, async (folder) => {
    const { startTokens, endTokens } = await loadEncoderDecoder(folder);
    assert.deepEqual([startTokens, endTokens], [[7], [3, 4]]);
    await assert.rejects(loadPretrained(folder), /got "bart"; .* loadEncoderDecoder/);
  }, { files: { "generation_config.json": generation } });
});

forEachDevice("texts are written from texts", async () => {
  await withFolder(t5, async (folder) => {
    const loaded = await loadEncoderDecoder(folder);
    const tokenizer = {
      encode: (text: string) => Uint32Array.from(text.split(" ").map(Number)),
      encodeBatch(texts: string[]) {
        const ids = texts.map((text) => this.encode(text));
        return { ids, tokenTypes: ids.map(({ length }) => new Uint8Array(length)) };
      },
      decode: (ids: number[]) => ids.join(" "),
    };
    const own: PretrainedEncoderDecoder = Object.create(loaded, {
      tokenizer: { value: tokenizer },
    });
    const texts = sequencesOf(t5).map((ids) => ids.join(" "));
    const expected = t5.greedy.map((ids) => ids.slice(0, 9).join(" "));
    assert.deepEqual(await textToText(own, texts, { maxNewTokens: 9 }), expected);
    assert.deepEqual(await textToText(own, texts, { maxNewTokens: 9, batchSize: 1 }), expected);
    // The first text's target is 5 5 5 5 5 5 0 0 …
    const ended: PretrainedEncoderDecoder = Object.create(own, { endTokens: { value: [9, 0] } });
    assert.deepEqual(await textToText(ended, [texts[0]]), ["5 5 5 5 5 5"]);
    await assert.rejects(textToText(loaded, ["1"]), { name: "UserError", message: /no tokenizer/ });
    await assert.rejects(textToText(own.model as never, ["1"]), {
      name: "TypeError",
      message: /textToText: expected what loadEncoderDecoder returns/,
    });
  });
});

/** The rates of dropout in a training pass, in order. */
function dropoutRates(golden: EncoderDecoderGolden, change: object): number[] {
  const { config } = readEncoderDecoderConfig(JSON.stringify({ ...golden.config, ...change }));
  const model = new Transformer({ ...config, layers: 1, decoderLayers: 1 });
  const { context, rates } = countingContext();
  model.loss(integers(golden.inputs), integers(golden.target), integers(golden.next), {}, context);
  return rates;
}

forEachDevice("dropout is applied as in transformers, at the rates of config.json", () => {
  // Embeddings; attention's weights and output; the feed-forward's inner values and output; the
  // value after the last norm. The decoder attends twice.
  assert.deepEqual(dropoutRates(t5, { dropout_rate: 0.2 }), new Array(6 + 8).fill(0.2));
  const rates = { dropout: 0.1, attention_dropout: 0.2, activation_dropout: 0.3 };
  const [embeddings, attention, feed] = [[0.1], [0.2, 0.1], [0.3, 0.1]];
  assert.deepEqual(dropoutRates(bart, rates), [
    ...embeddings,
    ...attention,
    ...feed,
    ...embeddings,
    ...attention,
    ...attention,
    ...feed,
  ]);
});

Deno.test("an encoder–decoder's config.json is read, and refused if malformed", () => {
  const read = (golden: EncoderDecoderGolden, change: object) =>
    readEncoderDecoderConfig(JSON.stringify({ ...golden.config, ...change }));
  const silu = { feed_forward_proj: "gated-silu", dense_act_fn: "silu" };
  const { config } = read(t5, { ...silu, decoder_start_token_id: null });
  assert.deepEqual([config.activation, config.gated], ["silu", true]);
  assert.deepEqual(read(t5, { decoder_start_token_id: null }).startTokens, [0]);
  const refused = (golden: EncoderDecoderGolden, change: object, message: RegExp) =>
    assert.throws(() => read(golden, change), { name: "SyntaxError", message });
  refused(t5, { model_type: "bert" }, /model_type: expected one of t5, bart/);
  refused(t5, { feed_forward_proj: "gated-mish" }, /feed_forward_proj: .* got "gated-mish"/);
  refused(t5, { feed_forward_proj: "gated-silu" }, /dense_act_fn: expected that of .* silu, got/);
  refused(bart, { tie_word_embeddings: false }, /tie_word_embeddings: expected true, got false/);
  refused(t5, { eos_token_id: "</s>" }, /eos_token_id: expected a token id/);
  refused(t5, { relative_attention_num_buckets: 3 }, /relative_attention_num_buckets/);
  refused(bart, { decoder_ffn_dim: 90 }, /decoder_ffn_dim: expected the encoder's, 80, got 90/);
  refused(bart, { normalize_before: true }, /normalize_before/);
  refused(bart, { encoder_layerdrop: 0.1 }, /encoder_layerdrop: expected 0, got 0\.1/);
  refused(bart, { d_model: 30 }, /heads 4 does not divide width 30/);
});
