import { readTokenizer, saveTokenizer } from "../lib/data/tokenizer_files.ts";
import assert from "node:assert/strict";
import { isPreparedCorpus, prepareCorpus, readPreparedCorpus } from "../lib/data/prepared_files.ts";
import { UserError } from "../lib/errors.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const TEXT = "to be, or not to be: that";

Deno.test("a prepared corpus comes back as it was", () =>
  inFolder(async (parent) => {
    const folder = `${parent}/a/b`;
    const tokenizer = CharacterTokenizer.fromText(TEXT);
    assert.equal(await isPreparedCorpus(folder), false);
    const counts = await prepareCorpus(TEXT, tokenizer, folder, { validationFraction: 0.2 });
    assert.equal(counts.trainTokens, 20);
    assert.equal(counts.validationTokens, 5);
    assert.equal(counts.vocabSize, tokenizer.vocabSize);
    assert.ok(counts.encodeMilliseconds >= 0);
    assert.deepEqual(counts.files, [
      `${folder}/train.bin`,
      `${folder}/val.bin`,
      `${folder}/tokenizer.json`,
    ]);
    assert.equal(await isPreparedCorpus(folder), true);
    const read = await readPreparedCorpus(folder);
    assert.equal(read.tokenizer.decode(read.train), TEXT.slice(0, 20));
    assert.equal(read.tokenizer.decode(read.validation), TEXT.slice(20));
    assert.deepEqual(read.tokenizer.toJSON(), tokenizer.toJSON());
  }));

Deno.test("a text that cannot be encoded, or needs over 16 bits, leaves the folder alone", () =>
  inFolder(async (folder) => {
    await prepareCorpus(TEXT, CharacterTokenizer.fromText(TEXT), folder);
    const before = await readPreparedCorpus(folder);
    await assert.rejects(prepareCorpus("?!", before.tokenizer, folder), /no "\?" \(U\+003F\) "!"/);
    const many = Array.from({ length: 70_000 }, (_, index) => `w${index}`).join(" ");
    await assert.rejects(
      prepareCorpus(many, WordTokenizer.fromText(many), folder),
      /train\.bin: expected ids from 0 to 65535/,
    );
    await assert.rejects(
      prepareCorpus(TEXT, before.tokenizer, folder, { validationFraction: 1 }),
      RangeError,
    );
    const after = await readPreparedCorpus(folder);
    assert.deepEqual(after.train, before.train);
    assert.deepEqual(after.tokenizer.toJSON(), before.tokenizer.toJSON());
  }));

Deno.test("a missing file, another tokenizer and a malformed one are told apart", () =>
  inFolder(async (folder) => {
    await assert.rejects(readPreparedCorpus(folder), /cannot read .*tokenizer\.json: no such file/);
    await prepareCorpus(TEXT, CharacterTokenizer.fromText(TEXT), folder);
    await saveTokenizer(CharacterTokenizer.fromText("abc"), folder);
    await assert.rejects(readPreparedCorpus(folder), /train\.bin: expected ids below 3/);
    await Deno.writeTextFile(`${folder}/tokenizer.json`, '{"model":');
    await assert.rejects(readTokenizer(`${folder}/tokenizer.json`), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.ok(error.message.startsWith(`${folder}/tokenizer.json: `), error.message);
      assert.match(error.message, /not JSON/);
      return true;
    });
    await Deno.remove(`${folder}/tokenizer.json`);
    await assert.rejects(readPreparedCorpus(folder), UserError);
  }));

Deno.test("a folder that cannot be made is the user's mistake", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const tokenizer = CharacterTokenizer.fromText(TEXT);
    await assert.rejects(prepareCorpus(TEXT, tokenizer, `${folder}/file`), UserError);
    await assert.rejects(prepareCorpus(TEXT, tokenizer, `${folder}/file/in`), UserError);
  }));
