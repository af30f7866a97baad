/**
 * Files that would take minutes or gigabytes: what they hold is counted while it is read, and
 * refused before it is built.
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { parseWordVectors } from "../lib/hub/parse_word_vectors.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { readIndex } from "../lib/hub/weight_files.ts";
import { hasMoreEntries } from "../lib/json_entries.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { sharedDevice } from "./support/devices.ts";

/** `{"a0": value, "a1": value, …}`. */
const object = (count: number, value: string) =>
  `{${Array.from({ length: count }, (_, i) => `"a${i}":${value}`).join(",")}}`;

function withHeader(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  return bytes;
}

const EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';

Deno.test("a header of too many tensors, or of endless names, is refused while it is read", async () => {
  const many = withHeader(object(100_001, EMPTY));
  await assert.rejects(SafetensorsFile.open(many), /more than 100000 tensors/);
  assert.equal((await SafetensorsFile.open(withHeader(object(1000, EMPTY)))).tensors.size, 1000);
  for (const character of ["a", "\\\\"]) {
    const long = withHeader(`{"${character.repeat(10_000_000)}":${EMPTY}}`);
    await assert.rejects(SafetensorsFile.open(long), /at most 1024 characters/);
  }
  const metadata = withHeader(`{"__metadata__":{"a":"${"b".repeat(2_000_000)}"}}`);
  await assert.rejects(SafetensorsFile.open(metadata), /at most 1048576 characters/);
});

Deno.test("an index of too many names is refused before it is parsed", () => {
  const index = (count: number) => `{"weight_map":${object(count, '"m.safetensors"')}}`;
  assert.deepEqual(readIndex(index(1000)), ["m.safetensors"]);
  assert.throws(() => readIndex(index(100_001)), /at most 100000 tensors/);
});

Deno.test("a vocabulary is counted before it is parsed", async () => {
  const vocab = Array.from({ length: 2 ** 20 + 1 }, (_, i) => `"a${i}":${i}`).join(",");
  const file = `{"model":{"type":"WordLevel","vocab":{${vocab}}}}`;
  await assert.rejects(parseTokenizer(file), /at most 1048576 tokens or merges/);
});

Deno.test("entries are counted in each list and object, and not in texts", () => {
  const nested = "[".repeat(1000) + "1,2,3" + "]".repeat(1000);
  assert.equal(hasMoreEntries("[1,2,3]", 3), false);
  assert.equal(hasMoreEntries("[1,2,3,4]", 3), true);
  assert.equal(hasMoreEntries('{"a,b,c,d\\",,,":[1,2],"b":[1,2],"c":"\\\\"}', 3), false);
  assert.equal(hasMoreEntries(nested, 3), false);
  assert.equal(hasMoreEntries(nested, 2), true);
  assert.equal(hasMoreEntries("[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]".repeat(3), 2), true);
  assert.equal(hasMoreEntries('"' + "\\".repeat(101), 2), false); // ends within a text
});

Deno.test("a configuration of another size than its weights is refused before memory is taken", {
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const device = await sharedDevice("cpu-1");
  useDevice(device);
  const model = new GPT({ vocabSize: 128, contextLength: 8, layers: 1, heads: 1, width: 8 });
  const folder = await Deno.makeTempDir({ prefix: "folio-" });
  try {
    await savePretrained(folder, model);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    const { used } = device.memory();
    for (const wrong of [{ n_layer: 9999 }, { n_embd: 1_000_000 }, { vocab_size: 2 ** 31 - 1 }]) {
      const text = JSON.stringify({ ...config, ...wrong });
      await Deno.writeTextFile(`${folder}/config.json`, text);
      await assert.rejects(loadPretrained(folder), /weights do not match config.json: expected /);
      assert.equal(device.memory().used, used);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a corpus of every character or of a million words makes no tokenizer", () => {
  const characters: string[] = [];
  for (let code = 0; code < 0x110000; code++) {
    if (code < 0xD800 || code > 0xDFFF) characters.push(String.fromCodePoint(code));
  }
  const text = characters.join("");
  assert.throws(
    () => CharacterTokenizer.fromText(text),
    /at most 1048576 different characters/,
  );
  const words = Array.from({ length: 2 ** 20 + 1 }, (_, i) => i.toString(36));
  assert.throws(
    () => WordTokenizer.fromText(words.join(" ")),
    /at most 1048576 different words/,
  );
  assert.throws(() => new WordTokenizer(words), /at most 1048576 tokens, got 1048577/);
});

Deno.test("word vectors of too many words are refused before they are read", () => {
  const text = "a 1\n".repeat(2_500_003);
  assert.throws(() => parseWordVectors(text), /at most 2500000 words/);
});
