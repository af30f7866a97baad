/**
 * `openDevice`: opens a device, checks its half precision if that was requested, and makes it the
 * current one.
 *
 * @module
 */
import { chooseDevice, type DeviceOptions } from "../device/choose_device.ts";
import { useDevice } from "../device/current_device.ts";
import type { Device } from "../device/device.ts";
import { checkHalfPrecision } from "./check_half_precision.ts";

/**
 * Opens a device and makes it the one that new tensors are on.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(device.description, await tensor([1, 2, 3]).data());
 * device.close();
 * ```
 *
 * @throws {UserError} if the device is `webgpu` and there is no adapter
 * @throws {RangeError} if the number of threads is out of range
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const device = await chooseDevice(options, checkHalfPrecision);
  useDevice(device);
  return device;
}
