/**
 * The preset `modern` as a command: a run that is resumed to the bit, repeated from its run.json,
 * and opened by `sample` and `loadPretrained`.
 */
import assert from "node:assert/strict";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import type { Muon } from "../lib/optim/muon.ts";
import { modelOf, optimizerOf, PRESETS } from "../lib/train/presets.ts";
import { loadRunRecord } from "../scripts/train/record.ts";
import {
  command,
  finished,
  line,
  losses,
  run,
  scratchFolder,
  TINY,
  untilLine,
} from "./support/command.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";

const BASE = ["--preset", "modern", "--dataset", "text.txt", ...TINY, "--log-every", "1"];

/** The bytes of a run's tensors. */
async function tensorsOf(folder: string): Promise<Uint8Array[]> {
  const names = ["model.safetensors", "optimizer.safetensors"];
  const files = await Promise.all(names.map((name) => Deno.readFile(`${folder}/${name}`)));
  // The header holds run.json, whose command line and history differ.
  return files.map((file) =>
    file.slice(8 + Number(new DataView(file.buffer).getBigUint64(0, true)))
  );
}

Deno.test("a run of modern is killed and resumed, and repeated, with the same bits, and opened", async () => {
  await using folder = await scratchFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  const flags = [
    ...BASE,
    ...line("--steps 80 --eval-every 40 --checkpoint-every 10 --average 0.9"),
  ];
  const whole = await run("train", [...flags, ...line("--threads 2 --out whole")], folder.path);
  assert.equal(whole.code, 0, whole.err);
  const { settings } = await loadRunRecord(at("whole"));
  assert.deepEqual(settings, { ...PRESETS.modern, ...sizesOf(settings), average: 0.9 });
  assert.match(whole.out, /evaluations and best\/ are of the running mean of the weights/);

  const child = command("train", [...flags, ...line("--threads 1 --out cut")], folder.path);
  await untilLine(child, at("cut/metrics.jsonl"), 11);
  child.kill("SIGKILL");
  await finished(child);
  const { step } = await loadRunState(at("cut"));
  assert.ok(step >= 10 && step < 80, `killed too late to test anything: step ${step}`);
  const repeat = [
    "--config",
    at("whole/run.json"),
    ...line("--device cpu --out again --log-every 1"),
  ];
  for (const rest of [line("--resume --out cut --device cpu"), repeat]) {
    const { code, err } = await run("train", rest, folder.path);
    assert.equal(code, 0, err);
  }
  for (const name of ["cut", "again"]) {
    assert.deepEqual(await losses(at(name)), await losses(at("whole")));
    assert.deepEqual(await tensorsOf(at(name)), await tensorsOf(at("whole")));
  }

  const sample = await run(
    "sample",
    line("whole --max-new-tokens 20 --device cpu --prompt the"),
    folder.path,
  );
  assert.equal(sample.code, 0, sample.err);
  assert.match(sample.out, /the/);
  const device = await sharedDevice("cpu-1");
  const { model, architecture } = await loadPretrained(at("whole"), { device });
  assert.equal(architecture, "persimmon");
  assert.deepEqual(
    [model.config.activation, model.config.normGain, model.config.tiedHead],
    ["relu_squared", true, false],
  );
  const best = await loadPretrained(at("whole/best"), { device });
  const [last, mean] = await Promise.all(
    [model, best.model].map((each) => each.parameters()[0].data()),
  );
  assert.notDeepEqual(mean, last, "best/ holds the mean of weights");
  const refused = await run(
    "train",
    line("--resume --out cut --average 0.5 --device cpu"),
    folder.path,
  );
  assert.match(refused.err, /its run has average 0\.9, so --resume cannot take 0\.5/);
});

/** The settings of TINY. */
function sizesOf({ layers, heads, width, context, batch, steps }: typeof PRESETS.modern) {
  return { layers, heads, width, context, batch, steps };
}

forEachDevice("optimizerOf makes the optimizer of the settings", () => {
  const sizes = { layers: 1, heads: 1, width: 8, context: 4 };
  const modern = { ...PRESETS.modern, ...sizes };
  const model = modelOf(modern, 5);
  assert.equal(optimizerOf(modern, model).constructor.name, "Muon");
  const muon = optimizerOf({ ...modern, momentum: 0.8 }, model) as Muon;
  assert.equal(muon.options.momentum, 0.8);
  assert.equal(optimizerOf({ ...PRESETS.baby, ...sizes }, model).constructor.name, "AdamW");
});
