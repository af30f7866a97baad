/**
 * Checks that an argument names a folder, or the place of one, before any other use of it.
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

/**
 * Checks that no file is where a folder will be made, before the work whose result it holds.
 *
 * @throws {UserError} if there is one
 */
export async function expectNoFile(path: string): Promise<void> {
  const isFile = await Deno.stat(path).then(({ isDirectory }) => !isDirectory, () => false);
  if (isFile) throw new UserError(`cannot make folder ${path}: there is a file of that name`);
}
