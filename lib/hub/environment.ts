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

/**
 * The user's token for the hub, as the hub's own programs find it: `HF_TOKEN`, or the file that
 * logging in writes, `HF_TOKEN_PATH`, `HF_HOME/token` or `~/.cache/huggingface/token`. Undefined if
 * there is none, the process may not read it, or `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set.
 */
export function hubToken(): string | undefined {
  if (/^(1|on|yes|true)$/i.test(environmentVariable("HF_HUB_DISABLE_IMPLICIT_TOKEN") ?? "")) {
    return undefined;
  }
  const token = environmentVariable("HF_TOKEN") ?? environmentVariable("HUGGING_FACE_HUB_TOKEN");
  return (token ?? readableText(tokenPath()))?.replace(/[\r\n]/g, "").trim() || undefined;
}

function tokenPath(): string | undefined {
  const path = environmentVariable("HF_TOKEN_PATH");
  if (path !== undefined) return path;
  const home = environmentVariable("HOME") ?? environmentVariable("USERPROFILE");
  const cache = environmentVariable("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  const folder = environmentVariable("HF_HOME") ?? (cache && `${cache}/huggingface`);
  return folder && `${folder}/token`;
}

/** The text of a file; undefined if it is missing or the process may not read it. */
function readableText(path: string | undefined): string | undefined {
  if (path === undefined || typeof Deno === "undefined") return undefined;
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // none, or it cannot be read
  }
}
