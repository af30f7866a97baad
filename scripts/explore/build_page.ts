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

/**
 * A page with its model inside requests nothing; one with a model elsewhere reads it from there,
 * and one of a run that still trains follows that.
 */
function policy({ place, events }: Source): string {
  const own = events === undefined ? "'none'" : "'self'";
  const content = [
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:",
    "worker-src blob:; style-src 'unsafe-inline'; img-src data:; base-uri 'none'",
    `form-action 'none'; connect-src ${place === undefined ? own : "https: http:"}`,
  ];
  return `<meta http-equiv="Content-Security-Policy" content="${content.join("; ")}">`;
}

/** The page of a model. */
export async function buildPage(source: Source): Promise<string> {
  bundles ??= bundle();
  bundles.catch(() => bundles = undefined); // the next page tries again
  const [script, engine] = await bundles;
  const parts: Record<string, string> = {
    "<!--policy-->": policy(source),
    "/*style*/": liveStyle + style,
    "/*source*/": JSON.stringify(source).replaceAll("<", "\\u003c"),
    "/*engine*/": inScript(engine),
    "/*script*/": inScript(script),
  };
  return html.replace(/<!--policy-->|\/\*(style|source|engine|script)\*\//g, (mark) => parts[mark]);
}

/** The page's script and its engine, which are the same for every model. */
let bundles: Promise<[script: string, engine: string]> | undefined;

function bundle(): Promise<[script: string, engine: string]> {
  const folder = new URL("./page/", import.meta.url);
  return Promise.all([
    bundleModule(new URL("main.ts", folder)),
    bundleModule(new URL("engine.ts", folder), { format: "iife" }),
  ]);
}

/** Code that may stand between `<script>` and `</script>`. */
function inScript(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, "\\x3c");
}
