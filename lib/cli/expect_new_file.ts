/**
 * Checks that a file to write would replace none.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/**
 * Checks that nothing is at `path`, unless `force`, the value of `--force`, is set.
 *
 * ```ts
 * await expectNewFile(`${await Deno.makeTempDir()}/page.html`, { force: false });
 * ```
 *
 * @param flag The flag that names the file.
 * @throws {UserError} if there is a file or a folder
 */
export async function expectNewFile(
  path: string,
  { force, flag = "--out" }: { force: boolean; flag?: string },
): Promise<void> {
  if (force || !await Deno.lstat(path).then(() => true, () => false)) return;
  throw new UserError(`${path} is there already; name another with ${flag}, or give --force`);
}
