/**
 * Texts that come as files of npm packages. This is the only module that loads them, and it does so
 * when asked: the address is no literal, because Deno fetches every package that an `import()`
 * names literally as soon as a program starts.
 *
 * @module
 */

/**
 * The bytes of a text file of an npm package.
 *
 * @param url `npm:NAME@VERSION/PATH`
 * @throws {TypeError} from the runtime, where the package cannot be had
 */
export async function importPackagedText(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const [packageUrl] = url.match(/^npm:(?:@[^/]+\/)?[^/]+/)!;
  // Deno finds a text in a package only once it has resolved the package by another import.
  await import(`${packageUrl}/package.json`, { with: { type: "json" } });
  const { default: text }: { default: string } = await import(url, { with: { type: "text" } });
  return new TextEncoder().encode(text);
}
