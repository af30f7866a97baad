/**
 * The environment's settings of the hub: `HF_ENDPOINT` and `HF_TOKEN`. A variable that Deno's
 * permissions hide counts as not set; there is no prompt for it.
 *
 * @module
 */

/**
 * The value of a variable of the environment; undefined if it is unset, empty, or not to be
 * read.
 */
export function environmentVariable(variable: string): string | undefined {
  if (typeof Deno === "undefined") return undefined; // a browser
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}
