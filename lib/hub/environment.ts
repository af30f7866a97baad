/**
 * What the process was told about the hub: `HF_ENDPOINT` and `HF_TOKEN`. A variable that Deno's
 * permissions keep from the process is as if it were not set; nobody is asked for it.
 *
 * @module
 */

/**
 * The value of a variable of the environment; undefined where it is unset, empty, or not to be
 * read.
 */
export function environmentVariable(variable: string): string | undefined {
  if (typeof Deno === "undefined") return undefined; // a browser
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}
