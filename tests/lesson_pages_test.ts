/**
 * Lessons as web pages and as notebooks: valid, complete, without a request, and notebooks whose
 * cells run in order.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Flags } from "../lib/cli/flags.ts";
import type { Lesson } from "../lib/lesson/lesson.ts";
import { type Notebook, notebookOf } from "../lib/lesson/notebook.ts";
import { LessonSource } from "../lib/lesson/source.ts";
import { Browser, CHROMIUM, type Page } from "./support/browser.ts";
import { runByFile } from "./support/by_url.ts";

const folder = fileURLToPath(new URL("../scripts/lessons/", import.meta.url));
const LESSONS = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => /^\d\d_\w+\.ts$/.test(name)).sort();

/** The notebook of a lesson, with few training steps. */
async function notebook(name: string): Promise<{ made: Notebook; source: string }> {
  const { lesson }: { lesson: Lesson<Flags> } = await import(`../scripts/lessons/${name}`);
  const { number, title, url, flags = {} } = lesson.heading;
  const source = await LessonSource.read(url);
  const values = Object.entries(flags).map(([key, flag]) => {
    return [key, key === "steps" ? 3 : flag.default] as const;
  });
  const made = notebookOf(source.text, { number, title, url, facts: [], flags: values });
  return { made, source: source.text };
}

const text = (source: readonly string[]) => source.join("");

Deno.test("every lesson is a notebook by nbformat 4.5: text, stubs, folded answers, tests", async () => {
  for (const name of LESSONS) {
    const { made, source } = await notebook(name);
    assert.deepEqual([made.nbformat, made.nbformat_minor], [4, 5]);
    assert.deepEqual((made.metadata.kernelspec as { name: string }).name, "deno");
    assert.equal(new Set(made.cells.map(({ id }) => id)).size, made.cells.length);
    for (const cell of made.cells) {
      assert.match(cell.id, /^[\w-]{1,64}$/);
      const keys = ["cell_type", "id", "metadata", "source"];
      if (cell.cell_type === "code") keys.push("execution_count", "outputs");
      assert.deepEqual(Object.keys(cell).sort(), keys.sort());
      assert.ok(text(cell.source).trim() !== "", `${name}: ${cell.id}`);
    }
    const code = made.cells.filter(({ cell_type }) => cell_type === "code");
    const tasks = Number(/tasks: (\d+)/.exec(source)![1]);
    const answers = code.filter(({ source }) =>
      text(source).startsWith("// The answer. Try first.")
    );
    assert.equal(answers.length, tasks, name);
    assert.ok(answers.every(({ metadata }) => metadata.jupyter !== undefined));
    for (const title of ["Try it", "What you know now"]) {
      assert.ok(source.includes(`page.section("${title}")`), `${name}: ${title}`);
    }
    const titles = [...source.matchAll(/page\.section\(/g)].length;
    const shown = made.cells.map(({ source }) => text(source)).join("\n");
    assert.equal([...shown.matchAll(/^## |page\.section\(/gm)].length, titles, name);
  }
});

/** Runs the code of a notebook in order; returns what its cells show. */
async function run(made: Notebook): Promise<Record<string, string>[]> {
  const shown: Record<string, string>[] = [];
  const show = (data: Record<string, string>) => Promise.resolve(void shown.push(data));
  Object.assign(globalThis, { show });
  try {
    const code = made.cells.filter(({ cell_type }) => cell_type === "code");
    const module = code.map(({ source }) => text(source)).join("\n")
      .replace(/await notebookPage\((\d+)\)/, "await notebookPage($1, globalThis.show)");
    await import(
      `data:application/typescript;base64,${new TextEncoder().encode(module).toBase64()}`
    );
  } finally {
    Reflect.deleteProperty(globalThis, "show");
  }
  return shown;
}

for (const name of ["00_meet_a_model.ts", "01_attention.ts", "03_queries_keys_values.ts"]) {
  Deno.test(`the cells of ${name}'s notebook run in order and show its figures`, async () => {
    const { made, source } = await notebook(name);
    const shown = await run(made);
    const figures = shown.filter((data) => data["image/svg+xml"]);
    assert.equal(figures.length, source.match(/page\.save\(/g)!.length);
    assert.ok(figures.every((data) => data["image/svg+xml"].startsWith("<svg")));
    const tasks = source.match(/page\.task\(/g)?.length ?? 0;
    const unsolved = shown.filter((data) => /: not written yet$/.test(data["text/plain"]));
    assert.equal(unsolved.length, tasks);
  });
}

Deno.test("a text that is no lesson is no notebook", () => {
  const head = { number: 1, title: "", url: "x.ts", facts: [], flags: [] };
  assert.throws(() => notebookOf("const x = 1;", head), { name: "SyntaxError" });
});

/** A lesson as a page in a new folder. */
async function page(name: string): Promise<string> {
  const cwd = await Deno.makeTempDir({ prefix: "folio-page-" });
  const args = ["--html", "--out", "pages", "--device", "cpu"];
  const permissions = ["--allow-read", "--allow-write"];
  const { code, stderr } = await runByFile(`scripts/lessons/${name}`, args, { permissions, cwd });
  assert.equal(code, 0, stderr);
  return `${cwd}/pages/${name.replace(".ts", ".html")}`;
}

Deno.test({
  name: "a lesson's page in a browser: no request, no message, light and dark, answers on demand",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    const path = await page("01_attention.ts");
    await using browser = await Browser.start(CHROMIUM!);
    const colors: string[] = [];
    for (const [width, dark] of [[375, false], [1280, true]] as const) {
      const opened = await browser.open(`file://${path}`, { width, dark });
      await opened.until(`document.readyState === "complete"`);
      colors.push(await opened.evaluate(`getComputedStyle(document.body).backgroundColor`));
      await checkPage(opened, dark);
      assert.deepEqual(opened.messages, []);
    }
    assert.notEqual(colors[0], colors[1]);
    await Deno.remove(path.replace(/\/pages\/.*/, ""), { recursive: true });
  },
});

async function checkPage(opened: Page, dark: boolean): Promise<void> {
  assert.deepEqual(await opened.evaluate(`performance.getEntriesByType("resource").length`), 0);
  assert.ok(await opened.evaluate(`document.documentElement.scrollWidth <= innerWidth`));
  const visible = `[...document.querySelectorAll("figure > div > svg")]
    .filter((svg) => svg.getBoundingClientRect().width > 0)
    .map((svg) => svg.parentElement.className)`;
  assert.deepEqual(await opened.evaluate(visible), [dark ? "dark" : "light"]);
  const answer = `document.querySelector("details pre").checkVisibility()`;
  assert.equal(await opened.evaluate(answer), false);
  await opened.evaluate(`document.querySelector("summary").click()`);
  assert.equal(await opened.evaluate(answer), true);
  const code = await opened.evaluate(`document.querySelector("details pre").textContent`);
  assert.match(code, /function dotProductAnswer\(hiddenStates: Tensor, /);
}
