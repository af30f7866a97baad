/**
 * The sum of a gradient over the processes of a world, beside a C program that makes the same
 * calls.
 *
 *     deno run -A bench/all_reduce.ts [--processes N] [--launcher PATH] [--repeats N]
 *
 * Each size is summed by both, alternately, in the same buckets, and the sums are checked first.
 * Needs `mpirun` and `mpicc` (Debian: libopenmpi-dev). A rate is bytes of the gradient per second.
 *
 * @module
 */
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { formatBytes } from "../lib/cli/numbers.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { BUCKET_BYTES } from "../lib/device/mpi.ts";
import { openDevice, openWorld, zeros } from "../mod.ts";
import { summary } from "./results.ts";

/** Parameters of a model with LoRA, baby, 10.7M and 124M. */
const COUNTS = [65_536, 809_856, 10_700_000, 124_000_000];

const C_PROGRAM = `
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, size, bucket = ${BUCKET_BYTES / 4};
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  long count = atol(argv[1]), repeats = atol(argv[2]);
  float *numbers = calloc(count, 4);
  for (long i = 0; i < repeats + 1; i++) {
    for (long j = 0; j < count; j++) numbers[j] = rank + 1;
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (long at = 0; at < count; at += bucket)
      MPI_Allreduce(MPI_IN_PLACE, numbers + at, count - at < bucket ? count - at : bucket,
                    MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    double seconds = MPI_Wtime() - start;
    if (numbers[count - 1] != size * (size + 1) / 2) MPI_Abort(MPI_COMM_WORLD, 3);
    if (rank == 0 && i > 0) printf("%.9f\\n", seconds);
  }
  MPI_Finalize();
}
`;

const command = {
  name: "deno run -A bench/all_reduce.ts",
  summary: "Times the sum of gradients over processes, beside a C program.",
  flags: {
    processes: integer(2, "processes", { min: 2 }),
    launcher: text("mpirun", "the launcher"),
    compiler: text("mpicc", "the C compiler of the same MPI"),
    repeats: integer(7, "sums of each size and program", { min: 3 }),
    worker: toggle(false, "be one of the processes"),
    count: integer(0, "numbers that a worker sums", { min: 0 }),
  },
};

await runScript(command, async ({ flags }) => {
  if (flags.worker) return await worker(flags);
  const folder = await Deno.makeTempDir();
  try {
    const program = await compileC(flags.compiler, folder);
    print("| numbers | bytes | C: best, median | Folio: best, median |\n| --- | --- | --- | --- |");
    for (const count of COUNTS) print(await row(count, program, flags));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

interface Job {
  readonly processes: number;
  readonly launcher: string;
  readonly repeats: number;
}

async function row(count: number, program: string, job: Job): Promise<string> {
  const self = [
    ...[Deno.execPath(), "run", "--allow-all", import.meta.url, "--worker"],
    ...["--count", String(count), "--repeats", String(job.repeats)],
  ];
  const times: number[][] = [[], []];
  for (let round = 0; round < 3; round++) {
    times[0].push(...await launch(job, [program, String(count), String(job.repeats)]));
    times[1].push(...await launch(job, self));
  }
  const rates = times.map((seconds) => {
    const { minimum, median } = summary(seconds);
    return [minimum, median].map((time) => `${(4 * count / time / 1e9).toFixed(2)}`).join(", ");
  });
  return `| ${count} | ${formatBytes(4 * count)} | ${
    rates.map((rate) => `${rate} GB/s`).join(" | ")
  } |`;
}

/** The seconds that process 0 of a job prints, one a line. */
async function launch({ processes, launcher }: Job, program: string[]): Promise<number[]> {
  const { success, stdout, stderr } = await new Deno.Command(launcher, {
    args: ["-n", String(processes), "--bind-to", "none", ...program],
    env: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1", NO_COLOR: "1" },
  }).output();
  if (!success) throw new UserError(new TextDecoder().decode(stderr).trim());
  return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
}

async function compileC(compiler: string, folder: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/sum.c`, C_PROGRAM);
  const args = ["-O3", "-o", `${folder}/sum`, `${folder}/sum.c`];
  const { success, stderr } = await new Deno.Command(compiler, { args }).output();
  if (!success) throw new UserError(new TextDecoder().decode(stderr).trim());
  return `${folder}/sum`;
}

/** One process of a job: sums `count` numbers again and again, in the device's own memory. */
async function worker({ count, repeats }: { count: number; repeats: number }): Promise<void> {
  const world = await openWorld();
  const device = await openDevice({ device: "cpu", threads: 1 });
  const numbers = zeros([count]);
  const expected = world.size * (world.size + 1) / 2;
  for (let i = 0; i < repeats + 1; i++) {
    numbers.write(new Float32Array(count).fill(world.rank + 1));
    world.gather([0]);
    const start = performance.now();
    await world.allReduce(numbers);
    const seconds = (performance.now() - start) / 1e3;
    if ((await numbers.data()).at(-1) !== expected) throw new Error("all_reduce: wrong sums");
    if (world.rank === 0 && i > 0) print(seconds.toFixed(9));
  }
  world.close();
  device.close();
}
