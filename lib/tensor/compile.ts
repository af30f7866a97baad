/**
 * `compile`: a function of tensors is recorded once into a program with planned memory, and from
 * then on replayed.
 *
 * See lib/device/plan.ts for the memory plan, and lib/device for the replay.
 *
 * @module
 */
import { CapturedStorages } from "../device/captured_storages.ts";
import type { Device, LoadedProgram } from "../device/device.ts";
import { currentDevice } from "../device/current_device.ts";
import { plan } from "../device/plan.ts";
import { Recorder } from "../device/recorder.ts";
import type { WorkingMemory } from "../device/working_memory.ts";
import { checkOptions } from "../options.ts";
import { sameShape } from "../shape.ts";
import { store } from "./copy.ts";
import { Dependencies } from "./dependencies.ts";
import { expectFunction, expectTensor } from "./launch.ts";
import { keep, tensorsIn, withoutScopes } from "./scope.ts";
import { trackedTensors, withoutTape } from "./tape.ts";
import { empty, type Tensor } from "./tensor.ts";

/** Memory and launches of a compiled function, for reports. */
export interface ProgramReport {
  /** Kernel launches in one run. */
  readonly launches: number;
  /** Bytes of memory that its intermediate results share. */
  readonly bytes: number;
  /** Bytes that they would take without sharing. */
  readonly bytesUnshared: number;
}

/** Options of `compile`. */
export interface CompileOptions {
  /**
   * Memory to share with other compiled functions, for intermediate results and results: a call of
   * one of them overwrites the results of the others. Default: memory of its own.
   */
  readonly memory?: WorkingMemory;
}

/** A function that is recorded at its first call and replayed at later ones. */
export interface Compiled<Inputs extends Tensor[], Result> {
  (...inputs: Inputs): Result;
  /** Memory and launches of a run; undefined before the first call. */
  readonly report: ProgramReport | undefined;
  /**
   * Frees the program's memory, including that of its results. Without it, the memory is freed when
   * the function and its results are collected.
   */
  dispose(): void;
}

/**
 * Compiles `f`, a function of tensors to a tensor (or arrays and plain objects of tensors).
 *
 * The first call records every kernel launch; each call copies its inputs into the program's own
 * and runs it. The results are the same tensors each time, overwritten by the next call. Everything
 * that `f` closes over is read and updated in place, without a copy: parameters, optimizer state,
 * scalars kept in tensors. JavaScript inside `f` runs only while it is recorded, so a number that
 * changes from call to call must be in a tensor.
 *
 * If memory that the program uses was moved or freed since (a new optimizer moves its parameters,
 * `quantize` frees weights), or a model has other hooks (`withHooks`), the next call records `f`
 * again: its results are then new tensors, and those of earlier calls are freed.
 *
 * ```ts
 * import { compile, exp, mul, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const f = compile((x) => mul(exp(x), x));
 * const x = tensor([0, 1]);
 * console.log(await f(x).data()); // [0, 2.718…]
 * x.write([1, 2]);
 * console.log(await f(x).data(), f.report?.launches); // [2.718…, 14.77…] 2
 * device.close();
 * ```
 *
 * @throws {TypeError} if `f` is no function of tensors, or a later call's inputs differ in number,
 * shape or dtype, or an option is unknown
 * @throws {Error} if `f` reads a value while it is recorded, or a call is differentiated: call
 * `valueAndGrad` in `f`
 */
export function compile<Inputs extends Tensor[], Result>(
  f: (...inputs: Inputs) => Result,
  options: CompileOptions = {},
): Compiled<Inputs, Result> {
  expectFunction("compile", f);
  checkOptions("compile", options, { memory: true });
  const { memory } = options;
  let program: Program<Inputs, Result> | undefined;
  const dispose = () => {
    program?.dispose();
    program = undefined;
  };
  const call = (...inputs: Inputs): Result => {
    const device = program?.device ?? inputs[0]?.device ?? currentDevice();
    if (device.recorder) throw nested();
    inputs.forEach((input, i) => expectTensor(`compiled function: input ${i}`, input));
    if (program) expectAlike(program.inputs, inputs);
    if (program?.captured.haveChanged || program?.dependencies.haveChanged) dispose();
    program ??= withoutTape(() => record(f, inputs.map(inputLike) as Inputs, device, memory));
    expectUntracked(inputs, program);
    fill(program.inputs, inputs);
    program.loaded.run();
    return program.result;
  };
  return Object.defineProperties(call, {
    report: { get: () => program?.report },
    dispose: { value: dispose },
  }) as Compiled<Inputs, Result>;
}

interface Program<Inputs, Result> {
  readonly device: Device;
  readonly inputs: Inputs;
  readonly result: Result;
  readonly loaded: LoadedProgram;
  readonly report: ProgramReport;
  /** The tensors that it reads and writes besides its intermediate results, with the inputs. */
  readonly captured: CapturedStorages;
  /** The other state that it was recorded with. */
  readonly dependencies: Dependencies;
  /** Frees its memory, including that of its results. */
  dispose(): void;
}

/**
 * Frees the launches of a program whose compiled function is collected. Its memory is collected
 * with it and with its results.
 */
const dropped = new FinalizationRegistry<LoadedProgram>((loaded) => loaded.dispose());

function record<Inputs extends Tensor[], Result>(
  f: (...inputs: Inputs) => Result,
  inputs: Inputs,
  device: Device,
  shared: WorkingMemory | undefined,
): Program<Inputs, Result> {
  const recorder = device.recorder = new Recorder();
  let result: Result;
  let dependencies: Dependencies;
  try {
    ({ result, dependencies } = Dependencies.of(() => withoutScopes(() => f(...inputs))));
    if (result instanceof Promise) {
      throw new TypeError(
        "compile: the function is asynchronous; it must return tensors, not a promise",
      );
    }
  } finally {
    device.recorder = undefined;
  }
  const { own, captured } = recorder.storages();
  const outputs = new Set(tensorsIn(result).map((tensor) => tensor.storage));
  const made = plan(device, recorder, outputs, shared);
  const loaded = device.load(made.launches);
  const { memory, bytes, bytesUnshared } = made;
  const program: Program<Inputs, Result> = {
    device,
    inputs,
    result,
    loaded,
    report: { launches: made.launches.length, bytes, bytesUnshared },
    captured: new CapturedStorages([
      ...captured,
      ...inputs.map(({ storage }) => storage),
      ...shared ? memory : [],
    ]),
    dependencies,
    dispose: () => {
      dropped.unregister(program);
      loaded.dispose();
      for (const storage of [...shared ? [] : memory, ...own]) storage.dispose();
      for (const input of inputs) input.dispose();
    },
  };
  dropped.register(program, loaded, program);
  return program;
}

function nested(): Error {
  return new Error(
    "compile: a compiled function was called inside another one; call the plain function there",
  );
}

/** Throws an Error if gradients should flow through a program, which no tape has recorded. */
function expectUntracked<Inputs extends Tensor[]>(
  given: Inputs,
  { captured }: Program<Inputs, unknown>,
): void {
  for (const tracked of trackedTensors() as ReadonlySet<Tensor>) {
    if (!given.includes(tracked) && !captured.has(tracked.storage)) continue;
    throw new Error(
      `compiled function: no gradient flows through it to ${tracked}; call valueAndGrad in the ` +
        "function that is compiled",
    );
  }
}

/** Throws a TypeError unless the inputs of a call fit those that the program was recorded with. */
function expectAlike(own: readonly Tensor[], given: readonly Tensor[]): void {
  if (own.length !== given.length) {
    throw new TypeError(`compiled function: expected ${own.length} inputs, got ${given.length}`);
  }
  own.forEach((input, i) => {
    const other = given[i];
    if (!sameShape(input.shape, other.shape) || input.dtype !== other.dtype) {
      throw new TypeError(
        `compiled function: input ${i} was ${input} when it was recorded and is ${other} now; compile another function for it`,
      );
    }
  });
}

/** An input of a program for arguments like this one, which stay as they are. */
function inputLike({ shape, dtype, device }: Tensor): Tensor {
  return keep(empty(shape, { dtype, device }));
}

/** Copies the arguments of a call into the program's inputs. */
function fill(own: readonly Tensor[], given: readonly Tensor[]): void {
  own.forEach((input, i) => store(given[i], input));
}
