/**
 * Tokenizer files against the library `tokenizers` in a Python that has it, and SentencePiece
 * models against `sentencepiece`: 2,446 lines each, ids, decoded texts, and random ids.
 *
 *     deno task test:reference PYTHON [tokenizer.json | FILE.model ...]
 *     deno task test:reference PYTHON --write
 *
 * Published files are those of reference_published.ts. Without files, the small ones of
 * support/tokenizer_parts.ts are compared; `--write` keeps digests of what the library makes of
 * some of the lines, which tokenizer_parts_test.ts checks, and the answers for small unigram
 * models, which sentence_piece_unigram_test.ts checks.
 *
 * @module
 */
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { digestOf, digestOfOffsets, type GoldenAnswer } from "./support/tokenizer_digest.ts";
import { goldenIds, goldenLines, offsetLines, tokenizerLines } from "./support/tokenizer_lines.ts";
import { UNIGRAM_IDS, UNIGRAM_LINES, UNIGRAM_MODELS } from "./support/sentence_piece_models.ts";
import { OFFSET_PARTS, TOKENIZER_PARTS } from "./support/tokenizer_parts.ts";

/** What the Python program says of one file. */
interface Answer extends GoldenAnswer {
  error?: string;
  load: number;
  offsets: (number[] | null)[];
}

const SCRIPT = new URL("golden/tokenizers_reference.py", import.meta.url).pathname;

/** The answers for files, one after another. */
async function* askReference(
  python: string,
  request: { files: readonly string[]; lines: readonly string[]; ids: number[][] | null },
): AsyncGenerator<Answer> {
  const process = new Deno.Command(python, {
    args: [SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { TOKENIZERS_PARALLELISM: "false" },
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(request)));
  await writer.close();
  let rest = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    for (const part of parts) yield JSON.parse(part);
  }
  const { success } = await process.status;
  if (!success) throw new Error(`${python} has no library tokenizers, or failed`);
}

/** How many lines, texts of random ids, streams, and lines' offsets differ. */
function differences(tokenizer: Tokenizer, answer: Answer, lines: readonly string[]): number[] {
  const same = (ids: Uint32Array, expected: number[]) => ids.join() === expected.join();
  const bad = [0, 0, 0, differentOffsets(tokenizer, answer, lines)];
  answer.rows.forEach((row, index) => {
    const ids = attempt(() => tokenizer.encode(lines[index]));
    const whole = attempt(() => tokenizer.encode(lines[index], { addSpecialTokens: true }));
    if (row === null || ids === undefined || whole === undefined) {
      if ((row === null) !== (ids === undefined)) bad[0]++;
      return;
    }
    const [plain, withSpecial, text, textWithout] = row;
    if (!same(ids, plain) || !same(whole, withSpecial)) bad[0]++;
    if (text !== null && tokenizer.decode(plain) !== text) bad[1]++;
    const skipping = tokenizer.decode(withSpecial, { skipSpecialTokens: true });
    if (textWithout !== null && skipping !== textWithout) bad[1]++;
  });
  for (const [ids, text, textWithout] of answer.decoded) {
    for (const [skipSpecialTokens, expected] of [[false, text], [true, textWithout]] as const) {
      if (expected === null) continue; // the library broke down, or has no such text
      if (tokenizer.decode(ids, { skipSpecialTokens }) !== expected) bad[1]++;
      const stream = tokenizer.stream({ skipSpecialTokens });
      const pieces = ids.map((id) => stream.push(id)).join("") + stream.end();
      if (pieces !== expected) bad[2]++;
    }
  }
  return bad;
}

/** Of how many lines the offsets differ. */
function differentOffsets(tokenizer: Tokenizer, answer: Answer, lines: readonly string[]): number {
  return answer.offsets.filter((expected, index) => {
    const { offsets } = attempt(() => tokenizer.encodeBatch([lines[index]], { offsets: true })) ??
      {};
    return expected !== null && offsets?.[0].join() !== expected.join();
  }).length;
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A file against the library: how many lines differ, or why it is refused. */
export interface ComparedFile {
  name: string;
  lines?: number;
  /** Lines with other ids. */
  differ?: number;
  /** Texts of ids that differ. */
  decoded?: number;
  /** Texts of ids that differ when they are decoded one at a time. */
  streams?: number;
  /** Lines with other offsets. */
  offsets?: number;
  "ms to open"?: number;
  load?: number;
  refused?: string;
}

/** What a file with a name makes of the library's answers: one line of the table. */
async function compare(
  name: string,
  content: string | Uint8Array<ArrayBuffer>,
  { answer, lines }: { answer: Answer; lines: string[] },
): Promise<ComparedFile> {
  const start = performance.now();
  let tokenizer: Tokenizer;
  try {
    tokenizer = await parseTokenizer(content);
  } catch (error) {
    const also = answer.error === undefined ? "" : " (by the library, too)";
    return { name, refused: `${(error as Error).message}${also}` };
  }
  const opened = Math.round(performance.now() - start);
  if (answer.error !== undefined) return { name, refused: `by the library: ${answer.error}` };
  const [differ, decoded, streams, offsets] = differences(tokenizer, answer, lines);
  const load = Math.round(1000 * answer.load);
  return {
    name,
    lines: lines.length,
    differ,
    decoded,
    streams,
    offsets,
    "ms to open": opened,
    load,
  };
}

/**
 * Compares files, by name: each `tokenizer.json` with the library, each `.model` with
 * SentencePiece.
 *
 * `ids` are lists to decode; null for random ones.
 */
export async function* comparedFiles(
  python: string,
  files: Record<string, string>,
  ids: number[][] | null,
): AsyncGenerator<ComparedFile> {
  const lines = tokenizerLines().map((line) => line.toWellFormed());
  const names = Object.keys(files);
  let index = 0;
  for await (const answer of askReference(python, { files: Object.values(files), lines, ids })) {
    const name = names[index++], path = files[name];
    const content = path.endsWith(".model") ? Deno.readFileSync(path) : Deno.readTextFileSync(path);
    yield await compare(name, content, { answer, lines });
  }
}

/** Prints the comparison of files, and how many differ or are refused. */
async function compareFiles(
  python: string,
  files: Record<string, string>,
  { ids, count }: {
    ids: number[][] | null;
    count: (row: ComparedFile) => number | undefined;
  },
): Promise<void> {
  let bad = 0;
  for await (const row of comparedFiles(python, files, ids)) {
    if (count(row) !== 0) bad++;
    console.log(JSON.stringify(row));
  }
  console.log(`${Object.keys(files).length} files, ${bad} that differ or are refused`);
}

/** How much of a file differs in any respect; undefined if it is refused. */
export function allDifferences(row: ComparedFile): number | undefined {
  return row.refused === undefined
    ? row.differ! + row.decoded! + row.streams! + row.offsets!
    : undefined;
}

/** The digests of the library's answers for files, by name. */
async function digests(
  python: string,
  files: Record<string, string>,
  { lines, digest }: { lines: readonly string[]; digest: (answer: Answer) => string },
): Promise<Record<string, string>> {
  const names = Object.keys(files);
  const golden: Record<string, string> = {};
  const wellFormed = lines.map((line) => line.toWellFormed());
  const request = { files: Object.values(files), lines: wellFormed, ids: goldenIds() };
  for await (const answer of askReference(python, request)) {
    golden[names[Object.keys(golden).length]] = answer.error === undefined
      ? digest(answer)
      : "refused";
  }
  return golden;
}

/** What SentencePiece makes of small unigram models, by name. */
async function unigramAnswers(
  python: string,
  folder: string,
): Promise<Record<string, { ids: unknown; texts: unknown }>> {
  const names = Object.keys(UNIGRAM_MODELS);
  const files = names.map((name, i) => {
    const path = `${folder}/${i}.model`;
    Deno.writeFileSync(path, UNIGRAM_MODELS[name]);
    return path;
  });
  const request = { files, lines: UNIGRAM_LINES, ids: [...UNIGRAM_IDS] };
  const answers = await Array.fromAsync(askReference(python, request), ({ rows, decoded }) => ({
    ids: rows.map((row) => row![0]),
    texts: decoded.map(([, , text]) => text),
  }));
  return Object.fromEntries(names.map((name, i) => [name, answers[i]]));
}

function writeGolden(name: string, content: Record<string, unknown>): void {
  const place = new URL(`golden/${name}`, import.meta.url);
  Deno.writeTextFileSync(place, JSON.stringify(content, undefined, 2) + "\n");
}

/** Writes the parts to files of a folder. */
function written(folder: string, parts: Record<string, object>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, file], index) => {
      const path = `${folder}/${index}-${parts === OFFSET_PARTS ? "offsets" : "parts"}.json`;
      Deno.writeTextFileSync(path, JSON.stringify(file));
      return [name, path];
    }),
  );
}

if (import.meta.main) {
  const [python, ...rest] = Deno.args;
  const paths = rest.filter((path) => path !== "--write");
  const folder = await Deno.makeTempDir();
  const parts = written(folder, TOKENIZER_PARTS), offsetParts = written(folder, OFFSET_PARTS);
  if (rest.includes("--write")) {
    const all = { lines: goldenLines(), digest: digestOf };
    writeGolden("tokenizer_parts.json", await digests(python, parts, all));
    const third = {
      lines: offsetLines(),
      digest: ({ offsets }: Answer) => digestOfOffsets(offsets),
    };
    writeGolden("tokenizer_offsets.json", await digests(python, offsetParts, third));
    writeGolden("sentence_piece_unigram.json", await unigramAnswers(python, folder));
  } else if (paths.length > 0) {
    const files = Object.fromEntries(paths.map((path) => [path, path]));
    await compareFiles(python, files, { ids: null, count: allDifferences });
  } else {
    const ids = goldenIds();
    await compareFiles(python, parts, {
      ids,
      count: ({ differ, decoded, streams }) => differ! + decoded! + streams!,
    });
    await compareFiles(python, offsetParts, { ids, count: ({ offsets }) => offsets });
  }
  await Deno.remove(folder, { recursive: true });
}
