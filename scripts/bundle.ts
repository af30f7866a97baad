/**
 * Bundles the library for a page: `deno task bundle` writes `folio.js`, one ES module, and
 * `folio.d.ts` with its types.
 *
 *     deno task bundle --out site/folio.js
 *
 * @module
 */
import { bundleModule } from "../lib/cli/bundle.ts";
import { text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { writeText } from "../lib/cli/write_text.ts";

const command = {
  name: "deno task bundle",
  summary: "Writes the library as one ES module for a page, Node or Bun, and its types beside it.",
  flags: {
    out: text("folio.js", "file to write; the types go beside it", { placeholder: "FILE.js" }),
    minify: toggle(true, "shorten names and leave out spaces"),
  },
  examples: [
    ["deno task bundle", "writes folio.js and folio.d.ts"],
    ["deno task bundle --out site/folio.js --no-minify", "readable, in another folder"],
  ] as const,
};

/** Where the types are, for every tool that reads an address. */
const TYPES = "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

await runScript(command, async ({ flags: { out, minify } }) => {
  if (!out.endsWith(".js")) {
    throw new UserError(`--out ${out}: a bundle is JavaScript; give a name that ends in .js`);
  }
  const types = out.replace(/\.js$/, ".d.ts");
  const code = await bundleModule(new URL("../mod.ts", import.meta.url), { minify });
  const pragma = `/* @ts-self-types="./${types.split(/[/\\]/).at(-1)}" */\n`;
  await writeText(out, pragma + code);
  await writeText(types, `export * from "${TYPES}";\n`);
  print(`wrote ${out} (${Math.round(code.length / 1000)} kB) and ${types}`);
});
