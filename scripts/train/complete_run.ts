/**
 * Trains a run to its end or until a signal: what `deno task train` and `deno task finetune` do
 * once they have a model, an optimizer and batches.
 *
 * run.ts logs and saves; lib/train/loop.ts makes the steps.
 *
 * @module
 */
import { Interrupt } from "../../lib/cli/interrupt.ts";
import { print } from "../../lib/cli/output.ts";
import { trainingLoop } from "../../mod.ts";
import type { TrainBatches } from "./data.ts";
import { Run, type RunParts } from "./run.ts";
import { shareRun, updateNotes } from "./world.ts";

/** What a Ctrl-C during a long step does. */
const STOPPING = "stopping after this step; another Ctrl-C stops without saving";

/**
 * Trains a run, reports its result, and closes its device; a signal saves it and ends the process.
 */
export async function completeRun(
  parts: Omit<RunParts, "interrupt">,
  { batches, held }: TrainBatches,
): Promise<void> {
  const { trainer, device, plan: { settings: { steps }, reports } } = parts;
  using interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"]);
  const run = await Run.begin({ ...parts, interrupt: interrupt.signal });
  const { owesEvaluation: evaluateFirst } = run;
  const world = shareRun(parts, { evaluates: held !== undefined, evaluateFirst });
  for (const line of [...world, ...updateNotes(parts)]) print(line);
  const loop = trainingLoop(trainer, batches, {
    steps,
    ...reports,
    ...held,
    evaluateFirst,
    signal: run.signal,
  });
  try {
    for await (const event of loop) {
      await run.handle(event);
      // The line of the first step follows it; starting a thread would delay it by 60 ms or more.
      const isLineNext = event.kind === "step" && event.step === 1 && reports.logEvery > 0;
      if (!isLineNext) await interrupt.listenInWorker(STOPPING);
    }
  } catch (error) {
    throw await run.failure(error);
  }
  if (interrupt.signal.aborted) {
    await run.reportStop();
    trainer.world?.close();
    return Deno.exit(interrupt.exitCode);
  }
  interrupt[Symbol.dispose](); // all is saved: Ctrl-C may end what follows
  await run.reportResult();
  device.close();
}
