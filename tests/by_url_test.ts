/** Everything by URL: scripts from an empty folder, and a user's file that imports mod.ts alone. */
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runByFile, runByUrl, serveTree } from "./support/by_url.ts";
import { scratchFolder, TINY } from "./support/command.ts";
import { emptyRegistry } from "./support/npm_registry.ts";

const SCRIPTS = ["train", "sample", "tokenize", "plot", "figures", "tune"];

Deno.test("every script runs by URL", async () => {
  await using tree = await serveTree();
  await using folder = await scratchFolder();
  const permissions = ["--allow-read", "--allow-write"];
  const go = async (script: string, ...args: string[]) => {
    const path = `scripts/${script}.ts`;
    const result = await runByUrl(tree, path, args, { permissions, cwd: folder.path });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  for (const script of SCRIPTS) {
    assert.match(await go(script, "--help"), new RegExp(`Usage: deno task ${script}`));
  }
  await go("tokenize", "--dataset", "text.txt", "--out", "tokens");
  await go("train", "--dataset", "tokens", ...TINY, "--steps", "6", "--out", "run");
  const sample = ["run", "--prompt", "the ", "--max-new-tokens", "5", "--device", "cpu"];
  assert.match(await go("sample", ...sample), /^the /);
  await go("plot", "run", "--out", "again.svg");
  assert.match(await Deno.readTextFile(`${folder.path}/again.svg`), /^<svg/);
});

const USER_FILE = (url: string) => `
import { AdamW, Batches, CharacterTokenizer, Generator, GPT, openDevice, Trainer } from "${url}mod.ts";
const device = await openDevice({ device: "cpu" });
const text = "to be or not to be that is the question ".repeat(40);
const tokenizer = CharacterTokenizer.fromText(text);
const shape = { vocabSize: tokenizer.vocabSize, contextLength: 16, layers: 1, heads: 2, width: 32 };
const model = new GPT(shape);
const trainer = new Trainer(model, new AdamW(model.parameters()), { learningRate: 1e-2 });
const batches = new Batches(tokenizer.encode(text), { batchSize: 8, contextLength: 16 });
for (let step = 0; step < 100; step++) trainer.step(batches);
const figures = await trainer.figures();
let written = "";
const options = { temperature: 0, maxNewTokens: 10 };
for await (const id of new Generator(model).generate(tokenizer.encode("to be "), options)) {
  written += tokenizer.decode([id]);
}
console.log(JSON.stringify({ first: figures[0].loss, last: figures[99].loss, written }));
device.close();
`;

Deno.test("a file of twenty lines that imports mod.ts by URL trains a model and fetches no package", async () => {
  await using tree = await serveTree();
  await using registry = await emptyRegistry();
  // The file is also served, from a separate tree: it contains only mod.ts's address.
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/mine.ts`, USER_FILE(tree.url));
  await using user = await serveTree(pathToFileURL(`${folder.path}/`));
  const permissions = [`--allow-import=${user.host},${tree.host}`];
  const { env } = registry;
  const { code, stdout, stderr } = await runByUrl(user, "mine.ts", [], { permissions, env });
  assert.equal(code, 0, stderr);
  const { first, last, written } = JSON.parse(stdout);
  assert.ok(last < first - 1, `${first} → ${last}`);
  assert.equal(written.length, 10);
  assert.deepEqual(registry.packages, []);
});

/** What a user's file does with each entry of deno.json's `exports`, and what it prints then. */
const BY_ENTRY: Record<string, { program: (url: string) => string; printed: string }> = {
  ".": {
    program: (url) =>
      `import { openDevice, sum, tensor } from "${url}";
      const device = await openDevice({ device: "cpu", threads: 1 });
      console.log(await sum(tensor([1, 2])).item());
      device.close();`,
    printed: "3\n",
  },
  "./kernel": {
    program: (url) =>
      `import { customOp } from "${url}";
      import { openDevice, tensor } from "${new URL("../../mod.ts", url)}";
      const device = await openDevice({ device: "cpu", threads: 1 });
      const emit = (k) => {
        const [x, output] = [k.pointer("x"), k.pointer("output")];
        k.f.for(0, k.f.i32(k.integer("count").shl(2)), 4, (i) => {
          k.f.storeF32(output.add(i), x.add(i).loadF32().mul(2));
        });
      };
      const twice = customOp({ name: "twice", inputs: { x: "f32" }, cpu: { chunks: () => 1, emit } });
      console.log((await twice({ x: tensor([1, 2]) }).data()).join());
      device.close();`,
    printed: "2,4\n",
  },
  "./plot": {
    program: (url) =>
      `import { Figure, lossFigure, principalComponents } from "${url}";
      const figure = lossFigure([{ label: "run", train: [{ step: 0, loss: 1 }], validation: [] }]);
      const { shares } = principalComponents([0, 0, 1, 1], { width: 2, count: 1 });
      console.log(figure instanceof Figure, shares[0].toFixed(2));`,
    printed: "true 1.00\n",
  },
  "./lesson": {
    program: (url) =>
      `import { expectMatch, Lesson, tableLines } from "${url}";
      await expectMatch([1, 2], [1, 2]);
      console.log(typeof Lesson, tableLines([["a", 1]]).join());`,
    printed: "function   a  1\n",
  },
};

Deno.test("every entry of deno.json is usable by URL from an empty folder", async () => {
  const { default: { exports } } = await import("../deno.json", { with: { type: "json" } });
  assert.deepEqual(Object.keys(exports), Object.keys(BY_ENTRY));
  await using tree = await serveTree();
  for (const [name, path] of Object.entries(exports)) {
    const { program, printed } = BY_ENTRY[name];
    await using registry = await emptyRegistry();
    await using folder = await scratchFolder();
    await Deno.writeTextFile(`${folder.path}/mine.js`, program(new URL(path, tree.url).href));
    await using user = await serveTree(pathToFileURL(`${folder.path}/`));
    const permissions = [`--allow-import=${user.host},${tree.host}`];
    const { env } = registry;
    const { code, stdout, stderr } = await runByUrl(user, "mine.js", [], { permissions, env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, printed);
    // Observable Plot waits for a figure; a lesson is a command and takes the parser of flags.
    assert.deepEqual(registry.packages.filter((name) => name !== "deno-std"), [], name);
  }
});

Deno.test("a script fetches the flag parser before it starts, and nothing else", async () => {
  await using tree = await serveTree();
  for (const script of SCRIPTS) {
    await using byUrl = await emptyRegistry();
    const { code, stderr } = await runByUrl(tree, `scripts/${script}.ts`, ["--help"], byUrl);
    assert.equal(code, 0, stderr);
    assert.deepEqual([...new Set(byUrl.packages)], ["deno-std"]);
  }
  await using byFile = await emptyRegistry();
  const { env } = byFile;
  const args = ["--dataset", "no such file"];
  const { code, stderr } = await runByFile("scripts/train.ts", args, { env });
  assert.ok(byFile.packages.every((name) => name.startsWith("deno-std")), `${byFile.packages}`);
  assert.match(stderr, /^error: the package that reads flags cannot be downloaded \(.*\n$/m);
  assert.equal(code, 2);
});

Deno.test("what runs transformers.js fetches none of it before a model is opened", async () => {
  const ofScript = await packagesOf("scripts/transformers.ts");
  assert.ok(ofScript.every((name) => !name.includes("huggingface/transformers")), `${ofScript}`);
  await using tree = await serveTree();
  await using registry = await emptyRegistry();
  const { code, stdout } = await runByUrl(tree, "scripts/transformers.ts", ["--help"], registry);
  assert.equal(code, 0);
  assert.match(stdout, /Usage: deno task transformers/);
  assert.deepEqual([...new Set(registry.packages)], ["deno-std"]);
});

Deno.test("no module that mod.ts imports names a package", async () => {
  assert.deepEqual(await packagesOf("mod.ts"), []);
  assert.ok(
    (await packagesOf("scripts/train.ts")).some((name) => name.startsWith("npm:/deno-std@")),
  );
});

/** The packages that a program's modules name, in imports of any kind. */
async function packagesOf(path: string): Promise<string[]> {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", file] })
    .output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  return modules.map(({ specifier }: { specifier: string }) => specifier)
    .filter((specifier: string) => specifier.startsWith("npm:"));
}
