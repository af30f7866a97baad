/** Philox against the published vectors, and the generator's mapping, moments and errors. */
import assert from "node:assert/strict";
import { philox4x32, Random } from "../lib/random.ts";

const hex = (words: Uint32Array) =>
  [...words].map((w) => w.toString(16).padStart(8, "0")).join(" ");

/** The same rounds in exact big integers, written independently of the 16-bit halves. */
function philoxBigInt(counter: number[], key: number[]): Uint32Array {
  const mask = 0xFFFFFFFFn;
  let [x0, x1, x2, x3] = counter.map(BigInt);
  let [k0, k1] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const p0 = 0xD2511F53n * x0, p1 = 0xCD9E8D57n * x2;
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1 ^ k0, p1 & mask, (p0 >> 32n) ^ x3 ^ k1, p0 & mask];
    [k0, k1] = [(k0 + 0x9E3779B9n) & mask, (k1 + 0xBB67AE85n) & mask];
  }
  return Uint32Array.from([x0, x1, x2, x3].map(Number));
}

Deno.test("philox4x32 gives the known answers of Random123", () => {
  const ones = 0xFFFFFFFF;
  const zero = philox4x32([0, 0, 0, 0], [0, 0]);
  assert.equal(hex(zero), "6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  const all = philox4x32([ones, ones, ones, ones], [ones, ones]);
  assert.equal(hex(all), "408f276d 41c83b0e a20bc7c6 6d5451fd");
  const pi = philox4x32(
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
  );
  assert.equal(hex(pi), "d16cfe09 94fdcceb 5001e420 24126ea1");
});

Deno.test("philox4x32 equals big-integer arithmetic on 2,000 counters and keys", () => {
  const source = new Random(7);
  for (let trial = 0; trial < 2000; trial++) {
    const counter = Array.from({ length: 4 }, () => source.word());
    const key = [source.word(), source.word()];
    assert.deepEqual(philox4x32(counter, key), philoxBigInt(counter, key));
  }
});

Deno.test("word `index` is lane index & 3 of counter index >> 2 under key [seed, stream]", () => {
  const random = new Random(42, 3);
  for (let index = 0; index < 21; index++) {
    const block = philox4x32([index >> 2, 0, 0, 0], [42, 3]);
    assert.equal(random.word(), block[index & 3]);
    assert.equal(random.state, index + 1);
  }
  random.state = 2 ** 34 + 5; // block 2^32 + 1: the high word of the counter is used
  assert.equal(random.word(), philox4x32([1, 1, 0, 0], [42, 3])[1]);
});

Deno.test("state set again continues with the same numbers, whatever kind was drawn", () => {
  const random = new Random(5);
  random.normal();
  random.integer(10);
  const state = random.state;
  const expected = [random.normal(), random.uniform(), random.integer(1000)];
  const other = new Random(5);
  other.state = state;
  assert.deepEqual([other.normal(), other.uniform(), other.integer(1000)], expected);
});

Deno.test("uniform numbers are in [0, 1), of 24 bits, with the expected mean and variance", () => {
  const random = new Random(1);
  let sum = 0, squares = 0;
  for (let i = 0; i < 100_000; i++) {
    const value = random.uniform();
    assert.ok(value >= 0 && value < 1 && value === Math.fround(value));
    assert.ok(Number.isInteger(value * 2 ** 24));
    sum += value;
    squares += value * value;
  }
  const mean = sum / 100_000;
  assert.ok(Math.abs(mean - 0.5) < 0.005, `mean ${mean}`);
  assert.ok(Math.abs(squares / 100_000 - mean * mean - 1 / 12) < 0.002);
});

Deno.test("normal follows Box–Muller on two words and has the moments of N(0, 1)", () => {
  const random = new Random(2), uniform = new Random(2);
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < 100_000; i++) {
    const u = uniform.uniform(), v = uniform.uniform();
    const value = random.normal();
    assert.equal(value, Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v));
    assert.equal(random.state, 2 * i + 2);
    for (let power = 0; power < 4; power++) sums[power] += value ** (power + 1) / 100_000;
  }
  [0, 1, 0, 3].forEach((moment, i) => assert.ok(Math.abs(sums[i] - moment) < 0.06, `${sums}`));
});

Deno.test("integer is even over its range and refuses words of the incomplete multiple", () => {
  const random = new Random(3);
  const counts = new Array(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 400, `${counts}`);
  const large = new Random(4), words = new Random(4), n = 2 ** 31 + 1; // half of all words refused
  for (let i = 0; i < 50; i++) {
    let word = words.word();
    while (word >= n) word = words.word();
    assert.equal(large.integer(n), word);
  }
  assert.ok(large.state > 60);
  assert.equal(new Random(0).integer(1), 0);
});

Deno.test("normals are the numbers of normal, from any state and for any count", () => {
  for (const start of [0, 1, 2, 3, 2 ** 40 + 2]) {
    for (const count of [0, 1, 2, 3, 4, 5, 9]) {
      const [together, single] = [new Random(5, 1), new Random(5, 1)];
      together.state = single.state = start;
      const expected = Float32Array.from({ length: count }, () => 0.5 * single.normal());
      assert.deepEqual(together.normals(count, 0.5), expected);
      assert.equal(together.state, single.state);
      assert.equal(together.word(), single.word());
    }
  }
});

Deno.test("streams and seeds are different sequences", () => {
  const first = (seed: number, stream?: number) => new Random(seed, stream).word();
  assert.equal(new Set([first(0), first(1), first(0, 1), first(1, 1)]).size, 4);
});

Deno.test("a seed, stream, state or range that is no whole number in range is refused", () => {
  const range = (message: RegExp) => ({ name: "RangeError", message });
  assert.throws(() => new Random(-1), range(/seed .* got -1/));
  assert.throws(() => new Random(2 ** 32), range(/seed/));
  assert.throws(() => new Random(1.5), range(/seed .* got 1.5/));
  assert.throws(() => new Random(0, NaN), range(/stream .* got NaN/));
  assert.throws(() => (new Random(0).state = -3), range(/state .* got -3/));
  for (const n of [0, -1, 0.5, NaN, 2 ** 32 + 1]) {
    assert.throws(() => new Random(0).integer(n), range(/integer: n/));
  }
});
