/**
 * The WebGPU device: WGSL kernels on the GPU, through the web platform's interface alone.
 *
 * Eager launches are collected in one open pass, which is submitted when a value is read or
 * written; a loaded program holds prepared pipelines, bind groups and one uniform buffer, so that a
 * run is one encoder, one pass, one submit, or a few of each if it takes long. See
 * ../choose_device.ts for the choice of a device, pipelines.ts for the kernels.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import type { Device, DeviceTraits, LoadedProgram } from "../device.ts";
import type { GemmPlan, GemmRequest } from "../gemm.ts";
import type { Allocation, Launch, Range } from "../launch.ts";
import { encodeScalars, type Kernel } from "../kernel.ts";
import type { Recorder } from "../recorder.ts";
import { adapterClass, GEMM_KERNELS } from "./adapter_class.ts";
import { chooseWebGpuGemm, type GemmKernels } from "./gemm_choice.ts";
import { dispatchSize } from "./dispatch_size.ts";
import { acceptsEnableSubgroups, Pipelines } from "./pipelines.ts";
import { cutInParts, FIRST_SUBMITS, type PacedProgram, SubmitPace } from "./submit_pace.ts";

interface Memory extends Allocation {
  readonly buffer: GPUBuffer;
}

/** Options for opening an adapter. */
export interface OpenOptions {
  /** Reason why the adapter was chosen, for the description. */
  reason?: string;
  /** The kernels that were measured to be fastest on it. Default: those of its class. */
  tuned?: GemmKernels;
}

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

const UNIFORM_SLOT = 256;
/** Eager launches of a submit at most, so that it does not take long. */
const EAGER_SLOTS = 128;

const TRAITS: Omit<DeviceTraits, "manyCores"> = {
  workgroupThreads: 256,
  vec4Loads: true,
  isAsynchronous: true,
  symmetricProducts: false,
  integerProducts: false,
  wideVectors: false,
  maxHeadSize: 256, // its query and sums fit a workgroup of attention_decode.wgsl
  tokensPerRead: 16,
};

/** Runs kernels as WGSL on a GPU adapter. */
export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly traits: DeviceTraits;
  /** The kernels of matrix products. */
  gemmKernels: GemmKernels;
  /** Precision of the operands of the layers' matmuls; sums and everything else are f32. */
  precision: "f32" | "f16" = "f32";
  /** Whether kernels can use subgroups. */
  readonly hasSubgroups: boolean;
  recorder: Recorder | undefined;
  readonly #pipelines: Pipelines;
  readonly #uniforms: GPUBuffer;
  readonly #pace = new SubmitPace();
  #nextSlot = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #used = 0;
  #peak = 0;
  #error: string | undefined;

  private constructor(
    readonly gpu: GPUDevice,
    readonly adapter: GPUAdapter,
    public description: string,
    tuned: GemmKernels | undefined,
    enablesSubgroups: boolean,
  ) {
    const adapterKind = adapterClass(adapter.info);
    this.traits = { ...TRAITS, manyCores: adapterKind !== "software" };
    this.gemmKernels = tuned ?? GEMM_KERNELS[adapterKind];
    this.hasSubgroups = gpu.features.has("subgroups" as GPUFeatureName);
    this.#pipelines = new Pipelines(gpu, enablesSubgroups);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.#uniforms = gpu.createBuffer({ size: UNIFORM_SLOT * EAGER_SLOTS, usage });
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#error ??= (event as GPUUncapturedErrorEvent).error.message;
    });
  }

  /** Opens `adapter` with the largest buffers that it allows. */
  static async open(
    adapter: GPUAdapter,
    { reason, tuned }: OpenOptions = {},
  ): Promise<WebGpuDevice> {
    const gpu = await requestDevice(adapter);
    const { description, vendor, architecture } = adapter.info;
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "an adapter";
    const line = `webgpu (${name}${tuned ? ", tuned" : ""})${reason ? `: ${reason}` : ""}`;
    return new WebGpuDevice(gpu, adapter, line, tuned, await acceptsEnableSubgroups(gpu));
  }

  chooseGemm(request: GemmRequest): GemmPlan {
    return chooseWebGpuGemm(this, request);
  }

  allocate(bytes: number): Memory {
    const size = Math.max(256, Math.ceil(bytes / 256) * 256);
    const { maxBufferSize } = this.gpu.limits;
    if (size > maxBufferSize) {
      throw new UserError(
        `webgpu: expected a buffer of at most ${maxBufferSize} bytes on this adapter, got ${size}; use a smaller batch, context or model, or the device 'cpu'`,
      );
    }
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.gpu.createBuffer({ size, usage });
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return { buffer, bytes: size, zeroed: true };
  }

  release(allocation: Allocation): void {
    this.#submitEager();
    (allocation as Memory).buffer.destroy();
    this.#used -= allocation.bytes;
  }

  write(target: Range, data: ArrayBufferView): void {
    if (data.byteLength === 0) return; // Deno 2.9 panics on an empty write
    this.#submitEager();
    const { buffer } = target.allocation as Memory;
    this.gpu.queue.writeBuffer(
      buffer,
      target.byteOffset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  async read(source: Range): Promise<ArrayBuffer> {
    this.#submitEager();
    const { buffer } = source.allocation as Memory;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.gpu.createBuffer({ size: source.bytes, usage });
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, source.byteOffset, staging, 0, source.bytes);
    this.gpu.queue.submit([encoder.finish()]);
    const waited = this.#pace.beforeWait();
    await staging.mapAsync(GPUMapMode.READ);
    waited();
    const copy = staging.getMappedRange().slice(0);
    staging.destroy();
    this.#throwError();
    return copy;
  }

  launch(launch: Launch<Range>): void {
    if (this.#nextSlot === EAGER_SLOTS) this.#submitEager();
    const offset = UNIFORM_SLOT * this.#nextSlot++;
    const scalars = encodeScalars(launch.kernel, launch.scalars);
    if (scalars.length > 0) this.gpu.queue.writeBuffer(this.#uniforms, offset, scalars);
    this.#encoder ??= this.gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    encode(this.#pass, this.#prepare(launch, this.#uniforms, offset));
  }

  load(launches: readonly Launch<Range>[]): LoadedProgram {
    const size = Math.max(1, launches.length) * UNIFORM_SLOT;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const uniforms = this.gpu.createBuffer({ size, usage });
    const words = new Uint32Array(size / 4);
    launches.forEach(({ kernel, scalars }, i) =>
      words.set(encodeScalars(kernel, scalars), i * UNIFORM_SLOT / 4)
    );
    this.gpu.queue.writeBuffer(uniforms, 0, words);
    const dispatches = launches
      .map((launch, i) => this.#prepare(launch, uniforms, i * UNIFORM_SLOT))
      .filter(({ workgroups }) => workgroups[0] > 0);
    const program: PacedProgram = { submits: FIRST_SUBMITS };
    return {
      run: () => {
        this.#submitEager();
        this.#pace.count(program);
        for (const part of cutInParts(dispatches, program.submits)) this.#submit(part);
      },
      dispose: () => uniforms.destroy(),
    };
  }

  async finish(): Promise<void> {
    this.#submitEager();
    const waited = this.#pace.beforeWait();
    await this.gpu.queue.onSubmittedWorkDone();
    waited();
    this.#throwError();
  }
  memory(): { used: number; peak: number; scratch: number } {
    return { used: this.#used, peak: this.#peak, scratch: 0 };
  }
  close(): void {
    this.#encoder = this.#pass = undefined; // memory that is collected later submits nothing
    this.gpu.destroy();
  }

  #prepare(launch: Launch<Range>, uniforms: GPUBuffer, offset: number): Dispatch {
    const { kernel, constants, scalars, buffers } = launch;
    const present = buffers.map((range) => range !== undefined);
    const { pipeline, layout } = this.#pipelines.get(kernel, constants, present);
    const entries = buffers.flatMap((range, binding): GPUBindGroupEntry[] => {
      if (!range) return [];
      const { buffer } = range.allocation as Memory;
      const size = Math.ceil(Math.max(range.bytes, 4) / 16) * 16;
      this.#expectBindable(kernel, size);
      return [{ binding, resource: { buffer, offset: range.byteOffset, size } }];
    });
    const size = 4 * Object.keys(kernel.scalars).length;
    if (size > 0) {
      const resource = { buffer: uniforms, offset, size: Math.ceil(size / 16) * 16 };
      entries.push({ binding: buffers.length, resource });
    }
    const bindGroup = this.gpu.createBindGroup({ layout, entries });
    return { pipeline, bindGroup, workgroups: dispatchSize(kernel.webgpu!, scalars, constants) };
  }

  #expectBindable({ name }: Kernel, bytes: number): void {
    const { maxStorageBufferBindingSize } = this.gpu.limits;
    if (bytes <= maxStorageBufferBindingSize) return;
    throw new UserError(
      `webgpu: ${name}: expected tensors of at most ${maxStorageBufferBindingSize} bytes on this adapter, got one of ${bytes}; use a smaller batch, context or model, or the device 'cpu'`,
    );
  }

  #submit(dispatches: readonly Dispatch[]): void {
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const dispatch of dispatches) encode(pass, dispatch);
    pass.end();
    this.gpu.queue.submit([encoder.finish()]);
  }

  #submitEager(): void {
    if (!this.#encoder) return;
    this.#pass!.end();
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.#encoder = this.#pass = undefined;
    this.#nextSlot = 0;
  }

  #throwError(): void {
    const message = this.#error;
    this.#error = undefined;
    if (message) throw new Error(`webgpu: a kernel failed: ${message}`);
  }
}

/**
 * A device with the adapter's features and its largest buffers. Deno 2.9 grants subgroups without
 * listing them.
 */
async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { limits } = adapter;
  const requiredLimits = {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  };
  const subgroups = "subgroups" as GPUFeatureName;
  const wanted = ["shader-f16", "timestamp-query", subgroups] as GPUFeatureName[];
  const listed = wanted.filter((feature) => adapter.features.has(feature));
  const request = (requiredFeatures: GPUFeatureName[]) =>
    adapter.requestDevice({ requiredFeatures, requiredLimits });
  if (listed.includes(subgroups)) return await request(listed);
  return await request([...listed, subgroups]).catch(() => request(listed));
}

function encode(pass: GPUComputePassEncoder, { pipeline, bindGroup, workgroups }: Dispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}
