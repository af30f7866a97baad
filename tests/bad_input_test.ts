/** Mistakes of the user, through the real commands: one clear line, exit code 2, and nothing overwritten. */
import assert from "node:assert/strict";
import { command, type Finished, finished, run, scratchFolder, TINY } from "./command.ts";
import { canMount, smallDisk } from "./small_disk.ts";

const BASE = ["--dataset", "text.txt", ...TINY];

/** The base settings with another value of one flag. */
function withFlag(flag: string, value: string): string[] {
  return BASE.map((arg, i) => BASE[i - 1] === flag ? value : arg);
}

function refused({ code, err }: Finished, message: RegExp): void {
  assert.equal(code, 2, err);
  const lines = err.trim().split("\n").filter((line) => !/^fetch/.test(line));
  assert.equal(lines.length, 1, err);
  assert.match(lines[0], message);
}

const MISTAKES: [what: string, args: string[], message: RegExp][] = [
  ["unknown flag", ["--layrs", "3"], /unknown flag --layrs; did you mean --layers/],
  ["a value that is none", [...BASE, "--steps", "many"], /--steps expects a whole number/],
  [
    "heads that do not divide the width",
    withFlag("--heads", "5"),
    /heads 5 does not divide width 32/,
  ],
  ["a context longer than the corpus", [
    "--dataset",
    "text.txt",
    "--device",
    "cpu",
    "--context",
    "9000",
  ], /context of 9000.*corpus has/],
  ["a missing file", ["--dataset", "no.txt"], /no\.txt: no such file/],
  ["an empty corpus", ["--dataset", "empty.txt"], /empty\.txt.*empty/],
  ["no run to resume", ["--resume", "--out", "nothing"], /nothing: it holds no run\.json/],
];

for (const [what, args, message] of MISTAKES) {
  Deno.test(`train refuses ${what}`, async () => {
    await using folder = await scratchFolder();
    await Deno.writeTextFile(`${folder.path}/empty.txt`, "");
    refused(await run("train", args, folder.path), message);
    const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["empty.txt", "text.txt"]);
  });
}

Deno.test("a folder that holds a run is neither overwritten nor resumed with other settings", async () => {
  await using folder = await scratchFolder();
  const args = [...BASE, "--steps", "4", "--out", "run"];
  assert.equal((await run("train", args, folder.path)).code, 0);
  const before = await Deno.readFile(`${folder.path}/run/model.safetensors`);
  refused(await run("train", args, folder.path), /run holds a run already/);
  refused(
    await run("train", ["--resume", "--out", "run", "--width", "64"], folder.path),
    /has width 32.*cannot take 64/,
  );
  await Deno.writeTextFile(`${folder.path}/text.txt`, "another text ".repeat(100));
  refused(
    await run("train", ["--resume", "--out", "run", "--device", "cpu"], folder.path),
    /another text/,
  );
  assert.deepEqual(await Deno.readFile(`${folder.path}/run/model.safetensors`), before);
});

Deno.test("a damaged run is refused by name", async () => {
  await using folder = await scratchFolder();
  assert.equal(
    (await run("train", [...BASE, "--steps", "2", "--out", "run"], folder.path)).code,
    0,
  );
  const path = `${folder.path}/run/model.safetensors`;
  const whole = await Deno.readFile(path);
  const sample = () => run("sample", ["run", "--device", "cpu"], folder.path);
  const json = new TextDecoder().decode(
    whole.subarray(8, 8 + new DataView(whole.buffer).getUint32(0, true)),
  );
  const changed = (edit: (bytes: Uint8Array) => void) => {
    const bytes = whole.slice();
    edit(bytes);
    return bytes;
  };
  const header = (text: string) =>
    changed((bytes) =>
      bytes.set(new TextEncoder().encode(text.padEnd(json.length).slice(0, json.length)), 8)
    );
  const damaged: [Uint8Array, RegExp][] = [
    [whole.subarray(0, whole.length >> 1), /model\.safetensors/],
    [changed((bytes) => bytes.set([255, 255, 255, 127], 0)), /header/],
    [header(json.replace('"F32"', '"I32"')), /F32|I32|float/],
    [header(json.replace(/"data_offsets":\[\d+,/, '"data_offsets":[4,')), /offset|bytes/],
    [changed((bytes) => bytes.set([0, 0, 192, 127], bytes.length - 4)), /NaN/],
  ];
  for (const [bytes, message] of damaged) {
    await Deno.writeFile(path, bytes);
    refused(await sample(), message);
  }
  await Deno.writeFile(path, whole);
  refused(await run("sample", ["run", "--prompt", "été", "--device", "cpu"], folder.path), /é/);
  refused(await run("sample", ["text.txt", "--device", "cpu"], folder.path), /text\.txt/);
});

Deno.test("a loss that becomes NaN stops the run and keeps the last good checkpoint", async () => {
  await using folder = await scratchFolder();
  const args = [
    ...BASE,
    "--eval-every",
    "0",
    "--log-every",
    "1",
    "--clip",
    "0",
    "--checkpoint-every",
    "1",
  ];
  const hot = ["--learning-rate", "1e25", "--warmup-steps", "0", "--steps", "50", "--out", "run"];
  refused(await run("train", [...args, ...hot], folder.path), /loss became NaN at step \d+/);
});

Deno.test({ name: "a full disk and a read-only folder", ignore: !canMount }, async () => {
  await using folder = await scratchFolder();
  using disk = smallDisk(100_000);
  const args = [...BASE, "--steps", "4", "--out", `${disk.path}/run`];
  refused(await run("train", args, folder.path), /space|full/i);
  disk.makeReadOnly();
  refused(
    await run("train", [...args.slice(0, -1), `${disk.path}/other`], folder.path),
    /read-only/i,
  );
});

Deno.test("webgpu without an adapter is refused, and says what to install", async () => {
  await using folder = await scratchFolder();
  // A backend that this system does not have: no adapter is found.
  const env = { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" };
  const child = command("train", withFlag("--device", "webgpu"), folder.path, env);
  refused(await finished(child), /device 'webgpu': no adapter was found/);
});
