import assert from "node:assert/strict";
import { UserError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";

const FLAGS = ["layers", "heads", "width", "context", "learning-rate", "min-learning-rate"];

Deno.test("nearest corrects an insertion, a deletion, a replacement and a swap", () => {
  assert.equal(nearest("layerss", FLAGS), "layers");
  assert.equal(nearest("layrs", FLAGS), "layers");
  assert.equal(nearest("loyers", FLAGS), "layers");
  assert.equal(nearest("alyers", FLAGS), "layers");
});

Deno.test("nearest counts a swap of neighbors as one edit", () => {
  assert.equal(nearest("abdc", ["abxy", "abcd"]), "abcd");
  assert.equal(nearest("ab", ["ba"]), "ba");
});

Deno.test("nearest ignores case and takes the first of equals", () => {
  assert.equal(nearest("HEADS", FLAGS), "heads");
  assert.equal(nearest("cat", ["bat", "hat"]), "bat");
});

Deno.test("nearest finds the start of a longer word", () => {
  assert.equal(nearest("learning", FLAGS), "learning-rate");
  assert.equal(nearest("lea", FLAGS), "learning-rate");
});

Deno.test("nearest gives nothing when nothing is close", () => {
  assert.equal(nearest("zzzzzz", FLAGS), undefined);
  assert.equal(nearest("x", ["k"]), undefined);
  assert.equal(nearest("", FLAGS), undefined);
  assert.equal(nearest("layers", []), undefined);
});

Deno.test("UserError is an Error with its own name", () => {
  const error = new UserError("no such corpus", { cause: 1 });
  assert.ok(error instanceof Error);
  assert.equal(error.name, "UserError");
  assert.equal(String(error), "UserError: no such corpus");
  assert.equal(error.cause, 1);
});
