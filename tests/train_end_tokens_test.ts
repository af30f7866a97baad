/** The tokens that end a text, from the corpus or from the model that a run started with. */
import assert from "node:assert/strict";
import { loadPretrained, loadTokenizer, openDevice, savePretrained } from "../mod.ts";
import { line, run, scratchFolder, TINY } from "./support/command.ts";

const QUIET = line("--eval-every 0 --steps 2");
const END = "<|endoftext|>";

async function ends(folder: string): Promise<unknown[]> {
  const names = ["config.json", "generation_config.json"];
  const files = names.map(async (name) => JSON.parse(await Deno.readTextFile(`${folder}/${name}`)));
  return (await Promise.all(files)).map(({ eos_token_id }) => eos_token_id);
}

for (const tokenizer of ["char", "word"]) {
  Deno.test(`${END} in a text is one token of a run with --tokenizer ${tokenizer}, which ends its texts`, async () => {
    await using folder = await scratchFolder();
    const documents = Array.from({ length: 300 }, (_, i) => `a tale of ${i % 7} foxes.${END}`);
    await Deno.writeTextFile(`${folder.path}/tales.txt`, documents.join("\n"));
    const args = ["--dataset", "tales.txt", "--tokenizer", tokenizer, ...TINY, ...QUIET];
    const { code, err } = await run("train", [...args, ...line("--out run")], folder.path);
    assert.equal(code, 0, err);
    const own = await loadTokenizer(`${folder.path}/run`);
    assert.equal(own.endId, own.id(END));
    assert.equal([...own.encode(`a${END}`)].length, 2);
    assert.deepEqual(await ends(`${folder.path}/run`), [own.endId, own.endId]);
  });
}

Deno.test("a run over documents ends its texts with the token that separates them", async () => {
  await using folder = await scratchFolder();
  await Deno.mkdir(`${folder.path}/tales`);
  for (let i = 0; i < 20; i++) {
    await Deno.writeTextFile(`${folder.path}/tales/${i}.txt`, `a tale of ${i % 7} old foxes`);
  }
  const args = ["--dataset", "tales", ...TINY, ...QUIET, ...line("--out run")];
  const { code, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  const { endId } = await loadTokenizer(`${folder.path}/run`);
  assert.ok(endId !== undefined);
  assert.deepEqual(await ends(`${folder.path}/run`), [endId, endId]);
});

Deno.test("a text without an end token makes a run without one", async () => {
  await using folder = await scratchFolder();
  const args = ["--dataset", "text.txt", ...TINY, ...QUIET, ...line("--out run")];
  const { code, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  assert.deepEqual(await ends(`${folder.path}/run`), [null, undefined]);
});

Deno.test("--init-from keeps the model's tokens around a text, and so does --resume", async () => {
  await using folder = await scratchFolder();
  const path = (name: string) => `${folder.path}/${name}`;
  const start = ["--dataset", "text.txt", ...TINY, ...QUIET, ...line("--out run")];
  const { code, err } = await run("train", start, folder.path);
  assert.equal(code, 0, err);
  const device = await openDevice({ device: "cpu", threads: 1 });
  const { model, tokenizer } = await loadPretrained(path("run"));
  await savePretrained(path("model"), { model, tokenizer, beginToken: 1, endTokens: [2, 3] });
  device.close();
  const tuned = [
    "--dataset",
    "text.txt",
    ...QUIET,
    ...line("--device cpu --init-from model --out tuned"),
  ];
  const resumed = line("--resume --out tuned --steps 3 --device cpu");
  for (const args of [tuned, resumed]) {
    const { code, err } = await run("train", args, folder.path);
    assert.equal(code, 0, err);
    assert.deepEqual(await ends(path("tuned")), [[2, 3], [2, 3]]);
    const { bos_token_id } = JSON.parse(await Deno.readTextFile(`${path("tuned")}/config.json`));
    assert.equal(bos_token_id, 1);
  }
});
