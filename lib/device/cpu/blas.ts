/**
 * A system BLAS on the CPU device's memory: OpenBLAS, BLIS, MKL or Accelerate, called through
 * `Deno.dlopen` without a copy.
 *
 * Each thread opens the library separately and calls `cblas_sgemm`, configured for one thread, on
 * its blocks of the product (kernels/cpu/matmul_blas.ts). The library is machine code outside the
 * sandbox: it needs `--allow-ffi`, and is used only at the user's request.
 *
 * @module
 */

/**
 * Row-major C[m,n] = op(A)·op(B), f32: `transpose` flags of A and B, m, n, k, then byte address and
 * row length of A, B and C.
 */
export type Sgemm = (
  ...arguments_: [
    ...[transposeA: number, transposeB: number, m: number, n: number, k: number],
    ...[a: number, lda: number, b: number, ldb: number, c: number, ldc: number],
  ]
) => void;

/** A usable library, whose results were checked. */
export interface Blas {
  /** The name or path by which it was opened. */
  readonly path: string;
  /** Its name, for the device's description. */
  readonly name: string;
  /** Why it is slow, and what to do; undefined if nothing is known. */
  readonly advice?: string;
}

/** The libraries that `auto` tries, in order. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  linux: ["libmkl_rt.so.2", "libopenblas.so.0", "libopenblas.so", "libblis.so.4", "libblis.so"],
  darwin: [
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    "/usr/local/opt/openblas/lib/libopenblas.dylib",
  ],
  windows: ["libopenblas.dll", "mkl_rt.2.dll"],
};

const word = "i32", address = "usize";
const one = { parameters: [word], result: "void", optional: true } as const;
const SYMBOLS = {
  cblas_sgemm: {
    parameters: [
      ...[word, word, word, word, word, word, "f32"] as const, // order, transposes, m, n, k, alpha
      ...[address, word, address, word] as const, // a, lda, b, ldb
      ...["f32", address, word] as const, // beta, c, ldc
    ],
    result: "void",
  },
  openblas_set_num_threads: one,
  bli_thread_set_num_threads: one,
  MKL_Set_Num_Threads: one,
  BLASSetThreading: one,
} as const;

/**
 * The processors, by OpenBLAS's names, whose kernels it uses if it does not know the real one: they
 * have 128-bit vectors.
 */
const OLD_CORES = ["Prescott", "Generic"];

/** CBLAS's numbers for row-major order and for an operand that is not, or is, transposed. */
const ROW_MAJOR = 101, NOT_TRANSPOSED = 111, TRANSPOSED = 112;
/** Accelerate's number for one thread. */
const SINGLE_THREADED = 1;

/**
 * Opens the library for the calling thread, over `memory`.
 *
 * @throws {Error} if it cannot be opened or has no `cblas_sgemm`
 */
export function openBlas(path: string, memory: WebAssembly.Memory): Sgemm {
  const { symbols } = Deno.dlopen(path, SYMBOLS);
  symbols.openblas_set_num_threads?.(1);
  symbols.bli_thread_set_num_threads?.(1);
  symbols.MKL_Set_Num_Threads?.(1);
  symbols.BLASSetThreading?.(SINGLE_THREADED);
  const sgemm = symbols.cblas_sgemm;
  // The memory is shared, so its address stays the same when it grows.
  const bytes = new Uint8Array(memory.buffer, 0, 1) as Uint8Array<ArrayBuffer>;
  const base = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  const at = (address: number) => BigInt(base + (address >>> 0));
  const flag = (transpose: number) => transpose ? TRANSPOSED : NOT_TRANSPOSED;
  return (ta, tb, m, n, k, a, lda, b, ldb, c, ldc) => {
    sgemm(ROW_MAJOR, flag(ta), flag(tb), m, n, k, 1, at(a), lda, at(b), ldb, 0, at(c), ldc);
  };
}

/**
 * The first library that opens and computes correctly, tried on `memory` at `scratch` (256 bytes),
 * or why there is none.
 */
export function findBlas(
  choice: string,
  memory: WebAssembly.Memory,
  scratch: number,
): { blas: Blas; sgemm: Sgemm } | { reason: string } {
  if (!globalThis.Deno?.dlopen) return { reason: "only Deno can load a system library" };
  const paths = choice === "auto" ? KNOWN[Deno.build.os] ?? [] : [choice];
  const reasons: string[] = [];
  for (const path of paths) {
    if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") {
      return { reason: "a system BLAS needs --allow-ffi, which deno task train:native has" };
    }
    try {
      const sgemm = openBlas(path, memory);
      if (isCorrect(sgemm, memory, scratch)) return { blas: describe(path), sgemm };
      reasons.push(`${path} computes a known product incorrectly`);
    } catch (error) {
      reasons.push((error as Error).message.split("\n")[0]);
    }
  }
  return {
    reason: choice === "auto"
      ? `no BLAS was found; looked for ${paths.join(", ")}`
      : reasons.join("; "),
  };
}

/** Computes Aᵀ·Bᵀ of integers, [3,2]·[2,4], with all strides different. */
function isCorrect(sgemm: Sgemm, memory: WebAssembly.Memory, scratch: number): boolean {
  const [m, n, k] = [3, 4, 2];
  const [a, b, c] = [scratch, scratch + 64, scratch + 128];
  const view = (at: number, length: number) => new Float32Array(memory.buffer, at, length);
  view(a, k * m).set([1, 2, 3, 4, 5, 6]);
  view(b, n * k).set([1, -1, 2, 0, 3, 5, 7, 1]);
  view(c, m * n).fill(NaN);
  sgemm(1, 1, m, n, k, a, m, b, k, c, n);
  const expected = [-3, 2, 23, 11, -3, 4, 31, 19, -3, 6, 39, 27];
  return view(c, m * n).every((value, i) => value === expected[i]);
}

function describe(path: string): Blas {
  const known = ["OpenBLAS", "BLIS", "MKL", "Accelerate"];
  const name = known.find((name) => path.toLowerCase().includes(name.toLowerCase())) ?? path;
  const core = openBlasCore(path);
  if (core === undefined) return { path, name };
  const advice = OLD_CORES.includes(core)
    ? `${name} does not know this processor; for faster products set OPENBLAS_CORETYPE to ` +
      "SkylakeX if it has AVX-512, to Haswell if it has AVX2"
    : undefined;
  return { path, name: `${name} for ${core}`, advice };
}

/** The processor whose kernels OpenBLAS uses; undefined for other libraries. */
function openBlasCore(path: string): string | undefined {
  const library = Deno.dlopen(path, {
    openblas_get_corename: { parameters: [], result: "pointer", optional: true },
  });
  const name = library.symbols.openblas_get_corename?.();
  const core = name ? new Deno.UnsafePointerView(name).getCString() : undefined;
  library.close();
  return core;
}
