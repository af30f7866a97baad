/**
 * The playground in a headless Chromium: from one file on disk, without a request, its texts and
 * probabilities those of the library; and served, with threads.
 */
import assert from "node:assert/strict";
import { TERMS } from "../lib/cli/live/page/help.js";
import { openParts, partsOf } from "../scripts/explore/open_parts.ts";
import type { Source } from "../scripts/explore/page/protocol.ts";
import { candidates } from "../scripts/explore/page/sampling.ts";
import {
  attachLora,
  CharacterTokenizer,
  encodeSafetensors,
  generate,
  GPT,
  loadPretrained,
  openDevice,
  Random,
  SafetensorsFile,
  saveAdapter,
  savePretrained,
  tensor,
  topNextTokens,
} from "../mod.ts";
import { runByUrl, serveTree } from "./support/by_url.ts";
import { accessibleNames, Browser, CHROMIUM, expectFits, type Page } from "./support/browser.ts";
import { command, line, run, scratchFolder } from "./support/command.ts";

const NO_CHROMIUM =
  "no Chromium is installed: apt-get install chromium-headless-shell, or FOLIO_CHROMIUM=PATH";
const TEXT = "The quick brown fox jumps over the lazy dog.";
const PROMPT = "The quick brown fox ";
const SCREENS = [[375, false], [768, true], [1440, false]] as const;
const READY = `document.getElementById("status").textContent === "ready"`;
const value = (id: string, property = "textContent") =>
  `document.getElementById("${id}").${property}`;
/** The tokens' texts, without the button for the next one. */
const WRITTEN = `[...document.querySelectorAll("#tokens button")].slice(0, -1)
  .map((button) => button.textContent).join("").replaceAll("␣", " ")`;
const ROWS = `[...document.querySelectorAll("#bars tbody tr")]
  .map((row) => [...row.cells].map((cell) => cell.textContent))`;

/** A folder with a model, as a run leaves it, and what the library makes of it. */
async function savedRun(folder: string) {
  const device = await openDevice({ device: "cpu", threads: 1 });
  const tokenizer = CharacterTokenizer.fromText(TEXT);
  const { vocabSize } = tokenizer;
  const sizes = { contextLength: 32, layers: 2, heads: 2, width: 16 };
  const model = new GPT({ vocabSize, ...sizes }, { random: new Random(5) });
  const { weight } = model.blocks.items[0].attention.projection;
  weight.write((await weight.data()).map((value) => 40 * value)); // so that a head matters
  await savePretrained(folder, { model, tokenizer });
  const figures = { learningRate: 1e-3, tokensPerSecond: 9000, elapsedSeconds: 65 };
  const metrics = [
    { step: 1, loss: 3.4, meanLoss: 3.5, ...figures },
    { step: 2, loss: 3.2, meanLoss: 3.25, ...figures },
    { step: 2, validationLoss: 3.1 },
  ];
  await Deno.writeTextFile(
    `${folder}/metrics.jsonl`,
    metrics.map((line) => JSON.stringify(line) + "\n").join("") + '{"step":3,"lo',
  );
  const settings = { steps: 2, learningRate: 1e-3, model: { positions: "rotary" } };
  const run = { step: 2, settings, device: "cpu", dataset: "texts/fox.txt" };
  await Deno.writeTextFile(`${folder}/run.json`, JSON.stringify(run));
  const sampling = { temperature: 0.8, seed: 1, maxNewTokens: 48 };
  const { text } = await generate(model, PROMPT, { tokenizer, ...sampling });
  const [next] = await topNextTokens(model, tokenizer.encode(PROMPT), { temperature: 0.8 });
  device.close();
  return { text: PROMPT + text, next, token: tokenizer.decode([next.id]) };
}

Deno.test({
  name: CHROMIUM
    ? "the playground: a page from disk does what the library does"
    : `the playground (${NO_CHROMIUM})`,
  ignore: !CHROMIUM,
  fn: async () => {
    await using folder = await scratchFolder();
    const expected = await savedRun(`${folder.path}/run`);
    const { code, err } = await run("explore", line("run --html page.html"), folder.path);
    assert.equal(code, 0, err);
    await using browser = await Browser.start(CHROMIUM!);
    const page = await browser.open(`file://${folder.path}/page.html`);
    await page.until(READY);
    await showsExpectations(page, expected);
    await showsRun(page);
    await writes(page, expected.text);
    await switchesHeads(page);
    await trains(page);
    for (const [width, dark] of SCREENS) {
      const other = await browser.open(`file://${folder.path}/page.html`, { width, dark });
      await other.until(READY);
      await isAccessible(other);
      await other.close();
    }
    await requestsNothing(page);
  },
});

async function showsExpectations(
  page: Page,
  { next, token }: Awaited<ReturnType<typeof savedRun>>,
): Promise<void> {
  const [[first, probability, drawn]] = await page.evaluate(ROWS);
  assert.equal(first.replace("␣", " "), token);
  const percent = `${(100 * next.probability).toPrecision(3)} %`;
  assert.deepEqual([probability, drawn], [percent, percent]);
  const set = (id: string, to: string) =>
    page.evaluate(`{ const field = document.getElementById("${id}"); field.value = "${to}";
      field.dispatchEvent(new Event("input", { bubbles: true })) }`);
  await set("top-k", "1"); // the bars follow at once
  const [[, , alone], [, , second]] = await page.evaluate(ROWS);
  assert.deepEqual([alone, second], ["100 %", "left out"]);
  await set("top-k", "0");
}

/** The panel of a finished run: its losses, figures and settings. */
async function showsRun(page: Page): Promise<void> {
  const shown: Record<string, string | RegExp> = {
    "run-status": "finished",
    "run-step": "2 / 2",
    "run-time": "trained for",
    "run-left": "1 min 05 s",
    "run-loss": "3.2500",
    "run-loss-extent": "lowest 3.2500, highest 3.5000",
    "run-batch": "3.2000",
    "run-validation": "3.1000",
    "run-facts": "cpu corpus fox.txt ",
    "run-chart": /mean training 3\.2500 {2}validation 3\.1000/,
    "run-settings": /learning-rate0\.001positionsrotary/,
  };
  for (const [id, expected] of Object.entries(shown)) {
    const text: string = await page.evaluate(value(id));
    if (typeof expected === "string") assert.equal(text, expected, id);
    else assert.match(text, expected);
  }
}

async function writes(page: Page, text: string): Promise<void> {
  await page.evaluate(`document.getElementById("write").click()`);
  await page.until(`${value("written")} === "48 tokens written" && ${READY}`);
  assert.equal(await page.evaluate(WRITTEN), text);
  await page.send("Page.bringToFront");
  await page.until(`document.querySelector("#tokens [aria-pressed=true]").textContent === "next…"`);
  await page.evaluate(`document.querySelector("#tokens [aria-pressed=true]").focus()`);
  await page.press("ArrowLeft"); // what the model expected at the last token's place
  assert.match(await page.evaluate(value("expected-reading")), /the text has . with [\d.e-]+ %$/);
  assert.equal(await page.evaluate(`document.querySelectorAll("#bars .actual").length`), 1);
  const layers = await page.evaluate(
    `[...document.querySelectorAll("#lens-table th")].map((name) => name.textContent)`,
  );
  assert.deepEqual(layers, ["embedding", "layer 1", "layer 2"]);
  await page.until(`document.querySelectorAll("#neighbors tbody tr").length === 12`);
}

async function switchesHeads(page: Page): Promise<void> {
  const before = await page.evaluate(WRITTEN);
  await page.evaluate(`document.getElementById("switch").click()`);
  await page.until(`!${value("compared", "hidden")} && ${READY}`);
  assert.equal(await page.evaluate(value("off")), "off: layer 1, head 1");
  assert.equal(await page.evaluate(value("whole")), before);
  assert.notEqual(await page.evaluate(WRITTEN), before);
  await page.evaluate(`document.getElementById("all-on").click()`);
  await page.until(`${value("off")} === "" && ${READY}`);
  assert.equal(await page.evaluate(WRITTEN), before);
}

async function trains(page: Page): Promise<void> {
  await page.evaluate(`document.getElementById("steps").value = 50;
    document.getElementById("train").click()`);
  await page.until(`${value("opened")} === "trained in this page" && ${READY}`);
  const [, mean] = /^step 50, mean loss (\d\.\d{4}), batch loss \d\.\d{4}, [\d,]+ tokens\/s$/.exec(
    await page.evaluate(value("trained")),
  )!;
  assert.ok(Number(mean) < 2.5, mean); // guessing is ln 30 = 3.4
  assert.ok((await page.evaluate(value("sample"))).length > 20);
  assert.match(await page.evaluate(value("facts")), /30 tokens/);
  await page.evaluate(`document.getElementById("reopen").click()`);
  await page.until(`${value("opened")} === "as of step 2" && ${READY}`);
}

/** Nothing is wider than the screen; controls have names, and terms have explanations. */
async function isAccessible(page: Page): Promise<void> {
  await expectFits(page);
  const names = await accessibleNames(page);
  assert.deepEqual(names("slider").slice(0, 4), ["temperature", "top-k", "top-p", "seed"]);
  assert.deepEqual(names("textbox"), ["Prompt", "Text to learn from"]);
  for (const role of ["button", "radio", "image", "region"]) assert.ok(!names(role).includes(""));
  const terms = new Set(
    names("button").flatMap((name) => /^What is (.*)\?$/.exec(name)?.[1] ?? []),
  );
  assert.deepEqual([...terms].sort(), Object.keys(TERMS).sort());
  await page.evaluate(`document.querySelector("button.help").click()`);
  await page.until(
    `document.querySelector(":popover-open").textContent.startsWith("temperature ")`,
  );
}

async function requestsNothing(page: Page): Promise<void> {
  const resources = `performance.getEntriesByType("resource").map(({ name }) => name)`;
  const others = (await page.evaluate(resources)).filter((name: string) =>
    !/^(blob|data):/.test(name)
  );
  assert.deepEqual(others, []);
  const own = page.messages.filter((message) => !message.startsWith("No available adapters."));
  assert.deepEqual(own, []);
}

Deno.test({
  name: CHROMIUM ? "the playground, served: threads, and its own text" : `served (${NO_CHROMIUM})`,
  ignore: !CHROMIUM,
  fn: async () => {
    await using folder = await scratchFolder();
    const child = command("explore", [], folder.path);
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      const url = /http:\S+/.exec((await lines.read()).value!)![0];
      await using browser = await Browser.start(CHROMIUM!);
      const page = await browser.open(url);
      await page.until(READY);
      const cores = await page.evaluate("navigator.hardwareConcurrency");
      const facts: string = await page.evaluate(value("facts"));
      assert.ok(facts.includes(`${cores} thread`) && !facts.includes("because"), facts);
      await page.evaluate(`document.getElementById("write").click()`);
      await page.until(`${value("written")} === "48 tokens written" && ${READY}`);
      const [gone, foreign] = await Promise.all([
        fetch(`${url}other`),
        fetch(url, { method: "POST" }),
      ]);
      assert.deepEqual([gone.status, foreign.status], [404, 405]);
      await Promise.all([gone.text(), foreign.text()]);
    } finally {
      child.kill();
      await Promise.all([lines.cancel(), child.stderr.cancel(), child.status]);
    }
  },
});

Deno.test("explore opens a LoRA run merged into its base, and weights in several files", async () => {
  await using folder = await scratchFolder();
  const [base, lora] = [`${folder.path}/base`, `${folder.path}/lora`];
  await savedRun(base);
  assert.equal(await partsOf(base), undefined);
  const device = await openDevice({ device: "cpu", threads: 1 });
  const { model } = await loadPretrained(base);
  const before = await logitsOf(model);
  const adapter = attachLora(model, { rank: 2 });
  for (const tensor of adapter.parameters()) {
    tensor.write(Float32Array.from({ length: tensor.size }, (_, i) => Math.sin(i)));
  }
  await saveAdapter(lora, adapter, { base });
  const changed = await logitsOf(model);
  device.close();
  assert.ok(distance(changed, before) > 1e-2);

  assert.equal(await partsOf(lora), "adapter");
  const merged = await openParts(lora, "adapter");
  assert.equal(merged.name, "lora");
  assert.ok(distance(await sourceLogits(merged), changed) < 1e-4);
  await splitWeights(base);
  assert.equal(await partsOf(base), "shards");
  assert.deepEqual(await sourceLogits(await openParts(base, "shards")), before);
});

const distance = (one: readonly number[], other: readonly number[]) =>
  Math.max(...one.map((value, index) => Math.abs(value - other[index])));

/** The logits of the first eight ids. */
async function logitsOf(model: GPT): Promise<number[]> {
  const ids = tensor(Int32Array.from({ length: 8 }, (_, id) => id), { shape: [1, 8] });
  return [...await model.forward(ids).data()];
}

/** The logits of the model that a page would open. */
async function sourceLogits({ files }: Source): Promise<number[]> {
  await using folder = await scratchFolder();
  for (const [name, content] of Object.entries(files!)) {
    await Deno.writeFile(`${folder.path}/${name}`, Uint8Array.fromBase64(content));
  }
  const device = await openDevice({ device: "cpu", threads: 1 });
  const logits = await logitsOf((await loadPretrained(folder.path)).model);
  device.close();
  return logits;
}

/** Writes a model's weights as two files and the list of both. */
async function splitWeights(folder: string): Promise<void> {
  const whole = `${folder}/model.safetensors`;
  const file = await SafetensorsFile.open(await Deno.readFile(whole));
  const names = [...file.tensors.keys()];
  const weightMap: Record<string, string> = {};
  for (const part of [0, 1]) {
    const own = names.filter((_, index) => index % 2 === part);
    const entries = await Promise.all(own.map(async (name) => {
      const { shape } = file.tensors.get(name)!;
      return [name, { shape, data: await file.float32(name) }] as const;
    }));
    const shard = `model-0000${part + 1}-of-00002.safetensors`;
    await Deno.writeFile(`${folder}/${shard}`, ReadableStream.from(encodeSafetensors(entries)));
    for (const name of own) weightMap[name] = shard;
  }
  await Deno.remove(whole);
  await Deno.writeTextFile(`${whole}.index.json`, JSON.stringify({ weight_map: weightMap }));
}

Deno.test("explore: a mistake is one line, and nothing is written", async () => {
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/mine.html`, "mine");
  const mistakes = [
    ["./none --html page.html", /none/],
    ["runs/none", /runs\/none: no such folder, and on the hub: /],
    [". --html page.html", /config\.json/],
    ["--htm page.html", /--html/],
    ["--html page.txt", /ends in \.html/],
    ["--html mine.html", /mine\.html is there already; .*--html, or give --force/],
  ] as const;
  for (const [args, message] of mistakes) {
    const { code, err } = await run("explore", line(args), folder.path);
    assert.equal(code, 2, args);
    assert.match(err, /^error: .+\n$/);
    assert.match(err, message);
  }
  const left = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  assert.deepEqual(left.sort(), ["mine.html", "text.txt"]); // its own, and the scratch folder's
  assert.equal(await Deno.readTextFile(`${folder.path}/mine.html`), "mine");
});

Deno.test("explore: a damaged file of a run is one line that names it, as for compare and plot", async () => {
  await using folder = await scratchFolder();
  await savedRun(`${folder.path}/run`);
  const damaged = [
    ["metrics.jsonl", "null", "line 1: expected a JSON object, got null"],
    ["metrics.jsonl", '{"step":1,"loss":2}\n[1]\n', "line 2: expected a JSON object, got [1]"],
    ["metrics.jsonl", '7\n"text"\n', "line 1: expected a JSON object, got 7"],
    ["run.json", "{", "Expected property name"],
  ];
  for (const [name, content, reason] of damaged) {
    await Deno.writeTextFile(`${folder.path}/run/${name}`, content);
    const { code, err } = await run("explore", line("run --html page.html"), folder.path);
    assert.equal(code, 2, err);
    assert.match(err, /^error: run\/[^\n]+\n$/);
    assert.ok(err.includes(name) && err.includes(reason), err);
  }
});

Deno.test("explore by URL: where Deno may not bundle, the flag that it lacks is named", async () => {
  await using tree = await serveTree();
  await using folder = await scratchFolder();
  const options = { permissions: ["--allow-read", "--allow-write"], cwd: folder.path };
  const { code, stderr } = await runByUrl(
    tree,
    "scripts/explore.ts",
    line("--html page.html"),
    options,
  );
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error: [^\n]*--unstable-bundle[^\n]*\n$/);
});

Deno.test("candidates: temperature, top-k and top-p, as the sliders set them", () => {
  const logits = Float32Array.from([0.5, 0.3, 0.15, 0.05], Math.log);
  const chances = (choice: object) =>
    candidates(logits, { temperature: 1, topK: 0, topP: 1, ...choice })
      .map(({ chance }) => Number(chance.toFixed(4)));
  assert.deepEqual(chances({}), [0.5, 0.3, 0.15, 0.05]);
  assert.deepEqual(chances({ topK: 2 }), [0.625, 0.375, 0, 0]);
  assert.deepEqual(chances({ topP: 0.9 }), [0.5263, 0.3158, 0.1579, 0]);
  assert.deepEqual(chances({ temperature: 0 }), [1, 0, 0, 0]);
  assert.deepEqual(chances({ temperature: 0.5 }), [0.6849, 0.2466, 0.0616, 0.0068]);
});
