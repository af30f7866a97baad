import assert from "node:assert/strict";
import { INTERFACES } from "../lib/device/mpi.ts";
import { openWorld, World } from "../lib/train/world.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { launch, type Launcher, LAUNCHERS, launchScripts } from "./support/mpi.ts";

/** A test with some launchers; without one it is reported as ignored. */
function forEachMpi(
  name: string,
  body: (launcher: Launcher, folder: string) => Promise<void>,
  launchers = LAUNCHERS,
): void {
  if (launchers.length === 0) Deno.test.ignore(`${name} (no MPI: mpirun was not found)`, () => {});
  for (const launcher of launchers) {
    Deno.test(`${name} (${launcher.name})`, async () => {
      const folder = await Deno.makeTempDir();
      await body(launcher, folder).finally(() => Deno.remove(folder, { recursive: true }));
    });
  }
}

const STEPS = "tests/support/world_steps.ts";

/** What process 0 of `world_steps.ts` found, with what its arguments are. */
async function stepsOf(
  launcher: Launcher,
  processes: number,
  folder: string,
  ...args: (number | string)[]
) {
  const { code, out, err } = await launch(launcher, processes, STEPS, args.map(String), folder);
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

forEachMpi("2 and 4 processes find the bits of one that accumulates", async (launcher, folder) => {
  const alone = await stepsOf(launcher, 1, folder, 4);
  assert.ok(alone.figures[11].loss < alone.figures[0].loss);
  assert.equal(alone.state, 48);
  assert.deepEqual(await stepsOf(launcher, 2, folder, 2), alone);
  assert.deepEqual(await stepsOf(launcher, 4, folder, 1), alone);
});

forEachMpi("Muon and a mean of weights have the bits of one process", async (launcher, folder) => {
  const alone = await stepsOf(launcher, 1, folder, 2, "muon");
  assert.deepEqual(await stepsOf(launcher, 2, folder, 1, "muon"), alone);
}, LAUNCHERS.slice(0, 1));

const TRAIN = "scripts/train.ts";
const SMALL = [
  ...["--dataset", "text.txt", "--device", "cpu", "--eval-every", "3"],
  ...["--eval-batches", "3", "--log-every", "2", "--checkpoint-every", "2", "--dropout", "0.1"],
  ...["--layers", "1", "--width", "16", "--context", "8"],
];

async function textIn(folder: string): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/text.txt`,
    "to be or not to be, that is the question. ".repeat(30),
  );
}

const weights = (run: string) => Deno.readFile(`${run}/model.safetensors`);

/** The validation losses of a run. */
async function validation(run: string): Promise<unknown[]> {
  const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim().split("\n");
  return lines.map((line) => JSON.parse(line)).filter((line) => "validationLoss" in line);
}

forEachMpi("deno task train:mpi trains what one process trains", async (launcher, folder) => {
  await textIn(folder);
  const train = async (processes: number, ...flags: string[]) => {
    const given = [...SMALL, "--heads", "1", "--batch", "2", ...flags];
    const result = await launch(launcher, processes, TRAIN, given, folder);
    assert.equal(result.code, 0, result.out + result.err);
    return result.out;
  };
  await train(1, "--steps", "6", "--accumulate", "2", "--out", "one");
  const out = await train(2, "--steps", "6", "--out", "two");
  assert.match(out, /world {4}2 processes on 1 machine, .*, 2 × 2 × 8 tokens an update, exact/);
  assert.equal(out.split("validation loss").length, 2, "process 0 alone prints");
  assert.deepEqual(await weights(`${folder}/two`), await weights(`${folder}/one`));
  assert.deepEqual(await validation(`${folder}/two`), await validation(`${folder}/one`));
  const metrics = await Deno.readTextFile(`${folder}/two/metrics.jsonl`);
  const shares = [...metrics.matchAll(/"communicationShare":([^,}]*)/g)].map(([, share]) => +share);
  assert.ok(shares.length === 4 && shares.every((share) => share > 0 && share <= 1), `${shares}`);

  // Resumed by another number of processes, with as many batches an update.
  await train(2, "--steps", "4", "--out", "three");
  await train(1, "--steps", "6", "--out", "three", "--resume", "--accumulate", "2");
  const { sequencesSeen } = JSON.parse(await Deno.readTextFile(`${folder}/three/run.json`));
  assert.equal(sequencesSeen, 24);
  const other = await train(2, "--steps", "7", "--out", "three", "--resume");
  const note =
    "an update has 8 sequences from here on (2 processes, --batch 2, --accumulate 2); it had 4";
  assert.ok(other.includes(note), other);
}, LAUNCHERS.slice(0, 1));

forEachMpi("a process that fails ends the others", async (launcher, folder) => {
  await textIn(folder);
  const flags = [...SMALL, "--out", "run"];
  for (
    const [more, message] of [
      [["--global-batch", "3"], /--global-batch 3: 2 processes cannot share it evenly; take 4/],
      [["--mpi", "./libmissing.so"], /error: MPI: \.\/libmissing\.so cannot be opened/],
      [["--heads", "3"], /error: .*heads/],
    ] as const
  ) {
    const result = await launch(launcher, 2, TRAIN, [...flags, ...more], folder);
    assert.notEqual(result.code, 0);
    assert.match(result.err, message);
    assert.doesNotMatch(result.err, /\.ts:\d+/, "no stack");
  }
  await assert.rejects(Deno.stat(`${folder}/run/model.safetensors`));
}, LAUNCHERS.slice(0, 1));

forEachMpi("a process that hangs ends the others after --mpi-timeout", async (launcher, folder) => {
  await textIn(folder);
  const flags = [...SMALL, "--heads", "1", "--batch", "2", "--out", "run", "--mpi-timeout", "2"];
  const running = launch(launcher, 2, TRAIN, [...flags, "--steps", "1000000"], folder);
  let step = 0;
  while (step < 20) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const record = await Deno.readTextFile(`${folder}/run/run.json`).catch(() => '{"step":0}');
    step = JSON.parse(record).step;
  }
  await stopOne("--out run --mpi-timeout 2");
  const { code, err, out } = await running;
  assert.notEqual(code, 0);
  assert.match(out + err, /error: process \d has waited 2 s for the others after step \d+: one/);
}, LAUNCHERS.slice(0, 1));

forEachMpi("a process with another script is refused", async (launcher, folder) => {
  const library = new URL("../mod.ts", import.meta.url);
  const script = `import { openWorld } from "${library}"; (await openWorld()).close();`;
  await Deno.writeTextFile(`${folder}/a.ts`, script);
  await Deno.writeTextFile(`${folder}/b.ts`, `${script} // edited`);
  const same = await launchScripts(launcher, [[1, "a.ts"], [1, "a.ts"]], folder);
  assert.equal(same.code, 0, same.err);
  const { code, err } = await launchScripts(launcher, [[1, "a.ts"], [1, "b.ts"]], folder);
  assert.notEqual(code, 0);
  assert.match(err, /world: process 1 has another code \([0-9a-f]{12}\) than process 0/);
}, LAUNCHERS.slice(0, 1));

/** Finds processes by words of their command line, as the files in /proc say them. */
const STOP_ONE = `for process in /proc/[0-9]*; do
  line=$(tr '\\0' ' ' < $process/cmdline 2>/dev/null)
  case "$line" in
    *mpirun* | sh*) ;;
    *scripts/train.ts*"$1"*) kill -STOP "\${process#/proc/}"; exit ;;
  esac
done
exit 1`;

/** Stops, with SIGSTOP, one of the processes whose command line contains `words`. */
async function stopOne(words: string): Promise<void> {
  const args = ["-c", STOP_ONE, "sh", words];
  const { success } = await new Deno.Command("sh", { args, stderr: "null" }).output();
  assert.ok(success, `no process with ${words}`);
}

Deno.test("the launcher of another MPI is refused", {
  ignore: LAUNCHERS.length < 2,
}, async () => {
  const [openMpi] = LAUNCHERS;
  const folder = await Deno.makeTempDir();
  await textIn(folder);
  const flags = [...SMALL, "--heads", "1", "--out", "run", "--mpi", "mpich"];
  const { code, err } = await launch(openMpi, 2, TRAIN, flags, folder);
  assert.notEqual(code, 0);
  assert.match(err, /the launcher started 2 processes and MPICH 4\S* sees 1: the launcher is of/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("without a launcher the world is one process, and sums change nothing", async () => {
  const world = await openWorld();
  assert.deepEqual([world.rank, world.size, world.processesHere], [0, 1, 1]);
  const device = new CpuDevice({ threads: 1 });
  useDevice(device);
  const x = tensor([1, 2]);
  await world.allReduce(x);
  await world.broadcast(x);
  assert.deepEqual([...await x.data()], [1, 2]);
  assert.deepEqual(world.gather([3, 4]), [[3, 4]]);
  assert.deepEqual(world.broadcastJson({ a: 1 }), { a: 1 });
  assert.deepEqual([world.any(true), world.any(false)], [true, false]);
  assert.equal(world.sumsPairwise(10), true);
  world.close();
  device.close();
  await assert.rejects(openWorld({ mip: "auto" } as never), /unknown option 'mip'.*'mpi'/);
  await assert.rejects(openWorld({ mpi: 3 } as never), /mpi must be a name or a path, got 3/);
  assert.ok(world instanceof World);
});

Deno.test("the three binary interfaces name every handle", () => {
  for (const { handle, handles } of Object.values(INTERFACES)) {
    assert.deepEqual(Object.keys(handles), ["world", "float", "byte", "sum"]);
    const types = new Set(Object.values(handles).map((value) => typeof value));
    assert.equal(types.size, 1);
    if (handle === "i32") assert.ok(types.has("number"));
  }
});
