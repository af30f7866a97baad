/**
 * What the sweeps measure, as it stands in results.json, and the machine it was measured on.
 *
 * @module
 */
import type { GenerationSizes } from "./generation.ts";
import type { StepSizes } from "./training_step.ts";

/** A training step to measure. */
export interface TrainingConfiguration extends StepSizes {
  /** What varies, for the figures. */
  readonly group: "preset" | "width" | "context" | "batch";
  readonly threads: number;
}

/** Milliseconds: the least of some runs, and the one in the middle. */
export interface Milliseconds {
  readonly least: number;
  readonly median: number;
}

/** A training step, measured in a process of its own. */
export interface TrainingResult extends TrainingConfiguration {
  readonly parameters: number;
  readonly milliseconds: Milliseconds;
  /** Steps that were timed. */
  readonly steps: number;
  /** At the least time. */
  readonly tokensPerSecond: number;
  /**
   * Peaks in bytes: of the device's memory, and of the whole process (resident; 0 where the system
   * does not say).
   */
  readonly memory: { readonly device: number; readonly resident: number };
  /**
   * Milliseconds of a step's launches, each timed by itself: attention, matrix products, and all
   * others.
   */
  readonly split: { readonly attention: number; readonly products: number; readonly rest: number };
}

/** A model to generate with, one sequence. */
export interface GenerationConfiguration extends GenerationSizes {
  readonly name: string;
  readonly weights: "f32" | "int8";
  readonly threads: number;
}

/** Generation, measured in a process of its own. */
export interface GenerationResult extends GenerationConfiguration {
  readonly parameters: number;
  /** A token's. */
  readonly milliseconds: Milliseconds;
  /** At the least time. */
  readonly tokensPerSecond: number;
  /**
   * Bytes of weights and cache that a token must read, and the bytes a second that come from
   * memory.
   */
  readonly bytes: number;
  readonly bandwidth: number;
  readonly memory: { readonly device: number; readonly resident: number };
}

/** The file. */
export interface Results {
  readonly schema: 1;
  readonly machine: Machine;
  /** Deno's version. */
  readonly deno: string;
  /** ISO 8601. */
  readonly date: string;
  /**
   * Processes that wanted to run, averaged over the last minute of the measurement; 1 or 2 are its
   * own.
   */
  readonly load: number;
  readonly training: readonly TrainingResult[];
  readonly generation: readonly GenerationResult[];
}

/** What was measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
}

/**
 * The faster of two measurements of each configuration, one of them made earlier: what shares the
 * machine slows a part of each. The date is the later run's.
 */
export function faster(later: Results, earlier: Results): Results {
  const training = later.training.map((result) => {
    const key = keyOf(result);
    const other = earlier.training.find((each) => keyOf(each) === key) ?? result;
    const [a, b] = [result.split, other.split];
    const split = total(a) <= total(b) ? a : b;
    return { ...least(result, other), split };
  });
  const generation = later.generation.map((result) => {
    const key = keyOf(result);
    return least(result, earlier.generation.find((each) => keyOf(each) === key) ?? result);
  });
  return { ...later, training, generation };
}

/** What was measured, without the measurements. */
function keyOf(result: TrainingResult | GenerationResult): string {
  const names = ["group", "name", "weights", "layers", "width", "context", "batch", "threads"];
  return JSON.stringify(result, names);
}

function least<Result extends { milliseconds: Milliseconds }>(a: Result, b: Result): Result {
  return a.milliseconds.least <= b.milliseconds.least ? a : b;
}

const total = ({ attention, products, rest }: TrainingResult["split"]) =>
  attention + products + rest;

/** Describes this machine. */
export async function thisMachine(): Promise<Machine> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? Deno.build.arch;
  // A model without vectors of 512 bits compares differently.
  const vectors = /\bavx512f\b/.test(info) ? ", AVX-512" : /\bavx2\b/.test(info) ? ", AVX2" : "";
  return {
    cpu: model + vectors,
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.build.arch}`,
  };
}

/**
 * Most memory that a process has held, by default this one, in bytes; 0 where the system does not
 * say.
 */
export async function peakResident(pid: number | "self" = "self"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

/** The least and the middle of some times. */
export function summary(times: readonly number[]): Milliseconds {
  const sorted = times.toSorted((a, b) => a - b);
  return { least: sorted[0], median: sorted[sorted.length >> 1] };
}
