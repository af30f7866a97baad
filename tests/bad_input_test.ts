/**
 * Mistakes of the user, through the real commands: one clear line, exit code 2, and nothing
 * overwritten.
 */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { CORPORA } from "../lib/data/corpora.ts";
import { runByFile, serveTree } from "./support/by_url.ts";
import {
  command,
  type Finished,
  finished,
  line,
  run,
  scratchFolder,
  TINY,
} from "./support/command.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";

const BASE = ["--dataset", "text.txt", ...TINY];

/** The base settings with another value of one flag. */
function withFlag(flag: string, value: string): string[] {
  return BASE.map((arg, i) => BASE[i - 1] === flag ? value : arg);
}

function refused({ code, err }: Finished, message: RegExp): void {
  assert.equal(code, 2, err);
  // A slow machine says first what it reads.
  assert.match(err, /^(fetching [^\n]*\n)*error: [^\n]*\n$/);
  assert.match(err, message);
}

/** Names and bytes of all files below a folder, to see that nothing was written. */
async function content(folder: string, below = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    const path = `${below}${name}`;
    const inside = isDirectory ? await content(folder, `${path}/`) : undefined;
    if (inside) inside.forEach((bytes, name) => files.set(name, bytes));
    else files.set(path, (await Deno.readFile(`${folder}/${path}`)).toBase64());
  }
  return files;
}

const MISTAKES: [script: string, args: string[], message: RegExp][] = [
  ["train", line("--layrs 3"), /unknown flag --layrs; did you mean --layers/],
  ["sample", line("runs --tempreature 3"), /--tempreature; did you mean --temperature/],
  ["tokenize", line("--datasets x"), /unknown flag --datasets; did you mean --dataset/],
  ["plot", line("runs --smoth 3"), /unknown flag --smoth; did you mean --smooth/],
  ["train", [...BASE, ...line("--steps many")], /--steps expects a whole number/],
  ["train", withFlag("--heads", "5"), /heads 5 does not divide width 32/],
  ["train", withFlag("--context", "9000"), /context of 9000.*corpus has 72\d\d/],
  ["train", withFlag("--context", "1000"), /held-out part: .*context of 1000.*--eval-every 0/],
  ["train", [...BASE, ...line("--dropout 1")], /--dropout expects a number in \[0, 1\)/],
  ["train", [...BASE, ...line("--beta2 1")], /--beta2 expects a number in \[0, 1\)/],
  ["train", line("--dataset no.txt"), /no\.txt: no such file/],
  ["train", line("--dataset tiny-shakespear"), /did you mean tiny-shakespeare/],
  ["train", line("--dataset empty.txt"), /empty\.txt.*empty/],
  ["train", line("--dataset latin1.txt"), /latin1\.txt: expected text in UTF-8.*at byte \d/],
  [
    "train",
    line("--preset practical --dataset text.txt"),
    /at least 10 batches of 32×65 .* got 1\d\d\d /,
  ],
  ["train", line("--preset practical --dataset empty.txt"), /empty\.txt.*empty/],
  [
    "train",
    line("--preset practical --dataset text.txt --context 8 --batch 4 --width 33 --heads 1"),
    /sinusoidal pairs of 2 does not divide width 33/,
  ],
  [
    "train",
    line("--preset practical --dataset text.txt --context 8 --batch 4 --heads 3"),
    /heads 3 does not divide width 128/,
  ],
  ["train", line("--resume --out nothing"), /nothing: it holds no run\.json/],
  ["train", [...BASE, ...line("--init-from ./nothing")], /--init-from \.\/nothing: no such folder/],
  ["train", [...BASE, ...line("--init-from nothing")], /no such folder, and on the hub: .*nothing/],
  ["train", [...BASE, ...line("--out text.txt")], /text\.txt: there is a file of that name/],
  ["tokenize", line("--dataset no.txt"), /no\.txt: no such file/],
  ["tokenize", line("--dataset text.txt --vocab-size 9"), /--vocab-size is for bpe and word/],
  ["tokenize", line("--dataset text.txt --tokenizer bpe --vocab-size 9"), /at least 257/],
  ["sample", ["./nothing"], /^error: \.\/nothing: no such folder\n$/],
  [
    "sample",
    ["nothing"],
    /nothing: no such folder, and on the hub: .* cannot be reached.*; without a network give/,
  ],
  ["sample", ["text.txt"], /text\.txt: it is a file; give the folder of a run or of a model/],
  ["train", ["--dataset", ""], /--dataset expects CORPUS, .*received ""/],
  ["plot", [""], /RUN is empty; expected folder of a run/],
  ["sample", line("run --beams 2 --top-k 3"), /--top-k is for sampling, and --beams takes its/],
  ["sample", line("run --length-penalty 2"), /--length-penalty is for beam search/],
  ["plot", ["nothing"], /nothing: it holds no metrics\.jsonl/],
];

for (const [script, args, message] of MISTAKES) {
  // The pairs of flag and value that differ from the base settings.
  const own = args.filter((_, i) => args[i & ~1] !== BASE[i & ~1] || args[i | 1] !== BASE[i | 1]);
  Deno.test(`refused: ${script} ${own.join(" ")}`, async () => {
    await using folder = await scratchFolder();
    await Deno.writeTextFile(`${folder.path}/empty.txt`, "");
    await Deno.writeFile(`${folder.path}/latin1.txt`, Uint8Array.of(99, 97, 102, 233, 10));
    const before = await content(folder.path);
    refused(await run(script, args, folder.path), message);
    assert.deepEqual(await content(folder.path), before);
  });
}

Deno.test("a named corpus with another hash than registered is refused", async () => {
  await using folder = await scratchFolder();
  await using server = await serveTree(pathToFileURL(`${folder.path}/`));
  // The same commands with a local registry in place of the real one.
  const corpus = { ...CORPORA.names, url: `${server.url}text.txt` };
  corpus.bytes = (await Deno.stat(`${folder.path}/text.txt`)).size;
  const registry = `export const CORPORA = { changed: ${JSON.stringify(corpus)} };
    export const DEFAULT_CORPUS = "changed", FALLBACK_CORPUS = "changed";`;
  const map = { imports: { [import.meta.resolve("../lib/data/corpora.ts")]: "./registry.ts" } };
  await Deno.writeTextFile(`${folder.path}/registry.ts`, registry);
  await Deno.writeTextFile(`${folder.path}/map.json`, JSON.stringify(map));
  const before = await content(folder.path);
  for (const script of ["train", "tokenize"]) {
    const { code, stdout: out, stderr: err } = await runByFile(
      `scripts/${script}.ts`,
      line("--dataset changed"),
      {
        permissions: line(`-A --no-lock --import-map=${folder.path}/map.json`),
        cwd: folder.path,
      },
    );
    // On a busy machine the download is slow enough to be shown.
    refused(
      { code, out, err: err.replace(/^fetching .*\n/, "") },
      /expected \d+ bytes with SHA-256 0a30b55.*got .*tampered/,
    );
  }
  assert.deepEqual(await content(folder.path), before);
});

Deno.test("a folder that holds a run is neither overwritten nor resumed with other settings", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--steps 4 --out run")];
  assert.equal((await run("train", args, folder.path)).code, 0);
  await Deno.writeTextFile(`${folder.path}/other.txt`, "another text ".repeat(100));
  const before = await content(folder.path);
  const resume = (flags: string) =>
    run("train", line(`--resume --out run --device cpu ${flags}`), folder.path);
  refused(await run("train", args, folder.path), /run already holds a run/);
  refused(await resume("--width 64"), /has width 32.*cannot take 64/);
  refused(await resume("--tokenizer word"), /has tokenizer char.*cannot take word/);
  refused(await resume("--steps 3"), /has done 4 steps/);
  refused(await resume("--dataset other.txt"), /another text/);
  const tokenize = line("--dataset text.txt --out run");
  refused(await run("tokenize", tokenize, folder.path), /run already holds tokenizer\.json/);
  const wider = line("--dataset text.txt --device cpu --init-from run --width 64 --out new");
  refused(await run("train", wider, folder.path), /width 32, got 64/);
  assert.deepEqual(await content(folder.path), before);
});

Deno.test("what is no folder, no model or no classifier is refused by every command", async () => {
  await using folder = await scratchFolder();
  const { path } = folder;
  assert.equal((await run("train", [...BASE, ...line("--steps 2 --out run")], path)).code, 0);
  const texts = line("--dataset text.txt --device cpu --steps 1 --eval-every 0 --out adapter");
  assert.equal((await run("finetune", ["run", ...texts], path)).code, 0);
  const before = await content(path);
  const file = /^error: cannot make folder text\.txt: there is a file of that name\n$/;
  const adapter = /adapter: it is an adapter, not a model; merge it into its base first/;
  const mistakes: [script: string, args: string, message: RegExp][] = [
    ["compare", "run --out text.txt", file],
    ["figures", "run --out text.txt", file],
    ["study", "superposition --quick --device cpu --out text.txt", file],
    ["sweep", "--dataset text.txt --steps 1 --device cpu --out text.txt", file],
    ["merge", "adapter --out text.txt", file],
    ["lesson", "1 --html --out text.txt", file],
    ["figures", "adapter", adapter],
    ["inspect", "adapter --text the", adapter],
    ["finetune", "adapter --dataset text.txt --device cpu", /adapter: it is an adapter; merge it/],
    ["train", "--init-from adapter --dataset text.txt --device cpu", adapter],
    ["classify", "run the --device cpu", /it has no head for classes: .*finetune MODEL --labels/],
  ];
  for (const [script, args, message] of mistakes) {
    refused(await run(script, line(args), path), message);
  }
  for (const script of ["train", "tokenize", "compare", "figures", "finetune", "merge", "study"]) {
    refused(await run(script, ["run", "--out", ""], path), /--out expects DIR, .*received ""/);
  }
  assert.deepEqual(await content(path), before);
});

Deno.test("a study of plays refuses a model that cannot spell them, and one that is not there", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--steps 1 --eval-every 0 --out run")];
  assert.equal((await run("train", args, folder.path)).code, 0);
  for (
    const [place, message] of [["run", /no "F"/], ["runs/none", /no such folder, and/]] as const
  ) {
    const { code, err } = await run("study", ["shakespeare", place], folder.path);
    refused({ code, err, out: "" }, message);
  }
});

Deno.test("a notebook is written once, as a reader's solutions are in it", async () => {
  await using folder = await scratchFolder();
  const notebook = (...more: string[]) => run("lesson", ["1", "--notebook", ...more], folder.path);
  assert.equal((await notebook()).code, 0);
  const path = `${folder.path}/01_attention.ipynb`;
  await Deno.writeTextFile(path, "solved");
  refused(await notebook(), /01_attention\.ipynb is there already; .*or give --force/);
  assert.equal(await Deno.readTextFile(path), "solved");
  assert.equal((await notebook("--force")).code, 0);
  assert.notEqual(await Deno.readTextFile(path), "solved");
});

Deno.test("a run on tokens goes on with those tokens only", async () => {
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/other.txt`, "another text, 1 2 3\n".repeat(100));
  for (const name of ["text", "other"]) {
    const args = ["--dataset", `${name}.txt`, "--out", name];
    assert.equal((await run("tokenize", args, folder.path)).code, 0);
  }
  const args = ["--dataset", "text", ...TINY, ...line("--steps 2 --out run")];
  assert.equal((await run("train", args, folder.path)).code, 0);
  const before = await content(folder.path);
  const kept = line("--keep --dataset other.txt --out text");
  refused(await run("tokenize", kept, folder.path), /text holds tokens of another text/);
  const bytePairs = line("--keep --dataset text.txt --out text --tokenizer bpe --vocab-size 300");
  refused(await run("tokenize", bytePairs, folder.path), /text holds tokens of another text/);
  refused(
    await run("tokenize", line("--keep --dataset text.txt --out run"), folder.path),
    /run\/train\.bin/,
  );
  const train = (words: string) =>
    run("train", line(`--dataset other --device cpu ${words}`), folder.path);
  refused(await train("--resume --out run"), /another text \(SHA-256 .* than other holds now/);
  refused(await train("--init-from run --out new"), /its tokenizer is not that of .*\/run;/);
  assert.deepEqual(await content(folder.path), before);
});

/** Damaged forms of a safetensors file, and what must be said about each. */
function damaged(whole: Uint8Array): [Uint8Array, RegExp][] {
  const length = new DataView(whole.buffer).getUint32(0, true);
  const json = new TextDecoder().decode(whole.subarray(8, 8 + length));
  const changed = (at: number, bytes: Iterable<number>) => {
    const copy = whole.slice();
    copy.set([...bytes], at);
    return copy;
  };
  const header = (text: string) => {
    assert.notEqual(text, json);
    return changed(8, new TextEncoder().encode(text.padEnd(length).slice(0, length)));
  };
  return [
    [whole.subarray(0, whole.length >> 1), /safetensors/],
    [whole.subarray(0, 5), /safetensors/],
    [new Uint8Array(), /safetensors/],
    [changed(0, [255, 255, 255, 127]), /header length/],
    [header(json.replace('"F32"', '"I32"')), /F32|I32|float/],
    [header(json.replace(/"data_offsets":\[\d+,/, '"data_offsets":[4,')), /offset|bytes/],
    [header(json.replace("{", "[")), /header must begin with/],
    [changed(whole.length - 4, [0, 0, 192, 127]), /NaN/],
    [changed(whole.length - 4, [0, 0, 128, 127]), /Infinity/],
  ];
}

Deno.test("a damaged run is refused by name and stays as it is", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, ...line("--steps 2 --out run")];
  assert.equal((await run("train", args, folder.path)).code, 0);
  const path = (name: string) => `${folder.path}/run/${name}`;
  const weights = await Deno.readFile(path("model.safetensors"));
  const resume = line("--resume --out run --device cpu --steps 4");
  const attempts: [script: string, args: string[]][] = [
    ["sample", line("run --device cpu")],
    ["train", resume],
  ];
  for (const [i, [bytes, message]] of damaged(weights).entries()) {
    await Deno.writeFile(path("model.safetensors"), bytes);
    const before = await content(folder.path);
    const [script, args] = attempts[i % attempts.length];
    const result = await run(script, args, folder.path);
    refused(result, message);
    assert.match(result.err, /run\/model\.safetensors/);
    assert.deepEqual(await content(folder.path), before);
  }
  await Deno.writeFile(path("model.safetensors"), weights);
  for (const name of ["optimizer.safetensors", "run.json", "tokenizer.json", "config.json"]) {
    const whole = await Deno.readFile(path(name));
    await Deno.writeFile(path(name), whole.subarray(0, whole.length >> 1));
    const before = await content(folder.path);
    refused(await run("train", resume, folder.path), new RegExp(name));
    assert.deepEqual(await content(folder.path), before);
    await Deno.writeFile(path(name), whole);
  }
  const prompt = ["run", "--prompt", "été", "--device", "cpu"];
  refused(await run("sample", prompt, folder.path), /no "é" \(U\+00E9\)/);
});

Deno.test("a loss that becomes NaN stops the run and keeps the last good checkpoint", async () => {
  await using folder = await scratchFolder();
  const hot = line("--clip 0 --warmup-steps 0 --steps 50 --eval-every 0 --log-every 1");
  const attempts: [rate: string, more: string, message: RegExp][] = [
    ["1e25", "", /loss became NaN at step \d+; the checkpoint of step 0 in run-1e25/],
    ["1e39", "--checkpoint-every 1", /after step 1 .*checkpoint of step 0 in run-1e39/],
  ];
  for (const [rate, more, message] of attempts) {
    const out = `run-${rate}`;
    const args = [...BASE, ...hot, "--learning-rate", rate, ...more.split(" ").filter(Boolean)];
    refused(await run("train", [...args, "--out", out], folder.path), message);
    const sample = await run("sample", [out, "--device", "cpu"], folder.path);
    assert.equal(sample.code, 0, sample.err);
  }
});

Deno.test({ name: "a full disk and a read-only folder", ignore: !canMount }, async () => {
  await using folder = await scratchFolder();
  {
    using disk = smallDisk(100_000); // no room for the first checkpoint
    const args = [...BASE, ...line("--steps 4"), "--out", `${disk.path}/run`];
    refused(await run("train", args, folder.path), /no space/i);
    disk.makeReadOnly();
    for (const script of ["train", "tokenize"]) {
      const out = ["--dataset", "text.txt", "--out", `${disk.path}/other`];
      refused(await run(script, out, folder.path), /read-only/i);
    }
  }
  using disk = smallDisk(300_000); // room for one, not for the next
  const args = [...BASE, ...line("--steps 4 --eval-every 0"), "--out", `${disk.path}/run`];
  refused(await run("train", args, folder.path), /no space/i);
  const sample = await run("sample", [`${disk.path}/run`, "--device", "cpu"], folder.path);
  assert.equal(sample.code, 0, sample.err);
  const { step } = JSON.parse(await Deno.readTextFile(`${disk.path}/run/run.json`));
  assert.equal(step, 0);
});

Deno.test({
  name: "a folder that the user may not write",
  ignore: !await modesHold(),
}, async () => {
  await using folder = await scratchFolder();
  await Deno.mkdir(`${folder.path}/locked`, { mode: 0o555 });
  for (const script of ["train", "tokenize"]) {
    const args = line("--dataset text.txt --out locked/out");
    refused(await run(script, args, folder.path), /permission|permit/i);
  }
});

/** Whether file modes bind this process: not on Windows, and not for root. */
async function modesHold(): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "folio-" });
  try {
    await Deno.chmod(folder, 0o555);
    await Deno.mkdir(`${folder}/inside`);
    return false;
  } catch {
    return true;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("webgpu without an adapter is refused, and says what to install", async () => {
  await using folder = await scratchFolder();
  // A backend that this system does not have: no adapter is found.
  const env = { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" };
  const before = await content(folder.path);
  const child = command("train", withFlag("--device", "webgpu"), folder.path, env);
  refused(await finished(child), /device 'webgpu': no adapter was found/);
  assert.deepEqual(await content(folder.path), before);
});
