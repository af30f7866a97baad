/**
 * Several documents in a row of a batch: attention hides the others, positions start anew, and
 * losses and gradients are those of separate rows.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DocumentBatches } from "../lib/data/document_batches.ts";
import type { EncodedDocument } from "../lib/data/encode_documents.ts";
import { ForwardContext } from "../lib/nn/context.ts";
import type { ModelConfigInput } from "../lib/nn/config.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { attention, selfAttention } from "../lib/ops/attention.ts";
import { attentionWeights } from "../lib/ops/attention_weights.ts";
import type { AttentionOptions } from "../lib/ops/attention_layout.ts";
import { mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Trainer } from "../lib/train/trainer.ts";
import {
  type AttentionCase,
  referenceAttention,
  testValues,
} from "./support/attention_reference.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

/** The first key of each query if a row holds documents of these lengths. */
const firstKeys = (...rows: number[][]) =>
  rows.flatMap((lengths) => {
    let start = 0;
    return lengths.flatMap((length) => Array<number>(length).fill((start += length) - length));
  });

const CASES: Record<string, AttentionCase> = {
  "documents of many lengths": {
    batch: 2,
    heads: 2,
    keyValueHeads: 2,
    causal: true,
    queries: 150,
    keys: 150,
    headSize: 16,
    firstKeys: firstKeys([3, 1, 64, 70, 12], [150]),
  },
  "grouped heads, lengths, a window, a soft-cap": {
    batch: 2,
    heads: 4,
    keyValueHeads: 2,
    causal: true,
    queries: 70,
    keys: 70,
    headSize: 8,
    window: 9,
    softCap: 0.5,
    lengths: [70, 55],
    firstKeys: firstKeys([5, 60, 5], [33, 37]),
  },
};

for (const [name, c] of Object.entries(CASES)) {
  forEachDevice(`attention with first keys is float64's: ${name}`, async () => {
    const { batch, heads, keyValueHeads, queries, keys, headSize: D } = c;
    const keyShape = [batch, keys, keyValueHeads * D];
    const shapes = [[batch, queries, heads * D], keyShape, keyShape];
    const values = shapes.map((shape, i) => testValues(shape.reduce((a, b) => a * b), i + 1));
    const gradient = testValues(values[0].length, 9);
    const [q, k, v] = values.map((data, i) => tensor(data, { shape: shapes[i] }));
    const options: AttentionOptions = {
      heads,
      keyValueHeads,
      causal: c.causal,
      window: c.window,
      softCap: c.softCap,
      keyLengths: c.lengths && tensor(Int32Array.from(c.lengths)),
      firstKeys: tensor(Int32Array.from(c.firstKeys!), { shape: [batch, queries] }),
    };
    const weight = tensor(gradient, { shape: shapes[0] });
    const found = valueAndGrad(() => sum(mul(attention(q, k, v, options), weight)), [q, k, v]);
    const reference = referenceAttention(c, { q: values[0], k: values[1], v: values[2], gradient });
    assertClose(await attention(q, k, v, options).data(), reference.output, 2e-5);
    const [dq, dk, dv] = await Promise.all(found.gradients.map((tensor) => tensor.data()));
    assertClose(dq, reference.dq, 5e-5);
    assertClose(dk, reference.dk, 5e-5);
    assertClose(dv, reference.dv, 5e-5);
  });
}

forEachDevice("first keys with dropout keep the masks of a whole row", async () => {
  const [heads, T, D] = [2, 48, 8];
  const qkv = tensor(testValues(T * 3 * heads * D, 3), { shape: [1, T, 3 * heads * D] });
  const randomState = tensor(new Int32Array([7, 2]));
  const options = { heads, causal: true, dropout: 0.3, randomState };
  const zeros = tensor(new Int32Array(T), { shape: [1, T] });
  const whole = await selfAttention(qkv, options).data();
  assert.deepEqual(await selfAttention(qkv, { ...options, firstKeys: zeros }).data(), whole);
  const starts = tensor(Int32Array.from(firstKeys([20, 28])), { shape: [1, T] });
  const keyLengths = tensor(Int32Array.of(T));
  const packed = await selfAttention(qkv, { ...options, keyLengths, firstKeys: starts }).data();
  assert.deepEqual(packed.slice(0, 20 * heads * D), whole.slice(0, 20 * heads * D));
  assert.notDeepEqual(packed, whole);
});

forEachDevice("first keys of another size, or for weights, are refused", () => {
  const q = tensor(testValues(8, 1), { shape: [1, 4, 2] });
  const few = tensor(new Int32Array(3));
  assert.throws(() => attention(q, q, q, { heads: 1, causal: true, firstKeys: few }), {
    name: "TypeError",
    message: /^attention: expected firstKeys of 1 × 4 values, one a query, got /,
  });
  const fit = tensor(new Int32Array(4));
  assert.throws(() => attentionWeights(q, q, { heads: 1, firstKeys: fit }), {
    name: "TypeError",
    message: /^attentionWeights: expected no firstKeys, got .*; weigh one document$/,
  });
});

const T = 16;

/** Prompts and answers of many lengths, one of which is longer than a row. */
const DOCUMENTS: EncodedDocument[] = [[3, 1], [9, 4], [16, 2], [7, 0], [40, 21], [2, 1], [11, 10]]
  .map(([length, prompt], d) => ({
    ids: Uint32Array.from({ length }, (_, i) => (7 * d + i * i + 3) % 13),
    prompt,
  }));

Deno.test("packed rows hold each target of separate rows once, in fewer rows", () => {
  const targetsOf = (pack: boolean) => {
    const batches = new DocumentBatches(DOCUMENTS, { batchSize: 1, contextLength: T, pack });
    const found: string[] = [];
    for (let i = 0; i < batches.batchesPerEpoch; i++) {
      const { inputs, targets, starts } = batches.next();
      targets.forEach((target, t) => {
        if (target === -100) return;
        const from = pack ? starts![t] : 0;
        found.push(`${inputs.slice(from, t + 1)} → ${target}`);
      });
    }
    return { rows: batches.batchesPerEpoch, found: found.sort() };
  };
  const [separate, packed] = [targetsOf(false), targetsOf(true)];
  assert.deepEqual(packed.found, separate.found);
  assert.deepEqual([separate.rows, packed.rows], [8, 5]);
  const { starts } = new DocumentBatches(DOCUMENTS, { batchSize: 4, contextLength: T, pack: true })
    .next();
  for (let t = 1; t < starts!.length; t++) {
    assert.ok(t % T === 0 ? starts![t] === 0 : starts![t] >= starts![t - 1], `place ${t}`);
  }
});

const MODELS: Record<string, Partial<ModelConfigInput>> = {
  "learned positions": {},
  "rotary positions, grouped heads": { positions: "rotary", heads: 2, keyValueHeads: 1 },
  "shortformer positions, no norms": { positions: "shortformer", norm: "none" },
  "sinusoidal positions": { positions: "sinusoidal", normPlacement: "post" },
};

for (const [name, config] of Object.entries(MODELS)) {
  forEachDevice(`packed rows give the losses and gradients of separate rows: ${name}`, async () => {
    const input = { vocabSize: 13, contextLength: T, layers: 2, heads: 2, width: 16, ...config };
    const model = new GPT(input);
    const results = [false, true].map((pack) => {
      const batchSize = pack ? 5 : 8;
      const batches = new DocumentBatches(DOCUMENTS, { batchSize, contextLength: T, pack });
      const { inputs, targets, starts } = batches.next();
      const rows = (ids: Int32Array) => tensor(ids, { shape: [batchSize, T] });
      const positions = starts?.map((start, i) => i % T - start);
      const documents = starts && { starts: rows(starts), positions: rows(positions!) };
      const context = new ForwardContext({ documents });
      const loss = () => model.loss(rows(inputs), rows(targets), context);
      return valueAndGrad(loss, model.parameters());
    });
    const [separate, packed] = results;
    assertClose([await packed.value.item()], [await separate.value.item()], 1e-5);
    for (const [i, gradient] of packed.gradients.entries()) {
      assertClose(await gradient.data(), await separate.gradients[i].data(), 1e-5);
    }
  });
}

forEachDevice(
  "a Trainer's steps and evaluation on packed rows are those on separate rows",
  async () => {
    const figures = [];
    for (const pack of [false, true]) {
      const model = new GPT({ vocabSize: 13, contextLength: T, layers: 1, heads: 2, width: 16 });
      const optimizer = new AdamW(model.parameters(), { clip: 0 });
      const trainer = new Trainer(model, optimizer, { learningRate: 1e-2, accumulate: 2 });
      // An update takes all documents: 2 batches of 4 separate rows, or of 3 rows, one of them twice.
      const once = new DocumentBatches(DOCUMENTS, { batchSize: 1, contextLength: T, pack });
      const rows = Array.from({ length: once.batchesPerEpoch }, () => once.next());
      const half = pack ? 3 : 4;
      let at = 0;
      const batches = {
        batchSize: half,
        contextLength: T,
        pack,
        next() {
          const all = Array.from({ length: half }, () => rows[at++ % rows.length]);
          if (pack && at % 6 === 0) {
            at = 0;
            all[2] = { ...all[2], targets: new Int32Array(T).fill(-100) };
          }
          const joined = (of: (row: typeof all[0]) => Int32Array) =>
            Int32Array.from(all.flatMap((row) => [...of(row)]));
          const starts = pack ? joined((row) => row.starts!) : undefined;
          return {
            inputs: joined((row) => row.inputs),
            targets: joined((row) => row.targets),
            starts,
          };
        },
      };
      const before = await trainer.evaluate(batches, 2);
      for (let step = 0; step < 3; step++) trainer.step(batches);
      const steps = await trainer.figures();
      figures.push([before, ...steps.flatMap(({ loss, gradientNorm }) => [loss, gradientNorm])]);
    }
    assertClose(figures[1], figures[0], 1e-5);
  },
);

Deno.test("documents are refused with a cache or weights, and starts that fall by a Trainer", () => {
  const model = new GPT({ vocabSize: 5, contextLength: 4, layers: 1, heads: 1, width: 8 });
  const ids = tensor(new Int32Array(4), { shape: [1, 4] });
  const documents = { starts: ids, positions: ids };
  const context = new ForwardContext({ documents, cache: model.makeCache(1) });
  assert.throws(() => model.forward(ids, context), /one document a row with a cache, got several/);
  const weights = new ForwardContext({ documents, attentionWeights: [] });
  assert.throws(() => model.forward(ids, weights), /a row with weights to collect, got several/);
  const trainer = new Trainer(model, new AdamW(model.parameters()), { learningRate: 1e-3 });
  const inputs = new Int32Array(4);
  for (const starts of [undefined, Int32Array.of(0, 1, 0, 0), Int32Array.of(0, 0, 3, 3)]) {
    const next = () => ({ inputs, targets: inputs, starts });
    assert.throws(
      () => trainer.step({ batchSize: 1, contextLength: 4, pack: true, next }),
      /^RangeError: Trainer: expected starts of documents for 4 tokens of packed rows/,
    );
  }
});
