/**
 * Folder of the golden numbers that are too large to ship: `../shared/golden`, beside the checkout.
 * Tests that need them say `ignore: golden === undefined`.
 */

const folder = new URL("../../../shared/golden", import.meta.url).pathname;

/** The folder's path, or undefined if it is absent. */
export const golden: string | undefined = exists(folder) ? folder : undefined;

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
