/**
 * What Mesa's compilers say of each pipeline, from the text they print beside the names that
 * builds.ts prints.
 *
 * @module
 */

/** Starts a line with a pipeline's name, before it is built. */
export const BEGIN = "PIPELINE ";
/** The line after it is built. */
export const END = "PIPELINE-END";

/** A compiler's figures for one pipeline. */
export interface Compiled {
  /** The kernel with its constants. */
  readonly name: string;
  /** Registers spilled to memory, and on Intel the loads of them. */
  readonly spills: readonly [number, number];
  /** How wide a GPU runs it: waves of a SIMD on AMD, lanes of a thread on Intel. */
  readonly width: number;
  /** Vector registers of a thread; 0 if the compiler does not say. */
  readonly registers: number;
  readonly instructions: number;
  /**
   * The compiler's estimate of cycles (on AMD its inverse throughput): comparable only between
   * versions of one kernel.
   */
  readonly cycles: number;
}

/** The figures of all pipelines in a driver's output. */
export function parse(output: string): Compiled[] {
  const parts = output.split(`\n${BEGIN}`).slice(1);
  return parts.flatMap((part) => {
    const [name] = part.split("\n", 1);
    const [text] = part.split(`\n${END}`);
    const figures = amd(text) ?? intel(text);
    return figures ? [{ name, ...figures }] : [];
  });
}

type Figures = Omit<Compiled, "name">;

function amd(text: string): Figures | undefined {
  if (!text.includes("*** SHADER STATS ***")) return undefined;
  const of = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return {
    spills: [of("Spilled VGPRs") + of("Spilled SGPRs"), 0],
    width: of("Subgroups per SIMD"),
    registers: of("VGPRs"),
    instructions: of("Instructions"),
    cycles: of("Inverse Throughput"),
  };
}

const SIMD =
  /SIMD(\d+) shader: (\d+) instructions\. \d+ loops\. (\d+) cycles\. (\d+):(\d+) spills:fills/;

function intel(text: string): Figures | undefined {
  const figures = SIMD.exec(text)?.slice(1).map(Number);
  if (!figures) return undefined;
  const [width, instructions, cycles, spilled, filled] = figures;
  return { spills: [spilled, filled], width, registers: 0, instructions, cycles };
}

/** A kernel's name and those of its constants that are not 0. */
export function shortName(name: string): string {
  const parts = name.split(",").filter((part) =>
    !/=0$/.test(part) && part !== "activate=x" && part !== "backward=dy"
  );
  return parts.join(" ");
}
