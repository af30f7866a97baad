/**
 * Starts processes by an MPI launcher, where there is one. Debian has two MPIs: `mpirun.openmpi`
 * and `mpirun.mpich`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A launcher, and its arguments for more processes than cores. */
export interface Launcher {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
}

const KNOWN: readonly Launcher[] = [
  {
    name: "Open MPI",
    path: "/usr/bin/mpirun.openmpi",
    args: ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"],
  },
  { name: "MPICH", path: "/usr/bin/mpirun.mpich", args: [] },
];

/** The launchers that are here. */
export const LAUNCHERS: readonly Launcher[] = KNOWN.filter(({ path }) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** What processes wrote, and the launcher's exit code. */
export interface Launched {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `file` of the project in `count` processes, with the permissions of the tasks. */
export async function launch(
  launcher: Launcher,
  count: number,
  file: string,
  given: readonly string[],
  folder: string,
): Promise<Launched> {
  return await launchScripts(launcher, [[count, `${ROOT}${file}`, ...given]], folder);
}

/** Runs scripts, each with the number of its processes and its arguments, as one job. */
export async function launchScripts(
  { path, args }: Launcher,
  scripts: readonly (readonly [count: number, path: string, ...args: string[]])[],
  folder: string,
): Promise<Launched> {
  const variables = "HF_TOKEN,HF_ENDPOINT,OMPI_COMM_WORLD_SIZE,PMI_SIZE,SLURM_NTASKS";
  const permissions = ["--allow-read", "--allow-write", "--allow-ffi", `--allow-env=${variables}`];
  const deno = [Deno.execPath(), "run", ...permissions, "--no-lock"];
  const jobs = scripts.map(([count, ...script]) => ["-n", String(count), ...deno, ...script]);
  const root = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };
  const { code, stdout, stderr } = await new Deno.Command(path, {
    args: [...args, ...jobs.flatMap((job, i) => i === 0 ? job : [":", ...job])],
    cwd: folder,
    env: { NO_COLOR: "1", ...root },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}
