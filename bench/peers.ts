/**
 * A training step of Folio beside the same step of other libraries, in turn, on one machine: prints minima, medians and ratios.
 *
 *     deno run -A bench/peers.ts PEERS_FOLDER TEXT
 *
 * The folder may hold torch_gpt.py (PyTorch, run by /usr/bin/python3 without settings for OpenBLAS, so that it finds the best kernels by
 * itself) and jaxjs_gpt.ts (jax-js on WebAssembly). Give Tiny Shakespeare as the text, or another of 65 characters: jax-js's model has that
 * many tokens. Each round runs each program once, in a process of its own.
 *
 * @module
 */
import { type FlagValues, integer } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";

/** Milliseconds of one process's steps, and its last loss. */
interface Timing {
  least: number;
  median: number;
  loss: number;
}

/** A program to time: its file, how to run it, and how to read what it prints. */
interface Program {
  name: string;
  file: string;
  command: [string, ...string[]];
  read(output: string): Timing;
}

const flags = {
  rounds: integer(3, "times each program runs", { min: 1 }),
  steps: integer(40, "steps in a run", { min: 10 }),
  threads: integer(navigator.hardwareConcurrency, "threads of Folio and PyTorch", { min: 1 }),
  layers: integer(4, "blocks", { min: 1 }),
  heads: integer(4, "attention heads", { min: 1 }),
  width: integer(128, "size of a token's vector", { min: 1 }),
  context: integer(64, "tokens in a sequence", { min: 1 }),
  batch: integer(12, "sequences in a batch", { min: 1 }),
};

const command = {
  name: "deno run -A bench/peers.ts",
  summary: "Times a training step of Folio and of its peers in turn.",
  positionals: {
    name: "PEERS_FOLDER TEXT",
    meaning: "the peers' programs; a text",
    min: 2,
    max: 2,
  },
  flags,
};

await runScript(command, async ({ flags, positionals: [folder, text] }) => {
  const programs = await present(programsOf(folder, text, flags));
  const timings = programs.map((): Timing[] => []);
  for (let round = 1; round <= flags.rounds; round++) {
    for (const [i, program] of programs.entries()) {
      const timing = await time(program);
      if (timing) timings[i].push(timing);
    }
  }
  table(programs, timings);
});

function programsOf(folder: string, text: string, flags: FlagValues<typeof command.flags>) {
  const { layers, heads, width, context, batch, steps, threads } = flags;
  const sizes = [layers, heads, width, context, batch, steps].map(String);
  const own = new URL("peer_folio.ts", import.meta.url);
  const torch = `${folder}/torch_gpt.py`;
  const jax = `${folder}/jaxjs_gpt.ts`;
  const named = Object.entries({ layers, heads, width, context, batch, steps, threads });
  const deno = [Deno.execPath(), "run", "-A"] as const;
  return [
    {
      name: "Folio",
      file: own.pathname,
      command: [...deno, own.href, text, ...sizes, String(threads)],
      read: readSummary,
    },
    {
      name: "PyTorch",
      file: torch,
      command: ["/usr/bin/python3", torch, text, ...named.map(([key, n]) => `--${key}=${n}`)],
      read: readSummary,
    },
    {
      name: "jax-js, WebAssembly",
      file: jax,
      command: [...deno, "--no-config", jax, text, "wasm", ...sizes],
      read: readJax,
    },
  ] satisfies Program[] as Program[];
}

/** The programs whose file is there; each other is said in a line. */
async function present(programs: Program[]): Promise<Program[]> {
  const found: Program[] = [];
  for (const program of programs) {
    const isFile = await Deno.stat(program.file).then((info) => info.isFile, () => false);
    if (isFile) found.push(program);
    else print(`${program.name}: left out, because ${program.file} is not there`);
  }
  return found;
}

/** Runs a program once; undefined where it fails, which is said in a line. Folio itself must not fail. */
async function time(program: Program): Promise<Timing | undefined> {
  const [executable, ...args] = program.command;
  const env = Deno.env.toObject();
  for (const name of ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]) delete env[name];
  env.NO_COLOR = "1";
  const process = new Deno.Command(executable, { args, env, clearEnv: true });
  const result = await process.output().catch((error: Error) => error);
  const failed = result instanceof Error || !result.success;
  if (!failed) return program.read(new TextDecoder().decode(result.stdout));
  const reason = result instanceof Error ? result.message : errorLine(result.stderr);
  if (program.name === "Folio") throw new UserError(`Folio's step failed: ${reason}`);
  print(`${program.name}: a run is left out, because it failed: ${reason}`);
}

/** The line that says what was wrong: Python's is the last, Deno's comes before the stack. */
function errorLine(stderr: Uint8Array): string {
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  return lines.findLast((line) => /^(error|\w+Error)\b/.test(line)) ?? lines.at(-1)!;
}

/** Reads `min 50.0 median 60.0 ms a step, …, loss 2.500`. */
function readSummary(output: string): Timing {
  const found = /min ([\d.]+) median ([\d.]+) ms.*loss ([\d.]+)/.exec(output);
  if (!found) throw new Error(`expected a line with min, median and loss, got ${output}`);
  const [least, median, loss] = found.slice(1).map(Number);
  return { least, median, loss };
}

/** Reads `wasm median 180.0 ms/step`; the minimum is that of the steps it prints, the third and every tenth. */
function readJax(output: string): Timing {
  const median = Number(/median ([\d.]+) ms/.exec(output)?.[1]);
  const steps = [...output.matchAll(/^(\d+) ([\d.]+) ([\d.]+)ms$/gm)].map((line) =>
    line.slice(1).map(Number)
  );
  if (!(median > 0) || steps.length === 0) {
    throw new Error(`expected lines of steps and a median, got ${output}`);
  }
  const counted = steps.filter(([step]) => step > 1).map(([, , time]) => time);
  return { least: Math.min(median, ...counted), median, loss: steps.at(-1)![1] };
}

/** Prints a Markdown table; ratios above 1 are in Folio's favour. */
function table(programs: Program[], timings: Timing[][]): void {
  const rows = programs.flatMap(({ name }, i) => {
    if (timings[i].length === 0) return [];
    const medians = timings[i].map(({ median }) => median).sort((a, b) => a - b);
    const least = Math.min(...timings[i].map(({ least }) => least));
    const { loss } = timings[i].at(-1)!;
    return [{ name, least, median: medians[medians.length >> 1], loss }];
  });
  print(
    "| step of | minimum, ms | median, ms | minimum ÷ Folio's | median ÷ Folio's | last loss |",
  );
  print("| --- | --- | --- | --- | --- | --- |");
  for (const { name, least, median, loss } of rows) {
    const ratios = [least / rows[0].least, median / rows[0].median];
    const cells = [least.toFixed(1), median.toFixed(1), ...ratios.map((ratio) => ratio.toFixed(2))];
    print(`| ${[name, ...cells, loss.toFixed(3)].join(" | ")} |`);
  }
}
