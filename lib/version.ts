/**
 * The library's version, for files that record it. deno.json has the same, and a test checks that
 * they are equal; a module that is loaded by URL cannot read deno.json.
 *
 * @module
 */

/** Semantic version, such as `0.1.0`. */
export const VERSION = "0.1.0";
