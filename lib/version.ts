/**
 * The library's version, that of deno.json, which lib/ does not read.
 *
 * @module
 */

/** Semantic version. */
export const VERSION = "0.1.0";
