/**
 * What AMD's and Intel's compilers in Mesa make of the kernels, without a GPU: registers, spills
 * and estimated cycles of each pipeline. Fails if a kernel of the presets `baby` and `small`
 * spills.
 *
 *     deno task bench:compilers [--all] [--gpu NAME]
 *
 * Mesa's drivers open without hardware with a Vulkan layer that answers for it (null_layer.c), and
 * Intel's with a stand-in for the device's node (fake_intel.c). Both are compiled here.
 *
 * @module
 */
import { choice, toggle } from "../../lib/cli/flags.ts";
import { print } from "../../lib/cli/output.ts";
import { runScript, UserError } from "../../lib/cli/run.ts";
import { type Compiled, parse, shortName } from "./parse.ts";

interface Gpu {
  readonly name: string;
  readonly driver: "radeon" | "intel";
  readonly env: Readonly<Record<string, string>>;
}

const GPUS: Readonly<Record<string, Gpu>> = {
  rdna2: amd("AMD RDNA2 (navi21)", "navi21"),
  rdna3: amd("AMD RDNA3 (gfx1100)", "gfx1100"),
  gcn5: amd("AMD GCN 5 (vega10)", "vega10"),
  xe: {
    name: "Intel Xe (TGL GT2)",
    driver: "intel",
    env: { DEVICE_ID: "0x9a49", INTEL_NO_HW: "1", INTEL_DEBUG: "cs" },
  },
};

function amd(name: string, family: string): Gpu {
  const env = { RADV_FORCE_FAMILY: family, RADV_DEBUG: "shaderstats,nocache" };
  return { name, driver: "radeon", env };
}

const command = {
  name: "deno task bench:compilers",
  summary: "Compiles the kernels with Mesa's compilers for AMD's and Intel's GPUs, none needed.",
  flags: {
    all: toggle(false, "every kernel with each of its options, not only those of the presets"),
    gpu: choice("each", "the GPU to compile for", { choices: ["each", ...Object.keys(GPUS)] }),
  },
};

await runScript(command, async ({ flags }) => {
  const missing = await missingParts();
  if (missing.length > 0) {
    throw new UserError(`bench:compilers needs Linux and, on Debian, ${missing.join(", ")}`);
  }
  const folder = await Deno.makeTempDir();
  await buildShims(folder);
  const gpus = Object.entries(GPUS).filter(([key]) => flags.gpu === "each" || flags.gpu === key);
  const spilling: string[] = [];
  for (const [, gpu] of gpus) {
    const compiled = await compile(gpu, folder, flags.all);
    printTable(gpu, compiled);
    if (!flags.all) spilling.push(...spills(gpu, compiled));
  }
  await Deno.remove(folder, { recursive: true });
  if (spilling.length > 0) throw new UserError(`registers are spilled: ${spilling.join("; ")}`);
});

/** Debian's packages that are not installed. */
async function missingParts(): Promise<string[]> {
  const parts = {
    "/usr/bin/gcc": "gcc",
    "/usr/include/vulkan/vk_layer.h": "libvulkan-dev",
    "/usr/include/xf86drm.h": "libdrm-dev",
    [manifest("radeon")]: "mesa-vulkan-drivers",
  };
  const isMissing = (path: string) => Deno.stat(path).then(() => false, () => true);
  const missing = Object.entries(parts).map(async ([path, name]) => await isMissing(path) && name);
  return (await Promise.all(missing)).filter((name) => name !== false);
}

/** The file by which the Vulkan loader finds a driver. */
function manifest(driver: Gpu["driver"]): string {
  return `/usr/share/vulkan/icd.d/${driver}_icd.${Deno.build.arch}.json`;
}

async function buildShims(folder: string): Promise<void> {
  for (const name of ["null_layer", "fake_intel"]) {
    const source = new URL(`${name}.c`, import.meta.url).pathname;
    const args = ["-O1", "-shared", "-fPIC", "-I/usr/include/libdrm", "-o", `${folder}/${name}.so`];
    const { success, stderr } = await new Deno.Command("gcc", { args: [...args, source] }).output();
    if (!success) throw new UserError(new TextDecoder().decode(stderr).split("\n")[0]);
  }
  const layer = {
    name: "VK_LAYER_FOLIO_null",
    type: "GLOBAL",
    library_path: "./null_layer.so",
    api_version: "1.3.0",
    implementation_version: "1",
    description: "lets a driver compile without its GPU",
  };
  const manifest = JSON.stringify({ file_format_version: "1.1.2", layer });
  await Deno.writeTextFile(`${folder}/layer.json`, manifest);
}

/** Has a GPU's compiler build the kernels, in a process of its own. */
async function compile(gpu: Gpu, folder: string, all: boolean): Promise<Compiled[]> {
  const script = new URL("builds.ts", import.meta.url).pathname;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...all ? ["--all"] : []],
    env: {
      ...gpu.env,
      ...gpu.driver === "intel" ? { LD_PRELOAD: `${folder}/fake_intel.so` } : {},
      VK_DRIVER_FILES: manifest(gpu.driver),
      VK_LAYER_PATH: folder,
      VK_INSTANCE_LAYERS: "VK_LAYER_FOLIO_null",
      MESA_SHADER_CACHE_DISABLE: "1",
    },
  }).output();
  const output = new TextDecoder().decode(stderr);
  const compiled = parse(output);
  if (compiled.length === 0) {
    throw new UserError(`${gpu.name}: nothing was compiled: ${output.trim().split("\n").at(-1)}`);
  }
  return [...new Map(compiled.map((each) => [each.name, each])).values()];
}

function printTable(gpu: Gpu, compiled: readonly Compiled[]): void {
  print(`\n${gpu.name}: ${compiled.length} pipelines\n`);
  print("| kernel | width | registers | spills | instructions | cycles |");
  print("| ------ | ----: | --------: | -----: | -----------: | -----: |");
  for (const { name, width, registers, spills, instructions, cycles } of compiled) {
    const cells = [
      shortName(name),
      width,
      registers || "–",
      spills.join(":"),
      instructions,
      cycles,
    ];
    print(`| ${cells.join(" | ")} |`);
  }
}

/** The kernels that spill. */
function spills({ name }: Gpu, compiled: readonly Compiled[]): string[] {
  return compiled.filter((each) => each.spills[0] > 0)
    .map((each) => `${name}: ${shortName(each.name)} ${each.spills.join(":")}`);
}
