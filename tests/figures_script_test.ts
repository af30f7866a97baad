/** `deno task figures` and `inspect`: what they write for a model, and what they refuse. */
import assert from "node:assert/strict";
import { line, run, scratchFolder, TINY } from "./support/command.ts";
import { assertWellFormed, texts } from "./support/svg.ts";

Deno.test("figures draws the attention, the vectors and the next tokens of a run", async () => {
  await using folder = await scratchFolder();
  const steps = line("--steps 3 --eval-every 0 --out run");
  const trained = await run("train", ["--dataset", "text.txt", ...TINY, ...steps], folder.path);
  assert.equal(trained.code, 0, trained.err);
  const svg = async (path: string) => {
    const text = await Deno.readTextFile(`${folder.path}/${path}`);
    assertWellFormed(text, path);
    return text;
  };

  const args = ["run", "--text", "the dog", ...line("--head 2 --theme dark --out figures")];
  const { code, out, err } = await run("figures", args, folder.path);
  assert.equal(code, 0, err);
  const names = ["heads", "attention", "embeddings", "next_token"];
  assert.equal(out, names.map((name) => `wrote figures/${name}.svg\n`).join(""));
  const attention = texts(await svg("figures/attention.svg"));
  assert.ok(attention.includes("Attention of layer 1, head 2"));
  assert.equal(attention.filter((text) => text === "0").length, 7 * 6 / 2 + 1); // and the bar's end
  assert.ok(texts(await svg("figures/heads.svg")).includes("head 2"));
  assert.ok(texts(await svg("figures/embeddings.svg")).includes("vowels"));
  const next = texts(await svg("figures/next_token.svg"));
  for (const text of ["temperature 0.5", "temperature 1.5"]) assert.ok(next.includes(text));

  assert.equal((await run("figures", ["run"], folder.path)).code, 0); // of the model's own words
  await svg("run/attention.svg");
  const refused: [string[], RegExp][] = [
    [line("--layer 2"), /has 1 layer of 2 heads; there is no layer 2, head 1/],
    [["--text", "the quick brown fox jumps"], /the model reads 16 tokens; got 25/],
    [["--text", ""], /--text: it holds no token/],
    [["--text", "Ω"], /Ω/],
  ];
  for (const [args, message] of refused) {
    const { code, err } = await run("figures", ["run", ...args], folder.path);
    assert.equal(code, 2, err);
    assert.match(err, /^error: [^\n]*\n$/);
    assert.match(err, message);
  }
});

Deno.test("inspect writes one page, which asks no server", async () => {
  await using folder = await scratchFolder();
  const model = new URL("../data/models/shakespeare", import.meta.url).pathname;
  await Deno.writeTextFile(`${folder.path}/lines.txt`, "To be, or not to be\n".repeat(20));
  const features = line("--features-from lines.txt --features 2");
  const args = [model, "--text", "Romeo & Romeo", ...features];
  const written = await run("inspect", args, folder.path);
  assert.equal(written.code, 0, written.err);
  assert.equal(written.out, "wrote inspect.html\n");
  const page = await Deno.readTextFile(`${folder.path}/inspect.html`);
  for (
    const text of ["logit lens", "layer 4 head 4", "Induction", "Feature ", "Romeo &amp; Romeo"]
  ) {
    assert.ok(page.includes(text), text);
  }
  assert.doesNotMatch(page, /(src|href)="(?!data:)|url\(|<script/);
  const alone = [model, "--out", "features.html", ...features];
  assert.equal((await run("inspect", alone, folder.path)).code, 0);
  const featurePage = await Deno.readTextFile(`${folder.path}/features.html`);
  assert.equal(featurePage.match(/<h2>Feature \d+<\/h2>/g)?.length, 2);
  assert.match(featurePage, /Active on \d+\.\d\d % of the tokens/);
  assert.match(featurePage, /<span class="active" style="--strength: 100%" title="1.00">/);
  assert.doesNotMatch(featurePage, /logit lens|(src|href)="(?!data:)|url\(|<script/);
  const refused: [string[], RegExp][] = [
    [[model, "--text", "Romeo"], /inspect\.html is there already/],
    [[model, "--out", "a.html"], /--text: give the text/],
    [[model, "--text", "a", "--out", "a.html", ...line("--features-from no.txt")], /no\.txt/],
    [[model, "--text", "Romeo", "--out", "a.svg"], /ends in \.html/],
    [[model, "--text", "<", "--out", "a.html"], /</], // not in its vocabulary
  ];
  for (const [args, message] of refused) {
    const { code, err } = await run("inspect", args, folder.path);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
  const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assert.ok(!names.includes("a.html") && !names.includes("a.svg"), `${names}`);
});

Deno.test("a file goes into the folder that its name says, also a new one", async () => {
  await using folder = await scratchFolder();
  const model = new URL("../data/models/shakespeare", import.meta.url).pathname;
  const metrics =
    '{"step":1,"loss":2,"learningRate":0.1}\n{"step":2,"loss":1,"learningRate":0.1}\n';
  await Deno.writeTextFile(`${folder.path}/metrics.jsonl`, metrics);
  const files: [script: string, args: string[], flag: string, path: string][] = [
    ["plot", ["."], "--out", "new/a/loss.svg"],
    ["bundle", [], "--out", "new/b/folio.js"],
    ["inspect", [model, "--text", "Romeo"], "--out", "new/c/inside.html"],
    ["explore", [model], "--html", "new/d/page.html"],
  ];
  for (const [script, args, flag, path] of files) {
    const { code, err } = await run(script, [...args, flag, path], folder.path);
    assert.equal(code, 0, err);
    assert.ok((await Deno.stat(`${folder.path}/${path}`)).size > 0);
  }
});
