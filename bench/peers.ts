/**
 * Compares a training step of Folio, generation, the reading of a prompt, or attention with the
 * same work in other libraries on one machine, running the programs alternately: prints minima,
 * medians and ratios.
 *
 *     deno run -A bench/peers.ts PEERS_FOLDER TEXT --python PYTHON \
 *       [--size small6] [--what generate] [--blas auto] [--device webgpu]
 *
 * PYTHON is one with PyTorch 2, which runs peer_torch.py eagerly and compiled. The folder may hold
 * torch_gpt.py (an older PyTorch, run by /usr/bin/python3) and jaxjs_gpt.ts (jax-js).
 * OpenBLAS chooses its kernels itself, unless --core names them. The text should be Tiny
 * Shakespeare, or another with 65 distinct characters: jax-js's model has 65 tokens. Each round
 * runs each program once, in a separate process.
 *
 * @module
 */
import { choice, type FlagValues, integer, text, toggle } from "../lib/cli/flags.ts";
import { formatRate } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import type { PeerWork } from "./peer_folio.ts";

/** Milliseconds per step or token of one process, and its last loss. */
interface Timing {
  minimum: number;
  median: number;
  loss?: number;
}

/** A program to time: its file, how to run it, and how to read what it prints. */
interface Program {
  name: string;
  file: string;
  command: [string, ...string[]];
  /** Variables that it is run with. Default none. */
  env?: Record<string, string>;
  read(output: string): Timing;
}

const JAX = "jax-js";
const DENO = [Deno.execPath(), "run", "-A"] as const;

/** Folio with V8's vectors of 256 bits. */
const WIDE = {
  name: "Folio, 256 bits",
  env: { DENO_V8_FLAGS: "--experimental-wasm-revectorize" },
};

/** Sizes by name, and the number of training steps in a run. */
const SIZES = {
  baby: { layers: 4, heads: 4, width: 128, context: 64, batch: 12, vocab: 0, steps: 40 },
  small6: { layers: 6, heads: 6, width: 384, context: 256, batch: 16, vocab: 0, steps: 8 },
  gpt2: { layers: 12, heads: 12, width: 768, context: 1024, batch: 1, vocab: 50257, steps: 5 },
};

const size = { min: 1, shownDefault: "the size's" };
const flags = {
  what: choice("train", "what to time: a training step, a token, a prompt of 512, attention", {
    choices: ["train", "generate", "prompt", "attention"],
  }),
  size: choice("baby", "named sizes", { choices: ["baby", "small6", "gpt2"] }),
  rounds: integer(3, "times each program runs", { min: 1 }),
  steps: integer(undefined, "steps or tokens in a run", { min: 5, shownDefault: "the size's; 60" }),
  threads: integer(navigator.hardwareConcurrency, "threads of Folio and PyTorch", { min: 1 }),
  blas: text(undefined, "Folio with this system BLAS, too", { placeholder: "auto|PATH" }),
  device: choice("cpu", "device to compute on; webgpu leaves PyTorch and the BLAS out", {
    choices: ["cpu", "webgpu"],
  }),
  core: text(undefined, "kernels of OpenBLAS, if it does not recognize the processor", {
    placeholder: "SkylakeX|Haswell|…",
  }),
  python: text(undefined, "Python with PyTorch 2, which joins eager and compiled", {
    placeholder: "PATH",
  }),
  compiled: toggle(true, "torch.compile beside eager; --no-compiled leaves it out"),
  jax: toggle(true, "jax-js; --no-jax leaves it out"),
  layers: integer(undefined, "blocks", size),
  heads: integer(undefined, "attention heads", size),
  width: integer(undefined, "size of a token's vector", size),
  context: integer(undefined, "tokens in a sequence", size),
  batch: integer(undefined, "sequences in a batch", size),
};

const command = {
  name: "deno run -A bench/peers.ts",
  summary: "Times training or generation of Folio and of its peers alternately.",
  positionals: {
    name: "PEERS_FOLDER TEXT",
    meaning: "the peers' programs; a text",
    min: 2,
    max: 2,
  },
  flags,
};

await runScript(command, async ({ flags, positionals: [folder, text] }) => {
  const work = workOf(flags);
  if (work.what !== "train" && flags.jax) print("jax-js: left out, its program only trains");
  const wanted = programsOf(folder, text, work, flags);
  const programs = await present(wanted.filter(({ name }) => flags.jax || name !== JAX));
  const timings = programs.map((): Timing[] => []);
  for (let round = 1; round <= flags.rounds; round++) {
    for (const [i, program] of programs.entries()) {
      const timing = await time(program, flags.core);
      if (timing) timings[i].push(timing);
    }
  }
  table(work, programs, timings);
});

function workOf(flags: FlagValues<typeof command.flags>): PeerWork {
  const { what, device, threads } = flags;
  const named = SIZES[flags.size];
  const { layers, heads, width, context, batch } = { ...named, ...given(flags) };
  const ofWork = { generate: Math.min(60, context - 4), prompt: 6, attention: 12 };
  const steps = flags.steps ?? (what === "train" ? named.steps : ofWork[what]);
  return { what, device, threads, layers, heads, width, context, batch, steps, vocab: named.vocab };
}

/** The parsed flags and arguments. */
function given<Values extends object>(flags: Values): Partial<Values> {
  return Object.fromEntries(
    Object.entries(flags).filter(([, value]) => value !== undefined),
  ) as Partial<Values>;
}

function programsOf(
  folder: string,
  text: string,
  work: PeerWork,
  { blas, python, compiled }: { blas?: string; python?: string; compiled: boolean },
): Program[] {
  const programs = [folio("Folio", text, work)];
  if (work.device === "cpu") {
    if (Deno.build.arch === "x86_64") programs.push({ ...programs[0], ...WIDE });
    if (blas !== undefined) programs.push(folio("Folio, BLAS", text, { ...work, blas }));
    programs.push(...torchPrograms(folder, text, work, { python, compiled }));
  }
  if (work.what === "train") programs.push(jax(`${folder}/jaxjs_gpt.ts`, text, work));
  return programs;
}

function reader(what: PeerWork["what"]): Program["read"] {
  return what === "generate" ? readGeneration : readSummary;
}

function folio(name: string, text: string, work: PeerWork): Program {
  const { href, pathname: file } = new URL("peer_folio.ts", import.meta.url);
  const command = [...DENO, href, text, JSON.stringify(work)] as Program["command"];
  return { name, file, command, read: reader(work.what) };
}

function torchPrograms(
  folder: string,
  text: string,
  work: PeerWork,
  { python, compiled }: { python?: string; compiled: boolean },
): Program[] {
  const { what, steps, vocab, threads, layers, heads, width, context, batch } = work;
  const sizes = { layers, heads, width, context, batch, threads, vocab };
  const line = (flags: object) => Object.entries(flags).map(([key, value]) => `--${key}=${value}`);
  const read = reader(what);
  const programs: Program[] = [];
  if (what === "train" || what === "generate") {
    const file = `${folder}/torch_gpt.py`;
    const own = line({ ...sizes, [what === "train" ? "steps" : "generate"]: steps });
    programs.push({
      name: "PyTorch 1",
      file,
      command: ["/usr/bin/python3", file, text, ...own],
      read,
    });
  }
  if (python === undefined) return programs;
  const file = new URL("peer_torch.py", import.meta.url).pathname;
  const command: Program["command"] = [python, file, text, ...line({ what, steps, ...sizes })];
  programs.push({ name: "PyTorch 2", file, command, read });
  if (!compiled) return programs;
  return [...programs, {
    name: "PyTorch 2, compiled",
    file,
    command: [...command, "--compile"],
    read,
  }];
}

function jax(file: string, text: string, work: PeerWork): Program {
  const { device, layers, heads, width, context, batch, steps } = work;
  const place = device === "cpu" ? "wasm" : device;
  const numbers = [layers, heads, width, context, batch, steps].map(String);
  const command = [...DENO, "--no-config", file, text, place, ...numbers] as Program["command"];
  return { name: JAX, file, command, read: readJax };
}

/** The programs whose file exists; prints a line for each that is missing. */
async function present(programs: Program[]): Promise<Program[]> {
  const found: Program[] = [];
  for (const program of programs) {
    const isFile = await Deno.stat(program.file).then((info) => info.isFile, () => false);
    if (isFile) found.push(program);
    else print(`${program.name}: left out, because ${program.file} is not there`);
  }
  return found;
}

/**
 * Runs a program once; prints a line and returns undefined if it fails. Folio itself must not fail.
 */
async function time(program: Program, core?: string): Promise<Timing | undefined> {
  const [executable, ...args] = program.command;
  const env = Deno.env.toObject();
  const ours = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "DENO_V8_FLAGS"];
  for (const name of ours) delete env[name];
  if (core !== undefined) env.OPENBLAS_CORETYPE = core;
  env.NO_COLOR = "1";
  Object.assign(env, program.env);
  const process = new Deno.Command(executable, { args, env, clearEnv: true });
  const result = await process.output().catch((error: Error) => error);
  const failed = result instanceof Error || !result.success;
  if (!failed) return program.read(new TextDecoder().decode(result.stdout));
  const reason = result instanceof Error ? result.message : errorLine(result.stderr);
  if (program.name.startsWith("Folio")) throw new UserError(`${program.name} failed: ${reason}`);
  print(`${program.name}: a run is left out, because it failed: ${reason}`);
}

/** The line with the error message: the last one in Python, the one before the stack in Deno. */
function errorLine(stderr: Uint8Array): string {
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  return lines.findLast((line) => /^(error|\w+Error)\b/.test(line)) ?? lines.at(-1)!;
}

/** Reads `min 50.0 median 60.0 ms a step, …, loss 2.500`; only training has a loss. */
function readSummary(output: string): Timing {
  const found = /min ([\d.]+) median ([\d.]+) ms/.exec(output);
  if (!found) throw new Error(`expected a line with min and median, got ${output}`);
  const [minimum, median] = found.slice(1).map(Number);
  const loss = /loss ([\d.]+)/.exec(output)?.[1];
  return { minimum, median, loss: loss === undefined ? undefined : Number(loss) };
}

/** Reads `… generate: 1.29 ms a token`, the fastest of three texts. */
function readGeneration(output: string): Timing {
  const found = /generate: ([\d.]+) ms a token/.exec(output);
  if (!found) throw new Error(`expected a line with the time of a token, got ${output}`);
  return { minimum: Number(found[1]), median: Number(found[1]) };
}

/**
 * Reads `wasm median 180.0 ms/step`; the minimum is over the steps that are printed: the third and
 * every tenth.
 */
function readJax(output: string): Timing {
  const median = Number(/median ([\d.]+) ms/.exec(output)?.[1]);
  const steps = [...output.matchAll(/^(\d+) ([\d.]+) ([\d.]+)ms$/gm)].map((line) =>
    line.slice(1).map(Number)
  );
  if (!(median > 0) || steps.length === 0) {
    throw new Error(`expected lines of steps and a median, got ${output}`);
  }
  const counted = steps.filter(([step]) => step > 1).map(([, , time]) => time);
  return { minimum: Math.min(median, ...counted), median, loss: steps.at(-1)![1] };
}

/** Prints a Markdown table; ratios above 1 are in Folio's favor. */
function table(work: PeerWork, programs: Program[], timings: Timing[][]): void {
  const rows = programs.flatMap(({ name }, i) => {
    if (timings[i].length === 0) return [];
    const medians = timings[i].map(({ median }) => median).sort((a, b) => a - b);
    const minimum = Math.min(...timings[i].map(({ minimum }) => minimum));
    const { loss } = timings[i].at(-1)!;
    return [{ name, minimum, median: medians[medians.length >> 1], loss }];
  });
  const train = work.what === "train";
  const { layers, width, context, batch } = work;
  const { row, tokens, of } = {
    train: { row: "step", tokens: batch * context, of: `batch ${batch}` },
    generate: { row: "token", tokens: 1, of: `one sequence, ${work.steps} tokens` },
    prompt: { row: "prompt", tokens: 512, of: "a prompt of 512 tokens" },
    attention: { row: "attention", tokens: context, of: "attention and its derivative" },
  }[work.what];
  const where = work.device === "webgpu" ? "WebGPU" : `threads: ${work.threads}`;
  print(`${layers} layers, width ${width}, context ${context}, ${of}, ${where}`);
  print(
    `| ${row} of | minimum, ms | median, ms | minimum ÷ Folio's | median ÷ Folio's | tokens/s at best |${
      train ? " last loss |" : ""
    }`,
  );
  print(`|${" --- |".repeat(train ? 7 : 6)}`);
  const digits = work.what === "generate" ? 3 : 1;
  for (const { name, minimum, median, loss } of rows) {
    const ratios = [minimum / rows[0].minimum, median / rows[0].median];
    const cells = [name, ...[minimum, median].map((time) => time.toFixed(digits))];
    cells.push(...ratios.map((ratio) => ratio.toFixed(2)), formatRate(1e3 * tokens / minimum));
    if (loss !== undefined) cells.push(loss.toFixed(3));
    print(`| ${cells.join(" | ")} |`);
  }
}
