/**
 * `openDevice`: opens a device and makes it the current one.
 *
 * @module
 */
import { chooseDevice, type DeviceOptions } from "../device/choose_device.ts";
import { useDevice } from "../device/current_device.ts";
import type { Device } from "../device/device.ts";
import { checkOptions } from "../options.ts";

/**
 * Opens a device and makes it the device of new tensors.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(device.description, await tensor([1, 2, 3]).data());
 * device.close();
 * ```
 *
 * @throws {UserError} if the device is `webgpu` and there is no adapter
 * @throws {RangeError} if a value is not one of the choices, or the number of threads out of range
 * @throws {TypeError} if an option is unknown
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  checkOptions("openDevice", options, {
    device: true,
    threads: true,
    blas: true,
    precision: true,
  });
  const device = await chooseDevice(
    options,
    async (...adapter) => (await import("./open_webgpu.ts")).openWebGpu(...adapter),
  );
  useDevice(device);
  return device;
}
