/**
 * Types of the sweeps' measurements, as stored in results.json, and the description of the machine.
 *
 * @module
 */
import type { WeightType } from "../lib/hub/quantized_weights.ts";
import type { GenerationSizes } from "./generation.ts";
import type { StepSizes } from "./training_step.ts";

/** A training step to measure. */
export interface TrainingConfiguration extends StepSizes {
  /** The parameter that varies, for the figures. */
  readonly group: "preset" | "width" | "context" | "batch";
  readonly threads: number;
}

/** Milliseconds per run: minimum and median. */
export interface Milliseconds {
  readonly minimum: number;
  readonly median: number;
}

/** Measurements of a training step, taken in a separate process. */
export interface TrainingResult extends TrainingConfiguration {
  readonly parameters: number;
  readonly milliseconds: Milliseconds;
  /** Number of timed steps. */
  readonly steps: number;
  /** Tokens per second, by the minimum. */
  readonly tokensPerSecond: number;
  /**
   * Peaks in bytes: of the device's memory, and of the whole process (resident; 0 if the system
   * does not report it).
   */
  readonly memory: { readonly device: number; readonly resident: number };
  /** Milliseconds of a step's launches, each timed alone: attention, matmuls, and all others. */
  readonly split: { readonly attention: number; readonly products: number; readonly rest: number };
}

/** A model to generate with, one sequence. */
export interface GenerationConfiguration extends GenerationSizes {
  readonly name: string;
  readonly weights: WeightType;
  readonly threads: number;
}

/** Measurements of generation, taken in a separate process. */
export interface GenerationResult extends GenerationConfiguration {
  readonly parameters: number;
  /** Milliseconds per token. */
  readonly milliseconds: Milliseconds;
  /** Tokens per second, by the minimum. */
  readonly tokensPerSecond: number;
  /**
   * Bytes of weights and cache that a token must read; `bandwidth` is the memory's, in bytes per
   * second.
   */
  readonly bytes: number;
  readonly bandwidth: number;
  readonly memory: { readonly device: number; readonly resident: number };
}

/** The content of results.json. */
export interface Results {
  readonly schema: 1;
  readonly machine: Machine;
  /** Version of Deno. */
  readonly deno: string;
  /** Date of the measurement, ISO 8601. */
  readonly date: string;
  /**
   * The system's load (runnable processes), averaged over the last minute of the measurement; 1 or
   * 2 of it are the measurement itself.
   */
  readonly load: number;
  readonly training: readonly TrainingResult[];
  readonly generation: readonly GenerationResult[];
}

/** The machine that was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
}

/**
 * For each configuration the faster of two measurements: on a shared machine, other programs slow
 * parts of both. The date is the later run's.
 */
export function faster(later: Results, earlier: Results): Results {
  const training = later.training.map((result) => {
    const key = keyOf(result);
    const other = earlier.training.find((each) => keyOf(each) === key) ?? result;
    const [a, b] = [result.split, other.split];
    const split = total(a) <= total(b) ? a : b;
    return { ...fasterOf(result, other), split };
  });
  const generation = later.generation.map((result) => {
    const key = keyOf(result);
    return fasterOf(result, earlier.generation.find((each) => keyOf(each) === key) ?? result);
  });
  return { ...later, training, generation };
}

/** Identifies a configuration: its fields without the measurements. */
function keyOf(result: TrainingResult | GenerationResult): string {
  const names = ["group", "name", "weights", "layers", "width", "context", "batch", "threads"];
  return JSON.stringify(result, names);
}

function fasterOf<Result extends { milliseconds: Milliseconds }>(a: Result, b: Result): Result {
  return a.milliseconds.minimum <= b.milliseconds.minimum ? a : b;
}

const total = ({ attention, products, rest }: TrainingResult["split"]) =>
  attention + products + rest;

/** Describes this machine. */
export async function thisMachine(): Promise<Machine> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? Deno.build.arch;
  // Comparisons depend on whether a processor has 512-bit vectors.
  const vectors = /\bavx512f\b/.test(info) ? ", AVX-512" : /\bavx2\b/.test(info) ? ", AVX2" : "";
  return {
    cpu: model + vectors,
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.build.arch}`,
  };
}

/**
 * Peak resident memory of a process, by default this one, in bytes; 0 if the system does not report
 * it.
 */
export async function peakResident(pid: number | "self" = "self"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

/** Minimum and median of a list of times. */
export function summary(times: readonly number[]): Milliseconds {
  const sorted = times.toSorted((a, b) => a - b);
  return { minimum: sorted[0], median: sorted[sorted.length >> 1] };
}
