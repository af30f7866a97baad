/**
 * Matrix products against float64: forms, odd sizes, epilogues, batches, errors; gradients are in
 * linear_test.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertProduct, floats, FORMS, reference } from "./support/matmul_reference.ts";
import { ALL_DEVICES, forEachDevice, sharedDevice } from "./support/devices.ts";
import { checkEpilogue } from "./support/matmul_epilogue_check.ts";
import type { Device } from "../lib/device/device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { ACTIVATION_NAMES } from "../lib/ops/activation.ts";
import { matmul } from "../lib/ops/matmul.ts";
import { gemm } from "../lib/ops/gemm.ts";
import { tensor } from "../lib/tensor/tensor.ts";

const forEachProduct = (name: string, body: (device: Device) => Promise<void> | void) =>
  forEachDevice(name, body, false, ALL_DEVICES);

const SIZES = [1, 2, 3, 5, 7, 8, 9, 16, 33, 64, 65, 127];

/** Triples with each size in each position. */
const TRIPLES = SIZES.flatMap((m, i) =>
  [[5, 7], [7, 11], [11, 5]].map(([p, q]) => [m, SIZES[(i * p + q) % 12], SIZES[(i * q + p) % 12]])
);

for (const { name, ...form } of FORMS) {
  forEachProduct(`matmul: ${name} at odd sizes`, async () => {
    for (const [m, n, k] of TRIPLES) {
      const a = floats(m * k, 1), b = floats(k * n, 2);
      const c = matmul(
        tensor(a, { shape: form.transposeA ? [k, m] : [m, k] }),
        tensor(b, { shape: form.transposeB ? [n, k] : [k, n] }),
        form,
      );
      assert.deepEqual(c.shape, [m, n]);
      assertProduct(
        await c.data(),
        reference(a, b, m, n, k, form),
        k,
        `${name} ${m},${n},${k}`,
      );
    }
  });

  forEachProduct(`matmul: ${name} at sizes that no tile divides`, async () => {
    for (
      const [m, n, k] of [
        [257, 131, 519],
        [6, 300, 1030],
        [301, 8, 77],
        [130, 515, 9],
        [1, 1027, 301],
        [2, 330, 511],
        [3, 517, 515],
        [4, 260, 514],
        [1, 3105, 45],
        [2, 3105, 45],
      ]
    ) {
      const a = floats(m * k, 3), b = floats(k * n, 4);
      const sizes = { m, n, k };
      const c = gemm(tensor(a), tensor(b), sizes, [m, n], form);
      assertProduct(
        await c.data(),
        reference(a, b, m, n, k, form),
        k,
        `${name} ${m},${n},${k}`,
      );
    }
  });

  forEachProduct(`matmul: epilogues of ${name}`, async () => {
    const few = [[1, 9, 5], [1, 1101, 200], [2, 1101, 200]]; // the long ones are cut along k
    for (const [m, n, k] of [...few, [13, 21, 10], [3, 66, 7], [7, 3, 64], [70, 66, 34]]) {
      // The epilogue is the same code for every form.
      const others = name === "NN" ? [undefined, "gelu", "relu", "silu"] as const : [];
      for (const activation of ["gelu_tanh", ...others] as const) {
        await checkEpilogue({ name, ...form }, m, n, k, activation);
      }
    }
  });
}

forEachProduct("matmul: batches, and operands shared by a batch", async () => {
  const [m, n, k] = [9, 11, 13];
  const a = floats(6 * m * k, 1), b = floats(6 * k * n, 2);
  for (const { name, ...form } of FORMS) {
    const aShape = form.transposeA ? [k, m] : [m, k], bShape = form.transposeB ? [n, k] : [k, n];
    for (const [batchA, batchB] of [[true, true], [true, false], [false, true]]) {
      const c = matmul(
        tensor(batchA ? a : a.slice(0, m * k), { shape: batchA ? [2, 3, ...aShape] : aShape }),
        tensor(batchB ? b : b.slice(0, k * n), { shape: batchB ? [2, 3, ...bShape] : bShape }),
        form,
      );
      assert.deepEqual(c.shape, [2, 3, m, n]);
      const expected = Array.from({ length: 6 }, (_, i) => {
        const [ia, ib] = [batchA ? i : 0, batchB ? i : 0];
        const [ai, bi] = [a.subarray(ia * m * k), b.subarray(ib * k * n)];
        return [...reference(ai, bi, m, n, k, form)];
      });
      assertProduct(await c.data(), expected.flat(), k, `${name} ${batchA} ${batchB}`);
    }
  }
});

forEachProduct("matmul: infinities and NaN stay in their rows and columns", async () => {
  const [m, n, k] = [7, 10, 5];
  const a = floats(m * k, 1), b = floats(k * n, 2);
  a[2 * k] = Infinity;
  const c = await matmul(tensor(a, { shape: [m, k] }), tensor(b, { shape: [k, n] })).data();
  for (let i = 0; i < m * n; i++) {
    assert.equal(Math.abs(c[i]) === Infinity, Math.floor(i / n) === 2, `element ${i}: ${c[i]}`);
  }
});

forEachProduct("matmul: NaN passes through every activation", async () => {
  const a = tensor([NaN, 1, 2, -3], { shape: [2, 2] }), b = tensor([1, 0, 0, 1], { shape: [2, 2] });
  for (const activation of [undefined, ...ACTIVATION_NAMES]) {
    const c = await gemm(a, b, { m: 2, n: 2, k: 2 }, [2, 2], { activation }).data();
    assert.deepEqual([...c].map(Number.isNaN), [true, true, false, false], `${activation}: ${c}`);
  }
});

Deno.test({
  name: "matmul: one thread and two give the same bits",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const [m, n, k] = [203, 141, 97];
    const a = floats(m * k, 1), b = floats(k * n, 2), bias = floats(n, 3);
    for (const form of FORMS) {
      const results: Float32Array[] = [];
      for (const name of ["cpu-1", "cpu-2"] as const) {
        useDevice(await sharedDevice(name));
        const options = { ...form, bias: tensor(bias), activation: "gelu_tanh" as const };
        const c = gemm(tensor(a), tensor(b), { m, n, k }, [m, n], options);
        results.push(await c.data() as Float32Array);
      }
      assert.deepEqual(results[0], results[1], form.name);
    }
  },
});

forEachDevice("matmul: errors name the shapes", () => {
  const make = (...shape: number[]) =>
    tensor(new Float32Array(shape.reduce((x, y) => x * y)), { shape });
  const cases: [() => void, RegExp][] = [
    [
      () => matmul(make(4, 3), make(5, 2)),
      /^TypeError: matmul: inner sizes differ: \[4,3\] · \[5,2\]$/,
    ],
    [
      () => matmul(make(4, 3), make(4, 3), { transposeA: true, transposeB: true }),
      /inner sizes differ: \[4,3\]ᵀ · \[4,3\]ᵀ/,
    ],
    [() => matmul(make(3), make(3, 2)), /two axes or more: \[3\] · \[3,2\]/],
    [() => matmul(make(2, 3, 4), make(3, 4, 5)), /leading axes differ: \[2,3,4\] · \[3,4,5\]/],
    [() => matmul(make(4, 0), make(0, 2)), /^RangeError: matmul: an axis is empty/],
    [
      () => matmul(tensor(new Int32Array(4), { shape: [2, 2] }), make(2, 2)),
      /expected f32 values, got i32/,
    ],
  ];
  for (const [call, message] of cases) {
    assert.throws(call, (error: Error) => message.test(String(error)), String(message));
  }
});
