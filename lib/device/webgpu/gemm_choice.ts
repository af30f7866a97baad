/**
 * How a GPU computes a matrix product (GEMM): the choice of a kernel, and of split-K.
 *
 * See adapter_class.ts for the kernels of a class of adapters, tuning.ts for measured ones.
 *
 * @module
 */
import type { DeviceTraits } from "../device.ts";
import type { GemmPlan, GemmRequest, GemmSizes, GemvKernel, TileKernel } from "../gemm.ts";

/** Names of the kernels that compute tiles. */
export const TILE_KERNELS: readonly TileKernel[] = ["direct", "registers", "tiled", "large"];

/** Names of the kernels for few rows (GEMV). */
export const GEMV_KERNELS: readonly GemvKernel[] = ["workgroup", "subgroup"];

/** The kernels of an adapter. */
export interface GemmKernels {
  /** Kernel for results with too few tiles of 128 × 128 for full occupancy. */
  readonly small: TileKernel;
  /** Kernel for larger results. */
  readonly large: TileKernel;
  /** Kernel for up to four rows (GEMV), if sizes allow vectorized loads. */
  readonly gemv: GemvKernel;
  /**
   * Workgroups, each with a tile of 64 × 64, that keep the adapter busy. WebGPU does not tell how
   * many cores an adapter has: `deno task tune` measures it. Default 128.
   */
  readonly groups?: number;
}

/** Facts on which the choice depends besides the request. */
export interface GemmAdapter {
  /** The kernels of the adapter. */
  readonly gemmKernels: GemmKernels;
  /** Precision of the operands of products that may be rounded. */
  readonly precision: "f32" | "f16";
  /** Whether kernels can use subgroups. */
  readonly hasSubgroups: boolean;
  /** Traits of the device. */
  readonly traits: Pick<DeviceTraits, "manyCores">;
}

/** Up to this many rows of A the GEMV kernels are fastest. */
const FEW_ROWS = 4;

/** The plan for a product. */
export function chooseWebGpuGemm(adapter: GemmAdapter, request: GemmRequest): GemmPlan {
  const { m, batch, transposeA } = request;
  if (m <= FEW_ROWS && batch === 1 && !transposeA) return gemvPlan(adapter, request);
  const { gemmKernels: { small, large }, precision } = adapter;
  const kernel = isLargeResult(request, adapter.gemmKernels, batch) ? large : small;
  const splitK = adapter.traits.manyCores ? partsOfK(request, adapter.gemmKernels) : 1;
  if (precision === "f16" && request.mayRound) {
    const half = kernel === "large" ? "large_half" : "tiled_half";
    return { form: "tiles", kernel: half, rounds: true, splitK };
  }
  const needsVec4 = kernel === "registers" || kernel === "direct";
  const fits = !needsVec4 || isVec4Aligned(request);
  return { form: "tiles", kernel: fits ? kernel : "tiled", rounds: false, splitK };
}

function gemvPlan(adapter: GemmAdapter, request: GemmRequest): GemmPlan {
  const { gemmKernels, hasSubgroups, traits } = adapter;
  const scalar = { form: "gemv", kernel: "scalar", splitK: 1 } as const;
  if (!traits.manyCores) return { ...scalar, slices: 1 };
  // Threads that share a column read along k, which is contiguous in B only as [n,k].
  const slices = request.transposeB ? 32 : 8;
  if (!isVec4Aligned(request)) return { ...scalar, slices };
  const kernel = hasSubgroups ? gemmKernels.gemv : "workgroup";
  return { ...scalar, kernel, slices };
}

/**
 * Whether k, and the inner axes of A and B, are multiples of 4, as vectorized (vec4) loads need.
 */
function isVec4Aligned({ m, n, k, transposeA, transposeB }: GemmRequest): boolean {
  return k % 4 === 0 && (!transposeA || m % 4 === 0) && (transposeB || n % 4 === 0);
}

/** Workgroups that keep an adapter busy, if that was not measured. */
const GROUPS = 128;

/** The smallest k that is worth a workgroup. */
const LEAST_K = 128;

/**
 * Split-K: into how many parts k is divided, so that a product with a small result and a long k,
 * such as a weight's gradient, gives a GPU enough to do. Only without an epilogue, and if both
 * operands are stored k-major; otherwise 1.
 */
function partsOfK(
  { m, n, k, batch, transposeA, transposeB, hasEpilogue }: GemmRequest,
  { groups = GROUPS }: GemmKernels,
): number {
  if (hasEpilogue || !transposeA || transposeB || batch > 1) return 1;
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64);
  let parts = 1;
  while (tiles * parts < groups && k % (2 * parts) === 0 && k / (2 * parts) >= LEAST_K) parts *= 2;
  return parts;
}

/**
 * Whether the result of a batch of products has enough tiles of 128 × 128: half as many as of 64 ×
 * 64, because a core holds fewer of the larger ones.
 */
export function isLargeResult(
  { m, n }: Pick<GemmSizes, "m" | "n">,
  { groups = GROUPS }: Pick<GemmKernels, "groups">,
  batch = 1,
): boolean {
  return Math.ceil(m / 128) * Math.ceil(n / 128) * batch >= groups / 2;
}
