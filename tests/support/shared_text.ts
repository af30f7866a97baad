/**
 * Texts that are too large to ship, in `../shared` beside the checkout. Tests that need one say
 * `ignore: text === undefined`.
 *
 * @module
 */

/** The content of a file in `../shared`, or undefined if it is absent. */
export function sharedText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(`../../../shared/${path}`, import.meta.url));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tiny Shakespeare, or undefined. */
export const shakespeare: string | undefined = sharedText("data/tinyshakespeare.txt");
