/** The commands as real processes: train, resume, signals, sample, tokenize, plot. */
import assert from "node:assert/strict";
import { fileSource } from "../lib/hub/file_source.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { command, finished, losses, run, scratchFolder, TINY } from "./command.ts";
import { golden } from "./golden.ts";

const BASE = ["--dataset", "text.txt", ...TINY, "--log-every", "1"];

Deno.test("train writes a run that is a Hugging Face GPT-2, and sample and plot read it", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, "--steps", "30", "--eval-every", "10", "--out", "run"];
  const { code, out, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  assert.match(out, /step 30\/30 {2}validation \d/);
  const config = JSON.parse(await Deno.readTextFile(`${folder.path}/run/config.json`));
  assert.equal(config.model_type, "gpt2");
  assert.deepEqual([config.n_layer, config.n_head, config.n_embd, config.n_positions], [
    1,
    2,
    32,
    16,
  ]);
  const file = await SafetensorsFile.open(fileSource(`${folder.path}/run/model.safetensors`));
  const shapes = Object.fromEntries([...file.tensors].map(([name, { shape }]) => [name, shape]));
  file.close();
  assert.deepEqual(shapes["transformer.h.0.attn.c_attn.weight"], [32, 96]);
  if (golden) {
    const reference = await SafetensorsFile.open(
      fileSource(`${golden}/gpt2-tiny/model.safetensors`),
    );
    const names = [...reference.tensors.keys()].filter((name) => !name.includes(".h.1."));
    assert.deepEqual(Object.keys(shapes).sort(), names.sort());
    reference.close();
  }
  assert.equal((await losses(`${folder.path}/run`)).size, 30);
  const run_ = JSON.parse(await Deno.readTextFile(`${folder.path}/run/run.json`));
  assert.deepEqual([run_.step, run_.settings.width, run_.corpusHash.length], [30, 32, 64]);
  assert.match(await Deno.readTextFile(`${folder.path}/run/loss.svg`), /^<svg[^>]*xmlns/);

  const sample = ["run", "--prompt", "the ", "--max-new-tokens", "40", "--device", "cpu"];
  const first = await run("sample", sample, folder.path);
  assert.equal(first.code, 0, first.err);
  assert.equal(first.out.length, "the ".length + 40 + 1);
  assert.equal(
    (await run("sample", [...sample, "--no-stream"], folder.path)).out.trim(),
    first.out.trim(),
  );
  const plot = await run("plot", ["run", "--out", "both.svg"], folder.path);
  assert.equal(plot.code, 0, plot.err);
  assert.match(await Deno.readTextFile(`${folder.path}/both.svg`), /^<svg/);
});

Deno.test("Ctrl-C saves and says how to resume, and the resumed run goes on", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, "--eval-every", "0", "--steps", "100000", "--out", "cut"];
  const child = command("train", args, folder.path);
  await untilLine(`${folder.path}/cut/metrics.jsonl`, 20);
  child.kill("SIGINT");
  const { code, out } = await finished(child);
  assert.equal(code, 130);
  const [, step] = out.match(/stopped after step (\d+); continue with: .*--out cut --resume/)!;
  assert.ok(Number(step) >= 20);
  const steps = String(Number(step) + 30);
  const resumed = ["--resume", "--out", "cut", "--device", "cpu", "--log-every", "1"];
  const rest = await run("train", [...resumed, "--steps", steps], folder.path);
  assert.equal(rest.code, 0, rest.err);
  assert.equal((await losses(`${folder.path}/cut`)).size, Number(steps));
});

Deno.test("killed at step 51 and resumed on other threads, a run has the bits of one that never stopped", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, "--eval-every", "0", "--checkpoint-every", "50", "--steps", "100"];
  assert.equal(
    (await run("train", [...args, "--out", "whole", "--threads", "2"], folder.path)).code,
    0,
  );
  const child = command("train", [...args, "--out", "cut", "--threads", "1"], folder.path);
  await untilLine(`${folder.path}/cut/metrics.jsonl`, 51);
  child.kill("SIGKILL");
  await finished(child);
  const { code, err } = await run("train", [
    "--resume",
    "--out",
    "cut",
    "--threads",
    "2",
    "--device",
    "cpu",
    "--log-every",
    "1",
  ], folder.path);
  assert.equal(code, 0, err);
  assert.deepEqual(await losses(`${folder.path}/cut`), await losses(`${folder.path}/whole`));
});

Deno.test("killed at random moments, a run can always be resumed", async () => {
  await using folder = await scratchFolder();
  const args = [
    ...BASE,
    "--eval-every",
    "0",
    "--checkpoint-every",
    "2",
    "--steps",
    "100000",
    "--out",
    "run",
  ];
  let before = 0;
  for (let i = 0; i < 10; i++) {
    const child = command(
      "train",
      i === 0 ? args : ["--resume", "--out", "run", "--device", "cpu", "--checkpoint-every", "2"],
      folder.path,
    );
    await untilFile(`${folder.path}/run/run.json`);
    await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 500));
    child.kill("SIGKILL");
    const { err } = await finished(child);
    assert.equal(err.replaceAll(/^fetch.*$/gm, "").trim(), "");
    const path = await Deno.stat(`${folder.path}/run/.checkpoint/run.json`).then(
      () => ".checkpoint/run.json",
      () => "run.json",
    );
    const { step } = JSON.parse(await Deno.readTextFile(`${folder.path}/run/${path}`));
    assert.ok(step >= before, `${step} after ${before}`);
    before = step;
  }
  const done = await run("train", [
    "--resume",
    "--out",
    "run",
    "--device",
    "cpu",
    "--steps",
    String(before + 2),
  ], folder.path);
  assert.equal(done.code, 0, done.err);
});

Deno.test("tokenize writes a corpus that train takes", async () => {
  await using folder = await scratchFolder();
  for (const tokenizer of ["char", "word", "bpe"]) {
    const size = tokenizer === "char" ? [] : ["--vocab-size", "300"];
    const args = ["--dataset", "text.txt", "--tokenizer", tokenizer, ...size, "--out", tokenizer];
    const { code, out, err } = await run("tokenize", args, folder.path);
    assert.equal(code, 0, err);
    assert.match(out, /vocabulary {2}\d+/);
  }
  const args = ["--dataset", "bpe", ...TINY, "--steps", "5", "--out", "run"];
  const { code, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  const init = [
    "--dataset",
    "bpe",
    ...TINY,
    "--steps",
    "5",
    "--init-from",
    "run",
    "--out",
    "again",
  ];
  assert.equal((await run("train", init, folder.path)).code, 0);
});

/** Waits until a file has `count` lines. */
async function untilLine(path: string, count: number): Promise<void> {
  for (;;) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.split("\n").length > count) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function untilFile(path: string): Promise<void> {
  while (!await Deno.stat(path).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
