/**
 * The current device, on which new tensors are created unless they name another.
 *
 * See choose_device.ts for opening one.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { Device } from "./device.ts";

let current: Device | undefined;

/**
 * The device of new tensors: the one opened or used last.
 *
 * @throws {Error} if none is open
 */
export function currentDevice(): Device {
  if (!current) throw new Error("no device is open: call `await openDevice()` first");
  return current;
}

/**
 * Makes an open device the current one.
 *
 * @throws {TypeError} if it is none, such as a device's name
 */
export function useDevice(device: Device): void {
  current = expectDevice("useDevice", device);
}

/** Throws a TypeError unless `device` is an open device. */
export function expectDevice(operation: string, device: Device): Device {
  if (typeof device?.allocate === "function") return device;
  throw new TypeError(
    `${operation}: expected an open device, got ${
      describe(device)
    }; open one with await openDevice()`,
  );
}

/** Runs `f` with `device` as the current one, then restores the previous one. */
export function onDevice<T>(device: Device, f: () => T): T {
  const before = current;
  current = device;
  try {
    return f();
  } finally {
    current = before;
  }
}
