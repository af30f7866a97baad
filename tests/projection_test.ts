/**
 * Principal components against float64 power iteration, and UMAP by its neighborhoods and its seed.
 */
import assert from "node:assert/strict";
import { type PrincipalComponents, principalComponents } from "../lib/plot/principal_components.ts";
import { umap } from "../lib/plot/umap.ts";
import { Random } from "../lib/random.ts";

/** Normal vectors whose coordinate k has deviation (k + 1), mixed by a shear, about a mean of 5. */
function cloud(rows: number, width: number): number[][] {
  const random = new Random(3);
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: width }, (_, k) => (k + 1) * random.normal());
    return row.map((value, k) => 5 + value + 0.5 * (row[k - 1] ?? 0));
  });
}

/**
 * The greatest eigenvalues of the covariance with their vectors, by power iteration and deflation.
 */
function oracle(rows: number[][], count: number): { value: number; vector: number[] }[] {
  const width = rows[0].length;
  const mean = rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length);
  const covariance = mean.map((_, i) =>
    mean.map((_, j) =>
      rows.reduce((sum, row) => sum + (row[i] - mean[i]) * (row[j] - mean[j]), 0) /
      (rows.length - 1)
    )
  );
  return Array.from({ length: count }, () => {
    let vector = mean.map((_, k) => Math.cos(k + 1));
    let value = 0;
    for (let i = 0; i < 3000; i++) {
      const next = covariance.map((row) => row.reduce((sum, x, k) => sum + x * vector[k], 0));
      value = Math.hypot(...next);
      vector = next.map((x) => x / value);
    }
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) covariance[i][j] -= value * vector[i] * vector[j];
    }
    return { value, vector };
  });
}

function assertNear(actual: number, expected: number, what: string, tolerance = 1e-8) {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: expected ${expected}, got ${actual}`,
  );
}

function assertComponents(found: PrincipalComponents, rows: number[][], count: number) {
  const width = rows[0].length;
  const expected = oracle(rows, count);
  expected.forEach(({ value, vector }, k) => {
    assertNear(found.variances[k], value, `variance ${k}`);
    const component = found.components.subarray(k * width, (k + 1) * width);
    const dot = component.reduce((sum, x, i) => sum + x * vector[i], 0);
    assertNear(Math.abs(dot), 1, `direction ${k}`);
    const greatest = component.reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a);
    assert.ok(greatest > 0, `component ${k} points the agreed way`);
    rows.forEach((row, r) => {
      const place = row.reduce((sum, x, i) => sum + (x - found.mean[i]) * component[i], 0);
      assertNear(found.projected[r * count + k], place, `row ${r} along ${k}`);
    });
  });
}

for (const [rows, width] of [[40, 6], [5, 12], [300, 3], [8, 8]]) {
  Deno.test(`principal components of ${rows} vectors of width ${width} are the covariance's eigenvectors`, () => {
    const vectors = cloud(rows, width);
    const count = Math.min(3, rows, width);
    assertComponents(principalComponents(vectors.flat(), { width, count }), vectors, count);
  });
}

Deno.test("principal components: all shares sum to 1, and nothing is left beyond the rank", () => {
  const all = principalComponents(cloud(4, 9).flat(), { width: 9, count: 4 });
  assertNear(all.shares.reduce((a, b) => a + b), 1, "shares");
  assert.deepEqual([all.variances[3], ...all.components.subarray(27)], Array(10).fill(0));
  const still = principalComponents([2, 3, 2, 3, 2, 3], { width: 2 });
  assert.deepEqual([...still.projected, ...still.shares], Array(8).fill(0));
});

Deno.test("principal components refuse what makes no rows", () => {
  assert.throws(() => principalComponents([1, 2, 3], { width: 2 }), TypeError);
  assert.throws(() => principalComponents([1, 2], { width: 2 }), /expected two vectors, got 1/);
  assert.throws(() => principalComponents([1, 2, 3, 4], { width: 2, count: 3 }), /from 1 to 2/);
  assert.throws(() => principalComponents([1, 2, NaN, 4], { width: 2 }), /vector 1 holds NaN/);
});

Deno.test("umap keeps two clusters apart, and the same seed gives the same plane", async () => {
  const random = new Random(1);
  const vectors = Array.from(
    { length: 40 },
    (_, row) => Array.from({ length: 10 }, () => random.normal() + (row < 20 ? 0 : 12)),
  ).flat();
  const options = { width: 10, neighbors: 8, seed: 4 };
  const places = await umap(vectors, options);
  assert.deepEqual(places, await umap(vectors, options));
  assert.notDeepEqual(places, await umap(vectors, { ...options, seed: 5 }));
  const distance = (i: number, j: number) =>
    Math.hypot(places[2 * i] - places[2 * j], places[2 * i + 1] - places[2 * j + 1]);
  for (let i = 0; i < 40; i++) {
    const others = Array.from({ length: 40 }, (_, j) => j).filter((j) => j !== i)
      .sort((a, b) => distance(i, a) - distance(i, b));
    assert.equal(others[0] < 20, i < 20, `the nearest of ${i} is ${others[0]}`);
  }
  await assert.rejects(umap([1, 2, 3, 4], { width: 2 }), /at least three vectors, got 2/);
  await assert.rejects(umap([1, 2, 3], { width: 2 }), TypeError);
});
