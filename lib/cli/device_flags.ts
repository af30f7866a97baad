/**
 * The flags that choose the device and its precision, for every command that computes.
 *
 * @module
 */
import { choice, type FlagValues, integer, text } from "./flags.ts";

const GPU = "did you mean webgpu?";

/** The kinds of devices, with what to write instead of other libraries' names for them. */
export const DEVICE_KINDS = {
  choices: ["auto", "webgpu", "cpu"],
  hints: { cuda: GPU, gpu: GPU, metal: GPU, mps: GPU, rocm: GPU, vulkan: GPU, xpu: GPU },
} as const;

/** Flags for the device and its precision. */
export const deviceFlags = {
  device: choice("auto", "device to compute on", DEVICE_KINDS),
  precision: choice(
    "f32",
    "precision of matmul operands; f16 needs WebGPU, and AdamW scales the loss",
    {
      choices: ["f32", "f16"],
    },
  ),
  threads: integer(undefined, "CPU threads", { min: 1, max: 64, shownDefault: "all cores" }),
};

/** The flag for a system library that multiplies matrices, an option of `openDevice` too. */
export const blasFlag = text(
  undefined,
  "matrix products on the CPU by a system BLAS; needs --allow-ffi: deno task train:native, " +
    "or the script by deno run -A",
  {
    placeholder: "auto|PATH",
  },
);

/** The options of `openDevice` for `deviceFlags`, picked from all flags of a command. */
export function deviceOptions(
  { device, precision, threads }: FlagValues<typeof deviceFlags>,
): FlagValues<typeof deviceFlags> {
  return { device, precision, threads };
}

/** The lines about its device with which a command begins that computes for long. */
export function deviceLines(
  { description, advice }: { readonly description: string; readonly advice?: string },
): string {
  const tip = advice === undefined ? "" : `\ntip      ${advice}`;
  return `device   ${description}${tip}`;
}

/** The option of optimizers that training in half precision needs. */
export function lossScalingOf(
  { precision }: Pick<FlagValues<typeof deviceFlags>, "precision">,
): { lossScaling: boolean } {
  return { lossScaling: precision === "f16" };
}
