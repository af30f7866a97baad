/**
 * Code tasks: what is said of a right answer, a wrong one, one that throws and one that nobody
 * wrote; and a lesson's layout.
 */
import assert from "node:assert/strict";
import { expectMatch, WrongAnswer } from "../lib/lesson/expect.ts";
import { paragraphs, tableLines } from "../lib/lesson/page.ts";
import { checkTask, notWritten } from "../lib/lesson/task.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { matmul } from "../lib/ops/matmul.ts";
import { type Tensor, tensor } from "../lib/tensor/tensor.ts";
import { sharedDevice } from "./support/devices.ts";

useDevice(await sharedDevice("cpu-1"));

/** A task: x·x, for [[1,2],[3,4]]. */
const outcome = (solution: (x: Tensor) => Tensor) =>
  checkTask(solution, async (square) => {
    const product = square(tensor([[1, 2], [3, 4]]));
    await expectMatch({ product }, { product: [[7, 10], [15, 22]] });
  });

Deno.test("a task distinguishes right, not written yet, thrown and wrong", async () => {
  assert.deepEqual(await outcome((x) => matmul(x, x)), { kind: "right" });
  assert.deepEqual(await outcome((x) => notWritten(x)), { kind: "not written yet" });
  const wrong = await outcome((x) => matmul(x, x, { transposeB: true }));
  assert.ok(wrong.kind === "wrong");
  assert.equal(
    wrong.message,
    "product: expected [[7, 10], [15, 22]], got [[5, 11], [11, 25]]",
  );
  const threw = await outcome((x) => matmul(x, tensor([[1, 2, 3]])));
  assert.ok(threw.kind === "it threw");
  assert.match(threw.message, /^TypeError: matmul: /);
  const odd = await outcome(() => {
    throw "a string";
  });
  assert.ok(odd.kind === "it threw" && odd.message === "Error: a string");
});

Deno.test("a wrong answer is reported with the expected and the actual value", async () => {
  const cases: [actual: unknown, expected: Parameters<typeof expectMatch>[1], message: string][] = [
    [undefined, [1, 2], "the result: expected [1, 2], got undefined"],
    [undefined, { a: 1 }, "the result: expected { a }, got undefined"],
    [{ b: 1 }, { a: 1 }, "a: expected 1, got undefined"],
    [{ a: { b: 2 } }, { a: { b: 1 } }, "a.b: expected 1, got 2"],
    [tensor([1, 2]), [[1, 2]], "the result: expected the shape [1,2], got [2]"],
    [[1, NaN], [1, 2], "the result: expected [1, 2], got [1, NaN]"],
    [[[1, 2], [3]], [[1, 2], [3, 4]], "the result: expected [[1, 2], [3, 4]], got [[1, 2], [3]]"],
    [
      [undefined, [3, 4]],
      [[1, 2], [3, 4]],
      "the result: expected [[1, 2], [3, 4]], got [undefined, [3, 4]]",
    ],
    [Promise.resolve(1), 1, "the result: expected 1, got a promise"],
    ["no", "yes", 'the result: expected "yes", got "no"'],
    [["a", "c"], ["a", "b"], 'the result: expected ["a","b"], got ["a","c"]'],
    [false, true, "the result: expected true, got false"],
    [() => 1, 1, "the result: expected 1, got a function"],
  ];
  for (const [actual, expected, message] of cases) {
    await assert.rejects(expectMatch(actual, expected), new WrongAnswer(message));
  }
  const many = Array.from({ length: 8 }, (_, row) => Array.from({ length: 8 }, (_, k) => row + k));
  const other = many.map((row) => [...row]);
  other[3][5] = 0;
  await assert.rejects(expectMatch(tensor(other), many), /the result\[3,5\]: expected 8, got 0/);
  await expectMatch(Float32Array.of(0.1, 0.2), [0.1, 0.20001]);
  await assert.rejects(expectMatch(0.1, 0.2, { tolerance: 0.05 }), WrongAnswer);
  await expectMatch(0.1, 0.2, { tolerance: 0.15 });
});

Deno.test("the result of a usual mistake is reported with its hint", async () => {
  const mistakes = [
    { result: [2, 2], hint: "the scale is missing" },
    { result: [0, 0], hint: "nothing was added" },
  ];
  const check = (actual: unknown) => expectMatch(actual, [4, 4], { what: "sum", mistakes });
  const wrong = "sum: expected [4, 4], got";
  await assert.rejects(check([2, 2]), new WrongAnswer(`${wrong} [2, 2]; the scale is missing`));
  await assert.rejects(check([0, 0]), new WrongAnswer(`${wrong} [0, 0]; nothing was added`));
  await assert.rejects(check([1, 2]), new WrongAnswer(`${wrong} [1, 2]`));
  await check([4, 4]);
});

Deno.test("a lesson's text is wrapped, and its tables are aligned", () => {
  const text = paragraphs(
    `
    ${"word ".repeat(30)}
      weights = softmax(scores)
    end

    next
  `,
    88,
  );
  const lines = text.split("\n");
  assert.ok(lines.every((line) => line.length <= 88));
  assert.deepEqual(lines.slice(-4), ["  weights = softmax(scores)", "end", "", "next"]);
  assert.deepEqual(tableLines([["a", 1, "x"], ["long", -0.5]]), [
    "  a      1.000  x",
    "  long  -0.500",
  ]);
});
