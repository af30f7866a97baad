/**
 * Trains the model that ships and rounds its weights to float16.
 *
 *     deno run -A data/models/make.ts
 *     deno run -A data/models/make.ts --dataset FILE
 *     deno run -A data/models/make.ts --run runs/shakespeare    # only rounds a run that exists
 *
 * @module
 */
import { text } from "../../lib/cli/flags.ts";
import { print, stderr, stdout } from "../../lib/cli/output.ts";
import { runScript, UserError } from "../../lib/cli/run.ts";
import { writeText } from "../../lib/cli/write_text.ts";
import { writeFileAtomically } from "../../lib/files.ts";
import { fileSource } from "../../lib/hub/file_source.ts";
import { encodeSafetensors, SafetensorsFile } from "../../lib/hub/safetensors.ts";

/** The settings that make the model; the seed is that of the preset. */
const SETTINGS = ["--preset", "modern", "--width", "96", "--context", "128", "--steps", "1600"];

const OUT = new URL("shakespeare/", import.meta.url).pathname;

const command = {
  name: "deno run -A data/models/make.ts",
  summary: "Trains the model that ships with Folio, and rounds its weights to float16.",
  flags: {
    dataset: text("tiny-shakespeare", "corpus, as `deno task train` takes it"),
    run: text(undefined, "round this run instead of training one", { placeholder: "DIR" }),
  },
};

await runScript(command, async ({ flags: { dataset, run } }) => {
  const folder = run ?? await train(dataset);
  await Deno.mkdir(OUT, { recursive: true });
  for (const name of ["tokenizer.json", "generation_config.json"]) {
    await Deno.copyFile(`${folder}/best/${name}`, `${OUT}${name}`);
  }
  const config = await Deno.readTextFile(`${folder}/best/config.json`);
  const halved = config.replace('"torch_dtype": "float32"', '"torch_dtype": "float16"');
  await writeText(`${OUT}config.json`, halved);
  await round(`${folder}/best/model.safetensors`, `${OUT}model.safetensors`);
  print(`wrote ${OUT}`);
}, { args: Deno.args, stdout, stderr, exit: Deno.exit });

/** Trains a run in a new folder; returns the folder. */
async function train(dataset: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "folio-shakespeare-" });
  const script = new URL("../../scripts/train.ts", import.meta.url).pathname;
  const args = ["run", "-A", script, ...SETTINGS, "--dataset", dataset, "--out", folder];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (code !== 0) throw new UserError(`training ended with exit code ${code}`);
  return folder;
}

/** Copies a file of weights with each rounded to float16. */
async function round(from: string, to: string): Promise<void> {
  const file = await SafetensorsFile.open(fileSource(from));
  const entries = await Promise.all(
    [...file.tensors].map(async ([name, { shape }]) => {
      const halves = new Float16Array(await file.float32(name));
      const data = new Uint16Array(halves.buffer);
      return [name, { shape, data, dtype: "F16" }] as const;
    }),
  );
  await writeFileAtomically(to, encodeSafetensors(entries));
}
