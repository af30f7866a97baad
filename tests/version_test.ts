/** The version: one for the code, and the same in deno.json. */
import assert from "node:assert/strict";
import { VERSION } from "../lib/version.ts";
import settings from "../deno.json" with { type: "json" };

Deno.test("lib/version.ts and deno.json say the same version", () => {
  assert.equal(VERSION, settings.version);
});
