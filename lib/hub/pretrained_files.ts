/**
 * A model written as Hugging Face's `transformers` opens it: `config.json`,
 * `generation_config.json`, `model.safetensors` and the tokenizer's files.
 *
 * @module
 */
import { attempt, type Chunks, writeFileAtomically } from "../files.ts";
import { UserError } from "../errors.ts";
import type { GPT } from "../nn/gpt.ts";
import { size } from "../shape.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { VERSION } from "../version.ts";
import { type TextEnds, writeModelConfig } from "./config.ts";
import { tokenizerFiles } from "./pretrained_tokenizer.ts";
import { assertFinite, encodeSafetensorsHeader } from "./safetensors.ts";
import { storedShapes, storedTensors } from "./stored_tensors.ts";

/** In `config.json`: says that Folio wrote the folder, and so may write it again. */
const MARK = "folio_version";

/** What is saved. A loaded model can be given as it is. */
export interface Saved extends Partial<TextEnds> {
  /** Weights and configuration. */
  readonly model: GPT;
  /** The tokenizer that the model's ids are of. */
  readonly tokenizer?: Tokenizer;
}

/**
 * Saves a model to a folder, which is made where it is missing, under the names and in the layouts
 * of the architecture that computes it: GPT-2, GPT-Neo, Llama, Mistral, Qwen2, or Folio's own for
 * what none of them expresses. Weights are f32.
 *
 * @throws {UserError} where the folder holds files of these names that this function did not write,
 *   or cannot be written
 * @throws {RangeError} where a weight is NaN or infinite
 *
 * ```ts
 * import { GPT, openDevice, savePretrained } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 16 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, { model, endTokens: [0] });
 * console.log([...Deno.readDirSync(folder)].map(({ name }) => name)); // config.json, generation_config.json, model.safetensors
 * device.close();
 * ```
 */
export async function savePretrained(folder: string | URL, saved: Saved): Promise<void> {
  const path = folder instanceof URL ? pathOf(folder) : folder.replace(/(?<=.)[/\\]+$/, "");
  const { model, tokenizer } = saved;
  const config = { ...writeModelConfig(model.config, saved), [MARK]: VERSION };
  const files: [name: string, content: Chunks][] = [
    ["model.safetensors", weights(model)],
    ...tokenizer ? tokenizerFiles(tokenizer, saved) : [],
    ["generation_config.json", json(generationConfig(saved))],
    ["config.json", json(config)],
  ];
  await attempt(`saving a model in ${path}`, () => Deno.mkdir(path, { recursive: true }));
  expectOwn(path, files.map(([name]) => name));
  for (const [name, content] of files) await writeFileAtomically(`${path}/${name}`, content);
}

function generationConfig({ beginToken, endTokens = [] }: Saved): Record<string, unknown> {
  return {
    _from_model_config: true,
    ...(beginToken === undefined ? {} : { bos_token_id: beginToken }),
    ...(endTokens.length === 0
      ? {}
      : { eos_token_id: endTokens.length > 1 ? endTokens : endTokens[0] }),
  };
}

/** One parameter is read from the device at a time. */
async function* weights(model: GPT): AsyncGenerator<Uint8Array> {
  const { config } = model;
  const parameters = [...model.namedParameters()];
  const shapes = parameters.flatMap(([name, { shape }]) => storedShapes(config, name, shape));
  const entries = shapes.map(([name, shape]) => [name, { dtype: "F32", shape }] as const);
  yield encodeSafetensorsHeader(entries, { format: "pt" });
  for (const [name, parameter] of parameters) {
    const { shape } = parameter;
    const data = await parameter.data() as Float32Array<ArrayBuffer>;
    assertFinite(name, data);
    for (const stored of storedTensors(config, { name, shape, data })) {
      yield new Uint8Array(stored.data.buffer, stored.data.byteOffset, 4 * size(stored.shape));
    }
  }
}

function json(content: unknown): Chunks {
  return [new TextEncoder().encode(JSON.stringify(content, undefined, 2) + "\n")];
}

/** Throws where one of the files is there already, unless this function wrote it. */
function expectOwn(folder: string, names: readonly string[]): void {
  const foreign = names.find((name) => exists(`${folder}/${name}`));
  if (foreign === undefined || isOwn(folder)) return;
  throw new UserError(
    `saving a model in ${folder}: it holds a ${foreign} that savePretrained did not write; name another folder`,
  );
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function isOwn(folder: string): boolean {
  try {
    const config = JSON.parse(Deno.readTextFileSync(`${folder}/config.json`));
    return typeof config === "object" && config !== null && MARK in config;
  } catch {
    return false;
  }
}

function pathOf(folder: URL): string {
  if (folder.protocol === "file:") return decodeURIComponent(folder.pathname).replace(/\/$/, "");
  throw new UserError(`saving a model in ${folder}: expected a folder`);
}
