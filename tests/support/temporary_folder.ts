/**
 * A folder for the files of one test.
 *
 * @module
 */

/** Calls `test` with an empty folder, and removes it afterwards. */
export async function inTemporaryFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
