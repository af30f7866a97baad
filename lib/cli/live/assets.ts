/**
 * The page's files, as text, by the paths under which they are served.
 *
 * @module
 */
import attention from "./page/attention.js" with { type: "text" };
import chart from "./page/chart.js" with { type: "text" };
import format from "./page/format.js" with { type: "text" };
import help from "./page/help.js" with { type: "text" };
import script from "./page/page.js" with { type: "text" };
import runPanel from "./page/run_panel.js" with { type: "text" };
import style from "./page/page.css" with { type: "text" };
import svg from "./page/svg.js" with { type: "text" };
import { pageHtml } from "./page_html.ts";

/** A file to serve. */
export interface Asset {
  /** Its content. */
  readonly text: string;
  /** Its media type. */
  readonly type: string;
}

const HEAD = '<link rel="stylesheet" href="/page.css">\n    ' +
  '<script type="module" src="/page.js"></script>';

const scriptOf = (text: string): Asset => ({ text, type: "text/javascript; charset=utf-8" });

/** Every file, by its path. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["/", { text: pageHtml(HEAD), type: "text/html; charset=utf-8" }],
  ["/page.css", { text: style, type: "text/css; charset=utf-8" }],
  ["/page.js", scriptOf(script)],
  ["/attention.js", scriptOf(attention)],
  ["/chart.js", scriptOf(chart)],
  ["/format.js", scriptOf(format)],
  ["/help.js", scriptOf(help)],
  ["/run_panel.js", scriptOf(runPanel)],
  ["/svg.js", scriptOf(svg)],
]);
