/**
 * Checks that an argument names a folder, before any other use of it.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/**
 * Checks that there is a folder at `path`.
 *
 * @throws {UserError} if there is none
 */
export async function expectFolder(path: string): Promise<void> {
  const isFolder = await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
  if (!isFolder) throw new UserError(`${path}: there is no such folder; give the folder of a run`);
}
