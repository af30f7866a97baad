/**
 * The lens on small GPT-2 and Llama models: every hook point and analysis has the numbers of
 * transformers and plain PyTorch (golden/lens/reference.py).
 */
import assert from "node:assert/strict";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { ablationScores } from "../lib/lens/ablation_scores.ts";
import { attributionPatching } from "../lib/lens/attribution_patching.ts";
import { compositionScores, ovCircuit, qkCircuit, singularValues } from "../lib/lens/circuits.ts";
import { directionLogits } from "../lib/lens/direction_logits.ts";
import { directLogitAttribution } from "../lib/lens/direct_logit_attribution.ts";
import { headScores } from "../lib/lens/head_scores.ts";
import { hookPoints } from "../lib/lens/hook_points.ts";
import { featureSummaries } from "../lib/lens/feature_summaries.ts";
import { linearProbe } from "../lib/lens/linear_probe.ts";
import { logitLens } from "../lib/lens/logit_lens.ts";
import { logitDifference } from "../lib/lens/metrics.ts";
import { patchingScores } from "../lib/lens/patching_scores.ts";
import { pathPatching } from "../lib/lens/path_patching.ts";
import { runWithCache } from "../lib/lens/run_with_cache.ts";
import { SparseAutoencoder, sparseAutoencoder } from "../lib/lens/sparse_autoencoder.ts";
import { steeringVector } from "../lib/lens/steering_vector.ts";
import { tunedLens } from "../lib/lens/tuned_lens.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { Random } from "../lib/random.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { repeated } from "../scripts/studies/repeated_rows.ts";
import { train, wideWeights } from "../scripts/studies/training.ts";
import gpt2 from "./golden/lens/gpt2.json" with { type: "json" };
import llama from "./golden/lens/llama.json" with { type: "json" };
import probe from "./golden/lens/probe.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { DECODERS, uniform, weightFile } from "./support/pretrained_golden.ts";

const KINDS = { gpt2, llama };

async function load(kind: keyof typeof KINDS): Promise<GPT> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(DECODERS[kind].config));
    await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(DECODERS[kind]));
    return (await loadPretrained(folder, { tokenizer: false })).model;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The norm of a value, and its product with a fixed direction. */
function fingerprint(name: string, values: ArrayLike<number>): number[] {
  const direction = uniform(name, values.length);
  const numbers = Array.from(values, (x) => x === -Infinity ? 0 : x); // scores of hidden keys
  return [
    Math.hypot(...numbers),
    numbers.reduce((sum, x, i) => sum + x * direction[i], 0),
  ];
}

for (const kind of ["gpt2", "llama"] as const) {
  const golden = KINDS[kind];
  const { clean, corrupted, correct, wrong } = golden.study;
  const metric = logitDifference({ correct, wrong });
  const study = { clean, corrupted, metric };

  forEachDevice(
    `${kind}: the values at all hook points`,
    async () => {
      const model = await load(kind);
      const { cache } = runWithCache(model, golden.ids);
      const expected: Record<string, number[]> = golden.points;
      const unknown = hookPoints(model).map(({ name }) => name).filter((name) => !expected[name]);
      assert.deepEqual(unknown, []);
      assert.deepEqual(cache.names.toSorted(), Object.keys(expected).toSorted());
      for (const name of cache.names) {
        const found = fingerprint(name, await cache.get(name).data());
        const scale = expected[name][0]; // 1e-4 of the value's norm
        assertClose(found.map((x) => x / scale), expected[name].map((x) => x / scale), 1e-4, name);
      }
    },
    false,
    ["cpu-2", "webgpu"],
  );

  forEachDevice(
    `${kind}: patching, ablation and attribution`,
    async () => {
      const model = await load(kind);
      const { patching, ablation, attribution } = golden;
      const places = await patchingScores(model, study);
      assert.deepEqual(places.axes, ["layer", "place"]);
      assertClose([places.clean, places.corrupted], [patching.clean, patching.corrupted], 1e-4);
      assertClose(places.values, patching.places, 1e-4, "residual stream by place");
      const byHead = { point: "attn.hook_z", by: ["head"] } as const;
      const heads = await patchingScores(model, study, byHead);
      assertClose(heads.values, patching.heads, 1e-4, "heads");
      const estimated = await attributionPatching(model, study);
      assertClose(estimated.values, golden.attributionPatching, 1e-4, "attribution patching");
      const paths = await pathPatching(model, study);
      const first = model.config.heads;
      assertClose(paths.values.slice(0, first), golden.pathPatching, 1e-4, "path patching");
      for (const how of ["zero", "mean"] as const) {
        const { values } = await ablationScores(model, golden.ids, metric, { with: how });
        assertClose(values, ablation[how], 1e-4, `${how} ablation`);
      }
      const { total, contributions } = await directLogitAttribution(model, clean, {
        correct,
        wrong,
      });
      assertClose([total], [attribution.total], 1e-4, "logit difference");
      const parts: Record<string, number> = Object.fromEntries(
        contributions.map(({ part, value }) => [part, value]),
      );
      for (const [part, value] of Object.entries(attribution.parts)) {
        assertClose([parts[part]], [value], 1e-4, part);
      }
      for (const by of ["layer", "head", "neuron"] as const) {
        const all = await directLogitAttribution(model, clean, { correct, wrong, by });
        const sum = all.contributions.reduce((sum, { value }) => sum + value, 0);
        assertClose([sum], [attribution.total], 1e-4, `the sum by ${by}`);
      }
    },
    false,
    ["cpu-2"],
  );

  forEachDevice(
    `${kind}: logit lens, heads, circuits and steering`,
    async () => {
      const model = await load(kind);
      const { circuits } = golden;
      const lens: Record<string, { ids: number[][]; probabilities: number[][]; next: number[][] }> =
        golden.lens;
      for (const { point, top, next } of await logitLens(model, golden.ids, { k: 2 })) {
        const { ids, probabilities, next: expected } = lens[point];
        assert.deepEqual(top.map((row) => row.map(([{ id }]) => id)), ids);
        const found = top.flat().map(([{ probability }]) => probability);
        assertClose(found, probabilities.flat(), 1e-4, point);
        assertClose(next.flat(), expected.flat(), 1e-4, `${point}: next`);
      }
      const scores = await headScores(model, { ids: golden.ids });
      for (const name of ["previous", "duplicate", "induction"] as const) {
        assertClose(scores[name].flat(), golden.headScores[name].flat(), 1e-4, name);
      }
      const which = { layer: 1, head: 2 };
      const ov = ovCircuit(model, which);
      assertClose(fingerprint("ov", await ov.data()), circuits.ov, 1e-4, "ov");
      assertClose(fingerprint("qk", await qkCircuit(model, which).data()), circuits.qk, 1e-4, "qk");
      const singular = (await singularValues(ov)).slice(0, circuits.singular.length);
      assertClose(singular, circuits.singular, 1e-4, "singular values");
      for (const name of ["query", "key", "value"] as const) {
        const { values } = await compositionScores(model, { kind: name, layers: [0, 1] });
        assertClose(values, circuits[name], 1e-4, `${name} composition`);
      }
      const [towards, from] = golden.ids.map((row) => [row]);
      const vector = steeringVector(model, { towards, from, point: "blocks.1.hook_resid_pre" });
      assertClose(fingerprint("steering", await vector.data()), golden.steering, 1e-4, "steering");
    },
    false,
    ["cpu-2"],
  );
}

Deno.test("a linear probe is the minimum that L-BFGS of PyTorch finds", () => {
  const examples = uniform("probe", 300);
  const { labels, weights } = probe;
  const found = linearProbe(examples, { width: 5, labels, penalty: 0.01 });
  assertClose(found.weights, weights, 2e-3, "weights");
  assert(found.accuracy > 0.7);
  assert.throws(() => linearProbe(examples, { width: 5, labels: [0] }), /a label for each/);
  assert.throws(() => linearProbe([1, 2], { width: 1, labels: [0, 0] }), /expected labels 0 and 1/);
});

forEachDevice(
  "a sparse autoencoder has PyTorch's losses and gradients",
  async () => {
    const rows = tensor(uniform("probe", 300), { shape: [60, 5] });
    for (const [kind, sparsity] of [["k", { k: 3 }], ["l1", { l1: 0.1 }]] as const) {
      const model = new SparseAutoencoder(5, 12, sparsity);
      const named = [...model.namedParameters()];
      for (const [name, parameter] of named) parameter.write(uniform(name, parameter.size));
      const { value, gradients } = valueAndGrad(() => model.loss(rows), model.parameters());
      const golden = probe.sparse[kind];
      assertClose(await value.data(), [golden.loss], 1e-5, kind);
      const expected: Record<string, number[]> = golden.gradients;
      for (const [i, [name]] of named.entries()) {
        const found = fingerprint(name, await gradients[i].data());
        assertClose(found, expected[name], 1e-4, `${kind}: ${name}`);
      }
    }
  },
  false,
  ["cpu-2", "webgpu"],
);

forEachDevice(
  "sparse features find the directions that rows are made of",
  async () => {
    const random = new Random(3);
    const directions = Array.from({ length: 12 }, () => unit(random.normals(8)));
    const which = Array.from({ length: 1500 }, () => random.integer(12));
    const rows = tensor(Float32Array.from(which.flatMap((i) => directions[i])), {
      shape: [1500, 8],
    });
    const options = {
      features: 48,
      sparsity: { k: 1 },
      steps: 500,
      batch: 128,
      learningRate: 1e-2,
    };
    const autoencoder = await sparseAutoencoder(rows, options);
    const { explained, active } = await autoencoder.report(rows);
    assert(explained > 0.9 && active <= 1, `${explained}, ${active}`);
    const summaries = await featureSummaries(autoencoder, rows, { examples: 5, bins: 4 });
    const used = summaries.filter(({ largest }) => largest > 0);
    for (const { frequency, largest, histogram, examples } of used) {
      assertClose([histogram.reduce((sum, n) => sum + n, 0) / 1500], [frequency], 1e-9);
      assert.equal(examples[0].activation, largest);
      assert(histogram[3] > 0 && examples.every((one, i) => i === 0 || one.activation <= largest));
    }
    const total = used.reduce((sum, { frequency }) => sum + frequency, 0);
    assertClose([total], [active], 1e-6, "mean number of active features");
    const examples = used.map(({ examples }) => examples);
    const pure = examples.filter((rows) => new Set(rows.map(({ row }) => which[row])).size === 1);
    assert(pure.length >= 0.8 * examples.length, `${pure.length} of ${examples.length}`);
    const again = await sparseAutoencoder(rows, options);
    assert.deepEqual(await again.decoder.data(), await autoencoder.decoder.data());
    await assert.rejects(sparseAutoencoder(rows.view([12000])), /expected rows/);
    await assert.rejects(sparseAutoencoder(rows, { sparsity: { k: 99 } }), /k is at most features/);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "directions speak for tokens through the final norm's gain and the head",
  async () => {
    const random = new Random(1);
    for (const norm of ["layer", "rms", "none"] as const) {
      const model = new GPT({
        vocabSize: 7,
        contextLength: 4,
        layers: 1,
        heads: 1,
        width: 4,
        norm,
      });
      for (const p of model.parameters()) p.write(random.normals(p.size));
      const d = random.normals(8);
      const got = await directionLogits(model, tensor(d, { shape: [2, 4] })).data();
      const table = await model.tokens.weight.data();
      const gain = await model.finalNorm?.weight?.data();
      const expected = [0, 4].flatMap((start) => {
        const row = d.subarray(start, start + 4);
        const center = norm === "layer" ? row.reduce((sum, x) => sum + x, 0) / 4 : 0;
        const own = row.map((x, c) => (x - center) * (gain?.[c] ?? 1));
        const logits = Array.from(
          { length: 7 },
          (_, id) => own.reduce((sum, x, c) => sum + x * table[4 * id + c], 0),
        );
        const mean = logits.reduce((sum, x) => sum + x, 0) / 7;
        return logits.map((x) => x - mean);
      });
      assertClose(got, expected, 1e-5, norm);
    }
    const model = new GPT({ vocabSize: 7, contextLength: 4, layers: 1, heads: 1, width: 4 });
    assert.throws(() => directionLogits(model, tensor([1, 2, 3])), /expected directions \[n,4\]/);
  },
);

function unit(x: Float32Array): number[] {
  const length = Math.hypot(...x);
  return Array.from(x, (value) => value / length);
}

forEachDevice(
  "a tuned lens is nearer to the model's predictions than the plain one",
  async () => {
    const model = new GPT({ vocabSize: 9, contextLength: 16, layers: 2, heads: 2, width: 16 });
    const random = new Random(5);
    for (const parameter of model.parameters()) {
      const values = await parameter.data();
      parameter.write(Float32Array.from(values, (x) => x + random.normal() * 0.3));
    }
    const ids = Array.from(
      { length: 40 },
      () => Array.from({ length: 16 }, () => random.integer(9)),
    );
    const lens = await tunedLens(model, ids, { steps: 150, batch: 128, learningRate: 1e-2 });
    const [plain, tuned] = [
      await logitLens(model, ids, { k: 1 }),
      await logitLens(model, ids, { k: 1, translate: lens.translate }),
    ];
    const agreement = (layers: typeof plain, layer: number) => {
      const [own, last] = [layers[layer], layers.at(-1)!].map(({ top }) =>
        top.flatMap((row) => row.map(([{ id }]) => id))
      );
      return own.filter((id, i) => id === last[i]).length / own.length;
    };
    for (const layer of [0, 1]) {
      const [before, after] = [agreement(plain, layer), agreement(tuned, layer)];
      assert(after > before + 0.05, `layer ${layer}: ${before} → ${after}`);
    }
    assert.deepEqual(tuned[2].top, plain[2].top);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "attribution patching estimates patching in a model with induction heads",
  async () => {
    const sizes = { tokens: 64, time: 32, batchSize: 32 };
    const blocks = { layers: 2, heads: 2, width: 64, feedForward: false, bias: false };
    const model = new GPT({ vocabSize: 64, contextLength: 32, tiedHead: false, ...blocks }, {
      random: new Random(0),
      initial: wideWeights(2),
    });
    const [rows, texts] = [new Random(0, 1), new Random(9)];
    const next = () => repeated(rows, sizes);
    await train(model, { batchSize: 32, contextLength: 32, next, steps: 300, learningRate: 3e-3 });
    const { induction } = await headScores(model);
    assert(Math.max(...induction[1]) > 0.6, `${induction}`);
    const heads = { point: "attn.hook_z", by: ["head", "place"] } as const;
    const stream = { point: "hook_resid_pre", by: ["place"] } as const;
    const cases = [
      { ...heads, steps: 1, least: 0.95, most: 1 },
      { ...stream, steps: 1, least: -1, most: 0.9 }, // too far for one derivative
      { ...heads, steps: 2, least: 0.98, most: 1 },
      { ...stream, steps: 2, least: 0.98, most: 1 },
    ].map((of) => ({ ...of, exact: [] as number[], estimated: [] as number[] }));
    for (let i = 0; i < 4; i++) {
      const part = Array.from({ length: 10 }, () => texts.integer(64));
      const clean = Array.from({ length: 24 }, (_, t) => part[t % 10]);
      const wrong = (part[4] + 1 + texts.integer(62)) % 64;
      const corrupted = clean.with(4, wrong); // what followed the last token before
      const study = { clean, corrupted, metric: logitDifference({ correct: part[4], wrong }) };
      for (const { point, by, steps, exact, estimated } of cases) {
        exact.push(...(await patchingScores(model, study, { point, by })).values);
        estimated.push(...(await attributionPatching(model, study, { point, by, steps })).values);
      }
    }
    for (const { point, steps, least, most, exact, estimated } of cases) {
      const r = correlation(exact, estimated);
      assert(r > least && r < most, `${point}, ${steps} steps: ${r}`);
    }
  },
  false,
  ["cpu-2"],
);

function correlation(a: readonly number[], b: readonly number[]): number {
  const centered = (x: readonly number[]) => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    return x.map((value) => value - mean);
  };
  const [u, v] = [centered(a), centered(b)];
  return u.reduce((sum, x, i) => sum + x * v[i], 0) / (Math.hypot(...u) * Math.hypot(...v));
}
