/**
 * Compares a training step of Folio, or generation, with the same work in other libraries on one
 * machine, running the programs alternately: prints minima, medians and ratios.
 *
 *     deno run -A bench/peers.ts PEERS_FOLDER TEXT \
 *       [--size small6] [--what generate] [--blas auto] [--device webgpu]
 *
 * The folder may hold torch_gpt.py (PyTorch, run by /usr/bin/python3) and jaxjs_gpt.ts (jax-js).
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
  read(output: string): Timing;
}

const JAX = "jax-js";

/** Sizes by name, and the number of training steps in a run. */
const SIZES = {
  baby: { layers: 4, heads: 4, width: 128, context: 64, batch: 12, vocab: 0, steps: 40 },
  small6: { layers: 6, heads: 6, width: 384, context: 256, batch: 16, vocab: 0, steps: 8 },
  gpt2: { layers: 12, heads: 12, width: 768, context: 1024, batch: 1, vocab: 50257, steps: 5 },
};

const size = { min: 1, shownDefault: "the size's" };
const flags = {
  what: choice("train", "what to time", { choices: ["train", "generate"] }),
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
  if (work.what === "generate" && flags.jax) print("jax-js: left out, its program only trains");
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
  const steps = flags.steps ?? (what === "train" ? named.steps : Math.min(60, context - 4));
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
  { blas }: { blas?: string },
): Program[] {
  const { what, device, layers, heads, width, context, batch, steps, threads, vocab } = work;
  const own = new URL("peer_folio.ts", import.meta.url);
  const torch = `${folder}/torch_gpt.py`;
  const jax = `${folder}/jaxjs_gpt.ts`;
  const sizes = { layers, heads, width, context, batch };
  const generate = what === "generate";
  const torchFlags = { ...sizes, threads, ...generate ? { generate: steps, vocab } : { steps } };
  const deno = [Deno.execPath(), "run", "-A"] as const;
  const folio = (name: string, options: { blas?: string } = {}): Program => ({
    name,
    file: own.pathname,
    command: [...deno, own.href, text, JSON.stringify({ ...work, ...options })],
    read: generate ? readGeneration : readSummary,
  });
  const programs = [folio("Folio")];
  if (blas !== undefined && device === "cpu") programs.push(folio("Folio, BLAS", { blas }));
  if (device === "cpu") {
    programs.push({
      name: "PyTorch",
      file: torch,
      command: [
        ...["/usr/bin/python3", torch, text] as const,
        ...Object.entries(torchFlags).map(([key, n]) => `--${key}=${n}`),
      ],
      read: generate ? readGeneration : readSummary,
    });
  }
  if (generate) return programs;
  programs.push({
    name: JAX,
    file: jax,
    command: [
      ...[...deno, "--no-config", jax, text, device === "cpu" ? "wasm" : device] as const,
      ...[...Object.values(sizes), steps].map(String),
    ],
    read: readJax,
  });
  return programs;
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
  for (const name of ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]) delete env[name];
  if (core !== undefined) env.OPENBLAS_CORETYPE = core;
  env.NO_COLOR = "1";
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

/** Reads `min 50.0 median 60.0 ms a step, …, loss 2.500`. */
function readSummary(output: string): Timing {
  const found = /min ([\d.]+) median ([\d.]+) ms.*loss ([\d.]+)/.exec(output);
  if (!found) throw new Error(`expected a line with min, median and loss, got ${output}`);
  const [minimum, median, loss] = found.slice(1).map(Number);
  return { minimum, median, loss };
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
  const tokens = train ? work.batch * work.context : 1;
  const { layers, width, context, batch } = work;
  const where = work.device === "webgpu" ? "WebGPU" : `threads: ${work.threads}`;
  print(
    `${layers} layers, width ${width}, context ${context}, ${
      train ? `batch ${batch}` : `one sequence, ${work.steps} tokens`
    }, ${where}`,
  );
  print(
    `| ${
      train ? "step" : "token"
    } of | minimum, ms | median, ms | minimum ÷ Folio's | median ÷ Folio's | tokens/s at best |${
      train ? " last loss |" : ""
    }`,
  );
  print(`|${" --- |".repeat(train ? 7 : 6)}`);
  const digits = train ? 1 : 3;
  for (const { name, minimum, median, loss } of rows) {
    const ratios = [minimum / rows[0].minimum, median / rows[0].median];
    const cells = [name, ...[minimum, median].map((time) => time.toFixed(digits))];
    cells.push(...ratios.map((ratio) => ratio.toFixed(2)), formatRate(1e3 * tokens / minimum));
    if (loss !== undefined) cells.push(loss.toFixed(3));
    print(`| ${cells.join(" | ")} |`);
  }
}
