/** The commands as real processes: train, resume, signals, sample, tokenize, plot. */
import assert from "node:assert/strict";
import { formatCount } from "../lib/cli/numbers.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { holdsCheckpoint, loadRunState } from "../lib/train/checkpoint_state.ts";
import {
  command,
  finished,
  line,
  losses,
  run,
  scratchFolder,
  TINY,
  untilLine,
  untilSaved,
} from "./support/command.ts";
import { golden } from "./support/golden.ts";

const BASE = ["--dataset", "text.txt", ...TINY, "--log-every", "1"];
const QUIET = line("--eval-every 0 --log-every 1");

/**
 * Shapes of a GPT-2 of one block, 32 wide, with 16 positions, in Hugging Face's names; V is the
 * text's.
 */
const GPT2_SHAPES = (vocabSize: number) => ({
  "transformer.wte.weight": [vocabSize, 32],
  "transformer.wpe.weight": [16, 32],
  "transformer.h.0.ln_1.weight": [32],
  "transformer.h.0.ln_1.bias": [32],
  "transformer.h.0.attn.c_attn.weight": [32, 96],
  "transformer.h.0.attn.c_attn.bias": [96],
  "transformer.h.0.attn.c_proj.weight": [32, 32],
  "transformer.h.0.attn.c_proj.bias": [32],
  "transformer.h.0.ln_2.weight": [32],
  "transformer.h.0.ln_2.bias": [32],
  "transformer.h.0.mlp.c_fc.weight": [32, 128],
  "transformer.h.0.mlp.c_fc.bias": [128],
  "transformer.h.0.mlp.c_proj.weight": [128, 32],
  "transformer.h.0.mlp.c_proj.bias": [32],
  "transformer.ln_f.weight": [32],
  "transformer.ln_f.bias": [32],
});

Deno.test("train writes a run that is a Hugging Face GPT-2, and sample and plot read it", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/run`;
  const json = async (name: string) => JSON.parse(await Deno.readTextFile(`${path}/${name}`));
  const args = [...BASE, ...line("--steps 30 --eval-every 10 --out run")];
  const { code, out, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  assert.match(out, /memory {3}.* parameters, .* gradients, .* optimizer, .* activations/);
  assert.match(out, /step 30\/30 {2}validation \d/);

  const config = await json("config.json");
  const { model_type, n_layer, n_head, n_embd, n_positions, vocab_size } = config;
  assert.deepEqual([model_type, n_layer, n_head, n_embd, n_positions], ["gpt2", 1, 2, 32, 16]);
  const { shapes, metadata } = await header(`${path}/model.safetensors`);
  assert.deepEqual(sorted(shapes), sorted(GPT2_SHAPES(vocab_size)));
  assert.equal(metadata.get("format"), "pt");
  if (golden) {
    const reference = await header(`${golden}/gpt2-tiny/model.safetensors`);
    const names = Object.keys(reference.shapes).filter((name) => !/\.h\.[1-9]/.test(name));
    assert.deepEqual(Object.keys(shapes).sort(), names.sort());
  }
  const state = await header(`${path}/optimizer.safetensors`);
  assert.deepEqual(state.shapes["transformer.wte.weight.m"], [vocab_size, 32]);

  const state_ = await json("run.json");
  assert.deepEqual([state_.step, state_.settings.width, state_.reports.evalEvery], [30, 32, 10]);
  assert.match(state_.corpusHash, /^[0-9a-f]{64}$/);
  await checkMetrics(path);
  assert.match(await Deno.readTextFile(`${path}/loss.svg`), /^<svg[^>]*xmlns/);
  await checkSample(folder.path);
  const plot = await run("plot", line("run --out both.svg"), folder.path);
  assert.equal(plot.code, 0, plot.err);
  assert.match(await Deno.readTextFile(`${folder.path}/both.svg`), /^<svg/);
});

/** Thirty steps with an evaluation after each ten, as lines of JSON. */
async function checkMetrics(path: string): Promise<void> {
  const text = await Deno.readTextFile(`${path}/metrics.jsonl`);
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const train = lines.filter((line) => "loss" in line);
  const validation = lines.filter((line) => "validationLoss" in line);
  const keys = "elapsedSeconds gradientNorm learningRate loss meanLoss step tokensPerSecond"
    .split(" ");
  assert.deepEqual(train.map((line) => line.step), Array.from({ length: 30 }, (_, i) => i + 1));
  for (const line of train) assert.deepEqual(Object.keys(line).sort(), keys);
  assert.deepEqual(validation.map((line) => line.step), [10, 20, 30]);
  for (const line of validation) assert.deepEqual(Object.keys(line), ["step", "validationLoss"]);
  for (const line of lines) assert.ok(Object.values(line).every(Number.isFinite));
}

/** The same seed writes the same text, streamed or not, and another seed another. */
async function checkSample(folder: string): Promise<void> {
  const prompt = ["run", "--prompt", "the ", ...line("--max-new-tokens 40 --device cpu")];
  const write = async (...more: string[]) => {
    const { code, out, err } = await run("sample", [...prompt, ...more], folder);
    assert.equal(code, 0, err);
    assert.equal(out.length, "the ".length + 40 + 1);
    return out;
  };
  const first = await write("--seed", "7");
  assert.equal(await write("--seed", "7", "--no-stream", "--threads", "1"), first);
  assert.notEqual(await write("--seed", "1"), first);
  const unseeded = await run("sample", prompt, folder);
  const [, seed] = unseeded.err.match(/^seed (\d+)$/m)!;
  assert.equal(await write("--seed", seed), unseeded.out);
  assert.notEqual((await run("sample", prompt, folder)).out, unseeded.out);
  await write("--weights", "int8");
  const beams = line("--max-new-tokens 4 --beams 3 --sequences 2 --no-repeat-ngram 1 --scores");
  const { code, out, err } = await run("sample", ["--model", "run", ...beams], folder);
  assert.equal(code, 0, err);
  const tokens = [...out.matchAll(/^ +-\d+\.\d{3} {2}(".*")$/gm)].map(([, token]) => token);
  assert.equal(tokens.length, 8);
  assert.equal(new Set(tokens.slice(0, 4)).size, 4);
  assert.match(out, /^\[1 of 2\]$[^]*^\[2 of 2\]$/m);
  const both = await run("sample", ["run", "--model", "run"], folder);
  assert.deepEqual([both.code, both.err.includes("expected one model")], [2, true]);
}

Deno.test("Ctrl-C saves and says how to resume, and the resumed run goes on", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/cut`;
  const args = [...BASE, ...line("--eval-every 0 --steps 100000 --out cut")];
  const child = command("train", args, folder.path);
  await untilLine(child, `${path}/metrics.jsonl`, 20);
  child.kill("SIGINT");
  const { code, out } = await finished(child);
  assert.equal(code, 130);
  const [, step, again] = out.match(/stopped after step (\d+); continue with: deno task (.*)/)!;
  assert.ok(Number(step) >= 20);
  assert.equal((await loadRunState(path)).step, Number(step));
  const [script, ...resumed] = again.split(" ");
  const steps = String(Number(step) + 30);
  // How often it reports is the run's own; only what is computed on may change.
  const rest = await run(script, [...resumed, "--steps", steps, "--device", "cpu"], folder.path);
  assert.equal(rest.code, 0, rest.err);
  assert.deepEqual([...(await losses(path)).keys()].length, Number(steps));
});

Deno.test("stopped after step 50 and resumed on other threads and with checkpointing, a run has the bits of one that never stopped", async () => {
  await using folder = await scratchFolder();
  const start = [
    ...BASE,
    ...line("--eval-every 0 --checkpoint-every 50 --steps 300 --dropout 0.1"),
  ];
  const whole = [...start, ...line("--out whole --threads 2")];
  assert.equal((await run("train", whole, folder.path)).code, 0);
  const child = command("train", [...start, ...line("--out cut --threads 1")], folder.path);
  await untilLine(child, `${folder.path}/cut/metrics.jsonl`, 51);
  child.kill("SIGKILL");
  await finished(child);
  const { step } = await loadRunState(`${folder.path}/cut`);
  assert.ok(step >= 50 && step < 300, `killed too late to test anything: step ${step}`);
  const rest = line("--resume --out cut --threads 2 --device cpu --recompute-activations");
  const { code, err } = await run("train", rest, folder.path);
  assert.equal(code, 0, err);
  assert.deepEqual(await losses(`${folder.path}/cut`), await losses(`${folder.path}/whole`));
});

Deno.test("killed at ten random moments, a run goes on each time and ends with the bits of one that was not", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/run`;
  // With a constant rate, nothing depends on the number of steps requested.
  const rate = line("--learning-rate 1e-3 --min-learning-rate 1e-3 --warmup-steps 0");
  const start = [...BASE, ...QUIET.slice(0, 2), ...rate];
  const resume = line("--resume --out run --device cpu");
  const endless = [...start, ...line("--checkpoint-every 2 --steps 100000 --out run")];
  let before = 0;
  for (let i = 0; i < 10; i++) {
    const child = command("train", holdsCheckpoint(path) ? resume : endless, folder.path);
    // The first kills fall into the start, the others into the steps.
    if (i >= 4) await untilSaved(child, path, before + 1);
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 300));
    child.kill("SIGKILL");
    assert.equal((await finished(child)).err, "");
    if (!holdsCheckpoint(path)) continue;
    const { step } = await loadRunState(path);
    const last = Math.max(0, ...await losses(path).then((all) => all.keys(), () => []));
    assert.ok(step >= before, `step ${step} after ${before}`);
    assert.ok(last - step <= 2, `step ${last} was done, step ${step} saved`);
    before = step;
  }
  assert.ok(before > 0, "no run was killed after a checkpoint");
  const steps = ["--steps", String(before + 4)];
  const done = await run("train", [...resume, ...steps], folder.path);
  assert.equal(done.code, 0, done.err);
  const whole = [...start, ...steps, "--out", "whole"];
  assert.equal((await run("train", whole, folder.path)).code, 0);
  assert.deepEqual(await losses(path), await losses(`${folder.path}/whole`));
});

Deno.test("tokenize writes a corpus that train takes, and a run starts from another's weights", async () => {
  await using folder = await scratchFolder();
  for (const tokenizer of ["char", "word", "bpe"]) {
    const size = tokenizer === "char" ? [] : line("--vocab-size 300");
    const args = ["--dataset", "text.txt", "--tokenizer", tokenizer, ...size, "--out", tokenizer];
    const { code, out, err } = await run("tokenize", args, folder.path);
    assert.equal(code, 0, err);
    assert.match(out, /held out; encoded at [\d.]+[kM]? tokens\/s\nvocabulary {2}\d+ tokens/);
    const tokens = (await Deno.stat(`${folder.path}/${tokenizer}/train.bin`)).size / 2;
    assert.match(out, new RegExp(`${formatCount(tokens)} to train on`));
  }
  const args = ["--dataset", "bpe", ...TINY, ...line("--steps 30 --out run")];
  const { code, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  const again = line(
    "--dataset bpe --device cpu --steps 1 --log-every 1 --init-from run --out more",
  );
  assert.equal((await run("train", again, folder.path)).code, 0);
  const losses_ = [...(await losses(`${folder.path}/run`)).values()];
  const [first] = (await losses(`${folder.path}/more`)).values();
  assert.ok(first < losses_[0] - 0.2, `${losses_[0]}, then ${first} with the trained weights`);
});

/** The flags of a step of `deno task pipeline`. */
async function pipelineFlags(step: string): Promise<string[]> {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
  );
  return line(tasks[`pipeline:${step}`].command.split(/ scripts\/\w+\.ts /)[1]);
}

Deno.test("the pipeline, started again, keeps its tokens, continues its run and leaves a finished one", async () => {
  await using folder = await scratchFolder();
  const tokenize = [...await pipelineFlags("tokenize"), "--dataset", "text.txt"];
  const train = [...await pipelineFlags("train"), ...TINY];
  const read = (name: string) => Deno.readFile(`${folder.path}/runs/pipeline/${name}`);
  const step = async (script: string, args: string[]) => {
    const { code, out, err } = await run(script, args, folder.path);
    assert.equal(code, 0, err);
    return out;
  };
  await step("tokenize", tokenize);
  await step("train", [...train, "--steps", "6"]);
  const names = ["tokens/train.bin", "model.safetensors", "metrics.jsonl"];
  const before = await Promise.all(names.map(read));
  assert.match(await step("tokenize", tokenize), /^kept +runs\/pipeline\/tokens: /);
  assert.match(await step("train", [...train, "--steps", "6"]), /validation loss \d/);
  assert.deepEqual(await Promise.all(names.map(read)), before);
  await step("train", [...train, "--steps", "9"]);
  assert.equal((await loadRunState(`${folder.path}/runs/pipeline`)).step, 9);
});

Deno.test("texts without a line's end, and words, are sampled without a prompt", async () => {
  await using folder = await scratchFolder();
  const text = await Deno.readTextFile(`${folder.path}/text.txt`);
  await Deno.writeTextFile(`${folder.path}/text.txt`, text.replaceAll("\n", " "));
  for (const tokenizer of ["char", "word"]) {
    const path = `the ${tokenizer} run`;
    const args = [...BASE, ...line("--steps 3 --tokenizer"), tokenizer, "--out", path];
    const { code, out, err } = await run("train", args, folder.path);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`deno task sample '${path}'`));
    const sample = await run(
      "sample",
      [path, ...line("--device cpu --max-new-tokens 5 --seed 1337")],
      folder.path,
    );
    assert.equal(sample.code, 0, sample.err);
    if (tokenizer === "word") assert.equal(sample.out.trim().split(" ").length, 6);
  }
});

/** Names, shapes and metadata of a safetensors file. */
async function header(path: string) {
  const file = await SafetensorsFile.open(fileSource(path));
  const shapes = Object.fromEntries(
    [...file.tensors].map(([name, { shape }]) => [name, [...shape]]),
  );
  file.close();
  return { shapes, metadata: file.metadata };
}

function sorted<Value>(record: Record<string, Value>): [string, Value][] {
  return Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);
}
