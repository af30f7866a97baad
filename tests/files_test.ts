/** One file, whole or not there: replaced, refused by the system, left by a dead writer. */
import assert from "node:assert/strict";
import { removeStaleTemporaries, writeFileAtomically } from "../lib/files.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a file is made, then replaced, and nothing else is left", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await writeFileAtomically(path, [bytes("one "), bytes(""), bytes("two")]);
    assert.equal(await Deno.readTextFile(path), "one two");
    async function* later() {
      yield await Promise.resolve(bytes("three"));
    }
    await writeFileAtomically(path, later());
    assert.equal(await Deno.readTextFile(path), "three");
    await writeFileAtomically(path, []);
    assert.equal(await Deno.readTextFile(path), "");
    assert.deepEqual(names(folder), ["model.safetensors"]);
  }));

Deno.test("the old file is there, whole, while the new one is being written", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/run.json`;
    await writeFileAtomically(path, [bytes("old")]);
    async function* watched() {
      yield bytes("new, half");
      assert.equal(await Deno.readTextFile(path), "old");
      assert.equal(
        names(folder).filter((name) => /^\.run\.json\.\w{12}\.tmp$/.test(name)).length,
        1,
      );
      assert.deepEqual(await removeStaleTemporaries(folder), [], "a live writer's file is kept");
    }
    await writeFileAtomically(path, watched());
    assert.equal(await Deno.readTextFile(path), "new, half");
  }));

Deno.test("an error of the content passes through; the old file stays, the temporary one goes", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/run.json`;
    await writeFileAtomically(path, [bytes("old")]);
    const failure = new RangeError("the device is lost");
    function* failing() {
      yield bytes("new");
      throw failure;
    }
    await assert.rejects(writeFileAtomically(path, failing()), (error) => error === failure);
    assert.equal(await Deno.readTextFile(path), "old");
    assert.deepEqual(names(folder), ["run.json"]);
  }));

Deno.test("a missing folder is named, with the reason", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/none/run.json`;
    await assert.rejects(writeFileAtomically(path, []), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.equal(error.message, `cannot write ${path}: no such file or folder`);
      return true;
    });
  }));

Deno.test("what a dead writer left is removed; other files are not", () =>
  inTemporaryFolder(async (folder) => {
    const kept = [".hidden", ".run.json.0123456789ab", "run.json.0123456789ab.tmp", "run.json"];
    const stale = ".run.json.0123456789ab.tmp", live = ".loss.svg.ba9876543210.tmp";
    for (const name of [...kept, stale, live]) await Deno.writeTextFile(`${folder}/${name}`, "x");
    using writer = await Deno.open(`${folder}/${live}`, { write: true });
    assert.ok(await writer.tryLock(true));
    assert.deepEqual(await removeStaleTemporaries(folder), [stale]);
    assert.deepEqual(names(folder), [...kept, live].sort());
  }));

Deno.test({
  name: "a full disk: the reason is named, the old file stays, the space is freed",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk(256 * 1024);
    const path = `${disk.path}/model.safetensors`;
    await writeFileAtomically(path, [new Uint8Array(100_000).fill(1)]);
    const large = Array.from({ length: 4 }, () => new Uint8Array(100_000).fill(2));
    await assert.rejects(writeFileAtomically(path, large), {
      name: "UserError",
      message: `cannot write ${path}: No space left on device (os error 28); ` +
        "free some space or name another folder",
    });
    assert.deepEqual(await Deno.readFile(path), new Uint8Array(100_000).fill(1));
    assert.deepEqual(names(disk.path), ["model.safetensors"]);
    await writeFileAtomically(path, large.slice(0, 1));
    assert.deepEqual(await Deno.readFile(path), large[0]);
  },
});

Deno.test({
  name: "a read-only folder: the reason is named and the old file stays",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk(256 * 1024);
    const path = `${disk.path}/run.json`;
    await writeFileAtomically(path, [bytes("old")]);
    disk.makeReadOnly();
    await assert.rejects(writeFileAtomically(path, [bytes("new")]), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(
        error.message,
        /^cannot write .*run\.json: Read-only file system .*; name a folder/,
      );
      return true;
    });
    assert.equal(await Deno.readTextFile(path), "old");
  },
});
