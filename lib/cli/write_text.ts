/**
 * Writes a text file: all of it or nothing. The folder of several is made by `makeFolder`.
 *
 * @module
 */
import { makeFolder, makeFolderOf, writeFileAtomically } from "../files.ts";

export { makeFolder, makeFolderOf };

/**
 * Replaces or creates the file at `path`, and makes its folder unless it is there; a process killed
 * at any moment leaves the old content or the new.
 *
 * @throws {UserError} if the system refuses
 */
export async function writeText(path: string, text: string): Promise<void> {
  await makeFolderOf(path);
  await writeFileAtomically(path, [new TextEncoder().encode(text)]);
}
