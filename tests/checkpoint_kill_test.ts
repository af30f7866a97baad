/**
 * Writers killed with SIGKILL: before every single file operation of a save, and at random moments.
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { checkpointPath } from "../lib/hub/folder_files.ts";
import { CheckpointFolder } from "../lib/train/checkpoint_folder.ts";
import { filesOfStep } from "./support/checkpoint_writer.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const writer = new URL("support/checkpoint_writer.ts", import.meta.url).pathname;

function startWriter(...args: (string | number)[]): Deno.ChildProcess {
  const permissions = ["--allow-read", "--allow-write", "--allow-run"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", ...permissions, writer, ...args.map(String)],
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** The step of the files found through `path`; fails if they belong to several steps. */
function stepOf(path: (name: string) => string): number {
  const { step } = JSON.parse(Deno.readTextFileSync(path("run.json")));
  for (const [name, chunks] of filesOfStep(step).slice(0, 2)) {
    const content = Deno.readFileSync(path(name));
    assert.equal(content.length, chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    assert.ok(content.every((byte) => byte === step % 256), `${name} is not of step ${step}`);
  }
  return step;
}

/** Checks the folder as a reader sees it, then opens it as a writer does; returns its step. */
async function checkFolder(folder: string): Promise<number> {
  const seen = stepOf((name) => checkpointPath(folder, name));
  (await CheckpointFolder.open(folder)).close();
  assert.equal(stepOf((name) => `${folder}/${name}`), seen);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual(names, [".lock", "model.safetensors", "optimizer.safetensors", "run.json"]);
  return seen;
}

Deno.test("killed before any one file operation of a save, a folder is of the old step or the new", () =>
  inTemporaryFolder(async (folder) => {
    const steps: number[] = [];
    for (let operation = 1;; operation++) {
      const old = await CheckpointFolder.open(folder);
      await old.save(filesOfStep(1));
      old.close();
      const { code, signal } = await startWriter(folder, 2, operation).output();
      steps.push(await checkFolder(folder));
      if (code === 0) break; // it lived: every operation has had its turn
      assert.equal(signal, "SIGKILL");
    }
    assert.ok(steps.length > 15, `only ${steps.length} operations`);
    const commit = steps.indexOf(2);
    assert.ok(commit > 5 && commit < steps.length - 3, `the new step counts from ${commit} on`);
    assert.deepEqual(steps, steps.map((_, operation) => operation < commit ? 1 : 2));
  }));

Deno.test("killed at twelve random moments, a folder loses at most the save that was under way", () =>
  inTemporaryFolder(async (folder) => {
    const random = new Random(12);
    let step = 0;
    for (let kill = 0; kill < 12; kill++) {
      const child = startWriter(folder, step + 1);
      let reported = step;
      const moment = 1 + random.integer(60);
      let timer: ReturnType<typeof setTimeout> | undefined;
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        reported = Math.max(reported, ...text.trim().split("\n").map(Number));
        timer ??= setTimeout(() => child.kill("SIGKILL"), moment);
      }
      assert.equal((await child.status).signal, "SIGKILL");
      step = await checkFolder(folder);
      assert.ok(step === reported || step === reported + 1, `reported ${reported}, found ${step}`);
    }
    assert.ok(step >= 12);
  }));
