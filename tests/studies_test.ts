/**
 * The studies of scripts/studies in their quick form: each reproduces its facts, and its control
 * fails as it must.
 */
import assert from "node:assert/strict";
import { useDevice } from "../lib/device/current_device.ts";
import { brackets } from "../scripts/studies/brackets.ts";
import { grokking } from "../scripts/studies/grokking.ts";
import { induction } from "../scripts/studies/induction.ts";
import { shakespeare } from "../scripts/studies/shakespeare.ts";
import { sorting } from "../scripts/studies/sorting.ts";
import { factTable, type Study } from "../scripts/studies/study.ts";
import { superposition } from "../scripts/studies/superposition.ts";
import { command, finished } from "./support/command.ts";
import { sharedDevice } from "./support/devices.ts";

/** Each study, with a fact that its quick form may miss. */
const STUDIES: Record<string, { study: Study; mayMiss?: RegExp }> = {
  induction: { study: induction },
  grokking: { study: grokking },
  superposition: { study: superposition },
  brackets: { study: brackets, mayMiss: /looks where/ },
  sorting: { study: sorting },
  shakespeare: { study: shakespeare, mayMiss: /speaker's name/ },
};

for (const [name, { study, mayMiss }] of Object.entries(STUDIES)) {
  Deno.test(`study ${name}: its facts are found, and its control fails`, async () => {
    useDevice(await sharedDevice("cpu-1"));
    const options = { seeds: 1, quick: true, model: undefined, report: () => {} };
    const { facts, figures } = await study.run(options);
    const controls = facts.filter(({ control }) => control);
    assert.ok(controls.length > 0 && controls.every(({ agrees }) => agrees), factTable(facts));
    const missed = facts.filter(({ agrees, what }) => !agrees && !mayMiss?.test(what));
    assert.equal(missed.length, 0, factTable(facts));
    assert.ok(facts.length >= 5 && Object.keys(figures).length > 0);
    for (const figure of Object.values(figures)) assert.match(await figure.toSVG(), /^<svg/);
  });
}

Deno.test("a study's table says what was published, what is here, and whether they agree", () => {
  const facts = [
    { what: "one", published: "1", here: "1.0", agrees: true },
    { what: "two", published: "2", here: "5.0", agrees: false },
    { what: "three", published: "fails", here: "0.9", agrees: false, control: true },
  ];
  assert.equal(
    factTable(facts),
    `|                | published | here | agrees        |
| -------------- | --------- | ---- | ------------- |
| one            | 1         | 1.0  | yes           |
| two            | 2         | 5.0  | no            |
| control: three | fails     | 0.9  | DOES NOT FAIL |
`,
  );
});

Deno.test("deno task study lists its studies, and refuses what it cannot run in one line", async () => {
  const folder = await Deno.makeTempDir({ prefix: "folio-study-" });
  try {
    const run = async (...args: string[]) => await finished(command("study", args, folder));
    const list = await run();
    assert.equal(list.code, 0, list.err);
    for (const name of Object.keys(STUDIES)) assert.ok(list.out.includes(name));
    const wrong: [string[], RegExp][] = [
      [["inductoin"], /^error: unknown study 'inductoin'; there are induction, grokking, /],
      [["sorting", "runs/baby"], /^error: study sorting reads no run, got 'runs\/baby'/],
      [["shakespeare", "nowhere"], /^error: .*nowhere/],
    ];
    for (const [args, message] of wrong) {
      const { code, err } = await run(...args, "--device", "cpu");
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
