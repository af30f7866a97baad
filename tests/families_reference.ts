/**
 * The models of golden/families, golden/encoders and golden, loaded and saved by Folio and opened
 * by transformers in a Python that has it: what it computes must be what is expected.
 *
 *     deno run -A tests/families_reference.ts PYTHON [NAME ...]
 *
 * @module
 */
import { loadClassifier } from "../lib/hub/load_classifier.ts";
import { loadEncoder } from "../lib/hub/load_encoder.ts";
import { loadEncoderDecoder } from "../lib/hub/load_encoder_decoder.ts";
import { loadMaskedLanguageModel } from "../lib/hub/load_masked_language_model.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { type PretrainedToSave, savePretrained } from "../lib/hub/pretrained_files.ts";
import { openDevice } from "../mod.ts";
import {
  ENCODER_DECODERS,
  ENCODERS,
  type Golden,
  MASKED,
  weightFile,
} from "./support/pretrained_golden.ts";

const GOLDEN = new URL("golden", import.meta.url).pathname;
const [python, ...names] = Deno.args;
const isAsked = (name: string) => names.length === 0 || names.includes(name);

/** The arguments of each Python script: names, and the folders that were saved. */
const saved = { families: [] as string[], encoders: [] as string[] };

async function save(of: keyof typeof saved, name: string, model: PretrainedToSave): Promise<void> {
  const path = await Deno.makeTempDir();
  await savePretrained(path, model);
  saved[of].push(name, path);
}

/** Loads a golden model's files. */
async function loaded(
  golden: Golden,
  load: (folder: string) => Promise<PretrainedToSave>,
): Promise<PretrainedToSave> {
  const path = await Deno.makeTempDir();
  await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(golden.config));
  await Deno.writeFile(`${path}/model.safetensors`, await weightFile(golden));
  const model = await load(path);
  await Deno.remove(path, { recursive: true });
  return model;
}

const device = await openDevice({ device: "cpu", threads: 1 });
for (const { name, isDirectory } of Deno.readDirSync(`${GOLDEN}/families`)) {
  if (!isDirectory || name === "__pycache__" || !isAsked(name)) continue;
  const model = await loadPretrained(`${GOLDEN}/families/${name}`, { tokenizer: false });
  await save("families", name, model);
}
const KINDS = [
  ["classifier", ENCODERS, loadClassifier, ""],
  ["encoder", ENCODERS, loadEncoder, ""],
  ["masked", MASKED, loadMaskedLanguageModel, "_masked"],
  ["encoder_decoder", ENCODER_DECODERS, loadEncoderDecoder, ""],
] as const;
for (const [kind, goldens, load, suffix] of KINDS) {
  for (const [name, golden] of Object.entries(goldens)) {
    if (isAsked(name)) {
      await save("encoders", `${kind}/${name}${suffix}`, await loaded(golden, load));
    }
  }
}
device.close();
for (const [folder, names] of Object.entries(saved)) {
  const args = [`${GOLDEN}/${folder}/reference.py`, "check", ...names];
  const options = { args, stderr: "inherit", stdout: "inherit" } as const;
  const { success } = await new Deno.Command(python, options).output();
  for (const path of names.filter((_, i) => i % 2 === 1)) {
    await Deno.remove(path, { recursive: true });
  }
  if (!success) Deno.exit(1);
}
