/**
 * A random seed, so that each text differs from the last.
 *
 * @module
 */

/** A random integer in [0, 2^32). */
export function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
