/**
 * savePretrained writes the names, shapes and numbers of the published formats, and never
 * overwrites others' files.
 */
import assert from "node:assert/strict";
import { fileSource } from "../lib/hub/file_source.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { size } from "../lib/shape.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { forEachDevice } from "./support/devices.ts";
import { DECODERS, weight, weightFile } from "./support/pretrained_golden.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const json = async (path: string) => JSON.parse(await Deno.readTextFile(path));

for (const [name, golden] of Object.entries(DECODERS)) {
  forEachDevice(`${name} is written as it was read`, async () => {
    await inTemporaryFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(golden.config));
      await Deno.writeFile(
        `${folder}/model.safetensors`,
        await weightFile(golden, { dtype: "F16" }),
      );
      const loaded = await loadPretrained(folder);
      const out = `${folder}/made/of it/`;
      await savePretrained(out, loaded);

      const config = await json(`${out}/config.json`);
      for (const [field, value] of Object.entries(golden.config)) {
        assert.deepEqual(config[field], value, field);
      }
      const { bos_token_id, eos_token_id } = await json(`${out}/generation_config.json`);
      assert.deepEqual(
        [bos_token_id, eos_token_id],
        [golden.config.bos_token_id, golden.config.eos_token_id],
      );
      const file = await SafetensorsFile.open(fileSource(`${out}/model.safetensors`));
      assert.equal(file.metadata.get("format"), "pt"); // transformers requires it
      assert.deepEqual([...file.tensors.keys()].sort(), Object.keys(golden.shapes).sort());
      for (const [name, { shape, dtype }] of file.tensors) {
        assert.equal(dtype, "F32");
        assert.deepEqual(shape, golden.shapes[name], name);
        assert.deepEqual(await file.float32(name), weight(name, size(shape)), name);
      }
      file.close();
      const again = await loadPretrained(out);
      assert.deepEqual(again.config, loaded.config);
    });
  });
}

const small = { vocabSize: 8, contextLength: 8, layers: 1, heads: 2, width: 8 };

forEachDevice("a tokenizer is saved beside the weights", async () => {
  await inTemporaryFolder(async (folder) => {
    const tokenizer = CharacterTokenizer.fromText("abcdefgh");
    await savePretrained(folder, { model: new GPT(small), tokenizer, endTokens: [3, 4] });
    const { tokenizer: again, endTokens } = await loadPretrained(folder);
    assert.deepEqual(again.toJSON(), tokenizer.toJSON());
    assert.deepEqual(endTokens, [3, 4]);
    assert.equal((await json(`${folder}/tokenizer_config.json`)).eos_token, "d");
  });
});

forEachDevice(
  "foreign files are not overwritten; own ones are, but not by weights that are not finite",
  async () => {
    await inTemporaryFolder(async (folder) => {
      const model = new GPT(small);
      await Deno.writeTextFile(`${folder}/notes.txt`, "mine");
      await Deno.writeTextFile(`${folder}/config.json`, "{}");
      const message =
        /holds a config.json that savePretrained did not write; choose another folder/;
      await assert.rejects(savePretrained(folder, { model }), { name: "UserError", message });
      assert.equal(await Deno.readTextFile(`${folder}/config.json`), "{}");
      await Deno.remove(`${folder}/config.json`);
      await savePretrained(folder, { model });
      await savePretrained(new URL(`file://${folder}`), { model });
      const before = await Deno.readFile(`${folder}/model.safetensors`);
      model.tokens.weight.write(new Float32Array(64).fill(NaN));
      await assert.rejects(savePretrained(folder, { model }), RangeError);
      assert.deepEqual(await Deno.readFile(`${folder}/model.safetensors`), before);
      const file = `${folder}/notes.txt`;
      await assert.rejects(savePretrained(`${file}/x`, { model }), { name: "UserError" });
    });
  },
);
