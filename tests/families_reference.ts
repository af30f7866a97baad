/**
 * The models of golden/families, loaded and saved by Folio and opened by transformers in a Python
 * that has it: its logits must be those in expected.json.
 *
 *     deno run -A tests/families_reference.ts PYTHON [NAME ...]
 *
 * @module
 */
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { openDevice } from "../mod.ts";

const FOLDER = new URL("golden/families", import.meta.url).pathname;
const [python, ...names] = Deno.args;
const device = await openDevice({ device: "cpu", threads: 1 });
for (const { name, isDirectory } of Deno.readDirSync(FOLDER)) {
  if (!isDirectory || name === "__pycache__") continue;
  if (names.length > 0 && !names.includes(name)) continue;
  const path = await Deno.makeTempDir();
  await savePretrained(path, await loadPretrained(`${FOLDER}/${name}`, { tokenizer: false }));
  const args = [`${FOLDER}/reference.py`, "check", name, path];
  const { success } = await new Deno.Command(python, { args, stderr: "inherit", stdout: "inherit" })
    .output();
  await Deno.remove(path, { recursive: true });
  if (!success) Deno.exit(1);
}
device.close();
