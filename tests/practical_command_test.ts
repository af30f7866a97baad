/** `deno task train --preset practical` as a real process, on small settings. */
import assert from "node:assert/strict";
import { line, run, scratchFolder } from "./support/command.ts";

const SMALL = line("--device cpu --context 8 --batch 4 --width 16 --heads 2 --dataset text.txt");

Deno.test("the preset practical: words alone, its own model, the whole held-out part, its own curve", async () => {
  await using folder = await scratchFolder();
  const args = ["--preset", "practical", ...SMALL, ...line("--steps 34 --out run")];
  const { code, out, err } = await run("train", args, folder.path);
  assert.equal(code, 0, err);
  const read = (name: string) => Deno.readTextFile(`${folder.path}/run/${name}`);
  const text = await Deno.readTextFile(`${folder.path}/text.txt`);
  const words = new Set(text.split(/\s+/).filter((word) => word !== ""));
  const config = JSON.parse(await read("config.json"));
  const { vocabSize, hidden, normPlacement, normEpsilon, positions, headBias, tiedHead } = config;
  assert.deepEqual(
    { vocabSize, hidden, normPlacement, normEpsilon, positions, headBias, tiedHead },
    {
      vocabSize: words.size,
      hidden: 32,
      normPlacement: "post",
      normEpsilon: 1e-6,
      positions: "sinusoidal",
      headBias: true,
      tiedHead: false,
    },
  );
  const { settings, tokenizer, reports } = JSON.parse(await read("run.json"));
  assert.deepEqual([settings.order, settings.clip, settings.weightDecay], ["epochs", 0, 0]);
  assert.deepEqual([tokenizer, reports.logEvery], ["words-only", 32]);
  const metrics = (await read("metrics.jsonl")).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(metrics.map(({ step }) => step), [1, 32, 34, 34]);
  assert.equal(metrics[0].meanLoss, metrics[0].loss);
  assert.ok(Math.abs(metrics[0].loss - Math.log(words.size) - 0.5) < 0.8, `${metrics[0].loss}`);
  assert.ok(metrics[1].meanLoss > metrics[1].loss && metrics[3].validationLoss > 0);
  assert.deepEqual(
    new Set(metrics.slice(0, 3).map(({ learningRate }) => learningRate)),
    new Set([2e-3]),
  );
  const svg = await read("loss.svg");
  for (const label of ["train", "validation"]) assert.ok(svg.includes(label), label);
  assert.ok(!svg.includes("practical"), "the practical's curves are of another corpus");
  assert.match(
    out,
    /corpus {3}text\.txt: [\d,]+ tokens to train on, [\d,]+ held out\nmodel {4}1 layer, 2 heads/,
  );

  const more = await run("train", line("--resume --out run --steps 36 --device cpu"), folder.path);
  assert.equal(more.code, 0, more.err);
  assert.equal(JSON.parse(await read("run.json")).settings.order, "epochs");
  assert.ok(!(await read("loss.svg")).includes("practical"));
  const sample = await run("sample", ["run", "--prompt", "unheard-of words"], folder.path);
  assert.equal(sample.code, 2);
  assert.match(sample.err, /^error: [^\n]*has no "unheard-of"[^\n]*\n$/);
});
