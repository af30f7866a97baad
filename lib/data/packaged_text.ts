/**
 * Texts that are files of npm packages. This is the only module that loads them, at their first
 * use: the address is no literal, because Deno downloads every package that an `import()` names
 * literally when a program starts.
 *
 * @module
 */
import { expectDeno } from "../runtime.ts";

/**
 * The bytes of a text file of an npm package, `npm:NAME@VERSION/PATH`.
 *
 * @throws {TypeError} from the runtime, if the package cannot be downloaded
 */
export async function importPackagedText(url: string): Promise<Uint8Array<ArrayBuffer>> {
  expectDeno(`load ${url}`, "npm packages");
  const [packageUrl] = url.match(/^npm:(?:@[^/]+\/)?[^/]+/)!;
  // Deno finds a text in a package only once it has resolved the package by another import.
  await import(`${packageUrl}/package.json`, { with: { type: "json" } });
  const { default: text }: { default: string } = await import(url, { with: { type: "text" } });
  return new TextEncoder().encode(text);
}
