/**
 * Settings of the hub in the environment. A variable that Deno's permissions hide counts as unset;
 * there is no prompt for it.
 *
 * @module
 */

/**
 * The value of a variable of the environment; undefined if it is unset, empty, or hidden by the
 * permissions.
 */
export function environmentVariable(variable: string): string | undefined {
  if (typeof Deno === "undefined") return undefined; // a browser
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}
