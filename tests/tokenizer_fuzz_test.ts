/** A short run of fuzz_tokenizers.ts; the long one is a program. */
import assert from "node:assert/strict";
import { fuzzFolders, fuzzJson, fuzzModels } from "./support/fuzz_tokenizers.ts";

Deno.test("mutated tokenizer.json are opened or refused", async () => {
  const { opened, refused } = await fuzzJson(2000, 7);
  assert.equal(opened > 100 && refused > 100, true);
});

Deno.test("mutated SentencePiece models are opened or refused", async () => {
  const { opened, refused } = await fuzzModels(2000, 7, 50);
  assert.equal(opened > 3 && refused > 100, true);
});

Deno.test("folders without a tokenizer.json are opened or refused", async () => {
  const { opened, refused } = await fuzzFolders(1000, 7);
  assert.equal(opened > 100 && refused > 100, true);
});
