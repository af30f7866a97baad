/**
 * The complete WGSL of a kernel: its code, and the parts that its descriptor determines: bindings,
 * the uniform of scalars, the functions of the build and the entry point.
 *
 * Buffers keep the number of their place in the descriptor; the scalars follow as `s`. A buffer
 * that a launch leaves out is not bound. It is declared as a constant or private array instead, so
 * that code which this build never runs compiles, too.
 *
 * @module
 */
import { bufferNames, type Buffers, type Kernel, type WebGpuKernel } from "../kernel.ts";

/** Threads of a workgroup unless a kernel states another number. */
export const WORKGROUP_SIZE = 256;

/**
 * The module of the build of `kernel` whose buffers are `present`, by their place in the
 * descriptor.
 *
 * The entry point is last: naga 29 panics if a function that uses a workgroup array sized by an
 * `override` follows its caller.
 */
export function wgslModule(kernel: Kernel, present: readonly boolean[]): string {
  const declarations = [
    ...bufferDeclarations(kernel, present),
    ...scalarDeclarations(kernel),
    ...functionDeclarations(kernel),
  ];
  return [...declarations, kernel.webgpu?.code(), ...entryPoint(kernel.webgpu)].join("\n");
}

function bufferDeclarations(kernel: Kernel, present: readonly boolean[]): string[] {
  const { reads, updates = {}, writes = {} } = kernel;
  const declare = (buffers: Buffers, access: "read" | "read_write", first: number) =>
    Object.entries(buffers).map(([name, type], i) => {
      if (present[first + i]) {
        return `@group(0) @binding(${first + i}) var<storage, ${access}> ${name}: array<${type}>;`;
      }
      // A constant, unlike a private variable, is uniform: barriers may depend on its value.
      if (access === "read") return `const ${name} = array<${type}, 1>();`;
      return `var<private> ${name}: array<${type}, 1>;`;
    });
  return [
    ...declare(reads, "read", 0),
    ...declare({ ...updates, ...writes }, "read_write", Object.keys(reads).length),
  ];
}

function scalarDeclarations(kernel: Kernel): string[] {
  const fields = Object.entries(kernel.scalars).map(([name, type]) => `${name}: ${type}`);
  if (fields.length === 0) return [];
  return [
    `struct Scalars { ${fields.join(", ")} }`,
    `@group(0) @binding(${bufferNames(kernel).length}) var<uniform> s: Scalars;`,
  ];
}

function functionDeclarations({ functions = {} }: Kernel): string[] {
  return Object.entries(functions).map(([name, { parameters, wgsl }]) => {
    const typed = parameters.map((parameter) => `${parameter}: f32`).join(", ");
    return `fn ${name}(${typed}) -> f32 { return ${wgsl}; }`;
  });
}

/** `main`, with the folded index of the thread or the workgroup; none if the code has its own. */
function entryPoint(webgpu: WebGpuKernel | undefined): string[] {
  if (!webgpu || "grid" in webgpu) return [];
  const size = "workgroups" in webgpu ? webgpu.workgroupSize ?? WORKGROUP_SIZE : WORKGROUP_SIZE;
  const group = "group.y * groups.x + group.x";
  return [
    `@compute @workgroup_size(${size})`,
    "fn main(",
    "  @builtin(workgroup_id) group: vec3u,",
    "  @builtin(num_workgroups) groups: vec3u,",
    "  @builtin(local_invocation_index) lane: u32,",
    ") {",
    "threads" in webgpu
      ? `  each_thread((${group}) * ${size}u + lane);`
      : `  each_workgroup(${group}, lane);`,
    "}",
  ];
}
