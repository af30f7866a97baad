/**
 * Tables that operations make once for each device, such as the angles of rotary positions.
 *
 * @module
 */
import type { Device } from "../device/device.ts";

/** Values of a device that are kept: texts of many lengths must not fill its memory. */
const LIMIT = 32;

/**
 * Values by device and key, made at their first use. Of each device the 32 used last are kept; the
 * memory of the others is freed when it is collected.
 */
export class DeviceCache<Value> {
  readonly #values = new WeakMap<Device, Map<string, Value>>();

  /** The value of `key` on a device; `make` makes it if it is not kept. */
  get(device: Device, key: string, make: () => Value): Value {
    const values = this.#values.get(device) ?? new Map<string, Value>();
    this.#values.set(device, values);
    const value = values.has(key) ? values.get(key)! : make();
    values.delete(key); // the order of a map is that of insertion: used last, dropped last
    values.set(key, value);
    if (values.size > LIMIT) values.delete(values.keys().next().value!);
    return value;
  }
}
