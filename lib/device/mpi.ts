/**
 * The system's MPI, called through `Deno.dlopen`: Open MPI, MPICH and its descendants, or any
 * library with MPI 5's standard binary interface.
 *
 * MPI is a source interface: constants such as `MPI_COMM_WORLD` are addresses of symbols in Open
 * MPI, numbers in MPICH, small pointers in the standard's binary interface. `INTERFACES` has them.
 * The library is machine code outside the sandbox: it needs `--allow-ffi`, and is opened only in a
 * process that a launcher such as `mpirun` has started, or at the user's request.
 *
 * See lib/train/world.ts for what training does with it.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Whose binary interface a library has. */
export type MpiKind = "openmpi" | "mpich" | "abi";

/** A communicator, a type or an operation, as the library's functions take it. */
type Handle = number | bigint | Deno.PointerValue;

/** What differs between the binary interfaces. */
interface Interface {
  /** The library's names on Linux and on macOS, the newest first. */
  readonly libraries: Readonly<Record<string, readonly string[]>>;
  /** How functions take handles. */
  readonly handle: "pointer" | "i32";
  /** `MPI_COMM_WORLD`, `MPI_FLOAT`, `MPI_BYTE`, `MPI_SUM`: names of symbols, or values. */
  readonly handles: Readonly<Record<HandleName, string | number>>;
  /** `MPI_IN_PLACE`. */
  readonly inPlace: bigint;
  /** `MPI_THREAD_FUNNELED`: only the thread that initialized MPI calls it. */
  readonly funneled: number;
}

type HandleName = "world" | "float" | "byte" | "sum";

/** The values are those of the libraries' own `mpi.h`; those of `abi` are the standard's. */
export const INTERFACES: Readonly<Record<MpiKind, Interface>> = {
  openmpi: {
    libraries: { linux: ["libmpi.so.40"], darwin: ["libmpi.40.dylib"] },
    handle: "pointer",
    handles: {
      world: "ompi_mpi_comm_world",
      float: "ompi_mpi_float",
      byte: "ompi_mpi_byte",
      sum: "ompi_mpi_op_sum",
    },
    inPlace: 1n,
    funneled: 1,
  },
  mpich: {
    libraries: { linux: ["libmpich.so.12"], darwin: ["libmpi.12.dylib"] },
    handle: "i32",
    handles: { world: 0x44000000, float: 0x4c00040a, byte: 0x4c00010d, sum: 0x58000003 },
    inPlace: 0xffff_ffff_ffff_ffffn, // −1
    funneled: 1,
  },
  abi: {
    libraries: {
      linux: ["libmpi_abi.so.1", "libmpi_abi.so.0"],
      darwin: ["libmpi_abi.1.dylib", "libmpi_abi.0.dylib"],
    },
    handle: "pointer",
    handles: { world: 0x101, float: 0x210, byte: 0x247, sum: 0x21 },
    inPlace: 1n,
    funneled: 1024,
  },
};

/** Variables by which a launcher says how many processes it has started. */
const LAUNCHERS: readonly { variable: string; kind: MpiKind | undefined }[] = [
  { variable: "OMPI_COMM_WORLD_SIZE", kind: "openmpi" },
  { variable: "PMI_SIZE", kind: "mpich" },
  { variable: "SLURM_NTASKS", kind: undefined },
];

/** What the launcher of this process says. */
export interface Launched {
  /** Number of processes; 1 without a launcher. */
  readonly size: number;
  /** Whose launcher it is; undefined if it starts processes of any MPI. */
  readonly kind?: MpiKind;
}

/** Reads the launcher's variables, those that `--allow-env` permits. */
export function launchedProcesses(): Launched {
  for (const { variable, kind } of LAUNCHERS) {
    const size = Number(permittedVariable(variable) ?? 0);
    if (Number.isSafeInteger(size) && size > 0) return { size, kind };
  }
  return { size: 1 };
}

function permittedVariable(variable: string): string | undefined {
  if (!globalThis.Deno?.permissions) return undefined;
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/**
 * Bytes of one all-reduce. A larger one is cut: above 32 MB an MPI allocates a temporary as large
 * as the message, which the system maps and clears at each call (500 MB: 16.8 s in one call, 0.5 s
 * in these).
 */
export const BUCKET_BYTES = 2 ** 24;

/** The function that ends a job, for a thread that calls it while another waits in MPI. */
export interface AbortCall {
  /** Its address. */
  readonly address: bigint;
  /** How it takes its first argument. */
  readonly handle: "pointer" | "i32";
  /** Its first argument, all processes. */
  readonly world: bigint;
}

/** An MPI job, as seen by one of its processes. */
export class Mpi {
  /** This process's number, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** The library's name and version. */
  readonly version: string;
  /** The name of this machine. */
  readonly machine: string;
  /** Ends every process of the job, from any thread. */
  readonly abortCall: AbortCall;
  readonly #calls: Calls;
  readonly #handles: Readonly<Record<HandleName, Handle>>;
  readonly #inPlace: bigint;

  /**
   * Opens a library and joins the job.
   *
   * @throws {UserError} if it cannot be opened, or may not be (`--allow-ffi`)
   */
  constructor(kind: MpiKind, given?: string) {
    const { handle, handles, inPlace, funneled } = INTERFACES[kind];
    const { path, calls } = openFirst(given === undefined ? librariesOf(kind) : [given], kind);
    this.#calls = calls;
    this.#inPlace = inPlace;
    this.#handles = Object.fromEntries(
      Object.entries(handles).map(([name, value]) => [name, handleOf(calls, handle, value)]),
    ) as Record<HandleName, Handle>;
    this.abortCall = abortCall(path, handle, this.#handles.world);
    const number = new Int32Array(1);
    this.#check("MPI_Init_thread", calls.MPI_Init_thread(0n, 0n, funneled, number));
    const version = textOf((text, length) => calls.MPI_Get_library_version(text, length));
    this.version = version.split(",")[0].replace(/Version:\s*/, "");
    this.machine = textOf((text, length) => calls.MPI_Get_processor_name(text, length));
    this.#check("MPI_Comm_rank", calls.MPI_Comm_rank(this.#handles.world, number));
    this.rank = number[0];
    this.#check("MPI_Comm_size", calls.MPI_Comm_size(this.#handles.world, number));
    this.size = number[0];
  }

  /** Sums f32 numbers over all processes, in place: each then has the same sums. */
  sum(numbers: Float32Array): void {
    const { float, sum, world } = this.#handles;
    for (let start = 0; start < numbers.length; start += BUCKET_BYTES / 4) {
      const part = numbers.subarray(start, start + BUCKET_BYTES / 4);
      const code = this.#calls.MPI_Allreduce(this.#inPlace, part, part.length, float, sum, world);
      this.#check("MPI_Allreduce", code);
    }
  }

  /** Copies the bytes of process 0 to all others. */
  broadcast(bytes: Uint8Array): void {
    const { byte, world } = this.#handles;
    for (let start = 0; start < bytes.length; start += BUCKET_BYTES) {
      const part = bytes.subarray(start, start + BUCKET_BYTES);
      this.#check("MPI_Bcast", this.#calls.MPI_Bcast(part, part.length, byte, 0, world));
    }
  }

  /** The bytes of all processes, one after the other; each must pass as many. */
  gather(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { byte, world } = this.#handles;
    const all = new Uint8Array(this.size * bytes.length);
    const { length } = bytes;
    const code = this.#calls.MPI_Allgather(bytes, length, byte, all, length, byte, world);
    this.#check("MPI_Allgather", code);
    return all;
  }

  /** Ends every process of the job with an exit code. */
  abort(code: number): void {
    this.#calls.MPI_Abort(this.#handles.world, code);
  }

  /** Leaves the job, after all processes have called this. */
  finish(): void {
    this.#check("MPI_Finalize", this.#calls.MPI_Finalize());
  }

  #check(call: string, code: number): void {
    if (code !== 0) throw new Error(`MPI: ${call} failed with code ${code}`);
  }
}

/** The functions that are used. */
interface Calls {
  MPI_Init_thread(argc: bigint, argv: bigint, required: number, provided: Int32Array): number;
  MPI_Get_library_version(text: Uint8Array, length: Int32Array): number;
  MPI_Get_processor_name(text: Uint8Array, length: Int32Array): number;
  MPI_Comm_rank(world: Handle, rank: Int32Array): number;
  MPI_Comm_size(world: Handle, size: Int32Array): number;
  MPI_Allreduce(
    ...arguments_: [
      ...[source: bigint, target: Float32Array, count: number],
      ...[type: Handle, operation: Handle, world: Handle],
    ]
  ): number;
  MPI_Bcast(bytes: Uint8Array, count: number, type: Handle, root: number, world: Handle): number;
  MPI_Allgather(
    ...arguments_: [
      ...[source: Uint8Array, count: number, type: Handle],
      ...[target: Uint8Array, targetCount: number, targetType: Handle, world: Handle],
    ]
  ): number;
  MPI_Abort(world: Handle, code: number): number;
  MPI_Finalize(): number;
  readonly [symbol: string]: unknown;
}

function librariesOf(kind: MpiKind): readonly string[] {
  const { libraries } = INTERFACES[kind];
  return libraries[Deno.build.os] ?? libraries.linux;
}

/** Opens the first of the libraries that is there; an error is that of the first. */
function openFirst(paths: readonly string[], kind: MpiKind): { path: string; calls: Calls } {
  const errors: unknown[] = [];
  for (const path of paths) {
    try {
      return { path, calls: openLibrary(path, INTERFACES[kind]) };
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
}

function openLibrary(path: string, { handle, handles }: Interface): Calls {
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
    throw new UserError(
      `MPI: opening ${path} needs --allow-ffi; use deno task train:mpi, or add the flag`,
    );
  }
  const symbols = Object.values(handles).filter((value) => typeof value === "string");
  try {
    return Deno.dlopen(path, {
      MPI_Init_thread: { parameters: ["usize", "usize", "i32", "buffer"], result: "i32" },
      MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
      MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
      MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
      MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
      MPI_Allreduce: {
        parameters: ["usize", "buffer", "i32", handle, handle, handle],
        result: "i32",
      },
      MPI_Bcast: { parameters: ["buffer", "i32", handle, "i32", handle], result: "i32" },
      MPI_Allgather: {
        parameters: ["buffer", "i32", handle, "buffer", "i32", handle, handle],
        result: "i32",
      },
      MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
      MPI_Finalize: { parameters: [], result: "i32" },
      // A static of type "pointer" is the symbol's address.
      ...Object.fromEntries(symbols.map((name) => [name, { type: "pointer" } as const])),
    }).symbols as unknown as Calls;
  } catch (cause) {
    const reason = (cause as Error).message.split("\n")[0];
    throw new UserError(
      `MPI: ${path} cannot be opened (${reason}); install it (Debian: libopenmpi3 or libmpich12) ` +
        "or give its path with --mpi",
      { cause },
    );
  }
}

function handleOf(calls: Calls, form: "pointer" | "i32", value: string | number): Handle {
  if (typeof value === "string") return calls[value] as Handle;
  return form === "i32" ? value : Deno.UnsafePointer.create(BigInt(value));
}

function abortCall(path: string, handle: "pointer" | "i32", world: Handle): AbortCall {
  const { symbols } = Deno.dlopen(path, { MPI_Abort: { type: "pointer" } });
  const value = typeof world === "number"
    ? BigInt(world)
    : Deno.UnsafePointer.value(world as Deno.PointerValue);
  return { address: Deno.UnsafePointer.value(symbols.MPI_Abort), handle, world: value };
}

/** A text that a function writes, at most 8 kB. */
function textOf(write: (text: Uint8Array, length: Int32Array) => number): string {
  const text = new Uint8Array(8192), length = new Int32Array(1);
  write(text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).split(/[\n\0]/)[0].trim();
}
