/** Rules: which values they accept, and what they say of others. */
import assert from "node:assert/strict";
import {
  expectValue,
  fields,
  oneOf,
  optional,
  realNumber,
  text,
  truth,
  wholeNumber,
  wrongField,
} from "../lib/rules.ts";
import { modelOf, PRESETS } from "../lib/train/presets.ts";
import { SETTING_RULES } from "../lib/train/settings.ts";

const NOTHING = [undefined, null, NaN, Infinity, "", "1", [], {}, 1n, true];

Deno.test("numbers: kinds and limits", () => {
  const whole = wholeNumber({ min: 1, max: 4 });
  assert.equal(whole.expected, "a whole number from 1 to 4");
  for (const value of [1, 4]) assert.ok(whole.accepts(value));
  for (const value of [...NOTHING, 0, 5, 2.5]) assert.ok(!whole.accepts(value), `${value}`);
  assert.ok(!wholeNumber().accepts(1e300));
  const share = realNumber({ min: 0, below: 1 });
  assert.equal(share.expected, "a number in [0, 1)");
  for (const value of [0, 0.999]) assert.ok(share.accepts(value));
  for (const value of [...NOTHING, 1, -0.1]) assert.ok(!share.accepts(value), `${value}`);
});

Deno.test("texts, choices, truths, absence", () => {
  const order = oneOf(["random", "epochs"]);
  assert.deepEqual([order.accepts("epochs"), order.accepts("zigzag")], [true, false]);
  assert.deepEqual([text.accepts("x"), text.accepts(""), text.accepts(5)], [true, false, false]);
  assert.deepEqual([truth.accepts(false), truth.accepts(0)], [true, false]);
  const maybe = optional(text);
  assert.deepEqual([undefined, "x", null].map(maybe.accepts), [true, true, false]);
});

Deno.test("the first wrong field is named by its path", () => {
  const rules = { settings: fields({ steps: wholeNumber({ min: 1 }) }), dataset: optional(text) };
  const cases: [value: unknown, wrong: string | undefined][] = [
    [{ settings: { steps: 3 } }, undefined],
    [{ settings: { steps: "abc" } }, 'settings.steps: expected a whole number from 1, got "abc"'],
    [{ settings: {} }, "settings.steps: expected a whole number from 1, got nothing"],
    [
      { settings: { steps: 1, step: 2 } },
      "settings.step: there is no such field; did you mean steps?",
    ],
    [{ settings: null }, "settings: expected an object, got null"],
    [{ settings: [] }, "settings: expected an object, got an array of 0"],
    [{}, "settings: expected an object, got nothing"],
    [{ settings: { steps: 1 }, dataset: 5 }, "dataset: expected a text, got 5"],
    ["x", 'it: expected an object, got "x"'],
  ];
  for (const [value, wrong] of cases) assert.equal(wrongField(value, rules), wrong);
});

Deno.test("an option that a rule does not accept is a RangeError", () => {
  const rule = wholeNumber({ min: 1 });
  expectValue("Trainer: accumulate", rule, 2);
  assert.throws(() => expectValue("Trainer: accumulate", rule, "2"), {
    name: "RangeError",
    message: 'Trainer: accumulate must be a whole number from 1, got "2"',
  });
});

Deno.test("every preset keeps to the rules, and a model of other settings is refused", () => {
  for (const preset of Object.values(PRESETS)) {
    assert.equal(wrongField(preset, SETTING_RULES), undefined);
  }
  const settings = { ...PRESETS.baby, heads: 2.5 };
  assert.throws(() => modelOf(settings, 10), {
    name: "RangeError",
    message: "modelOf: heads: expected a whole number from 1, got 2.5",
  });
});
