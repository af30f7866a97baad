/** Several files that change together: saving, recovery, the lock, and refusals of the system. */
import assert from "node:assert/strict";
import { checkpointPath } from "../lib/hub/folder_files.ts";
import { CheckpointFolder } from "../lib/train/checkpoint_folder.ts";
import { canMount, smallDisk } from "./support/small_disk.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

type Files = [string, Uint8Array[]][];

const files = (contents: Record<string, string>): Files =>
  Object.entries(contents).map(([name, text]) => [name, [new TextEncoder().encode(text)]]);

/** Every file in the folder, hidden ones too, with its text; the lock is left out. */
function contents(folder: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    if (name !== ".lock") result[name] = isFile ? Deno.readTextFileSync(`${folder}/${name}`) : "/";
  }
  return result;
}

Deno.test("a save replaces the named files and leaves the others", () =>
  inTemporaryFolder(async (parent) => {
    const path = `${parent}/runs/first`;
    using folder = await CheckpointFolder.open(path);
    await folder.save(files({ config: "c", model: "m1", optimizer: "o1" }));
    assert.deepEqual(contents(path), { config: "c", model: "m1", optimizer: "o1" });
    await folder.save(files({ model: "m2", optimizer: "o2" }));
    assert.deepEqual(contents(path), { config: "c", model: "m2", optimizer: "o2" });
    assert.equal(checkpointPath(path, "model"), `${path}/model`);
  }));

Deno.test("a save that starts during another waits for it", () =>
  inTemporaryFolder(async (path) => {
    using folder = await CheckpointFolder.open(path);
    const events: string[] = [];
    async function* slow(name: string) {
      events.push(`${name} begins`);
      yield new TextEncoder().encode(name);
      await new Promise((resolve) => setTimeout(resolve, 5));
      events.push(`${name} ends`);
    }
    await Promise.all(["first", "second"].map((name) => folder.save([["model", slow(name)]])));
    assert.deepEqual(events, ["first begins", "first ends", "second begins", "second ends"]);
    assert.deepEqual(contents(path), { model: "second" });
  }));

Deno.test("an error of the content leaves the old checkpoint, and the next save works", () =>
  inTemporaryFolder(async (path) => {
    using folder = await CheckpointFolder.open(path);
    await folder.save(files({ model: "m1", optimizer: "o1" }));
    const failure = new TypeError("the device is lost");
    function* failing() {
      yield new Uint8Array(3);
      throw failure;
    }
    const save = folder.save([...files({ model: "m2" }), ["optimizer", failing()]]);
    await assert.rejects(save, (error) => error === failure);
    assert.deepEqual(contents(path), { model: "m1", optimizer: "o1" });
    await folder.save(files({ model: "m3", optimizer: "o3" }));
    assert.deepEqual(contents(path), { model: "m3", optimizer: "o3" });
  }));

Deno.test("opening throws away a checkpoint that was not complete, and stale temporary files", () =>
  inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/model`, "m1");
    await Deno.writeTextFile(`${path}/.loss.svg.0123456789ab.tmp`, "half");
    await Deno.mkdir(`${path}/.checkpoint.tmp`);
    await Deno.writeTextFile(`${path}/.checkpoint.tmp/model`, "half of m2");
    assert.equal(checkpointPath(path, "model"), `${path}/model`);
    using _ = await CheckpointFolder.open(path);
    assert.deepEqual(contents(path), { model: "m1" });
  }));

Deno.test("opening finishes a checkpoint that was complete; a reader finds it before that", () =>
  inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/model`, "m2"); // in place already
    await Deno.writeTextFile(`${path}/optimizer`, "o1");
    await Deno.mkdir(`${path}/.checkpoint`);
    await Deno.writeTextFile(`${path}/.checkpoint/optimizer`, "o2");
    const read = (name: string) => Deno.readTextFileSync(checkpointPath(path, name));
    assert.deepEqual([read("model"), read("optimizer")], ["m2", "o2"]);
    using _ = await CheckpointFolder.open(path);
    assert.deepEqual(contents(path), { model: "m2", optimizer: "o2" });
    assert.deepEqual([read("model"), read("optimizer")], ["m2", "o2"]);
  }));

Deno.test("two writers: the second is refused until the first has closed", () =>
  inTemporaryFolder(async (path) => {
    const first = await CheckpointFolder.open(path);
    await assert.rejects(CheckpointFolder.open(path), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.equal(
        error.message,
        `cannot open the run folder ${path}: another process is writing in it; ` +
          "wait for it to end or name another folder",
      );
      return true;
    });
    first.close();
    first.close();
    await assert.rejects(first.save([]), { name: "TypeError", message: /it was closed before/ });
    (await CheckpointFolder.open(path)).close();
  }));

Deno.test("a path that is a file cannot be opened", () =>
  inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/run`, "");
    await assert.rejects(CheckpointFolder.open(`${path}/run`), {
      name: "UserError",
      message: /^cannot open the run folder .*\/run: there is a file of that name/,
    });
  }));

Deno.test({
  name: "a full disk: the old checkpoint stays, all of it, and a smaller one still fits",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk(256 * 1024);
    using folder = await CheckpointFolder.open(disk.path);
    const fill = (text: string) => text.repeat(60_000);
    const old = { model: fill("a"), optimizer: fill("b") };
    await folder.save(files(old));
    const large = files({ model: fill("c"), optimizer: fill("ddd") });
    await assert.rejects(folder.save(large), {
      name: "UserError",
      message: `cannot write ${disk.path}/optimizer: No space left on device (os error 28); ` +
        "free some space or name another folder",
    });
    assert.deepEqual(contents(disk.path), old);
    await folder.save(files({ model: "e", optimizer: "f" }));
    assert.deepEqual(contents(disk.path), { model: "e", optimizer: "f" });
  },
});

Deno.test({
  name: "a read-only folder: opening says so; one that becomes so keeps its checkpoint",
  ignore: !canMount,
  async fn() {
    using disk = smallDisk(256 * 1024);
    const folder = await CheckpointFolder.open(`${disk.path}/run`);
    await folder.save(files({ model: "m1" }));
    folder.close();
    disk.makeReadOnly();
    const message =
      /^cannot open the run folder .*: Read-only file system .*; name a folder that can be/;
    await assert.rejects(CheckpointFolder.open(`${disk.path}/run`), { name: "UserError", message });
    await assert.rejects(CheckpointFolder.open(`${disk.path}/new`), { name: "UserError", message });
    assert.equal(await Deno.readTextFile(checkpointPath(`${disk.path}/run`, "model")), "m1");
  },
});
