/**
 * The live chart's page in a headless Chromium: on a phone and on a desk, light and dark, while
 * training runs and after.
 */
import assert from "node:assert/strict";
import { LiveChart } from "../lib/cli/live/live_chart.ts";
import { accessibleNames, Browser, CHROMIUM, expectFits, type Page } from "./support/browser.ts";
import { line } from "./support/command.ts";
import { liveRun } from "./support/live_run.ts";

const LONG = line("--steps 100000 --eval-every 20 --log-every 1 --checkpoint-every 0 --out run");
const SCREENS = [
  { width: 375, height: 800, dark: false },
  { width: 375, height: 800, dark: true },
  { width: 1280, height: 900, dark: false },
  { width: 1280, height: 900, dark: true },
];
const REASON =
  "no Chromium is installed: apt-get install chromium-headless-shell, or FOLIO_CHROMIUM=PATH";

function browserTest(name: string, body: (browser: Browser) => Promise<void>): void {
  Deno.test({
    name: CHROMIUM ? name : `${name} (${REASON})`,
    ignore: !CHROMIUM,
    fn: async () => {
      await using browser = await Browser.start(CHROMIUM!);
      await body(browser);
    },
  });
}

const text = (id: string) => `document.getElementById("${id}").textContent`;
const STEP = `parseInt(${text("run-step")}.replaceAll(",", ""))`;
const READING = `document.querySelector("#run-attention .reading").textContent`;
const READY = `${text("status")} === "ready"`;
/** The tokens' texts, without the button for the next one. */
const TOKENS = `[...document.querySelectorAll("#tokens button")].slice(0, -1)
  .map((button) => button.textContent).join("")`;
/** What the browser notes when a page asks for WebGPU, or its server is gone. */
const EXPECTED = /^No available adapters\.|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/;

browserTest(
  "the live page: shows a run on four screens, each its own head, and outlives it",
  async (browser) => {
    await using live = await liveRun(LONG);
    const pages = await Promise.all(SCREENS.map((screen) => browser.open(live.url, screen)));
    for (const page of pages) {
      await page.until(`document.querySelectorAll("#run-chart .second circle").length > 1`);
      await page.until(`${text("run-sample")}.length > 20`);
      await page.until(`${READING}.includes("after step")`);
      await fitsAndIsNamed(page);
    }
    const colors = await Promise.all(
      pages.map((page) => page.evaluate(`getComputedStyle(document.body).backgroundColor`)),
    );
    assert.equal(colors[0], colors[2]);
    assert.equal(colors[1], colors[3]);
    assert.notEqual(colors[0], colors[1]);

    const [, , desk, other] = pages;
    await choosesByKeyboard(desk);
    assert.match(await other.evaluate(READING), /^layer 1, head 1,/);
    await readsValues(desk);

    for (const page of pages.slice(0, 2)) await page.close();
    for (const page of [desk, other]) await page.until(READY);
    const step = await desk.evaluate(STEP);
    await desk.until(`${STEP} > ${step + 50}`); // training goes on, and so does the page

    live.child.kill("SIGINT");
    await live.finished;
    for (const page of [desk, other]) {
      await page.until(`${text("run-status")} === "stopped"`);
      const after = await page.evaluate(`document.getElementById("after").innerText`);
      assert.equal(after, "To open it again: deno task explore run Copy");
      await page.until(`/its files are in run\\. .* step [\\d,]+\\.$/.test(${text("run-note")})`);
    }
    await choosesByKeyboard(other); // the page needs nobody any more
    await other.until(
      `${text("opened")} === "as of step " + ${text("run-step")}.split(" / ")[0]`,
    ); // the last checkpoint came before the server went
    await desk.evaluate(`document.getElementById("copy").click()`); // no gesture: it may not copy
    await desk.until(`document.getElementById("copy").textContent === "Selected"`);
    assert.equal(await desk.evaluate(`String(getSelection())`), "deno task explore run");
    for (const { messages } of pages) {
      assert.deepEqual(messages.filter((message) => !EXPECTED.test(message)), []);
    }
  },
);

browserTest(
  "the live page: plays with each checkpoint, keeps its prompt, and works on when training is killed",
  async (browser) => {
    await using live = await liveRun(LONG.with(LONG.indexOf("--checkpoint-every") + 1, "20"));
    const page = await browser.open(live.url, { width: 375, height: 800, dark: true });
    await page.until(READY);
    await page.evaluate(`document.getElementById("prompt").value = "the lazy";
      document.getElementById("write").click()`);
    await page.until(`${text("written")} === "48 tokens written" && ${READY}`);
    const written = await page.evaluate(TOKENS);
    const bars = await page.evaluate(text("bars"));
    const opened = await page.evaluate(text("opened"));
    assert.match(opened, /^as of step [\d,]+$/);
    await page.until(
      `${text("opened")} !== "${opened}" && ${text("bars")} !== ${JSON.stringify(bars)}`,
    ); // newer weights read the same text
    assert.equal(await page.evaluate(TOKENS), written);
    await expectFits(page);

    live.child.kill("SIGKILL");
    await live.finished;
    await page.until(`${text("run-note")}.includes("goes on with the checkpoint of")`);
    assert.equal(await page.evaluate(text("run-status")), "connection lost, trying again");
    await page.evaluate(`document.getElementById("write").click()`);
    await page.until(`${text("written")} === "48 tokens written" && ${READY}`);
    await page.evaluate(`document.getElementById("switch").click()`);
    await page.until(`!document.getElementById("compared").hidden && ${READY}`);
    assert.deepEqual(page.messages.filter((message) => !EXPECTED.test(message)), []);
  },
);

/** Nothing is wider than the screen, and screen readers get a description of each chart. */
async function fitsAndIsNamed(page: Page): Promise<void> {
  await expectFits(page);
  const names = await accessibleNames(page);
  assert.deepEqual(names("radio").slice(0, 2), ["layer 1, head 1", "layer 1, head 2"]);
  assert.deepEqual(names("progressbar"), ["Training"]);
  const images = names("image").concat(names("img")).join("\n");
  assert.match(images, /Loss over steps: mean training \d\.\d{4}, validation \d\.\d{4}/);
  assert.match(images, /Learning rate over steps: [\d.e-]+/);
  assert.match(images, /Speed over steps: [\d,]+/);
  assert.match(images, /Attention while it trains of layer 1, head 1: rows are queries/);
  const texts = await page.evaluate(
    `[...document.querySelectorAll("#run-chart text")].map((text) => text.textContent)`,
  );
  for (const label of ["nats per token", "step", "0"]) assert.ok(texts.includes(label), label);
}

/** Tab and the arrow keys lead to another head. */
async function choosesByKeyboard(page: Page): Promise<void> {
  await page.send("Page.bringToFront");
  await page.evaluate(`document.querySelector("#run-attention svg").focus()`);
  await page.press("Tab");
  assert.equal(await page.evaluate(`document.activeElement.type`), "radio");
  await page.press("ArrowRight");
  await page.until(`${READING}.startsWith("layer 1, head 2,")`);
}

/** The pointer and the arrow keys read values of the chart and of the map. */
async function readsValues(page: Page): Promise<void> {
  const reading = `document.querySelector("#run-chart .reading").textContent`;
  const { left, top } = await page.evaluate(
    `document.querySelector("#run-chart svg").getBoundingClientRect().toJSON()`,
  );
  await page.pointAt(left + 200, top + 100);
  await page.until(`/^step [\\d,]+ .*mean training \\d/.test(${reading})`);
  await page.pointAt(1, 1);
  await page.until(`/^mean training \\d/.test(${reading})`);
  await page.evaluate(`document.querySelector("#run-chart svg").focus()`);
  await page.press("ArrowLeft");
  await page.until(`/^step [\\d,]+ /.test(${reading})`);
  await page.evaluate(`document.querySelector("#run-attention svg").focus()`);
  await page.press("ArrowUp");
  await page.until(`/\\(15\\) → .* \\(16\\): 0\\.00$/s.test(${READING})`);
}

browserTest(
  "the live page: what a run is called and writes is text, never markup",
  async (browser) => {
    const chart = await LiveChart.open(0);
    const hostile = `<img src="x" onerror="document.title='taken'"><b>bold</b>`;
    const shape = { layers: 1, heads: 1, tokens: [hostile, "b"] };
    const facts = { folder: hostile, lines: [hostile], steps: 9, firstStep: 0, ...shape };
    chart.send({ kind: "run", run: facts });
    chart.send({ kind: "sample", step: 1, text: hostile });
    chart.send({ kind: "attention", step: 1, weights: Uint8Array.of(255, 0, 128, 127) });
    const page = await browser.open(chart.url);
    await page.until(`${text("run-sample")} === ${JSON.stringify(hostile)}`);
    chart.send({ kind: "end", ending: "failed", reason: hostile });
    await chart.close();
    await page.until(`!document.getElementById("reason").hidden`);
    assert.equal(await page.evaluate(text("name")), hostile);
    assert.equal(
      await page.evaluate(
        `document.querySelectorAll("img, b:not(.reading b, .explanation b)").length`,
      ),
      0,
    );
    assert.deepEqual(page.messages, []);
  },
);
