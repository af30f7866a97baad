/**
 * A process that saves checkpoints until it is killed; checkpoint_kill_test.ts starts it.
 * Arguments: the folder, the step to begin with, and optionally the file operation before which it
 * kills itself while saving the first checkpoint (counted from 1).
 */
import { CheckpointFolder } from "../../lib/train/checkpoint_folder.ts";

/** The three files of a step: each says the step in every byte or in its text. */
export function filesOfStep(step: number): [string, Uint8Array[]][] {
  const piece = () => new Uint8Array(200_000).fill(step % 256);
  return [
    ["model.safetensors", [piece(), piece()]],
    ["optimizer.safetensors", [piece(), piece(), piece()]],
    ["run.json", [new TextEncoder().encode(JSON.stringify({ step }))]],
  ];
}

/**
 * Makes the process kill itself when it is about to make its `count`-th file operation from now.
 */
function dieBefore(count: number): void {
  const counted = <This, Args extends unknown[], Result>(
    operation: (this: This, ...args: Args) => Result,
  ) =>
    function (this: This, ...args: Args): Result {
      if (--count === 0) {
        Deno.kill(Deno.pid, "SIGKILL");
        for (;;); // the signal ends this
      }
      return operation.apply(this, args);
    };
  Object.assign(Deno, {
    open: counted(Deno.open),
    mkdir: counted(Deno.mkdir),
    rename: counted(Deno.rename),
    remove: counted(Deno.remove),
  });
  Object.assign(Deno.FsFile.prototype, {
    write: counted(Deno.FsFile.prototype.write),
    sync: counted(Deno.FsFile.prototype.sync),
  });
}

if (import.meta.main) {
  const [path, first, operation] = Deno.args;
  const folder = await CheckpointFolder.open(path);
  if (operation) dieBefore(Number(operation));
  for (let step = Number(first);; step++) {
    await folder.save(filesOfStep(step));
    console.log(step);
    if (operation) Deno.exit(0);
  }
}
