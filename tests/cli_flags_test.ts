import assert from "node:assert/strict";
import { UserError } from "../lib/errors.ts";
import { DEVICE_KINDS } from "../lib/cli/device_flags.ts";
import { choice, group, integer, kebabCase, number, text, toggle } from "../lib/cli/flags.ts";
import { helpText } from "../lib/cli/help.ts";
import { parseArguments } from "../lib/cli/parse.ts";

const command = {
  name: "deno task train",
  summary: "Trains a model.",
  positionals: { name: "RUN", meaning: "run folder", max: 1 },
  flags: {
    ...group("Model", {
      maxSteps: integer(5, "steps to train for", { min: 1 }),
      dropout: number(0, "share of activations dropped", { min: 0, max: 1 }),
    }),
    learningRate: number(1e-3, "largest step size"),
    prompt: text(undefined, "text to go on from", { shownDefault: "a line feed" }),
    device: choice("auto", "where to compute", DEVICE_KINDS),
    out: text(undefined, "folder to write to", { placeholder: "DIR", shownDefault: "" }),
    noRepeat: integer(0, "tokens that come once"),
    stream: toggle(false, "print as it comes"),
    plot: toggle(true, "draw the loss"),
  },
  examples: [["deno task train --max-steps 10", "a short run"]] as const,
};

const parse = (...args: string[]) => parseArguments(command, args);

async function mistake(...args: string[]): Promise<string> {
  try {
    await parse(...args);
  } catch (error) {
    assert(error instanceof UserError, `not a UserError: ${error}`);
    return error.message;
  }
  assert.fail(`accepted: ${args.join(" ")}`);
}

Deno.test("without arguments every flag has its default and none is marked as set", async () => {
  const { flags, given, positionals, help } = await parse();
  assert.deepEqual(flags, {
    maxSteps: 5,
    noRepeat: 0,
    dropout: 0,
    learningRate: 1e-3,
    prompt: undefined,
    device: "auto",
    out: undefined,
    stream: false,
    plot: true,
  });
  assert.equal(given.size, 0);
  assert.deepEqual(positionals, []);
  assert.equal(help, false);
});

Deno.test("values have the types of their flags", async () => {
  const { flags, given, positionals } = await parse(
    ...["runs/a", "--max-steps", "2e3", "--learning-rate=3e-4", "--device", "cpu", "--stream"],
  );
  const steps: number = flags.maxSteps;
  const device: "auto" | "webgpu" | "cpu" = flags.device;
  const prompt: string | undefined = flags.prompt;
  const values = [steps, flags.learningRate, device, flags.stream, prompt];
  assert.deepEqual(values, [2000, 3e-4, "cpu", true, undefined]);
  assert.deepEqual([...given].sort(), ["device", "learningRate", "maxSteps", "stream"]);
  assert.deepEqual(positionals, ["runs/a"]);
});

Deno.test("values that look like flags, or like nothing, are read as written", async () => {
  const prompts: [string[], string][] = [
    [["--prompt", ""], ""],
    [["--prompt="], ""],
    [["--prompt", "-"], "-"],
    [["--prompt", "- he said"], "- he said"],
    [["--prompt=--stream"], "--stream"],
    [["--prompt=a=b\nc=d"], "a=b\nc=d"],
    [["--prompt", "12"], "12"],
  ];
  for (const [args, prompt] of prompts) {
    assert.equal((await parse(...args)).flags.prompt, prompt, args.join(" "));
  }
  assert.equal((await parse("--learning-rate", "-1e-3")).flags.learningRate, -1e-3);
});

Deno.test("what follows -- is positional, and positional numbers stay text", async () => {
  assert.deepEqual((await parse("--", "--stream")).positionals, ["--stream"]);
  assert.deepEqual((await parse("007")).positionals, ["007"]);
});

Deno.test("switches are turned off by --no- and take only true or false", async () => {
  assert.equal((await parse("--no-plot")).flags.plot, false);
  assert.equal((await parse("--plot=false")).flags.plot, false);
  assert.equal((await parse("--stream", "runs/a")).flags.stream, true);
  for (const args of [["--stream=0"], ["a", "--stream", "0"], ["--stream", "a", "--plot", "0"]]) {
    assert.match(await mistake(...args), /--(stream|plot) takes no value, received "0"; write --/);
  }
  const message = await mistake("--no-stream=true");
  assert.match(message, /^--no-stream .*write --stream \(print as it comes\) or --no-stream$/);
});

Deno.test("a flag with a value may be called no-something", async () => {
  for (const args of [["--no-repeat", "3"], ["--no-repeat=3"]]) {
    const { flags, given } = await parse(...args);
    assert.equal(flags.noRepeat, 3);
    assert.ok(given.has("noRepeat"));
  }
  assert.match(await mistake("--no-repeat", "x"), /--no-repeat expects a whole number/);
});

Deno.test("an unknown flag names the nearest real one", async () => {
  const nearest: [string, string][] = [
    ["--lerning-rate", "--learning-rate"],
    ["--learningRate", "--learning-rate"],
    ["--learning_rate=3", "--learning-rate"],
    ["-stream", "--stream"],
    ["--no-strem", "--no-stream"],
    ["--no-max-steps=3", "--max-steps"],
  ];
  for (const [written, near] of nearest) {
    const message = await mistake(written);
    const name = written.split("=")[0];
    assert.equal(message, `unknown flag ${name}; did you mean ${near}?`);
  }
  for (const written of ["--xyz", "-5", "--_", "--__proto__"]) {
    assert.equal(await mistake(written), `unknown flag ${written}; --help lists all flags`);
  }
});

Deno.test("a missing or repeated value is a mistake", async () => {
  assert.equal(await mistake("--prompt"), "--prompt needs a value, and none follows it");
  assert.match(await mistake("--prompt", "--stream"), /--stream follows it.*--prompt=--stream/);
  assert.match(await mistake("--max-steps", "1", "--max-steps=2"), /--max-steps appears 2 times/);
  // As of a task that has the flag itself.
  assert.equal((await parse("--device", "cpu", "--device=cpu")).flags.device, "cpu");
  assert.match(
    await mistake("a", "--prompt", "To", "be", "or"),
    /^--prompt takes one value, received "To" and "be"; put a text or a pattern in quotes$/,
  );
});

Deno.test("numbers are checked", async () => {
  for (const value of ["abc", "", "1.5", "0", "1e400", "0x10", "Infinity", "1 2", "9e15000"]) {
    const message = await mistake(`--max-steps=${value}`);
    const expected = `--max-steps expects a whole number from 1, received "${value}"`;
    assert.equal(message, expected);
  }
  assert.match(await mistake("--dropout", "1.5"), /expects a number from 0 to 1, received "1.5"/);
  assert.equal((await parse("--dropout", ".5")).flags.dropout, 0.5);
});

Deno.test("a wrong choice names the choices and the nearest", async () => {
  const message = await mistake("--device", "web-gpu");
  const expected = "--device expects one of auto, webgpu, cpu";
  assert.equal(message, `${expected}, received "web-gpu"; did you mean webgpu?`);
  for (const name of ["gpu", "cuda", "MPS"]) {
    assert.equal(
      await mistake("--device", name),
      `${expected}, received "${name}"; did you mean webgpu?`,
    );
  }
});

Deno.test("a path or a name is not empty, a text may be", async () => {
  for (const args of [["--out", ""], ["--out="]]) {
    const message = await mistake(...args);
    assert.equal(message, '--out expects DIR, which is not empty, received ""');
  }
  assert.equal((await parse("--prompt", "")).flags.prompt, "");
  assert.equal(await mistake(""), "RUN is empty; expected run folder");
});

Deno.test("the flags of other libraries have names here", async () => {
  const flags = {
    ...{ prompt: text("", "prompt"), width: integer(1, "width"), epochs: number(1, "epochs") },
    ...{ batch: integer(1, "batch"), checkpointEvery: integer(1, "steps"), dataset: text("", "") },
    ...{ beta: number(1, "beta"), precision: text("", ""), threads: integer(1, "threads") },
    ...{ initFrom: text("", ""), resume: toggle(false, ""), force: toggle(false, "") },
  };
  const meant: [written: string, name: string][] = [
    ["--data", "--dataset"],
    ["--start", "--prompt"],
    ["--text", "--prompt"],
    ["--hidden_dim", "--width"],
    ["--num_train_epochs", "--epochs"],
    ["--per_device_train_batch_size", "--batch"],
    ["--save_steps", "--checkpoint-every"],
    ["--save-every", "--checkpoint-every"],
    ["--fp16", "--precision"],
    ["--dtype", "--precision"],
    ["--num-workers", "--threads"],
    ["--model_name_or_path", "--init-from"],
    ["--resume_from_checkpoint", "--resume"],
    ["--overwrite_output_dir", "--force"],
  ];
  for (const [written, name] of meant) {
    const parsed = parseArguments({ name: "x", summary: "", flags }, [written, "1"]);
    const message = `unknown flag ${written}; did you mean ${name}?`;
    await assert.rejects(parsed, { name: "UserError", message });
  }
});

Deno.test("too many or too few positional arguments are a mistake", async () => {
  assert.match(await mistake("a", "200"), /unexpected argument "200"; did you mean --prompt "200"/);
  const { prompt: _, out: __, ...flags } = command.flags;
  await assert.rejects(
    parseArguments({ ...command, flags }, ["a", "200"]),
    /unexpected argument "200"; flags are written --name VALUE$/,
  );
  assert.match(await mistake("a", "max-steps=3"), /did you mean --max-steps\?/);
  const needy = { ...command, positionals: { name: "RUN", meaning: "run folder", min: 1 } };
  await assert.rejects(parseArguments(needy, []), /deno task train needs RUN \(run folder\)/);
});

Deno.test("--help wins over mistakes, unless it follows --", async () => {
  assert.equal((await parse("--xyz", "--help")).help, true);
  assert.equal((await parse("-h")).help, true);
  assert.equal((await parse("--", "-h")).help, false);
});

Deno.test("the help shows usage, groups, defaults and examples within the width", () => {
  const help = helpText(command, 72);
  assert.match(help, /^Trains a model\.\n\nUsage: deno task train \[RUN\] \[flags\]\n/);
  assert.match(help, /\nModel\n {2}--max-steps N +steps to train for \(default: 5\)\n/);
  assert.match(help, /--learning-rate NUMBER {2,}largest step size \(default: 0\.001\)/);
  assert.match(help, /--device auto\|webgpu\|cpu +where to compute \(default: auto\)/);
  assert.match(help, /--prompt TEXT +.*\(default: a line feed\)/);
  assert.match(help, /--stream +print as it comes\n/);
  assert.match(help, /--\[no-\]plot +draw the loss \(default: on\)\n/);
  assert.match(help, /-h, --help/);
  assert.match(help, /Examples\n {2}deno task train --max-steps 10\n {6}a short run\n$/);
  for (const line of help.split("\n")) assert(line.length <= 72, line);
});

Deno.test("a long meaning wraps under itself and a long name goes above it", () => {
  const flags = { aFlagWithAnUncommonlyLongName: integer(1, "word ".repeat(30).trim()) };
  const lines = helpText({ name: "x", summary: "s", flags }, 60).split("\n");
  const at = lines.findIndex((line) => line.includes("--a-flag-with"));
  assert.equal(lines[at].trim(), "--a-flag-with-an-uncommonly-long-name N");
  assert.match(lines[at + 1], /^ {30}word/);
  assert.match(lines[at + 2], /^ {30}word/);
});

Deno.test("keys become the names that are typed", () => {
  assert.deepEqual(["topK", "beta1", "minLearningRate"].map(kebabCase), [
    "top-k",
    "beta1",
    "min-learning-rate",
  ]);
});
