/** Everything by URL: scripts from an empty folder, and a user's file that imports mod.ts alone. */
import assert from "node:assert/strict";
import { runByUrl, serveTree } from "./by_url.ts";
import { scratchFolder, TINY } from "./command.ts";

Deno.test("every script runs by URL", async () => {
  await using tree = serveTree();
  await using folder = await scratchFolder();
  const permissions = ["--allow-read", "--allow-write"];
  const go = async (script: string, ...args: string[]) => {
    const { code, stdout, stderr } = await runByUrl(tree, `scripts/${script}.ts`, args, {
      permissions,
      cwd: folder.path,
    });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  for (const script of ["train", "sample", "tokenize", "plot"]) {
    assert.match(await go(script, "--help"), new RegExp(`deno task ${script}`));
  }
  await go("tokenize", "--dataset", "text.txt", "--out", "tokens");
  await go("train", "--dataset", "tokens", ...TINY, "--steps", "6", "--out", "run");
  assert.match(
    await go("sample", "run", "--prompt", "the ", "--max-new-tokens", "5", "--device", "cpu"),
    /^the /,
  );
  await go("plot", "run");
  assert.match(await Deno.readTextFile(`${folder.path}/run/loss.svg`), /^<svg/);
});

Deno.test("a file of twenty lines that imports mod.ts by URL trains a model", async () => {
  await using tree = serveTree();
  await using folder = await scratchFolder();
  await Deno.writeTextFile(
    `${folder.path}/mine.ts`,
    `
import { AdamW, Batches, CharacterTokenizer, Generator, GPT, openDevice, Trainer } from "${tree.url}mod.ts";
const device = await openDevice({ device: "cpu" });
const text = "to be or not to be that is the question ".repeat(40);
const tokenizer = CharacterTokenizer.fromText(text);
const shape = { vocabSize: tokenizer.vocabSize, contextLength: 16, layers: 1, heads: 2, width: 32 };
const model = new GPT(shape);
const trainer = new Trainer(model, new AdamW(model.parameters()), { batchSize: 8, schedule: () => 1e-2 });
const batches = new Batches(tokenizer.encode(text), { batchSize: 8, contextLength: 16 });
for (let step = 0; step < 100; step++) trainer.step(batches);
const figures = await trainer.figures();
let written = "";
for await (const id of new Generator(model).generate(tokenizer.encode("to be "), { temperature: 0, maxNewTokens: 10 })) {
  written += tokenizer.decode([id]);
}
console.log(JSON.stringify({ first: figures[0].loss, last: figures[99].loss, written }));
device.close();
`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-lock",
      "--no-prompt",
      "--allow-read",
      `--allow-import=${tree.host}`,
      "mine.ts",
    ],
    cwd: folder.path,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { first, last, written } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(last < first - 1, `${first} → ${last}`);
  assert.equal(written.length, 10);
});

Deno.test("importing mod.ts loads no npm package", async () => {
  const mod = new URL("../mod.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", mod] })
    .output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const packages = modules.map(({ specifier }: { specifier: string }) => specifier).filter((
    specifier: string,
  ) => specifier.startsWith("npm:"));
  assert.deepEqual(packages, []);
});
