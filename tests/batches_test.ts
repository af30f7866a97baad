import assert from "node:assert/strict";
import { Batches, type BatchesOptions } from "../lib/data/batches.ts";
import { splitCorpus } from "../lib/data/split_corpus.ts";

const counting = (length: number) => Uint16Array.from({ length }, (_, index) => index);

Deno.test("a batch is windows of the corpus, and targets are one token later", () => {
  const batches = new Batches(counting(50), { batchSize: 4, contextLength: 6, seed: 3 });
  for (let batch = 0; batch < 20; batch++) {
    const { inputs, targets } = batches.next();
    assert.equal(inputs.length, 24);
    for (let row = 0; row < 4; row++) {
      const start = inputs[6 * row];
      assert.deepEqual(
        [...inputs.subarray(6 * row, 6 * row + 6)],
        Array.from({ length: 6 }, (_, at) => start + at),
      );
    }
    assert.deepEqual([...targets], [...inputs].map((id) => id + 1));
  }
});

Deno.test("every window is drawn about equally often, the first and the last included", () => {
  const batches = new Batches(counting(14), { batchSize: 100, contextLength: 4 });
  const counts = new Array(10).fill(0); // starts 0 to 9
  for (let batch = 0; batch < 100; batch++) {
    const { inputs } = batches.next();
    for (let row = 0; row < 100; row++) counts[inputs[4 * row]]++;
  }
  assert.equal(counts.length, 10);
  // 10,000 draws: 1000 each, standard deviation 30.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 150, String(counts));
});

// Computed with another implementation of Philox in exact integers.
Deno.test("the draws of a seed are these on every machine", () => {
  const batches = new Batches(counting(60000), { batchSize: 4, contextLength: 8, seed: 1337 });
  const starts = () => {
    const { inputs } = batches.next();
    return [0, 8, 16, 24].map((at) => inputs[at]);
  };
  assert.deepEqual(starts(), [10432, 24679, 42541, 33456]);
  assert.deepEqual(starts(), [31955, 29510, 58088, 7708]);
});

const sequence = (batches: Batches, count: number) =>
  Array.from({ length: count }, () => [...batches.next().inputs]);

for (const order of ["random", "epochs"] as const) {
  Deno.test(`${order}: a resumed run draws what the run would have drawn`, () => {
    const options: BatchesOptions = { batchSize: 2, contextLength: 3, seed: 9, order };
    const tokens = counting(40); // five batches an epoch
    const whole = sequence(new Batches(tokens, options), 12);
    const resumed = new Batches(tokens, options);
    resumed.state = 7;
    assert.deepEqual(sequence(resumed, 5), whole.slice(7));
    assert.equal(resumed.state, 12);
    const other = sequence(new Batches(tokens, { ...options, seed: 10 }), 12);
    assert.notDeepEqual(other, whole);
  });
}

Deno.test("a state beyond 2^32 draws other batches than the one below", () => {
  const batches = new Batches(counting(5000), { batchSize: 2, contextLength: 3 });
  const [first] = sequence(batches, 1);
  batches.state = 2 ** 32;
  assert.notDeepEqual(sequence(batches, 1)[0], first);
  assert.throws(() => batches.state = -1, /whole number from 0, got -1/);
  assert.throws(() => batches.state = 1.5, RangeError);
});

Deno.test("an epoch takes every row once, and the next one in another order", () => {
  const batches = new Batches(counting(46), { batchSize: 3, contextLength: 4, order: "epochs" });
  assert.equal(batches.batchesPerEpoch, 3); // 9 rows of 5 tokens; the 46th token is left
  const rowsOf = (epoch: number[][]) =>
    epoch.flatMap((inputs) => [inputs[0], inputs[4], inputs[8]]);
  const first = rowsOf(sequence(batches, 3));
  const second = rowsOf(sequence(batches, 3));
  const rows = [0, 5, 10, 15, 20, 25, 30, 35, 40];
  assert.deepEqual(first.toSorted((a, b) => a - b), rows);
  assert.deepEqual(second.toSorted((a, b) => a - b), rows);
  assert.notDeepEqual(first, rows);
  assert.notDeepEqual(first, second);
});

Deno.test("the practical's corpus makes 97 batches of 32×64", () => {
  const tokens = new Uint16Array(202651);
  assert.equal(new Batches(tokens, { batchSize: 32, contextLength: 64 }).batchesPerEpoch, 97);
  assert.equal(new Batches(tokens, { batchSize: 2, contextLength: 32 }).batchesPerEpoch, 3070);
});

Deno.test("a corpus shorter than a window is refused with both numbers", () => {
  const make = (length: number) => () =>
    new Batches(counting(length), { batchSize: 1, contextLength: 64 });
  assert.throws(
    make(64),
    new RangeError(
      "Batches: a context of 64 needs 65 tokens, the corpus has 64: " +
        "choose a shorter context or a longer corpus",
    ),
  );
  assert.equal(make(65)().next().targets[63], 64);
});

Deno.test("numbers that are no ids are refused, not rounded", () => {
  const options = { batchSize: 1, contextLength: 1 };
  for (const [wrong, got] of [[1.5, "1.5"], [NaN, "NaN"], [-1, "-1"], [undefined, "undefined"]]) {
    assert.throws(
      () => new Batches([0, wrong as number, 2], options),
      new RegExp(`Batches: expected token ids .* got ${got} at index 1`),
    );
  }
  const floats = Float64Array.of(0, 1.5, 2) as unknown as number[];
  assert.throws(() => new Batches(floats, options), /got 1.5 at index 1/);
});

Deno.test("too few batches are refused on request", () => {
  const options: BatchesOptions = { batchSize: 4, contextLength: 9 }; // 40 tokens a batch
  const minimumBatches = 10;
  assert.throws(
    () => new Batches(counting(399), { ...options, minimumBatches }),
    /at least 10 batches of 4×10 tokens, got 399 tokens, which make 9/,
  );
  assert.equal(new Batches(counting(400), { ...options, minimumBatches }).batchesPerEpoch, 10);
  assert.equal(new Batches(counting(20), options).next().inputs.length, 36);
  assert.throws(
    () => new Batches(counting(20), { ...options, order: "epochs" }),
    /at least 1 batch/,
  );
});

Deno.test("options out of range are refused", () => {
  for (const [name, value] of [["batchSize", 0], ["contextLength", 1.5], ["seed", -1]] as const) {
    const options = { batchSize: 1, contextLength: 1, [name]: value };
    assert.throws(() => new Batches(counting(9), options), new RegExp(`${name} must be.*${value}`));
  }
});

Deno.test("the split is nanoGPT's, without a copy", () => {
  const tokens = counting(1000).subarray(0, 995);
  const { train, validation } = splitCorpus(tokens);
  assert.equal(train.length, 895); // floor(895.5)
  assert.equal(validation.length, 100);
  assert.equal(validation[0], 895);
  assert.equal(train.buffer, tokens.buffer);
  assert.equal(splitCorpus(new Int32Array(1115394)).train.length, 1003854);
  assert.equal(splitCorpus(tokens, { validationFraction: 0 }).validation.length, 0);
  for (const fraction of [-0.1, 1, NaN]) {
    assert.throws(() => splitCorpus(tokens, { validationFraction: fraction }), RangeError);
  }
});
