/**
 * Every part of a `tokenizer.json`, with each of its settings, against digests of what the library
 * `tokenizers` 0.23 makes of 350 lines (`deno task test:reference PYTHON --write` makes them).
 */
import assert from "node:assert/strict";
import goldenOffsets from "./golden/tokenizer_offsets.json" with { type: "json" };
import golden from "./golden/tokenizer_parts.json" with { type: "json" };
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import type { Tokenizer } from "../lib/text/tokenizer.ts";
import { digestOf, digestOfOffsets, type GoldenAnswer } from "./support/tokenizer_digest.ts";
import { goldenIds, goldenLines, offsetLines } from "./support/tokenizer_lines.ts";
import { OFFSET_PARTS, TOKENIZER_PARTS } from "./support/tokenizer_parts.ts";

const lines = goldenLines();

function rowOf(tokenizer: Tokenizer, line: string): GoldenAnswer["rows"][number] {
  try {
    const ids = [...tokenizer.encode(line)];
    const whole = [...tokenizer.encode(line, { addSpecialTokens: true })];
    const decoded = tokenizer.decode(whole, { skipSpecialTokens: true });
    return [ids, whole, tokenizer.decode(ids), decoded];
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
    return null;
  }
}

for (const [name, file] of Object.entries(TOKENIZER_PARTS)) {
  Deno.test(`as the library does: ${name}`, async () => {
    const tokenizer = await parseTokenizer(file);
    const answer: GoldenAnswer = {
      rows: lines.map((line) => rowOf(tokenizer, line)),
      decoded: goldenIds().map((ids) => [
        ids,
        tokenizer.decode(ids),
        tokenizer.decode(ids, { skipSpecialTokens: true }),
      ]),
    };
    assert.equal(digestOf(answer), (golden as Record<string, string>)[name]);
  });
}

function offsetsOf(tokenizer: Tokenizer, line: string): Uint32Array | null {
  try {
    const { ids, offsets } = tokenizer.encodeBatch([line], { offsets: true });
    assert.deepEqual(ids[0], tokenizer.encode(line, { addSpecialTokens: true }));
    return offsets![0];
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
    return null;
  }
}

for (const [name, file] of Object.entries(OFFSET_PARTS)) {
  Deno.test(`offsets as the library's: ${name}`, async () => {
    const tokenizer = await parseTokenizer(file);
    const offsets = offsetLines().map((line) => offsetsOf(tokenizer, line));
    assert.equal(digestOfOffsets(offsets), (goldenOffsets as Record<string, string>)[name]);
  });
}
