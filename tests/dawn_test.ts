/**
 * Runs dawn.ts in a process without the lock file: `deno task` fetches every package of that file,
 * and Dawn's 132 MB are for this test alone.
 *
 * @module
 */
import assert from "node:assert/strict";

const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "--allow-all", "--no-lock", "--no-check", "tests/dawn.ts"],
  cwd: new URL("..", import.meta.url),
  env: { NO_COLOR: "1" },
}).output();
const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
const missing = /\((npm:webgpu\S* cannot be loaded.*|Dawn has no.*)\) \.\.\. ignored/.exec(text);

Deno.test({
  name: `Dawn accepts every kernel and its launches${missing ? ` (${missing[1]})` : ""}`,
  ignore: missing !== null,
  fn: () => assert.equal(code, 0, text),
});
