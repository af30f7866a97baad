/** loadTokenizer: from folders, files and addresses, and what it says if there is none. */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { loadTokenizer } from "../lib/hub/load_tokenizer.ts";
import { saveTokenizer } from "../lib/hub/tokenizer_files.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { scratchFolder } from "./support/command.ts";
import { serveModel } from "./support/model_server.ts";
import { sentencePieceFile, SMALL } from "./support/sentence_piece_file.ts";

const tokenizer = CharacterTokenizer.fromText("to be or not");
const json = JSON.stringify(tokenizer);

Deno.test("a saved tokenizer is loaded from its folder or file, by path or address", async () => {
  await using scratch = await scratchFolder();
  const folder = `${scratch.path}/a b`;
  assert.deepEqual(await saveTokenizer(folder, tokenizer), [`${folder}/tokenizer.json`]);
  await saveTokenizer(pathToFileURL(folder), tokenizer);
  await Deno.copyFile(`${folder}/tokenizer.json`, `${folder}/other.json`);
  const file = `${folder}/other.json`;
  for (const place of [folder, `${folder}/`, file, pathToFileURL(file), pathToFileURL(folder)]) {
    assert.deepEqual((await loadTokenizer(place)).toJSON(), tokenizer.toJSON(), `${place}`);
  }
});

Deno.test("a tokenizer is loaded from a server, a folder or a file of it", async () => {
  await using server = serveModel({ "tokenizer.json": json });
  for (const place of [server.url, `${server.url}tokenizer.json`, new URL(server.url)]) {
    assert.equal((await loadTokenizer(place)).vocabSize, tokenizer.vocabSize, `${place}`);
  }
});

Deno.test("SentencePiece's file is found by each of its names", async () => {
  await using scratch = await scratchFolder();
  for (const name of ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"]) {
    const folder = `${scratch.path}/${name}`;
    await Deno.mkdir(folder);
    await Deno.writeFile(`${folder}/${name}`, sentencePieceFile(SMALL));
    assert.equal((await loadTokenizer(folder)).kind, "sentencepiece");
    assert.equal((await loadTokenizer(`${folder}/${name}`)).kind, "sentencepiece");
  }
});

Deno.test("a place without a tokenizer, and a malformed file, are named", async () => {
  await using scratch = await scratchFolder();
  const { path } = scratch;
  await assert.rejects(loadTokenizer(path), {
    name: "UserError",
    message:
      `tokenizer ${path}: it has no tokenizer.json; give the folder of a run, of a model or ` +
      "of a prepared corpus, or a tokenizer's own file",
  });
  await assert.rejects(loadTokenizer(`${path}/mine.json`), /it has no mine\.json;/);
  await Deno.writeTextFile(`${path}/tokenizer.json`, "{");
  await assert.rejects(loadTokenizer(path), (error: Error) => {
    assert.ok(error instanceof SyntaxError);
    return error.message.startsWith(`${path}: tokenizer.json: not JSON: `);
  });
  await Deno.writeFile(`${path}/tokenizer.json`, Uint8Array.of(0x22, 0xff, 0x22));
  await assert.rejects(loadTokenizer(path), /tokenizer\.json: it is not UTF-8/);
});

Deno.test("parseTokenizer takes content; a path is answered with loadTokenizer", async () => {
  assert.equal((await parseTokenizer(json)).vocabSize, tokenizer.vocabSize);
  assert.equal((await parseTokenizer(tokenizer.toJSON())).vocabSize, tokenizer.vocabSize);
  assert.equal((await parseTokenizer(sentencePieceFile(SMALL))).kind, "sentencepiece");
  await assert.rejects(
    parseTokenizer("runs/baby"),
    /^SyntaxError: tokenizer\.json: not JSON: .*; loadTokenizer reads a path or an address$/,
  );
  await assert.rejects(
    parseTokenizer(Deno.readTextFile("no such file").catch(() => "") as unknown as string),
    /^TypeError: parseTokenizer: expected the text of a tokenizer\.json.*got a promise; await it first$/,
  );
});
