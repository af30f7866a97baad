/**
 * scripts/transformers.ts with transformers.js itself, which is fetched for it: 490 MB. So it has a
 * separate task, `deno task test:transformers`, and is not part of `deno task test`.
 *
 * The models are those of tests/golden, as ONNX for transformers.js and as safetensors for Folio.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DECODERS, ENCODERS, type Golden, weightFile } from "./support/pretrained_golden.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the script with the permissions of its task. */
function pipeline(folder: string, ...args: string[]): Promise<Finished> {
  return pipelineIn({}, folder, ...args);
}

/** The same with an environment. */
async function pipelineIn(
  env: Record<string, string>,
  folder: string,
  ...args: string[]
): Promise<Finished> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const words: string[] = tasks.transformers.command.split(" ").slice(1);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...words.slice(0, -1), `${ROOT}${words.at(-1)}`, ...args],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function withModel(
  golden: Golden,
  onnx: string,
  tokenizer: { json: object; config: object },
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/m/onnx`, { recursive: true });
    await Deno.copyFile(`${ROOT}tests/golden/${onnx}.onnx`, `${folder}/m/onnx/model.onnx`);
    const write = (name: string, json: unknown) =>
      Deno.writeTextFile(`${folder}/m/${name}`, JSON.stringify(json));
    await write("config.json", golden.config);
    await write("tokenizer.json", tokenizer.json);
    await write("tokenizer_config.json", tokenizer.config);
    await Deno.writeFile(`${folder}/m/model.safetensors`, await weightFile(golden));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const special = (content: string, id: number) => ({
  id,
  content,
  special: true,
  normalized: false,
  single_word: false,
  lstrip: false,
  rstrip: false,
});
const vocabulary = (tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

/** Letters and digits, each a token. */
function letters() {
  const tokens = ["<|endoftext|>", "Ġ", ".", ",", ..."0123456789", ...LETTERS];
  return {
    json: {
      version: "1.0",
      added_tokens: [special(tokens[0], 0)],
      normalizer: null,
      post_processor: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      decoder: { type: "ByteLevel" },
      model: { type: "BPE", vocab: vocabulary(tokens), merges: [] },
    },
    config: { tokenizer_class: "GPT2Tokenizer", eos_token: tokens[0] },
  };
}

/** A few words, between [CLS] and [SEP]. */
function words() {
  const marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
  const tokens = [...marks, ..."this film is good bad great awful i love hate it".split(" ")];
  const single = ["[CLS]", "A", "[SEP]"].map((id) =>
    id === "A" ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } }
  );
  const mark = (token: string) => ({ id: token, ids: [tokens.indexOf(token)], tokens: [token] });
  return {
    json: {
      version: "1.0",
      added_tokens: marks.map(special),
      normalizer: { type: "BertNormalizer", clean_text: true, lowercase: true },
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: {
        type: "TemplateProcessing",
        single,
        pair: [],
        special_tokens: { "[CLS]": mark("[CLS]"), "[SEP]": mark("[SEP]") },
      },
      decoder: { type: "WordPiece", prefix: "##" },
      model: { type: "WordPiece", unk_token: "[UNK]", vocab: vocabulary(tokens) },
    },
    config: { tokenizer_class: "DistilBertTokenizer", pad_token: "[PAD]", model_max_length: 16 },
  };
}

Deno.test("the likeliest text of transformers.js is Folio's", async () => {
  await withModel(DECODERS.gpt2, "gpt2", letters(), async (folder) => {
    const args = ["text-generation", "hello", "--model", "m", "--max-new-tokens", "30"];
    const { code, out, err } = await pipeline(folder, ...args);
    assert.equal(code, 0, err);
    assert.match(out, /^hello.{3,}$/m);
    assert.match(out, /^the same text$/m);
  });
});

Deno.test("each text's label and probability of transformers.js are Folio's", async () => {
  await withModel(ENCODERS.distilbert, "distilbert", words(), async (folder) => {
    const texts = ["This film is great", "awful", "I hate it"];
    const { code, out, err } = await pipeline(
      folder,
      "sentiment-analysis",
      ...texts,
      "--model",
      "m",
    );
    assert.equal(code, 0, err);
    const verdicts = (
      name: string,
    ) => [...out.matchAll(new RegExp(`^  ${name} +(\\w+) ([\\d.]+)$`, "gm"))];
    const [theirs, ours] = [verdicts("transformers.js"), verdicts("Folio")];
    assert.equal(theirs.length, 3);
    theirs.forEach(([, label, score], i) => {
      assert.equal(ours[i][1], label);
      assert.ok(Math.abs(Number(ours[i][2]) - Number(score)) < 1e-4, out);
    });
  });
});

Deno.test("a bad folder, name or task is one line", async () => {
  const folder = await Deno.makeTempDir();
  for (
    const args of [
      ["text-generation", "x", "--model", "."],
      ["text-generation", "x", "--model", "./none"],
      ["translation", "x"],
    ]
  ) {
    const { code, err } = await pipeline(folder, ...args);
    assert.equal(code, 2);
    assert.match(err, /^error: .*\n$/m);
    assert.ok(!err.includes("    at "), err);
  }
  await Deno.remove(folder);
});

Deno.test("without a network, one line says what cannot be reached, why, and what to do", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hub = `http://127.0.0.1:${listener.addr.port}`;
  listener.close(); // nothing answers there
  await withModel(DECODERS.gpt2, "gpt2", letters(), async (folder) => {
    const theirs = ["--model", "Xenova/gpt2"];
    const ours = ["--model", "m", "--folio-model", "openai-community/gpt2"];
    for (const models of [theirs, ours]) {
      const env = { HF_ENDPOINT: hub };
      const args = ["text-generation", "hello", ...models];
      const { code, err } = await pipelineIn(env, folder, ...args);
      assert.equal(code, 2, err);
      const line = err.trim().split("\n").at(-1)!;
      assert.match(
        line,
        /^error: .*cannot be reached: .*refused.*without a network give the folder/,
      );
      assert.ok(line.includes(`${hub}/${models.at(-1)}`), line);
    }
  });
});
