/**
 * Builds the playground: one file of HTML with its scripts, styles and model inside.
 *
 * @module
 */
import { bundleModule } from "../../lib/cli/bundle.ts";
import liveStyle from "../../lib/cli/live/page/page.css" with { type: "text" };
import style from "./page/page.css" with { type: "text" };
import html from "./page/page.html" with { type: "text" };
import type { Source } from "./page/protocol.ts";

/** A page with its model inside requests nothing; one with a model elsewhere reads it from there. */
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
  const folder = new URL("./page/", import.meta.url);
  const [script, engine] = await Promise.all([
    bundleModule(new URL("main.ts", folder)),
    bundleModule(new URL("engine.ts", folder), { format: "iife" }),
  ]);
  const parts: Record<string, string> = {
    "<!--policy-->": policy(source),
    "/*style*/": liveStyle + style,
    "/*source*/": JSON.stringify(source).replaceAll("<", "\\u003c"),
    "/*engine*/": inScript(engine),
    "/*script*/": inScript(script),
  };
  return html.replace(/<!--policy-->|\/\*(style|source|engine|script)\*\//g, (mark) => parts[mark]);
}

/** Code that may stand between `<script>` and `</script>`. */
function inScript(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, "\\x3c");
}
