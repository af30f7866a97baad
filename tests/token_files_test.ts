import assert from "node:assert/strict";
import { loadTokenFile, saveTokenFile } from "../lib/data/token_files.ts";
import { UserError } from "../lib/errors.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("tokens are little-endian 16-bit integers and are read back", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/train.bin`;
    for (const tokens of [Uint32Array.of(1, 258, 65535), Int32Array.of(1, 258, 65535)]) {
      await saveTokenFile(path, tokens);
      assert.deepEqual([...await Deno.readFile(path)], [1, 0, 2, 1, 255, 255]);
      assert.deepEqual(await loadTokenFile(path), Uint16Array.of(1, 258, 65535));
    }
    await saveTokenFile(path, new Uint16Array(0));
    assert.equal((await loadTokenFile(path)).length, 0);
    assert.deepEqual(namesIn(folder), ["train.bin"]);
  }));

Deno.test("ids that 16 bits do not hold are refused before anything is written", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/train.bin`;
    await saveTokenFile(path, Uint16Array.of(7));
    await assert.rejects(
      saveTokenFile(path, Uint32Array.of(1, 70000, 65536)),
      new RangeError(
        `${path}: expected ids from 0 to 65535 (16 bits), got 70000; ` +
          "use a tokenizer with a smaller vocabulary",
      ),
    );
    await assert.rejects(saveTokenFile(path, Int32Array.of(3, -2)), /got -2; use/);
    assert.deepEqual([...await loadTokenFile(path)], [7]);
  }));

Deno.test("a file of odd length, or with ids beyond the vocabulary, is refused", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/train.bin`;
    await Deno.writeFile(path, new Uint8Array(5));
    await assert.rejects(loadTokenFile(path), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.match(error.message, /train\.bin: expected 16-bit tokens, got an odd number.*, 5;/);
      return true;
    });
    await saveTokenFile(path, Uint16Array.of(64, 65, 3));
    assert.equal((await loadTokenFile(path, { vocabSize: 66 })).length, 3);
    await assert.rejects(
      loadTokenFile(path, { vocabSize: 65 }),
      /expected ids below 65, the size of the vocabulary, got 65 at token 1;/,
    );
  }));

Deno.test("what the system refuses is the user's mistake", () =>
  inTemporaryFolder(async (folder) => {
    const missing = `${folder}/none/train.bin`;
    await assert.rejects(
      loadTokenFile(missing),
      new UserError(`cannot read ${missing}: no such file or folder`),
    );
    await assert.rejects(
      saveTokenFile(missing, Uint16Array.of(1)),
      new UserError(`cannot write ${missing}: no such file or folder`),
    );
    await assert.rejects(loadTokenFile(folder), UserError);
    await assert.rejects(saveTokenFile(folder, Uint16Array.of(1)), UserError);
  }));

Deno.test({
  name: "a full disk and a read-only one leave the old file",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk(64 * 1024);
    const path = `${disk.path}/train.bin`;
    await saveTokenFile(path, Uint16Array.of(1, 2));
    await assert.rejects(saveTokenFile(path, new Uint16Array(100_000)), /cannot write .*No space/);
    assert.deepEqual([...await loadTokenFile(path)], [1, 2]);
    assert.deepEqual(namesIn(disk.path), ["train.bin"]);
    disk.makeReadOnly();
    await assert.rejects(saveTokenFile(path, Uint16Array.of(3)), UserError);
    assert.deepEqual([...await loadTokenFile(path)], [1, 2]);
  },
});
