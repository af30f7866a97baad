/** Own data: documents of folders, patterns, JSON lines and CSV, with masked prompts. */
import assert from "node:assert/strict";
import { parseCSV } from "../lib/data/csv.ts";
import { DocumentBatches } from "../lib/data/document_batches.ts";
import { holdsDocuments, loadDocuments } from "../lib/data/document_files.ts";
import { type EncodedDocument, encodeDocuments } from "../lib/data/encode_documents.ts";
import { UserError } from "../lib/errors.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { line, losses, run, scratchFolder, TINY } from "./support/command.ts";

const END = "<|endoftext|>";

/** A learning rate that does not depend on the number of steps. */
const CONSTANT = line("--warmup-steps 0 --learning-rate 1e-3 --min-learning-rate 1e-3");

async function files(
  contents: Record<string, string>,
): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "folio-documents-" });
  for (const [name, text] of Object.entries(contents)) {
    await Deno.mkdir(`${path}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("cells of CSV may hold commas, quotes and line feeds", () => {
  const text = 'id,text\r\n1,"a, ""b""\nc"\r\n2,\r\n"",d';
  const rows = [["id", "text"], ["1", 'a, "b"\nc'], ["2", ""], ["", "d"]];
  assert.deepEqual(parseCSV(text, "a.csv"), rows);
  assert.deepEqual(parseCSV(text + "\r\n", "a.csv"), rows);
  assert.deepEqual(parseCSV("", "a.csv"), []);
  assert.deepEqual(parseCSV("a,b\r1,2\r\r3,", "a.csv"), [["a", "b"], ["1", "2"], ["3", ""]]);
  assert.deepEqual(parseCSV('a 1" nail,b', "a.csv"), [['a 1" nail', "b"]]);
  const long = "x,".repeat(5_000_000);
  assert.deepEqual(parseCSV(`"${long}",1`, "a.csv"), [[long, "1"]]);
});

const MALFORMED: [name: string, text: string, message: RegExp][] = [
  ["a quote that is not closed", 'a,b\n1,2\n"x,3\ny,4', /^a.csv: line 3: a quote that begins a/],
  ["text behind a quote", 'a,b\n"x\ny"z,3', /^a.csv: line 3: expected a comma .* got "z"/],
  ["a comma without quotes", "a,b\n\n1,2\nx, y,3", /^a.csv: line 4: expected 2 cells, .* got 3/],
  ["a line feed without quotes", "a,b\nx\ry,3\n", /^a.csv: line 2: expected 2 cells, .* got 1/],
];
for (const [name, text, message] of MALFORMED) {
  Deno.test(`CSV is refused, not read in part: ${name}`, () => {
    assert.throws(() => parseCSV(text, "a.csv"), { name: "UserError", message });
  });
}

Deno.test("documents of a folder, a pattern and each kind of file", async () => {
  await using folder = await files({
    "b.txt": "second",
    "a.md": "first",
    "in/c.jsonl": '{"text":"third"}\n\n{"prompt":"p","completion":"c"}\n' +
      '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"r","x":1}]}',
    "in/d.csv": "n,text\n1,fourth\n2,\n",
    "in/e.json": "{}",
    "in/f.tsv": "spam\tfifth, 5\n\nham\t sixth\n",
    ".hidden.txt": "no",
  });
  const { path } = folder;
  const pair = { prompt: "p", completion: "c" };
  const messages = [{ role: "user", content: "q" }, { role: "assistant", content: "r" }];
  const lines = [{ text: "third" }, pair, { messages }];
  const labeled = [{ text: "fifth, 5" }, { text: "sixth" }];
  const all = [{ text: "first" }, { text: "second" }, ...lines, { text: "fourth" }, ...labeled];
  const of = async (place: string) => (await loadDocuments(`${path}/${place}`)).documents;
  assert.deepEqual(await of(""), all);
  assert.deepEqual(await of("*.txt"), [{ text: "second" }]);
  assert.deepEqual(await of("**/*.jsonl"), lines);
  assert.deepEqual(await of("**/*"), all);
  assert.deepEqual(await of("in/d.csv"), [{ text: "fourth" }]);
  const column = await loadDocuments(`${path}/in/d.csv`, { column: "n" });
  assert.deepEqual(column.documents, [{ text: "1" }, { text: "2" }]);
  for (const place of ["", "*.txt", "in/c.jsonl", "in/f.tsv"]) {
    assert(await holdsDocuments(`${path}/${place}`));
  }
  for (const place of ["b.txt", "none"]) assert(!await holdsDocuments(`${path}/${place}`));
});

Deno.test("what is no document is named by its file and line", async () => {
  await using folder = await files({
    "a.jsonl": '{"text":"t"}\n{"txt":"t"}\n',
    "b.jsonl": '{"text":\n',
    "c.jsonl": '{"messages":[{"role":"user","content":"q"}]}',
    "d.csv": "a,b\n1,2\n",
    "g.csv": "text,text\n1,2\n",
    "h.jsonl": '{"text":"t","prompt":"p","completion":"c"}\n',
    "e/f.png": "",
  });
  const cases: [string, RegExp][] = [
    ["a.jsonl", /a\.jsonl line 2: expected an object with "text", .*got an object with txt$/],
    ["b.jsonl", /b\.jsonl line 1: expected an object with "text"/],
    ["c.jsonl", /c\.jsonl line 1: .*an answer of the assistant/],
    ["d.csv", /d\.csv: expected a column text, got "a", "b"; name the column of the text$/],
    ["g.csv", /g\.csv: expected one column "text", got several$/],
    ["h.jsonl", /h\.jsonl line 1: expected an object either with "text", .* got several of them$/],
    ["e", /expected documents in files of txt, md, jsonl, csv, tsv, found none$/],
    ["*.txt", /expected documents in files/],
    ["none.csv", /no such file or folder/],
  ];
  for (const [place, message] of cases) {
    const load = loadDocuments(`${folder.path}/${place}`);
    await assert.rejects(load, (error: Error) => {
      assert(error instanceof UserError, place);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("timers fire while many documents are encoded", async () => {
  const documents = Array.from({ length: 200 }, () => ({ text: "abcd".repeat(20_000) }));
  const tokenizer = CharacterTokenizer.fromText("abcd", { padding: END });
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  const encoded = await encodeDocuments(tokenizer, documents);
  clearInterval(timer);
  assert.equal(encoded.at(-1)?.ids.length, 80_001);
  assert.ok(fired > 0);
});

Deno.test("every document ends with the end token, and only a prompt is masked", async () => {
  const tokenizer = CharacterTokenizer.fromText("abcd", { padding: END });
  const id = (character: string) => tokenizer.id(character)!;
  const documents = [{ text: "ab" }, { prompt: "ab", completion: "cd" }];
  const encoded = await encodeDocuments(tokenizer, documents);
  assert.deepEqual(encoded, [
    { ids: Uint32Array.of(id("a"), id("b"), 0), prompt: 0 },
    { ids: Uint32Array.of(id("a"), id("b"), id("c"), id("d"), 0), prompt: 2 },
  ]);
  const none = CharacterTokenizer.fromText("abcd");
  await assert.rejects(
    encodeDocuments(none, documents),
    /^RangeError: encodeDocuments: expected a/,
  );
  const messages = [{ role: "assistant" as const, content: "a" }];
  await assert.rejects(encodeDocuments(tokenizer, [{ messages }]), /no chat template/);
});

Deno.test("each answer of a conversation is learned after the chat template's text before it", async () => {
  const tokenizer = CharacterTokenizer.fromText("user:asintqr\n", { padding: END });
  const template = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}" +
    "{% if add_generation_prompt %}assistant:{% endif %}";
  Object.defineProperty(tokenizer, "chatTemplate", { value: template });
  const turn = (role: "user" | "assistant", content: string) => ({ role, content });
  const messages = [
    turn("user", "q"),
    turn("assistant", "r"),
    turn("user", "a"),
    turn("assistant", "s"),
  ];
  const encoded = await encodeDocuments(tokenizer, [{ messages }]);
  const halves = encoded.map(({ ids, prompt }) =>
    [ids.subarray(0, prompt), ids.subarray(prompt)].map((part) => tokenizer.decode(part))
  );
  assert.deepEqual(halves, [
    ["user:q\nassistant:", `r${END}`],
    ["user:q\nassistant:r\nuser:a\nassistant:", `s${END}`],
  ]);
});

Deno.test("rows hold one document; an epoch has every target once, and no other", () => {
  const documents: EncodedDocument[] = [5, 1, 9, 4, 7].map((length, index) => {
    const ids = Uint32Array.from(
      { length },
      (_, at) => at === length - 1 ? 0 : 100 * (index + 1) + at,
    );
    return { ids, prompt: index === 2 ? 5 : 0 };
  });
  const contextLength = 3;
  const batches = new DocumentBatches(documents, { batchSize: 1, contextLength, seed: 3 });
  const pairs: string[] = [];
  for (let batch = 0; batch < batches.batchesPerEpoch; batch++) {
    const { inputs, targets } = batches.next();
    targets.forEach((target, at) => {
      if (target !== -100) pairs.push(`${inputs[at]}>${target}`);
    });
  }
  const expected = documents.flatMap(({ ids, prompt }) =>
    Array.from(ids.subarray(1), (id, at) => [at + 1, `${ids[at]}>${id}`] as const)
      .filter(([at]) => at >= prompt).map(([, pair]) => pair)
  );
  assert.deepEqual(pairs.sort(), expected.sort());

  const second = batches.next();
  batches.state = batches.batchesPerEpoch;
  assert.deepEqual(batches.next(), second, "a state is a place in the sequence");
  const masked = [{ ids: Uint32Array.of(1, 2, 3), prompt: 3 }];
  const options = { batchSize: 1, contextLength };
  assert.throws(() => new DocumentBatches(masked, options), /no token to learn in 1 documents/);
  assert.throws(() => new DocumentBatches(documents, { ...options, batchSize: 0 }), /batchSize/);
});

Deno.test("train learns from documents, and resumes with the same bits", async () => {
  await using folder = await scratchFolder();
  const lines = Array.from(
    { length: 40 },
    (_, index) =>
      JSON.stringify({ prompt: `${index % 10}+1=`, completion: `${index % 10 + 1}` }) + "\n",
  );
  await Deno.writeTextFile(`${folder.path}/sums.jsonl`, lines.join(""));
  const base = [
    ...TINY,
    ...line("--dataset sums.jsonl --validation 0.2 --log-every 1"),
    ...CONSTANT,
  ];
  const whole = await run("train", [...base, ...line("--steps 6 --out whole")], folder.path);
  assert.equal(whole.code, 0, whole.err);
  // 32 examples of 6 tokens, 7 for each "9+1=10", and 8 that are held out.
  assert.match(whole.out, /corpus {3}sums\.jsonl: 195 tokens to train on, 49 held out/);
  const half = [...base, ...line("--steps 3 --out half")];
  assert.equal((await run("train", half, folder.path)).code, 0);
  const resumed = await run(
    "train",
    line("--out half --resume --steps 6 --device cpu"),
    folder.path,
  );
  assert.equal(resumed.code, 0, resumed.err);
  assert.equal((await losses(`${folder.path}/half`)).size, 6);
  const record = JSON.parse(await Deno.readTextFile(`${folder.path}/half/run.json`));
  assert.deepEqual(record.reading, { validation: "0.2" });
  const weights = (run: string) => Deno.readFile(`${folder.path}/${run}/model.safetensors`);
  assert.deepEqual(await weights("half"), await weights("whole"));
});

Deno.test("a text may be measured on another, and flags that contradict are refused", async () => {
  await using folder = await scratchFolder();
  await Deno.writeTextFile(`${folder.path}/ends.txt`, `a b${END}a b${END}`);
  await Deno.writeTextFile(`${folder.path}/held.txt`, "the lazy dog runs over a fox ".repeat(4));
  const base = [...TINY, ...line("--dataset text.txt --steps 1 --out run")];
  const { code, out, err } = await run("train", [...base, "--validation", "held.txt"], folder.path);
  assert.equal(code, 0, err);
  assert.match(out, /corpus {3}text\.txt: 8,0\d\d tokens to train on, 116 held out/);
  const cases: [string, RegExp][] = [
    ["--out run --resume --validation 0.5", /its run has validation \S*\/held\.txt,/],
    [
      "--dataset text.txt --out new --validation 1.5",
      /^error: --validation 1\.5: expected a share/,
    ],
    ["--dataset none/*.md --out new", /no such file or folder/],
    ["--dataset ends.txt --tokenizer lower-words --out new", /this one holds <\|endoftext\|>/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await run("train", line(`${args} --device cpu`), folder.path);
    assert.equal(code, 2, args);
    assert.match(err, message);
  }
});
