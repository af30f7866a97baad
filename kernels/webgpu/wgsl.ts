/**
 * The WGSL of the kernels by name. The texts are loaded when a WebGPU device opens, so that a
 * program on the CPU does not read sixty files.
 *
 * @module
 */
import type { joinSources } from "./sources.ts";

/** The name of a source in sources.ts. */
type SourceName = Parameters<typeof joinSources>[number];

let join: typeof joinSources | undefined;

/** Loads the texts that `wgsl` names. */
export async function loadSources(): Promise<void> {
  join ??= (await import("./sources.ts")).joinSources;
}

/**
 * The WGSL of a kernel: the named sources with all that they require, joined when a pipeline is
 * made. The first name is the kernel's, further ones decide choices.
 */
export function wgsl(...names: [SourceName, ...SourceName[]]): () => string {
  return () => {
    if (!join) throw new Error(`wgsl: ${names[0]} was used before loadSources()`);
    return join(...names);
  };
}
