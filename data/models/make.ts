/**
 * Trains the model that ships and rounds its weights to float16.
 *
 *     deno run -A data/models/make.ts
 *     deno run -A data/models/make.ts --dataset FILE
 *     deno run -A data/models/make.ts --run runs/shakespeare    # only rounds a run that exists
 *     deno run -A data/models/make.ts --steps 20 --out DIR      # a trial
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { integer, text } from "../../lib/cli/flags.ts";
import { print, stderr, stdout } from "../../lib/cli/output.ts";
import { runScript, UserError } from "../../lib/cli/run.ts";
import { writeText } from "../../lib/cli/write_text.ts";
import { writeFileAtomically } from "../../lib/files.ts";
import { fileSource } from "../../lib/hub/file_source.ts";
import { encodeSafetensors, SafetensorsFile } from "../../lib/hub/safetensors.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const command = {
  name: "deno run -A data/models/make.ts",
  summary: "Trains the model that ships with Folio, and rounds its weights to float16.",
  flags: {
    dataset: text("tiny-shakespeare", "corpus, as `deno task train` takes it"),
    steps: integer(1600, "steps; with fewer, another model", { min: 1 }),
    out: text(path("shakespeare"), "folder to write", {
      placeholder: "DIR",
      shownDefault: "that of the model",
    }),
    run: text(undefined, "round this run instead of training one", { placeholder: "DIR" }),
  },
};

await runScript(command, async ({ flags: { dataset, steps, out, run } }) => {
  const folder = run ?? await train(dataset, steps);
  await Deno.mkdir(out, { recursive: true });
  for (const name of ["tokenizer.json", "generation_config.json"]) {
    await Deno.copyFile(`${folder}/best/${name}`, `${out}/${name}`);
  }
  const config = await Deno.readTextFile(`${folder}/best/config.json`);
  const halved = config.replace('"torch_dtype": "float32"', '"torch_dtype": "float16"');
  await writeText(`${out}/config.json`, halved);
  await round(`${folder}/best/model.safetensors`, `${out}/model.safetensors`);
  await deno(["fmt", "--quiet", "--config", path("../../deno.json"), out]);
  if (run === undefined) await Deno.remove(folder, { recursive: true });
  print(`wrote ${out}`);
}, { args: Deno.args, stdout, stderr, exit: Deno.exit });

/** Trains a run in a new folder; returns the folder. */
async function train(dataset: string, steps: number): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "folio-shakespeare-" });
  const recipe = ["--config", path("shakespeare.json"), "--steps", `${steps}`, "--device", "cpu"];
  const place = ["--dataset", dataset, "--out", folder];
  await deno(["run", "-A", path("../../scripts/train.ts"), ...recipe, ...place]);
  return folder;
}

async function deno(args: string[]): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (code !== 0) throw new UserError(`deno ${args[0]} ended with exit code ${code}`);
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
