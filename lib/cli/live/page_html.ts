/**
 * The page of runs and models: its markup, around the styles and scripts that go with it.
 *
 * @module
 */
import html from "./page/page.html" with { type: "text" };

/** The page with `head` in its head, and `end` at the end of its body. */
export function pageHtml(head: string, end = ""): string {
  return html.replace("<!--head-->", () => head).replace("<!--end-->", () => end);
}
