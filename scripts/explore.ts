/**
 * Opens a run or a model as a page to play with: `deno task explore [RUN|MODEL]`.
 *
 * The page writes, shows what the model expected at each place, its attention, what each layer
 * would say and which tokens are alike, switches heads off, and trains. Everything happens in the
 * page, by the library's bundle.
 *
 * @module
 */
import { expectNewFile } from "../lib/cli/expect_new_file.ts";
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, UserError } from "../lib/cli/run.ts";
import { writeText } from "../lib/cli/write_text.ts";
import { buildPage } from "./explore/build_page.ts";
import { openParts, partsOf } from "./explore/open_parts.ts";
import { openSource } from "./explore/open_source.ts";
import { servePage } from "./explore/serve_page.ts";

const command = {
  name: "deno task explore",
  summary: "Serves a page on this machine in which a model writes, shows what it computes, and " +
    "trains; with --html, writes the page as one file that works from disk.",
  positionals: {
    name: "MODEL",
    meaning:
      "folder of a run (of LoRA, too) or a model, an address, or a name on the hub; none: train " +
      "in the page",
    max: 1,
  },
  flags: {
    html: text(undefined, "write the page, the model inside, instead of serving it", {
      placeholder: "FILE.html",
      shownDefault: "",
    }),
    force: toggle(false, "replace the file if it is there"),
    port: integer(0, "port of 127.0.0.1; 0 takes any free one", { min: 0, max: 65535 }),
  },
  examples: [
    ["deno task explore runs/baby", "serves a page with the run's model and losses"],
    ["deno task explore runs/baby --html baby.html", "writes a page that works from disk"],
    ["deno task explore", "serves a page that trains a model from nothing"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [place] }) => {
  const { html, port, force } = flags;
  if (html !== undefined) {
    if (!/\.html?$/.test(html)) {
      throw new UserError(`--html ${html}: it is a page; give a name that ends in .html`);
    }
    await expectNewFile(html, { force, flag: "--html" });
  }
  const parts = place === undefined ? undefined : await partsOf(place);
  const page = await buildPage(await (parts ? openParts(place!, parts) : openSource(place)));
  if (html !== undefined) {
    await writeText(html, page);
    print(`wrote ${html} (${(page.length / 1e6).toFixed(2)} MB); open it in a browser`);
    return;
  }
  const server = servePage(page, port);
  print(`page     http://127.0.0.1:${server.addr.port}/`);
  print("Ctrl-C ends it");
  await server.finished;
});
