/**
 * A seed for a text that is to differ from the last one.
 *
 * @module
 */

/** A random integer in [0, 2^32). */
export function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
