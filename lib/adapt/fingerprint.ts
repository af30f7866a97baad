/**
 * A hash of a model's weights, by which an adapter knows its base.
 *
 * @module
 */
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The SHA-256 of the SHA-256s of all parameters' f32 values, in the order of their names, in hex.
 * It depends on the numbers only, and not on how they are divided into files.
 */
export async function fingerprint(parameters: ReadonlyMap<string, Tensor>): Promise<string> {
  const names = [...parameters.keys()].sort();
  const hashes = new Uint8Array(32 * names.length);
  for (const [i, name] of names.entries()) {
    const { buffer, byteOffset, byteLength } = await parameters.get(name)!.data();
    const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    hashes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), 32 * i);
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", hashes)).toHex();
}
