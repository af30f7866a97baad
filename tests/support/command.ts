/**
 * Runs the commands as real processes on small settings.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadRunState } from "../../lib/train/checkpoint_state.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a command left behind. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command that runs in `folder` with the permissions of its task. */
export function command(
  script: string,
  args: readonly string[],
  folder: string,
  env: Record<string, string> = {},
  stdin: "null" | "piped" = "null",
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-read",
      "--allow-write",
      "--allow-net=127.0.0.1",
      ...script === "train" || script === "sample"
        ? ["--allow-env=DENO_V8_FLAGS,HF_TOKEN,HF_ENDPOINT"]
        : [],
      "--no-lock",
      `${ROOT}scripts/${script}.ts`,
      ...args,
    ],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/**
 * Waits for a command. Lines of graphics drivers are left out of what it wrote to standard error.
 */
export async function finished(child: Deno.ChildProcess): Promise<Finished> {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const err = text(stderr).split("\n").filter((line) => !line.includes("XDG_RUNTIME_DIR")).join(
    "\n",
  );
  return { code, out: text(stdout), err };
}

/** Runs a command to its end. */
export function run(script: string, args: readonly string[], folder: string): Promise<Finished> {
  return finished(command(script, args, folder));
}

/** Checks that a command ended with exit code 2 and one line, an error with this message. */
export function refused({ code, err }: Finished, message: RegExp): void {
  assert.equal(code, 2, err);
  assert.match(err, /^error: [^\n]*\n?$/);
  assert.match(err, message);
}

/** Arguments written as one line: those of a command whose values hold no spaces. */
export function line(words: string): string[] {
  return words.split(" ");
}

/** Settings that make a run of a second. */
export const TINY: readonly string[] = line(
  "--device cpu --layers 1 --heads 2 --width 32 --context 16 --batch 4 --eval-batches 2",
);

/** A folder with a small text, `text.txt`, in it; removed at the end of the scope. */
export async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "folio-" });
  const words = "the quick brown fox jumps over a lazy dog and runs through seven old woods".split(
    " ",
  );
  let text = "";
  for (let i = 0; text.length < 8000; i++) {
    text += words[(i * i + (i >> 2)) % words.length] + (i % 9 ? " " : ".\n");
  }
  await Deno.writeTextFile(`${path}/text.txt`, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The training losses in a run's metrics, by step. */
export async function losses(run: string): Promise<Map<number, number>> {
  const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim().split("\n");
  const values = lines.map((line) => JSON.parse(line));
  return new Map(values.filter((line) => "loss" in line).map(({ step, loss }) => [step, loss]));
}

/** Waits until the file that a command writes has `count` lines. */
export async function untilLine(
  child: Deno.ChildProcess,
  path: string,
  count: number,
): Promise<void> {
  await untilTrue(child, async () => {
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.split("\n").length > count;
  });
}

/** Waits until the run that a command trains has a checkpoint of `step` or later. */
export async function untilSaved(
  child: Deno.ChildProcess,
  run: string,
  step: number,
): Promise<void> {
  await untilTrue(child, () => loadRunState(run).then((saved) => saved.step >= step, () => false));
}

/** Waits until a condition holds; fails if the command ends before. */
export async function untilTrue(
  child: Deno.ChildProcess,
  condition: () => Promise<boolean>,
): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  while (!await condition()) {
    if (ended) throw new Error("the command ended too early");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
