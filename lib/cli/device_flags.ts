/**
 * The flags that choose the device and its precision, for every command that computes.
 *
 * @module
 */
import { choice, type FlagValues, integer } from "./flags.ts";

/** Flags for the device and its precision. */
export const deviceFlags = {
  device: choice("auto", "device to compute on", { choices: ["auto", "webgpu", "cpu"] }),
  precision: choice("f32", "precision of matmul operands; f16 needs WebGPU", {
    choices: ["f32", "f16"],
  }),
  threads: integer(undefined, "CPU threads", { min: 1, max: 64, shownDefault: "all cores" }),
};

/** The options of `openDevice` for `deviceFlags`, picked from all flags of a command. */
export function deviceOptions(
  { device, precision, threads }: FlagValues<typeof deviceFlags>,
): FlagValues<typeof deviceFlags> {
  return { device, precision, threads };
}
