/**
 * Writes a text file: all of it or nothing. The folder of several is made by `makeFolder`.
 *
 * @module
 */
import { makeFolder, writeFileAtomically } from "../files.ts";

export { makeFolder };

/**
 * Replaces or creates the file at `path`; a process killed at any moment leaves the old content or
 * the new.
 *
 * @throws {UserError} if the system refuses
 */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, [new TextEncoder().encode(text)]);
}
