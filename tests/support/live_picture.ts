/**
 * Takes a picture of a live page, for a look at it or for the README:
 *
 *     deno run -A tests/support/live_picture.ts http://127.0.0.1:8484/ live.png 1280 dark
 *
 * @module
 */
import { Browser, CHROMIUM } from "./browser.ts";

const [url, path, width = "1280", scheme = "light"] = Deno.args;
if (!path || !CHROMIUM) {
  console.error(
    "usage: live_picture.ts URL FILE.png [WIDTH] [light|dark], with Chromium installed",
  );
  Deno.exit(2);
}
await using browser = await Browser.start(CHROMIUM);
const page = await browser.open(url, { width: Number(width), dark: scheme === "dark" });
await page.until(`document.getElementById("run-sample").textContent.length > 0`);
await page.until(`document.querySelector("#run-attention .reading").textContent.includes("after")`);
await page.until(`document.getElementById("status").textContent === "ready"`);
// A picture in a text shows the run and the first cards of the playground only.
await page.evaluate(`for (const id of ["lens", "near", "looking", "training"]) {
  document.getElementById(id).hidden = true;
}`);
await Deno.writeFile(path, await page.screenshot());
