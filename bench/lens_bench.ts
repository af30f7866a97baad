/**
 * Times of the lens on the default model (4 layers, 4 heads, width 128, 64 tokens of 65 kinds): a
 * cache of all points beside a plain pass, and activation patching of every layer, head and place.
 *
 *     deno run -A bench/lens_bench.ts
 *
 * @module
 */
import {
  attributionPatching,
  GPT,
  logitDifference,
  openDevice,
  patchingScores,
  runWithCache,
  tensor,
} from "../mod.ts";

const device = await openDevice({ device: "cpu", threads: 2 });
const model = new GPT({ vocabSize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 });
const clean = Array.from({ length: 64 }, (_, i) => i * 7 % 65);
const corrupted = clean.map((id, i) => i === 20 ? 64 - id : id);
const ids = tensor(Int32Array.from(clean), { shape: [1, 64] });

/** Milliseconds of the fastest of many calls. */
async function fastest(calls: number, f: () => void | Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await f();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

const plain = () => model.forward(ids).dispose();
const cached = () => {
  const { logits, cache } = runWithCache(model, ids);
  logits.dispose();
  cache.dispose();
};
const [pass, cache] = [await fastest(200, plain), await fastest(200, cached)];
console.log(`plain pass ${pass.toFixed(2)} ms, with a cache of all points ${cache.toFixed(2)} ms`);

const study = { clean, corrupted, metric: logitDifference({ correct: 3, wrong: 4 }) };
const options = { point: "attn.hook_z", by: ["head", "place"] } as const;
const seconds = async (f: () => Promise<unknown>) => (await fastest(3, f)) / 1e3;
const patching = await seconds(() => patchingScores(model, study, options));
const attribution = [];
for (const steps of [1, 2, 5]) {
  const took = await seconds(() => attributionPatching(model, study, { ...options, steps }));
  attribution.push(`${took.toFixed(3)} s in ${steps}`);
}
console.log(
  `patching of 4 × 4 × 64: ${patching.toFixed(2)} s; attribution patching ${
    attribution.join(", ")
  } steps`,
);
const [exact, estimate] = [
  await patchingScores(model, study, options),
  await attributionPatching(model, study, options),
];
console.log(`correlation ${correlation(exact.values, estimate.values).toFixed(3)}`);
device.close();

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (x: Float32Array) => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    ab += (x - ma) * (b[i] - mb);
    aa += (x - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  });
  return ab / Math.sqrt(aa * bb);
}
