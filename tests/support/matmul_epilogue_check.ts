/**
 * Checks a product with each part of its epilogue against float64, on the current device.
 *
 * @module
 */
import type { Activation } from "../../lib/ops/activation.ts";
import { gemm, type GemmOptions } from "../../lib/ops/gemm.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { activations, assertProduct, floats, type Form, reference } from "./matmul_reference.ts";

/**
 * Runs [m,k]·[k,n] in this form with bias, activation, its derivative and residual, and throws if a
 * number is wrong.
 */
export async function checkEpilogue(
  form: Form,
  m: number,
  n: number,
  k: number,
  activation: Activation | undefined,
): Promise<void> {
  const a = floats(m * k, 5), b = floats(k * n, 6), bias = floats(n, 7);
  const residual = floats(m * n, 8), pre = floats(m * n, 9).map((x) => 3 * x);
  const plain = reference(a, b, m, n, k, form);
  const run = async (options: GemmOptions) => {
    const c = gemm(tensor(a), tensor(b), { m, n, k }, [m, n], { ...form, ...options });
    return await c.data();
  };
  const { value, derivative } = activations[activation ?? "none"];
  const what = `${form.name} ${m},${n},${k} ${activation}`;
  const saved = tensor(new Float32Array(m * n));
  const all = await run({ bias: tensor(bias), residual: tensor(residual), activation, saved });
  const before = plain.map((v, i) => v + bias[i % n]);
  assertProduct(await saved.data(), before, k, `${what}, saved`);
  assertProduct(all, before.map((v, i) => value(v) + residual[i]), k, `${what}, all`);
  assertProduct(await run({ activation }), plain.map(value), k, what);
  if (activation) {
    const sloped = await run({ derivative: { of: activation, at: tensor(pre) } });
    assertProduct(sloped, plain.map((v, i) => v * derivative(pre[i])), k, `${what}, derivative`);
  }
  const added = await run({ residual: tensor(residual) });
  assertProduct(added, plain.map((v, i) => v + residual[i]), k, `${what}, residual`);
}
