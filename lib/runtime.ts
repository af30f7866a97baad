/**
 * Where the library runs: Deno has files, environment variables and npm packages; a page, Node and
 * Bun compute, but these parts are refused there by name.
 *
 * @module
 */
import { UserError } from "./errors.ts";

/**
 * Refuses what only Deno can do; `attempted` names it ("read train.bin"), `part` says what is
 * missing elsewhere.
 *
 * @throws {UserError} in a browser, Node or Bun
 */
export function expectDeno(attempted: string, part = "files"): void {
  if (isDeno()) return;
  throw new UserError(
    `cannot ${attempted}: Folio has ${part} in Deno only, and this is ${runtime()}; ` +
      "load from an https: address, or pass the content",
  );
}

/** Whether this is Deno. */
export function isDeno(): boolean {
  return "Deno" in globalThis;
}

/** What this program runs in, with its version where that is known. */
export function runtime(): string {
  if (isDeno()) return "Deno";
  const { process } = globalThis as { process?: { versions?: Record<string, string> } };
  const { bun, node } = process?.versions ?? {};
  if (bun) return `Bun ${bun}`;
  return node ? `Node ${node}` : "a browser";
}
