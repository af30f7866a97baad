/**
 * What encoder–decoders write: drawn, searched, and by the settings of their files, as
 * transformers' `generate` does.
 */
import assert from "node:assert/strict";
import { generateTargets } from "../lib/generate/generate_targets.ts";
import { greedyDecode } from "../lib/generate/greedy_decode.ts";
import { textToText } from "../lib/generate/text_to_text.ts";
import { readEncoderDecoderConfig } from "../lib/hub/encoder_decoder_formats.ts";
import {
  loadEncoderDecoder,
  type PretrainedEncoderDecoder,
} from "../lib/hub/load_encoder_decoder.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { Random } from "../lib/random.ts";
import generated from "./golden/encoders/generated.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { ENCODER_DECODERS, weightFile } from "./support/pretrained_golden.ts";

/** A golden model's folder, with the settings of transformers' `generate`. */
async function withLoaded(
  name: string,
  settings: object,
  body: (loaded: PretrainedEncoderDecoder, folder: string) => Promise<void>,
): Promise<void> {
  const golden = ENCODER_DECODERS[name];
  const folder = await Deno.makeTempDir();
  const { decoder_start_token_id } = golden.config;
  const files = {
    "config.json": golden.config,
    "generation_config.json": { decoder_start_token_id, ...settings },
  };
  try {
    for (const [file, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${file}`, JSON.stringify(content));
    }
    await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(golden));
    await body(withNumbers(await loadEncoderDecoder(folder)), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** With a tokenizer whose texts are lists of ids. */
function withNumbers(loaded: PretrainedEncoderDecoder): PretrainedEncoderDecoder {
  const tokenizer = {
    encode: (text: string) => Uint32Array.from(text.split(" ").map(Number)),
    encodeBatch(texts: string[]) {
      const ids = texts.map((text) => this.encode(text));
      return { ids, tokenTypes: ids.map(({ length }) => new Uint8Array(length)) };
    },
    decode: (ids: number[]) => ids.join(" "),
  };
  return Object.create(loaded, { tokenizer: { value: tokenizer } });
}

const onCpu = (name: string, body: () => Promise<void>) =>
  forEachDevice(name, body, false, ["cpu-1"]);

const textsOf = (name: string) => {
  const { inputs, lengths } = ENCODER_DECODERS[name];
  return inputs.slice(0, 2).map((row, b) => row.slice(0, lengths[b]).join(" "));
};

for (const [name, cases] of Object.entries(generated)) {
  onCpu(`${name}: the settings of the files give transformers' texts`, async () => {
    for (const { settings, targets } of cases) {
      await withLoaded(name, settings, async (loaded) => {
        const expected = targets.map((ids) => ids.join(" "));
        assert.deepEqual(
          await textToText(loaded, textsOf(name)),
          expected,
          JSON.stringify(settings),
        );
      });
    }
  });
}

const SIZES = { sourceVocabSize: 20, targetVocabSize: 15, contextLength: 24, layers: 2, heads: 2 };
const KINDS = {
  Vaswani: {},
  "T5": { positions: "relative", norm: "rms", normPlacement: "pre", bias: false },
  "BART, scaled": { positions: "learned", embeddingNorm: true, embeddingScale: 3 },
  "query-key norms, grouped heads": { keyValueHeads: 1, queryKeyNorm: true },
} as const;
const SOURCES = [[3, 4, 5, 6, 7, 8, 9], [10], [11, 12, 13]];

for (const [kind, choices] of Object.entries(KINDS)) {
  const make = () =>
    new Transformer({ ...SIZES, width: 16, ...choices }, { random: new Random(5) });

  forEachDevice(`${kind}: a batch's targets are those of each source alone`, async () => {
    const model = make();
    const options = { startToken: [1, 2], maxNewTokens: 12, temperature: 1.5, topK: 9, seed: 3 };
    const all = await generateTargets(model, SOURCES, { ...options, sequences: 2 });
    assert.deepEqual(all.map(({ prompt, sequence }) => [prompt, sequence]), [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ]);
    for (const [i, source] of SOURCES.entries()) {
      const [alone] = await generateTargets(model, [source], options);
      assert.deepEqual(all[2 * i].tokens, alone.tokens);
    }
    const again = await generateTargets(model, SOURCES, { ...options, sequences: 2 });
    assert.deepEqual(again, all);
    const other = await generateTargets(model, SOURCES, { ...options, seed: 4 });
    assert.notDeepEqual(other.map(({ tokens }) => tokens), all.map(({ tokens }) => tokens));
  });

  forEachDevice(`${kind}: one beam more finds what is at least as likely`, async () => {
    const model = make();
    const options = { startToken: 1, maxNewTokens: 8, scores: true };
    const greedy = await generateTargets(model, SOURCES, { ...options, temperature: 0 });
    const found = await generateTargets(model, SOURCES, { ...options, beams: 4, lengthPenalty: 0 });
    const sum = (scores: number[] | undefined) => scores!.reduce((a, b) => a + b, 0);
    found.forEach(({ scores, score, tokens }, i) => {
      assert.equal(tokens.length, 8);
      assert.ok(Math.abs(sum(scores) - score!) < 1e-4);
      assert.ok(score! >= sum(greedy[i].scores) - 1e-4);
    });
    const ids = await greedyDecode(model, SOURCES, { startToken: 1, maxNewTokens: 8 });
    assert.deepEqual(ids, greedy.map(({ tokens }) => tokens));
  });
}

onCpu("settings are saved with the model and read again", async () => {
  const settings = { max_length: 14, min_length: 4, num_beams: 3, forced_bos_token_id: 7 };
  const more = { forced_eos_token_id: 9, eos_token_id: [8, 9], encoder_no_repeat_ngram_size: 3 };
  await withLoaded(
    "bart",
    { ...settings, ...more, early_stopping: true },
    async (loaded, folder) => {
      const own = {
        beams: 3,
        lengthPenalty: 1,
        earlyStopping: true,
        maxNewTokens: 11,
        minNewTokens: 2,
        forcedEnd: true,
      };
      assert.deepEqual(loaded.generation, own);
      const { model, startTokens, endTokens, generation, unknownSettings } = loaded;
      const saved = { model, startTokens, endTokens, generation, unknownSettings };
      await savePretrained(`${folder}/again`, saved);
      const again = await loadEncoderDecoder(`${folder}/again`);
      assert.deepEqual(again.generation, own);
      assert.deepEqual(again.unknownSettings, { encoder_no_repeat_ngram_size: 3 });
    },
  );
});

onCpu(
  "settings that Folio does not have are refused by name, unless they are left aside",
  async () => {
    const settings = { encoder_no_repeat_ngram_size: 3, num_beams: 2, max_length: 8 };
    await withLoaded("bart", settings, async (loaded) => {
      await assert.rejects(textToText(loaded, ["5 6"]), {
        name: "UserError",
        message: /the model's files set encoder_no_repeat_ngram_size to 3.*\{ defaults: false \}$/,
      });
      const options = { defaults: false, maxNewTokens: 6 };
      const [text] = await textToText(loaded, ["5 6"], options);
      const [ids] = await greedyDecode(loaded.model, [[5, 6]], { startToken: 2, maxNewTokens: 6 });
      assert.equal(text, ids.join(" "));
    });
    const drawn = { do_sample: true, num_beams: 2 };
    await withLoaded("bart", drawn, async (loaded) => {
      await assert.rejects(textToText(loaded, ["5"]), /set do_sample to true/);
    });
  },
);

onCpu("options replace the files' settings", async () => {
  await withLoaded("t5", { num_beams: 3, max_length: 9, length_penalty: 0.5 }, async (loaded) => {
    const likeliest = await textToText(loaded, ["5 6"], { temperature: 0 });
    assert.equal(likeliest[0].split(" ").length, 8);
    assert.deepEqual(await textToText(loaded, ["5 6"], { beams: 1 }), likeliest);
    await assert.rejects(
      textToText(loaded, ["5 6"], { beams: 2, topK: 3 }),
      /^RangeError: textToText: beams go without topK; leave one of them out$/,
    );
    await assert.rejects(
      textToText(loaded, ["5 6"], { beam: 2 } as never),
      /^TypeError: textToText: unknown option 'beam'; did you mean 'beams'\?$/,
    );
  });
  await withLoaded("t5", { do_sample: true, top_k: 4, max_length: 9 }, async (loaded) => {
    const { generation } = loaded;
    assert.deepEqual(generation, { temperature: 1, topK: 4, topP: 1, maxNewTokens: 8 });
    const [one, two] = [{ seed: 1 }, { seed: 2 }];
    const texts = await textToText(loaded, ["5 6"], one);
    assert.notDeepEqual(texts, await textToText(loaded, ["5 6"], two));
    assert.deepEqual(texts, await textToText(loaded, ["5 6"], one));
  });
});

Deno.test("malformed settings are refused", () => {
  const read = (settings: object) =>
    readEncoderDecoderConfig(
      JSON.stringify(ENCODER_DECODERS.bart.config),
      JSON.stringify({ decoder_start_token_id: 2, ...settings }),
    );
  assert.throws(() => read({ num_beams: 0 }), /^SyntaxError: .*num_beams: expected a whole number/);
  assert.throws(
    () => read({ num_beams: 2, early_stopping: "soon" }),
    /early_stopping: expected true, false or/,
  );
  assert.throws(() => read({ max_length: "9" }), /max_length: expected a whole number/);
  assert.throws(
    () => read({ num_beams: 2, length_penalty: [1] }),
    /length_penalty: expected a number/,
  );
  const { unknownSettings } = read({ forced_eos_token_id: 9, eos_token_id: 8, num_beam_groups: 1 });
  assert.deepEqual(unknownSettings, { forced_eos_token_id: 9 });
});
