/**
 * The library's version, for files that record what wrote them. deno.json says the same, and a test
 * holds the two equal: by URL, nothing here can read deno.json.
 *
 * @module
 */

/** Semantic version, such as `0.1.0`. */
export const VERSION = "0.1.0";
