/**
 * Tokenizer files against the library `tokenizers` in a Python that has it: 2,446 lines each, ids,
 * decoded texts, and random ids.
 *
 *     deno task test:reference PYTHON [tokenizer.json ...]
 *     deno task test:reference PYTHON --write
 *
 * Without files, the small ones of support/tokenizer_parts.ts are compared; `--write` keeps digests
 * of what the library makes of some of the lines, which tokenizer_parts_test.ts checks.
 *
 * @module
 */
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { digestOf, type GoldenAnswer } from "./support/tokenizer_digest.ts";
import { goldenIds, goldenLines, tokenizerLines } from "./support/tokenizer_lines.ts";
import { TOKENIZER_PARTS } from "./support/tokenizer_parts.ts";

/** What the Python program says of one file. */
interface Answer extends GoldenAnswer {
  error?: string;
  load: number;
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

/** How many lines, texts of random ids, and streams differ. */
function differences(tokenizer: Tokenizer, answer: Answer, lines: readonly string[]): number[] {
  const same = (ids: Uint32Array, expected: number[]) => ids.join() === expected.join();
  const bad = [0, 0, 0];
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
      if (expected === null) continue; // the library broke down
      if (tokenizer.decode(ids, { skipSpecialTokens }) !== expected) bad[1]++;
      const stream = tokenizer.stream({ skipSpecialTokens });
      const pieces = ids.map((id) => stream.push(id)).join("") + stream.end();
      if (pieces !== expected) bad[2]++;
    }
  }
  return bad;
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What a file with a name makes of the library's answers: one line of the table. */
async function compare(name: string, json: string, answer: Answer, lines: string[]) {
  const start = performance.now();
  let tokenizer: Tokenizer;
  try {
    tokenizer = await parseTokenizer(json);
  } catch (error) {
    const also = answer.error === undefined ? "" : " (by the library, too)";
    return { name, refused: `${(error as Error).message}${also}` };
  }
  const opened = Math.round(performance.now() - start);
  if (answer.error !== undefined) return { name, refused: `by the library: ${answer.error}` };
  const [differ, decoded, streams] = differences(tokenizer, answer, lines);
  const load = Math.round(1000 * answer.load);
  return { name, lines: lines.length, differ, decoded, streams, "ms to open": opened, load };
}

if (import.meta.main) {
  const [python, ...rest] = Deno.args;
  const write = rest.includes("--write");
  const paths = rest.filter((path) => path !== "--write");
  const folder = await Deno.makeTempDir();
  const parts = Object.entries(TOKENIZER_PARTS);
  const files = paths.length > 0 ? paths : parts.map((_, index) => `${folder}/${index}.json`);
  if (paths.length === 0) {
    parts.forEach(([, file], i) => Deno.writeTextFileSync(files[i], JSON.stringify(file)));
  }
  const lines = (write ? goldenLines() : tokenizerLines()).map((line) => line.toWellFormed());
  const golden: Record<string, string> = {};
  let bad = 0, index = 0;
  const ids = paths.length > 0 ? null : goldenIds();
  for await (const answer of askReference(python, { files, lines, ids })) {
    const path = files[index];
    const name = paths.length > 0 ? path : parts[index][0];
    index++;
    if (write) golden[name] = answer.error === undefined ? digestOf(answer) : "refused";
    else {
      const row = await compare(name, Deno.readTextFileSync(path), answer, lines);
      if ("refused" in row || row.differ! + row.decoded! + row.streams! > 0) bad++;
      console.log(JSON.stringify(row));
    }
  }
  if (write) {
    const place = new URL("golden/tokenizer_parts.json", import.meta.url);
    Deno.writeTextFileSync(place, JSON.stringify(golden, undefined, 2) + "\n");
  }
  console.log(`${index} files of ${lines.length} lines, ${bad} that differ or are refused`);
  await Deno.remove(folder, { recursive: true });
}
