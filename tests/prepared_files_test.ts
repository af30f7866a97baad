import { loadTokenizer } from "../lib/hub/load_tokenizer.ts";
import { saveTokenizer } from "../lib/hub/tokenizer_files.ts";
import assert from "node:assert/strict";
import { isPreparedCorpus, loadPreparedCorpus, prepareCorpus } from "../lib/data/prepared_files.ts";
import { UserError } from "../lib/errors.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { WordTokenizer } from "../lib/text/word_tokenizer.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const TEXT = "to be, or not to be: that";

Deno.test("a prepared corpus is read back unchanged", () =>
  inTemporaryFolder(async (parent) => {
    const folder = `${parent}/a/b`;
    const tokenizer = CharacterTokenizer.fromText(TEXT);
    assert.equal(await isPreparedCorpus(folder), false);
    const counts = await prepareCorpus(folder, { text: TEXT, tokenizer, validationFraction: 0.2 });
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
    const read = await loadPreparedCorpus(folder);
    assert.equal(read.tokenizer.decode(read.train), TEXT.slice(0, 20));
    assert.equal(read.tokenizer.decode(read.validation), TEXT.slice(20));
    assert.deepEqual(read.tokenizer.toJSON(), tokenizer.toJSON());
  }));

Deno.test("a text that cannot be encoded, or needs over 16 bits, leaves the folder alone", () =>
  inTemporaryFolder(async (folder) => {
    await prepareCorpus(folder, { text: TEXT, tokenizer: CharacterTokenizer.fromText(TEXT) });
    const before = await loadPreparedCorpus(folder);
    await assert.rejects(
      prepareCorpus(folder, { text: "?!", tokenizer: before.tokenizer }),
      /no "\?" \(U\+003F\) "!"/,
    );
    const many = Array.from({ length: 70_000 }, (_, index) => `w${index}`).join(" ");
    await assert.rejects(
      prepareCorpus(folder, { text: many, tokenizer: WordTokenizer.fromText(many) }),
      /train\.bin: expected ids from 0 to 65535/,
    );
    await assert.rejects(
      prepareCorpus(folder, { text: TEXT, tokenizer: before.tokenizer, validationFraction: 1 }),
      RangeError,
    );
    const after = await loadPreparedCorpus(folder);
    assert.deepEqual(after.train, before.train);
    assert.deepEqual(after.tokenizer.toJSON(), before.tokenizer.toJSON());
  }));

Deno.test("a missing file, another tokenizer and a malformed one have different messages", () =>
  inTemporaryFolder(async (folder) => {
    await assert.rejects(loadPreparedCorpus(folder), /it holds no tokenizer\.json/);
    await prepareCorpus(folder, { text: TEXT, tokenizer: CharacterTokenizer.fromText(TEXT) });
    await saveTokenizer(folder, CharacterTokenizer.fromText("abc"));
    await assert.rejects(loadPreparedCorpus(folder), /train\.bin: expected ids below 3/);
    await Deno.writeTextFile(`${folder}/tokenizer.json`, '{"model":');
    await assert.rejects(loadTokenizer(`${folder}/tokenizer.json`), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.ok(error.message.startsWith(`${folder}: tokenizer.json: `), error.message);
      assert.match(error.message, /not JSON/);
      return true;
    });
    await Deno.remove(`${folder}/tokenizer.json`);
    await assert.rejects(loadPreparedCorpus(folder), UserError);
  }));

Deno.test("a folder that cannot be made is the user's mistake", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const tokenizer = CharacterTokenizer.fromText(TEXT);
    await assert.rejects(prepareCorpus(`${folder}/file`, { text: TEXT, tokenizer }), UserError);
    await assert.rejects(prepareCorpus(`${folder}/file/in`, { text: TEXT, tokenizer }), UserError);
  }));
