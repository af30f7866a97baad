/**
 * Makes `console.assert` throw, so that examples in the documentation can fail: `deno task ok`
 * loads it before them.
 *
 * @module
 */
console.assert = (holds?: boolean, ...message: unknown[]) => {
  if (!holds) throw new Error(["assertion failed", ...message].join(": "));
};
