/** Pipes, folders and devices in the place of a file: one line, and nothing waits for them. */
import assert from "node:assert/strict";
import { loadPreparedCorpus, prepareCorpus } from "../lib/data/prepared_files.ts";
import { loadTokenFile } from "../lib/data/token_files.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { UserError } from "../lib/errors.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { loadRunState } from "../lib/train/checkpoint_state.ts";
import { MetricsLog } from "../lib/train/checkpoint_metrics.ts";
import { sharedDevice } from "./support/devices.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const OPTIONS = { sanitizeOps: false, sanitizeResources: false, ignore: Deno.build.os !== "linux" };

async function pipe(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success);
}

async function refused(reading: Promise<unknown>, message: RegExp): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise((resolve) => timer = setTimeout(resolve, 10_000, "it waits"));
  await assert.rejects(Promise.race([reading, patience]), (error: Error) => {
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return error instanceof UserError;
  });
  clearTimeout(timer);
}

Deno.test("each file of a model that is a pipe is refused by name", OPTIONS, async () => {
  useDevice(await sharedDevice("cpu-1"));
  const model = new GPT({ vocabSize: 128, contextLength: 8, layers: 1, heads: 1, width: 8 });
  const names = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
  ];
  for (const name of names) {
    await inTemporaryFolder(async (folder) => {
      await savePretrained(folder, { model, tokenizer: CharacterTokenizer.ascii() });
      if (name.endsWith("index.json")) await Deno.remove(`${folder}/model.safetensors`);
      await pipe(`${folder}/${name}`);
      await refused(
        loadPretrained(folder),
        new RegExp(`reading .*/${name}: expected a file, got a named pipe`),
      );
    });
  }
});

Deno.test("folders and devices are refused, too; a link to a file is read", OPTIONS, async () => {
  await inTemporaryFolder(async (folder) => {
    const config = `${folder}/config.json`;
    await Deno.mkdir(config);
    await refused(loadPretrained(folder), /config\.json: expected a file, got a folder/);
    await Deno.remove(config);
    await Deno.symlink("/dev/zero", config);
    await refused(loadPretrained(folder), /config\.json: expected a file, got a device/);
    await Deno.writeFile(`${folder}/tokens`, Uint8Array.of(1, 0, 2, 0));
    await Deno.symlink("tokens", `${folder}/train.bin`);
    assert.deepEqual([...await loadTokenFile(`${folder}/train.bin`)], [1, 2]);
  });
});

Deno.test("pipes among token files and in a run are refused", OPTIONS, async () => {
  await inTemporaryFolder(async (folder) => {
    const tokenizer = CharacterTokenizer.fromText("to be");
    await prepareCorpus(folder, { text: "to be or not".replace(/[^to be]/g, ""), tokenizer });
    await pipe(`${folder}/val.bin`);
    await refused(loadPreparedCorpus(folder), /val\.bin: expected a file, got a named pipe/);
    await pipe(`${folder}/tokenizer.json`);
    await refused(loadPreparedCorpus(folder), /tokenizer\.json: expected a file/);
    await pipe(`${folder}/run.json`);
    await refused(loadRunState(folder), /run\.json: expected a file, got a named pipe/);
    await pipe(`${folder}/metrics.jsonl`);
    await refused(MetricsLog.open(`${folder}/metrics.jsonl`, 1), /metrics\.jsonl: expected a file/);
  });
});
