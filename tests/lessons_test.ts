/**
 * The lessons as a learner runs them: unsolved, with answers, solved wrongly and rightly, by file
 * and from a copy of a single file.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Flags } from "../lib/cli/flags.ts";
import { parseArguments } from "../lib/cli/parse.ts";
import type { Lesson } from "../lib/lesson/lesson.ts";
import { LessonPage } from "../lib/lesson/lesson_page.ts";
import type { PageWriter } from "../lib/lesson/writer.ts";
import { checkTask, type Task, type TaskOutcome } from "../lib/lesson/task.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { runByFile, runByUrl, type ScriptResult, serveTree } from "./support/by_url.ts";
import { sharedDevice } from "./support/devices.ts";
import { RecordedOutput } from "./support/recorded_output.ts";
import { emptyRegistry } from "./support/npm_registry.ts";

const PUBLIC = "https://raw.githubusercontent.com/folio-deno/folio/main/";
const folder = fileURLToPath(new URL("../scripts/lessons/", import.meta.url));
const LESSONS = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => /^\d\d_\w+\.ts$/.test(name)).sort();

/** The first lesson with a code task. */
const ATTENTION = "01_attention.ts";

/** Flags that shorten the lessons which train a model. */
const QUICK: Record<string, string[]> = {
  "07_training.ts": ["--steps", "20"],
  "08_looking_inside.ts": ["--steps", "10"],
  "09_generation.ts": ["--steps", "10"],
  "10_encoder_decoder.ts": ["--steps", "5"],
  "11_lora.ts": ["--steps", "10"],
  "12_classifying.ts": ["--steps", "10"],
  "13_prefix_prompt_adapters.ts": ["--steps", "10"],
  "14_looking_inside_by_experiment.ts": ["--steps", "10"],
  "15_sparse_features.ts": ["--steps", "10"],
};

const permissions = ["--allow-read", "--allow-write"];

/** Runs a lesson in an empty folder; returns its output and the names of its figures. */
async function runLesson(name: string, args: string[]): Promise<ScriptResult & { out: string[] }> {
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  try {
    const quick = [...QUICK[name] ?? [], "--device", "cpu"];
    const result = await runByFile(`scripts/lessons/${name}`, [...args, ...quick], {
      permissions,
      cwd,
    });
    const drawn = [...Deno.readDirSync(cwd)].some(({ name }) => name === "figures");
    const files = drawn ? [...Deno.readDirSync(`${cwd}/figures`)] : [];
    return { ...result, out: files.map((file) => `figures/${file.name}`) };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

for (const name of LESSONS) {
  Deno.test(`lesson ${name}: unsolved, it reports each task, and draws the figures that it names`, async () => {
    const { code, stdout, stderr, out } = await runLesson(name, []);
    assert.equal(code, 0, stderr);
    const named = [...stdout.matchAll(/^figure {2}(\S+)$/gm)].map(([, path]) => path);
    assert.deepEqual(named.sort(), out.sort());
    assert.doesNotMatch(stdout, /is left out/);
    const tasks = stdout.match(/^task {4}/gm)?.length ?? 0;
    assert.equal(stdout.match(/^ {8}not written yet/gm)?.length ?? 0, tasks, stdout);
    const head = await Deno.readTextFile(folder + name);
    assert.equal(tasks, Number(/tasks: (\d+)/.exec(head)![1]));
    assert.match(
      head,
      /^\/\*\*\n \* Lesson \d+: [^@]*(Beginner|Intermediate|Advanced)[^@]* minutes/,
    );
  });

  Deno.test(`lesson ${name}: its answers are right, and an answer that returns undefined is wrong`, async () => {
    const { lesson }: { lesson: Lesson<Flags> } = await import(`../scripts/lessons/${name}`);
    const page = new CheckingPage(lesson.heading, await sharedDevice("cpu-1"), QUIET);
    const values = Object.entries(lesson.heading.flags ?? {}).map(([key, flag]) => {
      return [key, key === "steps" ? 3 : flag.default];
    });
    useDevice(page.device);
    await lesson.body(page, Object.fromEntries(values));
    assert.equal(page.outcomes.length, lesson.heading.tasks);
    for (const [task, answer, nothing] of page.outcomes) {
      assert.deepEqual(answer, { kind: "right" }, task);
      assert.equal(nothing.kind, "wrong", `${task}: ${JSON.stringify(nothing)}`);
      assert.match("message" in nothing ? nothing.message : "", /expected .* got undefined/, task);
    }
  });
}

/** A writer that shows nothing. */
class QuietWriter implements PageWriter {
  readonly output = new RecordedOutput();
  begin(): void {}
  section(): void {}
  text(): void {}
  table(): void {}
  sample(): void {}
  task(): void {}
  figure(): Promise<void> {
    return Promise.resolve();
  }
  end(): Promise<void> {
    return Promise.resolve();
  }
}

const QUIET = { writer: new QuietWriter() };

/**
 * A page that shows nothing and tests each task with its answer, and with a function that gives
 * undefined.
 */
class CheckingPage extends LessonPage {
  readonly outcomes: [task: string, answer: TaskOutcome, nothing: TaskOutcome][] = [];
  override async task<Solution>({ name, answer, test }: Task<Solution>): Promise<Solution> {
    const nothing = (() => undefined) as Solution;
    this.outcomes.push([name, await checkTask(answer, test), await checkTask(nothing, test)]);
    return answer;
  }
}

/** A page that shows nothing, on which every task is solved. */
class SolvedPage extends LessonPage {
  override task<Solution>({ answer }: Task<Solution>): Promise<Solution> {
    return Promise.resolve(answer);
  }
}

/** The command lines of its own that a lesson's "Try it" names. */
function tryLines(source: string, number: number): string[] {
  const section = source.slice(source.indexOf('page.section("Try it")'));
  const lines = [...section.matchAll(new RegExp(`deno task lesson ${number} (--.*)$`, "gm"))];
  return lines.map(([, args]) => args.replace(/ {3,}.*/, ""));
}

/** The lowest number that a flag takes. */
function lowest({ read, default: value }: Flags[string]): unknown {
  if (typeof value !== "number") return value;
  return Array.from({ length: value + 1 }, (_, number) => read(String(number)))
    .find((number) => number !== undefined) ?? value;
}

Deno.test("lessons run with every flag that they tell to try, and with the lowest numbers", async () => {
  const device = await sharedDevice("cpu-1");
  useDevice(device);
  let tried = 0;
  for (const name of LESSONS) {
    const { lesson }: { lesson: Lesson<Flags> } = await import(`../scripts/lessons/${name}`);
    const { flags = {}, number } = lesson.heading;
    const quick = "steps" in flags ? { steps: 3 } : {};
    for (const args of tryLines(await Deno.readTextFile(folder + name), number)) {
      const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) =>
        quoted ?? word
      );
      const parsed = await parseArguments({ name: "", summary: "", flags }, words);
      await lesson.body(new SolvedPage(lesson.heading, device, QUIET), {
        ...parsed.flags,
        ...quick,
      });
      tried++;
    }
    const low = Object.entries(flags).map(([key, flag]) => [key, lowest(flag)]);
    await lesson.body(new SolvedPage(lesson.heading, device, QUIET), Object.fromEntries(low));
  }
  assert.ok(tried >= 12, `${tried}`);
});

Deno.test("with --answers a lesson shows the answer, and continues with it", async () => {
  for (const args of [["--answers"], ["--answer", "dotProductAttention"]]) {
    const { code, stdout, stderr } = await runLesson(ATTENTION, args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^ {8}function dotProductAnswer\(hiddenStates: Tensor, /m);
    assert.match(stdout, /^ {8}the answer passes the test$/m);
  }
  const other = await runLesson(ATTENTION, ["--answer", "maskedAttention"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /the tasks of this lesson are dotProductAttention/);
});

/** The first lesson with another body for its task. */
async function solved(body: string): Promise<string> {
  const text = await Deno.readTextFile(folder + ATTENTION);
  const stub = "return notWritten(hiddenStates, previousState, matmul, softmax);";
  assert.ok(text.includes(stub));
  return text.replace(stub, body);
}

Deno.test("a copy of a single lesson, in an empty folder, runs by Folio's address: wrong, throwing, then right", async () => {
  await using tree = await serveTree();
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  const imports = { [PUBLIC]: tree.url };
  await Deno.writeTextFile(`${cwd}/map.json`, JSON.stringify({ imports }));
  const run = async (source: string, own: string[] = []) => {
    await Deno.writeTextFile(`${cwd}/mine.ts`, source);
    const flags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--import-map=map.json"];
    const args = [
      "run",
      ...flags,
      `--allow-import=${tree.host}`,
      ...permissions,
      "mine.ts",
      ...own,
    ];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env: { NO_COLOR: "1", ...tree.env },
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 0, text(stderr));
    return text(stdout);
  };
  try {
    const wrong = await run(
      await solved("return { weights: hiddenStates, context: previousState };"),
    );
    assert.match(wrong, /^ {8}wrong: weights: expected \[\[0.9568, 0.0432\], .*, got \[\[0.18/m);
    assert.match(wrong, /0 of 1 code tasks solved; they are in mine.ts/);
    const throwing = await run(
      await solved("return dotProductAnswer(previousState, matmul(hiddenStates, tensor([[1]])));"),
    );
    assert.match(throwing, /^ {8}it threw: TypeError: matmul: .* \(mine\.ts:\d+\)$/m);
    assert.match(throwing, /^task {4}dotProductAttention {2}\(mine\.ts:\d+\)$/m);
    const right = await run(await solved("return dotProductAnswer(hiddenStates, previousState);"));
    assert.match(right, /^ {8}right: it passes the test$/m);
    assert.match(right, /1 of 1 code tasks solved/);
    const beside = await run(
      await solved("return dotProductAnswer(hiddenStates, previousState);"),
      [
        "--answers",
      ],
    );
    assert.match(beside, /\/\/ Yours:[^]*return dotProductAnswer[^]*\/\/ An answer:[^]*softmax/);
    assert.ok(tree.requests.includes("data/word_vectors.txt"));
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("all lessons are there by URL, and run from an empty folder", async () => {
  await using tree = await serveTree();
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  try {
    await Deno.writeTextFile(
      `${cwd}/map.json`,
      JSON.stringify({ imports: { [PUBLIC]: tree.url } }),
    );
    const options = { permissions: [...permissions, "--import-map=map.json"], cwd };
    const list = await runByUrl(tree, "scripts/lesson.ts", [], options);
    assert.equal(list.code, 0, list.stderr);
    for (const name of LESSONS) assert.ok(tree.requests.includes(`scripts/lessons/${name}`), name);
    const args = ["--steps", "5", "--device", "cpu"];
    const one = await runByUrl(tree, "scripts/lessons/08_looking_inside.ts", args, options);
    assert.equal(one.code, 0, one.stderr);
    assert.match(await Deno.readTextFile(`${cwd}/figures/08-umap.svg`), /^<svg/);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("lesson 0 runs by URL with the model that ships, and says what to do without the hub", async () => {
  await using tree = await serveTree();
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  try {
    const imports = { [PUBLIC]: tree.url };
    await Deno.writeTextFile(`${cwd}/map.json`, JSON.stringify({ imports }));
    const net = `--allow-net=${tree.host}`;
    const options = { permissions: [...permissions, net, "--import-map=map.json"], cwd };
    const args = ["--device", "cpu", "--model", "openai-community/gpt2"];
    const script = "scripts/lessons/00_meet_a_model.ts";
    const { code, stdout, stderr } = await runByUrl(tree, script, args, options);
    assert.equal(code, 0, stderr);
    assert.ok(tree.requests.includes("data/models/shakespeare/model.safetensors"));
    assert.match(stdout, /^ROMEO:\n/m);
    assert.match(stdout, /letter by letter/);
    assert.match(stdout, /openai-community\/gpt2 could not be loaded: /);
    assert.match(stdout, /a mirror {5}set HF_ENDPOINT/);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("without the network a lesson continues and says which figures it leaves out", async () => {
  await using registry = await emptyRegistry();
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  try {
    const options = { permissions, cwd, env: registry.env };
    const { code, stdout, stderr } = await runByFile(
      "scripts/lessons/01_attention.ts",
      [],
      options,
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^figure {2}\S+01-words.svg is left out: .* needs the network$/m);
    assert.match(stdout, /Try it/);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("a lesson accepts the user's word vectors, and reports what is wrong with a file", async () => {
  const cwd = await Deno.makeTempDir({ prefix: "folio-lesson-" });
  const run = async (content: string) => {
    await Deno.writeTextFile(`${cwd}/own.txt`, content);
    const args = ["--vectors", "own.txt", "--device", "cpu"];
    return await runByFile("scripts/lessons/01_attention.ts", args, { permissions, cwd });
  };
  try {
    const words = ["king", "queen", "royalty", "apple", "pear", "man", "woman"];
    const rows = words.map((word, i) => `${word} ${Math.sin(i)} ${Math.cos(i)} ${i}`);
    const own = await run(rows.join("\n"));
    assert.equal(own.code, 0, own.stderr);
    assert.match(own.stdout, /word\s+vectors:\s+food,\s+computers,\s+quokka/);
    const short = await run(rows.slice(0, 5).join("\n"));
    assert.deepEqual([short.code, short.stdout.includes("Words as vectors")], [2, true]);
    assert.match(short.stderr, /error: --vectors own.txt: this lesson needs man, woman, too\n/);
    const malformed = await run("king 1 2\nqueen 1 x\n");
    assert.equal(malformed.code, 2);
    assert.match(
      malformed.stderr,
      /error: word vectors own\.txt: line 2: expected a number, got "x"\n/,
    );
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("the list of lessons holds them all and shows a path for each level", async () => {
  const { code, stdout, stderr } = await runByFile("scripts/lesson.ts", []);
  assert.equal(code, 0, stderr);
  const numbers = [...stdout.matchAll(/^ +(\d+) {2}/gm)].map(([, number]) => Number(number));
  assert.deepEqual(numbers, LESSONS.map((name) => Number(name.slice(0, 2))));
  for (const [level, words] of [["beginner", "run and read"], ["advanced", "run and solve"]]) {
    const path = await runByFile("scripts/lesson.ts", ["--level", level]);
    assert.equal(path.code, 0, path.stderr);
    assert.ok(path.stdout.includes(words), path.stdout);
  }
});

Deno.test("a lesson that does not exist, or a flag, is the user's mistake: one line and exit code 2", async () => {
  for (const args of [["42"], ["-1"], ["first"], ["1", "--answrs"], ["--answers", "1"]]) {
    const { code, stdout, stderr } = await runByFile("scripts/lesson.ts", args, { permissions });
    assert.equal(code, 2, `${args}`);
    assert.equal(stdout, "");
    assert.match(stderr, /^error: .*\n$/m, stderr);
  }
  const { stderr } = await runByFile("scripts/lesson.ts", ["42"]);
  assert.match(stderr, /lesson 42: expected a number from 0 to \d+/);
});

Deno.test("a lesson runs by its number, written as in its file's name too, and by either task", async () => {
  for (const number of ["3", "03"]) {
    const { code, stdout } = await runByFile("scripts/lesson.ts", [number, "--help"], {
      permissions,
      cwd: folder,
    });
    assert.equal(code, 0);
    assert.match(stdout, /^Queries, keys, values and masks/);
  }
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  assert.equal(tasks.lessons.command, tasks.lesson.command);
});

Deno.test("a reader's words that a lesson cannot read are one line", async () => {
  const cases = [
    ["00_meet_a_model.ts", "--prompt", "Zoë", /no "ë"/],
    ["00_meet_a_model.ts", "--prompt", "", /the prompt is empty/],
    ["01_attention.ts", "--words", "quokka", /not in the table of word vectors: quokka/],
    ["03_queries_keys_values.ts", "--sentence", "xqz", /not in the table of word vectors: xqz/],
  ] as const;
  for (const [name, flag, value, message] of cases) {
    const { code, stderr } = await runLesson(name, [flag, value]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^error: [^\n]*\n$/);
    assert.match(stderr, message);
  }
});
