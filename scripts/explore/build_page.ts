/**
 * Builds the playground: one file of HTML with its scripts, styles and model inside.
 *
 * @module
 */
import { bundleModule } from "../../lib/cli/bundle.ts";
import { pageHtml } from "../../lib/cli/live/page_html.ts";
import style from "../../lib/cli/live/page/page.css" with { type: "text" };
import type { Source } from "./page/protocol.ts";

/**
 * A page with its model inside requests nothing; one with a model elsewhere reads it from there.
 */
function policy({ place }: Source): string {
  const content = [
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:",
    "worker-src blob:; style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
    `form-action 'none'; connect-src ${place === undefined ? "'none'" : "https: http:"}`,
  ];
  return `<meta http-equiv="Content-Security-Policy" content="${content.join("; ")}">`;
}

/** The page of a model. */
export async function buildPage(source: Source): Promise<string> {
  const main = new URL("./page/main.ts", import.meta.url);
  const [script, engine] = await Promise.all([bundleModule(main), buildEngine()]);
  const json = JSON.stringify(source).replaceAll("<", "\\u003c");
  const end = [
    `<script type="application/json" id="source">${json}</script>`,
    `<script type="text/plain" id="engine">${inScript(engine)}</script>`,
    `<script type="module">${inScript(script)}</script>`,
  ];
  return pageHtml(`${policy(source)}<style>${style}</style>`, end.join("\n"));
}

/** The text of the worker that holds the model. */
export function buildEngine(): Promise<string> {
  return bundleModule(new URL("./page/engine.ts", import.meta.url), { format: "iife" });
}

/** Code that may stand between `<script>` and `</script>`. */
function inScript(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, "\\x3c");
}
