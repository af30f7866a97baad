/** `deno task sample` as a real process: what it writes to a pipe, and what ends a text. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CharacterTokenizer, GPT, savePretrained, useDevice } from "../mod.ts";
import { sharedDevice } from "./support/devices.ts";
import { command, finished, line, run, scratchFolder, TINY } from "./support/command.ts";

Deno.test("sample writes every character as it is to a pipe", async () => {
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/text.txt`, "a\r\n\x1b[2J\x07\u009b\t".repeat(200));
  const train = ["--dataset", "text.txt", ...TINY, ...line("--steps 2 --sample-every 1 --out run")];
  const trained = await run("train", train, folder.path);
  assert.equal(trained.code, 0, trained.err);
  assert.ok([..."\r\x1b\x07\u009b"].some((character) => trained.out.includes(character)));
  for (const more of [[], ["--no-stream"], line("--beams 2 --no-repeat-ngram 1")]) {
    const args = [
      "run",
      "--prompt",
      "a\r\n\x1b",
      ...line("--device cpu --max-new-tokens 60 --seed 1"),
      ...more,
    ];
    const child = command("sample", args, folder.path);
    const { stdout, code } = await child.output();
    assert.equal(code, 0);
    const text = new TextDecoder().decode(stdout);
    assert.ok(text.startsWith("a\r\n\x1b"));
    for (const character of "\r\x1b\x07\u009b") assert.ok(text.includes(character));
    assert.ok(!text.includes("\ufffd"));
  }
});

Deno.test("the end token of a run ends its samples", async () => {
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/text.txt`, "abc<|endoftext|>".repeat(600));
  const tokenize = line("--dataset text.txt --tokenizer bpe --vocab-size 257 --out tokens");
  assert.equal((await run("tokenize", tokenize, folder.path)).code, 0);
  const train = ["--dataset", "tokens", ...TINY, ...line("--steps 60 --eval-every 0 --out run")];
  const trained = await run("train", train, folder.path);
  assert.equal(trained.code, 0, trained.err);
  const sample = line("run --prompt a --device cpu --temperature 0 --max-new-tokens 200");
  const { code, out, err } = await finished(command("sample", sample, folder.path));
  assert.deepEqual([code, out, err], [0, "abc\n", ""]);
  for (const more of [[], ["--no-stream"]]) {
    const args = [...sample, "--no-show-prompt", ...more];
    assert.equal((await run("sample", args, folder.path)).out, "bc\n");
  }
});

Deno.test("the makers' sampling is used if no flag says otherwise, and said", async () => {
  await using folder = await scratchFolder();
  useDevice(await sharedDevice("cpu-1"));
  const tokenizer = CharacterTokenizer.fromText("abc");
  const model = new GPT({ vocabSize: 3, contextLength: 8, layers: 1, heads: 2, width: 8 });
  const sampling = { temperature: 0.6, topK: 2, topP: 0.9 };
  await savePretrained(`${folder.path}/model`, { model, tokenizer, sampling });
  const sample = line("model --prompt a --device cpu --top-k 0 --max-new-tokens 2 --seed 1");
  const { code, err } = await finished(command("sample", sample, folder.path));
  const said = "sampling as the model's generation_config.json says: temperature 0.6, top-p 0.9\n";
  assert.deepEqual([code, err], [0, said]);
});

Deno.test("Ctrl-C cuts a text off, and the exit code says so", async () => {
  await using folder = await scratchFolder();
  const model = fileURLToPath(new URL("../data/models/shakespeare", import.meta.url));
  const args = [model, ...line("--device cpu --seed 1 --max-new-tokens 1000000000")];
  const child = command("sample", args, folder.path);
  const reader = child.stdout.getReader();
  assert.equal((await reader.read()).done, false);
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  assert.equal((await child.status).code, 130);
  await child.stderr.cancel();
});
