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

const STEP = `parseInt(document.getElementById("step").textContent.replaceAll(",", ""))`;
const READING = `document.querySelector("#attention .reading").textContent`;

browserTest(
  "the live page: shows a run on four screens, each its own head, and outlives it",
  async (browser) => {
    await using live = await liveRun(LONG);
    const pages = await Promise.all(SCREENS.map((screen) => browser.open(live.url, screen)));
    for (const page of pages) {
      await page.until(`document.querySelectorAll("#loss-chart .second circle").length > 1`);
      await page.until(`document.querySelector("pre").textContent.length > 20`);
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
    const step = await desk.evaluate(STEP);
    await desk.until(`${STEP} > ${step + 50}`); // training goes on, and so does the page

    live.child.kill("SIGINT");
    await live.finished;
    for (const page of [desk, other]) {
      await page.until(`document.getElementById("status").textContent === "stopped"`);
      const after = await page.evaluate(`document.getElementById("after").innerText`);
      assert.equal(after, "To look inside: deno task explore run Copy");
    }
    await choosesByKeyboard(other); // the page needs nobody any more
    await desk.evaluate(`document.getElementById("copy").click()`); // no gesture: it may not copy
    await desk.until(`document.getElementById("copy").textContent === "Selected"`);
    assert.equal(await desk.evaluate(`String(getSelection())`), "deno task explore run");
    for (const page of pages) assert.deepEqual(page.messages, []);
  },
);

browserTest(
  "the live page: plays with the last checkpoint, follows the run there, and outlives it",
  async (browser) => {
    await using live = await liveRun(LONG.with(LONG.indexOf("--checkpoint-every") + 1, "20"));
    const page = await browser.open(live.url);
    await page.until(`!document.getElementById("play").hidden`);
    const address = await page.evaluate(`document.querySelector("#play a").href`);
    assert.equal(address, `${live.url}play`);
    await until200(address);
    const play = await browser.open(address, { width: 375, height: 800, dark: true });
    const text = (id: string) => `document.getElementById("${id}").textContent`;
    await play.until(`${text("status")} === "ready"`);
    assert.match(await play.evaluate(text("name")), /^run, as of step \d+$/);
    await play.until(`/^training: step [\\d,]+, mean loss \\d.*, batch loss \\d/.test(
      ${text("run-state")})`);
    await play.until(`${text("run-sample")}.length > 20`);
    await play.until(`/mean \\d.*validation \\d/.test(${text("run-chart")})`);
    live.child.kill("SIGINT");
    await live.finished;
    await play.until(`${text("run-state")}.startsWith("stopped: step ")`);
    await play.evaluate(`document.getElementById("write").click()`);
    await play.until(`${text("written")} === "48 tokens written"`);
    const own = play.messages.filter((message) => !message.startsWith("No available adapters."));
    assert.deepEqual([...page.messages, ...own], []);
  },
);

/** Waits until the run has saved a checkpoint. */
async function until200(address: string): Promise<void> {
  while (true) {
    const response = await fetch(address);
    const text = await response.text();
    if (response.ok) return;
    assert.match(text, /load this page again/);
  }
}

/** Nothing is wider than the screen, and screen readers get a description of each chart. */
async function fitsAndIsNamed(page: Page): Promise<void> {
  await expectFits(page);
  const names = await accessibleNames(page);
  assert.deepEqual(names("radio"), ["layer 1, head 1", "layer 1, head 2"]);
  assert.deepEqual(names("progressbar"), ["Training"]);
  const images = names("image").concat(names("img")).join("\n");
  assert.match(images, /Loss over steps: mean training \d\.\d{4}, validation \d\.\d{4}/);
  assert.match(images, /Learning rate over steps: [\d.e-]+/);
  assert.match(images, /Speed over steps: [\d,]+/);
  assert.match(images, /Attention of layer 1, head 1: rows are queries/);
  const texts = await page.evaluate(
    `[...document.querySelectorAll("#loss-chart text")].map((text) => text.textContent)`,
  );
  for (const label of ["nats per token", "step", "0"]) assert.ok(texts.includes(label), label);
}

/** Tab and the arrow keys lead to another head. */
async function choosesByKeyboard(page: Page): Promise<void> {
  await page.send("Page.bringToFront");
  await page.evaluate(`document.querySelector("#attention svg").focus()`);
  await page.press("Tab");
  assert.equal(await page.evaluate(`document.activeElement.type`), "radio");
  await page.press("ArrowRight");
  await page.until(`${READING}.startsWith("layer 1, head 2,")`);
}

/** The pointer and the arrow keys read values of the chart and of the map. */
async function readsValues(page: Page): Promise<void> {
  const reading = `document.querySelector("#loss-chart .reading").textContent`;
  const { left, top } = await page.evaluate(
    `document.querySelector("#loss-chart svg").getBoundingClientRect().toJSON()`,
  );
  await page.pointAt(left + 200, top + 100);
  await page.until(`/^step [\\d,]+ .*mean training \\d/.test(${reading})`);
  await page.pointAt(1, 1);
  await page.until(`/^mean training \\d/.test(${reading})`);
  await page.evaluate(`document.querySelector("#loss-chart svg").focus()`);
  await page.press("ArrowLeft");
  await page.until(`/^step [\\d,]+ /.test(${reading})`);
  await page.evaluate(`document.querySelector("#attention svg").focus()`);
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
    await page.until(`document.querySelector("pre").textContent === ${JSON.stringify(hostile)}`);
    chart.send({ kind: "end", ending: "failed", reason: hostile });
    await chart.close();
    await page.until(`!document.getElementById("reason").hidden`);
    assert.equal(await page.evaluate(`document.getElementById("folder").textContent`), hostile);
    assert.equal(
      await page.evaluate(
        `document.querySelectorAll("img, b:not(.reading b, .explanation b)").length`,
      ),
      0,
    );
    assert.deepEqual(page.messages, []);
  },
);
