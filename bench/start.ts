/**
 * Time from the train command to the end of its first step, and peak memory, with default settings.
 *
 *     deno run -A bench/start.ts TEXT [--runs N]
 *
 * Each run trains 20 steps, saves, samples and draws in a separate process and a temporary folder.
 * Peak memory is reported if the system shows it (Linux).
 *
 * @module
 */
import { integer } from "../lib/cli/flags.ts";
import { formatBytes } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { command as trainingCommand } from "../tests/support/command.ts";
import { peakResident, summary } from "./results.ts";

const command = {
  name: "deno run -A bench/start.ts",
  summary: "Times the start of training, and measures its peak memory.",
  positionals: { name: "TEXT", meaning: "a text to train on", min: 1, max: 1 },
  flags: { runs: integer(5, "number of runs", { min: 1 }) },
};

await runScript(command, async ({ flags: { runs }, positionals: [text] }) => {
  const file = await Deno.realPath(text);
  const starts: number[] = [];
  let peak = 0;
  for (let run = 0; run < runs; run++) {
    const { start, resident } = await train(file);
    starts.push(start);
    peak = Math.max(peak, resident);
  }
  const { minimum, median } = summary(starts);
  print(
    `start to first step done: minimum ${minimum.toFixed(2)} s, median ${
      median.toFixed(2)
    } s; peak resident memory ${formatBytes(peak)} (${runs} runs)`,
  );
});

/** Seconds to the first step's line, and the process's peak memory in bytes. */
async function train(file: string): Promise<{ start: number; resident: number }> {
  const folder = await Deno.makeTempDir();
  const args = ["--dataset", file, "--steps", "20", "--log-every", "1", "--out", `${folder}/run`];
  const begun = performance.now();
  const child = trainingCommand("train", args, folder);
  let [output, start, resident] = ["", NaN, 0];
  const watch = setInterval(async () => {
    resident = Math.max(resident, await peakResident(child.pid));
  }, 50);
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += part;
    if (isNaN(start) && /step +1\/20/.test(output)) start = (performance.now() - begun) / 1e3;
  }
  const [{ success }] = await Promise.all([child.status, child.stderr.cancel()]);
  clearInterval(watch);
  await Deno.remove(folder, { recursive: true });
  if (!success || isNaN(start)) throw new UserError(`training failed: ${output.slice(-500)}`);
  return { start, resident };
}
