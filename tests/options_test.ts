/** Unknown options: one line that names the nearest real one. */
import assert from "node:assert/strict";
import { describe } from "../lib/errors.ts";
import { checkOptions } from "../lib/options.ts";

const REDUCE = { axis: true, keepDimensions: true };
const RATE = { learningRate: true, weightDecay: true, contextLength: true };

function message(given: unknown, known: Record<string, unknown>, hints = {}): string {
  try {
    checkOptions("op", given as Record<string, unknown>, known, hints);
  } catch (error) {
    assert(error instanceof TypeError);
    return error.message;
  }
  return "accepted";
}

Deno.test("known options pass, an empty object and one without a prototype too", () => {
  assert.equal(message({ axis: 0, keepDimensions: true }, REDUCE), "accepted");
  assert.equal(message({}, REDUCE), "accepted");
  assert.equal(message(Object.assign(Object.create(null), { axis: 1 }), REDUCE), "accepted");
  assert.equal(message({ axis: undefined }, REDUCE), "accepted");
});

Deno.test("a mistyped option is answered with the nearest real one", () => {
  assert.equal(message({ axs: 0 }, REDUCE), "op: unknown option 'axs'; did you mean 'axis'?");
  assert.match(message({ contextlenght: 8 }, RATE), /did you mean 'contextLength'\?$/);
});

Deno.test("names of other libraries are answered with Folio's", () => {
  const meant = (name: string, known: Record<string, unknown>) =>
    message({ [name]: 1 }, known).match(/did you mean '(\w+)'/)?.[1];
  assert.equal(meant("lr", RATE), "learningRate");
  assert.equal(meant("schedule", RATE), "learningRate");
  assert.equal(meant("dim", REDUCE), "axis");
  assert.equal(meant("axes", REDUCE), "axis");
  assert.equal(meant("keepdim", REDUCE), "keepDimensions");
  assert.equal(meant("max_new_tokens", { maxNewTokens: true }), "maxNewTokens");
  assert.equal(meant("maxTokens", { maxNewTokens: true }), "maxNewTokens");
  assert.equal(meant("nLayer", { layers: true, heads: true }), "layers");
  assert.equal(meant("n_head", { layers: true, heads: true }), "heads");
  assert.equal(meant("weight_decay", RATE), "weightDecay");
});

Deno.test("a far word is answered with the list, names of Object.prototype among them", () => {
  assert.equal(
    message({ constructor: 1 }, REDUCE),
    "op: unknown option 'constructor'; its options are axis, keepDimensions",
  );
  assert.equal(message({ xyzzy: 1 }, {}), "op: unknown option 'xyzzy'; it has no options");
});

Deno.test("a hint says to which function an option belongs", () => {
  const hints = { learningRate: "pass the rate to prepare(rate)" };
  const wanted = (name: string) => `op: unknown option '${name}'; pass the rate to prepare(rate)`;
  assert.equal(message({ learningRate: 1 }, REDUCE, hints), wanted("learningRate"));
  assert.equal(message({ lr: 1 }, REDUCE, hints), wanted("lr"));
});

Deno.test("anything but an object of options is refused by what it is", () => {
  const expected = "op: expected an object of options (axis, keepDimensions), got ";
  assert.equal(message(0, REDUCE), `${expected}0; write { axis: 0 }`);
  assert.equal(message(0, { axis: true, start: true }).endsWith(", got 0"), true);
  assert.match(message([2, 3], { shape: true }), /an array of 2; write { shape: \[2, 3\] }$/);
  assert.equal(message("i32", REDUCE), `${expected}"i32"`);
  assert.equal(message(null, REDUCE), `${expected}null`);
  assert.equal(message([0], REDUCE), `${expected}an array of 1`);
  assert.equal(message(new Date(0), REDUCE).startsWith(`${expected}a Date`), true);
  assert.equal(message(Promise.resolve({}), REDUCE), `${expected}a promise; await it first`);
});

Deno.test("describe names values as a message needs them", () => {
  assert.equal(describe("a".repeat(50)), `"${"a".repeat(40)}…"`);
  assert.equal(describe(new Float32Array(3)), "a Float32Array of 3");
  assert.equal(describe({ a: 1, b: 2 }), "an object with a, b");
  assert.equal(describe(Math.max), "the function max");
  assert.equal(describe(undefined), "undefined");
  assert.equal(describe(new Map()), "a Map");
});
