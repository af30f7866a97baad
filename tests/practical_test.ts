/**
 * The practical's attention, positions and loss: its own numbers if they are available, and small
 * ones computed by hand.
 */
import assert from "node:assert/strict";
import { AdditiveAttention } from "../lib/lesson/additive_attention.ts";
import { Attention } from "../lib/nn/attention.ts";
import { dotProductAttention } from "../lib/lesson/dot_product_attention.ts";
import { LayerNorm } from "../lib/nn/layers.ts";
import { causalMask, paddingMask } from "../lib/nn/masks.ts";
import { sinusoidalPositions } from "../lib/nn/positions.ts";
import { scaledDotProductAttention } from "../lib/nn/scaled_dot_product_attention.ts";
import { sequenceLoss } from "../lib/nn/sequence_loss.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { add, mul } from "../lib/ops/binary.ts";
import { sum } from "../lib/ops/reduce.ts";
import type { NestedArray } from "../lib/tensor/nested_array.ts";
import { type Tensor, tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose, checkGradients } from "./support/gradient_check.ts";
import { sharedText } from "./support/shared_text.ts";

const text = sharedText("golden/practical.json");
const ABSENT = text === undefined;
const PRACTICAL = ABSENT ? {} : JSON.parse(text);

/** The practical's sequences are filled up with 0. */
const PADDING = { ignoreIndex: 0 };

/** Asserts the shape and |actual − expected| ≤ tolerance of every element. */
async function assertMatches(actual: Tensor, expected: NestedArray, tolerance = 1e-5) {
  const values = await actual.data();
  const golden = await tensor(expected).data();
  assert.equal(values.length, golden.length);
  values.forEach((value, i) => {
    const error = Math.abs(value - golden[i]);
    assert.ok(error <= tolerance, `element ${i} is ${value}, expected ${golden[i]}`);
  });
}

/** Fixed numbers in a shape. */
function numbers(shape: number[], start = 0): { values: number[]; shape: number[] } {
  const length = shape.reduce((product, n) => product * n, 1);
  return { values: Array.from({ length }, (_, i) => Math.sin(1.3 * (i + start) + 0.4)), shape };
}
const made = (shape: number[], start = 0) => {
  const { values } = numbers(shape, start);
  return tensor(values, { shape });
};

forEachDevice("practical: dot_product_attention", async () => {
  const golden = PRACTICAL.dot_product_attention;
  const x = tensor(golden.x);
  const { weights, context } = dotProductAttention(x, x);
  await assertMatches(weights, golden.w_n_expected_notebook);
  await assertMatches(context, golden.c_t_expected_notebook);
  await assertMatches(weights, golden.w_n_recomputed);
  await assertMatches(context, golden.c_t_recomputed);
}, ABSENT);

for (const key of ["scaled_dot_product_2022", "masked_scaled_dot_product_2022"]) {
  forEachDevice(`practical: ${key}`, async () => {
    const golden = PRACTICAL[key];
    const x = tensor(golden.x);
    const mask = golden.mask && tensor(golden.mask);
    const { output, weights } = scaledDotProductAttention(x, x, x, { mask });
    await assertMatches(output, golden.value_expected);
    await assertMatches(weights, golden.weights_expected);
    await assertMatches(output, golden.value_rec);
    await assertMatches(weights, golden.weights_rec);
  }, ABSENT);
}

forEachDevice("practical: multi_head_attention_2023", async () => {
  const golden = PRACTICAL.multi_head_attention_2023;
  const layer = new Attention({ width: golden.d_m, heads: golden.num_heads });
  const { query, key, value, projection } = layer;
  query!.weight.write(golden.Wq.flat());
  key!.weight.write(golden.Wk.flat());
  value!.weight.write(golden.Wv.flat());
  projection.weight.write(golden.Wo.flat());
  const x = tensor(golden.x);
  await assertMatches(layer.weights(x), golden.attention_weights_rec);
  await assertMatches(layer.forward(x), golden.output_rec);
  await assertMatches(layer.forward(x), golden.output_expected_notebook);
}, ABSENT);

forEachDevice("practical: pe_4x8", async () => {
  await assertMatches(sinusoidalPositions(4, 8), PRACTICAL.pe_4x8);
}, ABSENT);

forEachDevice("practical: pe_50x10000, the first and last three columns of six rows", async () => {
  const width = 10000;
  const values = await sinusoidalPositions(50, width).data();
  for (const [row, golden] of Object.entries(PRACTICAL.pe_50x10000.rows)) {
    const columns = [0, 1, 2, width - 3, width - 2, width - 1];
    const found = columns.map((column) => values[Number(row) * width + column]);
    await assertMatches(tensor(found), golden as number[]);
  }
}, ABSENT);

forEachDevice(
  "practical: sequence_loss, on logits with its target's value and log-sum-exp",
  async () => {
    const golden = PRACTICAL.sequence_loss;
    const [V, x, target] = [golden.VOCAB_SIZE, golden.X_0_1_2, 2];
    // All other logits of the row that counts are equal: (V − 1)·e^c + e^x = e^logsumexp.
    const c = Math.log((Math.exp(golden.logsumexp_row1) - Math.exp(x)) / (V - 1));
    const logits = new Float32Array(3 * V).fill(c);
    for (let j = 0; j < V; j++) logits[j] = logits[2 * V + j] = Math.sin(j);
    logits[V + target] = x;
    const targets = Int32Array.from(golden.targets.flat());
    const loss = sequenceLoss(tensor(logits, { shape: [1, 3, V] }), targets, PADDING);
    await assertMatches(loss, golden.loss_rec);
    await assertMatches(loss, golden.loss_expected_notebook);
  },
  ABSENT,
);

forEachDevice("practical: sequence_loss_2022", async () => {
  const golden = PRACTICAL.sequence_loss_2022;
  const row = golden.X_0_1;
  const logits = tensor([[row.toReversed(), row, row.toReversed()]]);
  const loss = sequenceLoss(logits, Int32Array.from(golden.targets.flat()), PADDING);
  await assertMatches(loss, golden.loss_rec);
  await assertMatches(loss, golden.loss_expected_notebook);
}, ABSENT);

forEachDevice("sinusoidal positions by hand, and an odd width refused", async () => {
  const [s, c] = [Math.sin, Math.cos];
  const expected = [[0, 1, 0, 1], [s(1), c(1), s(0.01), c(0.01)], [s(2), c(2), s(0.02), c(0.02)]];
  await assertMatches(sinusoidalPositions(3, 4), expected, 1e-7);
  assert.throws(() => sinusoidalPositions(3, 5), {
    name: "RangeError",
    message: "sinusoidalPositions: the width must be even, got 5",
  });
});

forEachDevice("masks show what may be seen", async () => {
  await assertMatches(causalMask(3), [[1, 0, 0], [1, 1, 0], [1, 1, 1]], 0);
  const padding = paddingMask([2, 0, 3], 3);
  assert.deepEqual(padding.shape, [3, 1, 3]);
  await assertMatches(padding, [[1, 1, 0], [0, 0, 0], [1, 1, 1]], 0);
  assert.throws(() => paddingMask([1, 4], 3), {
    name: "RangeError",
    message: "paddingMask: expected lengths from 0 to 3, got 4 for sequence 1",
  });
  assert.throws(() => causalMask(0), /causalMask: expected a whole number of tokens/);
});

forEachDevice("dot-product attention by hand, batched too", async () => {
  const ln3 = Math.log(3);
  const hidden = [[1, 0], [0, 1]];
  const previous = [[ln3, 0], [0, 0], [0, ln3]];
  const expected = [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]];
  const { weights, context } = dotProductAttention(tensor(hidden), tensor(previous));
  await assertMatches(weights, expected);
  await assertMatches(context, expected);
  const batched = dotProductAttention(tensor([hidden, hidden]), tensor([previous, previous]));
  assert.deepEqual(batched.weights.shape, [2, 3, 2]);
  await assertMatches(batched.context, [expected, expected]);
  assert.throws(() => dotProductAttention(zeros([4, 3]), zeros([2, 5])), {
    name: "TypeError",
    message:
      "dotProductAttention: hiddenStates [4,3] and previousState [2,5] differ in their last axis",
  });
});

/** Scaled dot-product attention of one sequence, in float64. */
function attend(
  q: number[][],
  k: number[][],
  v: number[][],
  sees: (i: number, j: number) => boolean,
) {
  const weights = q.map((query, i) => {
    const exponentials = k.map((key, j) => {
      const score = key.reduce((sum, value, d) => sum + value * query[d], 0);
      return sees(i, j) ? Math.exp(score / Math.sqrt(query.length)) : 0;
    });
    const total = exponentials.reduce((a, b) => a + b, 0);
    return exponentials.map((e) => total === 0 ? 0 : e / total);
  });
  const output = weights.map((row) =>
    v[0].map((_, d) => row.reduce((sum, weight, j) => sum + weight * v[j][d], 0))
  );
  return { weights, output };
}

/** The matrices of a tensor's last two axes. */
async function matrices(x: Tensor): Promise<number[][][]> {
  const values = await x.data();
  const [rows, columns] = x.shape.slice(-2);
  return Array.from(
    { length: values.length / (rows * columns) },
    (_, n) =>
      Array.from({ length: rows }, (_, i) => {
        const start = (n * rows + i) * columns;
        return [...values.subarray(start, start + columns)];
      }),
  );
}

for (const leading of [[], [2], [2, 3], [2, 1, 3]]) {
  forEachDevice(`scaled dot-product attention over leading axes [${leading}]`, async () => {
    const [TQ, TK, d, dv] = [3, 4, 5, 2];
    const q = made([...leading, TQ, d]), k = made([...leading, TK, d], 7);
    const v = made([...leading, TK, dv], 11);
    const mask = tensor([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]]);
    const sees = [[0, 3], [], [0, 1, 2, 3]];
    const { output, weights } = scaledDotProductAttention(q, k, v, { mask });
    assert.deepEqual(output.shape, [...leading, TQ, dv]);
    assert.deepEqual(weights.shape, [...leading, TQ, TK]);
    const [qs, ks, vs] = [await matrices(q), await matrices(k), await matrices(v)];
    const expected = qs.map((rows, n) => attend(rows, ks[n], vs[n], (i, j) => sees[i].includes(j)));
    await assertMatches(weights, expected.map((each) => each.weights));
    await assertMatches(output, expected.map((each) => each.output));
  });
}

forEachDevice(
  "attention under a causal and a padding mask; padding alone gives zeros",
  async () => {
    const x = made([3, 3, 2]);
    const mask = mul(causalMask(3), paddingMask([3, 2, 0], 3));
    const { output, weights } = scaledDotProductAttention(x, x, x, { mask });
    const rows = await matrices(x);
    const expected = rows.map((each, b) =>
      attend(each, each, each, (i, j) => j <= i && j < [3, 2, 0][b])
    );
    await assertMatches(weights, expected.map((each) => each.weights));
    const values = await output.data();
    assert.deepEqual([...values.subarray(12)], [0, 0, 0, 0, 0, 0]);
    const heads = made([3, 2, 3, 2]);
    const headMask = paddingMask([3, 2, 0], 3).view([3, 1, 1, 3]);
    const many = scaledDotProductAttention(heads, heads, heads, { mask: headMask });
    assert.deepEqual(many.weights.shape, [3, 2, 3, 3]);
    assertClose([...(await many.weights.data()).subarray(36)], new Array(18).fill(0), 0);
  },
);

forEachDevice("the gradient of masked attention, with a row that sees nothing", async () => {
  const mask = tensor([[1, 0, 1], [0, 0, 0]]);
  await checkGradients(
    (q, k, v) => scaledDotProductAttention(q, k, v, { mask }).output,
    [numbers([2, 2, 3]), numbers([2, 3, 3], 5), numbers([2, 3, 2], 9)],
  );
});

forEachDevice("scaled dot-product attention says which shapes do not fit", () => {
  const attention = (q: number[], k: number[], v: number[], mask?: number[]) => () =>
    scaledDotProductAttention(zeros(q), zeros(k), zeros(v), { mask: mask && zeros(mask) });
  const cases: [() => unknown, string][] = [
    [
      attention([2, 3, 4], [2, 5, 6], [2, 5, 6]),
      "q [2,3,4] and k [2,5,6] differ in their last axis",
    ],
    [
      attention([2, 3, 4], [2, 5, 4], [2, 6, 4]),
      "k [2,5,4] and v [2,6,4] differ in their second last axis, time",
    ],
    [
      attention([2, 3, 4], [3, 5, 4], [3, 5, 4]),
      "q [2,3,4] and k [3,5,4] differ in their leading axes",
    ],
    [
      attention([2, 3, 4], [2, 5, 4], [2, 5, 4], [5, 5]),
      "the mask [5,5] does not broadcast to the scores [2,3,5]",
    ],
    [attention([4], [5, 4], [5, 4]), "expected q [...,T,d], got f32 [4]"],
  ];
  for (const [call, message] of cases) {
    assert.throws(call, { name: "TypeError", message: `scaledDotProductAttention: ${message}` });
  }
});

forEachDevice("additive attention against float64, batched, and its gradient", async () => {
  const [B, TH, TP, d, p, a] = [2, 3, 2, 4, 5, 3];
  const layer = new AdditiveAttention(d, { previousWidth: p, attentionWidth: a });
  for (const parameter of layer.parameters()) parameter.write(numbers([...parameter.shape]).values);
  assert.deepEqual([...layer.namedParameters().keys()], [
    "previous.weight",
    "hidden.weight",
    "vector",
  ]);
  const [hidden, previous] = [made([B, TH, d], 3), made([B, TP, p], 8)];
  const [[W], [U], [v]] = [
    await matrices(layer.previous.weight),
    await matrices(layer.hidden.weight),
    await matrices(layer.vector),
  ];
  const dot = (row: number[], matrix: number[][], n: number) =>
    row.reduce((sum, value, i) => sum + value * matrix[i][n], 0);
  const [hs, ps] = [await matrices(hidden), await matrices(previous)];
  const weights = ps.map((rows, b) =>
    rows.map((row) => {
      const scores = hs[b].map((state) =>
        Math.exp(
          v.reduce(
            (sum, [each], n) => sum + each * Math.tanh(dot(row, W, n) + dot(state, U, n)),
            0,
          ),
        )
      );
      const total = scores.reduce((sum, score) => sum + score, 0);
      return scores.map((score) => score / total);
    })
  );
  const context = weights.map((rows, b) =>
    rows.map((row) => hs[b][0].map((_, n) => dot(row, hs[b], n)))
  );
  const found = layer.forward(hidden, previous);
  await assertMatches(found.weights, weights);
  await assertMatches(found.context, context);
  await checkGradients(
    (h, s) => layer.forward(h, s).context,
    [numbers([B, TH, d], 3), numbers([B, TP, p], 8)],
  );
  assert.throws(() => layer.forward(hidden, zeros([B, TP, d])), {
    name: "TypeError",
    message: "AdditiveAttention: expected previousState [T,5], got [2,2,4]",
  });
});

forEachDevice("the gradient of additive attention reaches its parameters", async () => {
  const layer = new AdditiveAttention(2);
  for (const parameter of layer.parameters()) parameter.write(numbers([...parameter.shape]).values);
  const [hidden, previous] = [made([3, 2]), made([1, 2], 5)];
  const loss = () => sum(mul(layer.forward(hidden, previous).context, made([1, 2], 9)));
  const { gradients } = valueAndGrad(loss, layer.parameters());
  for (const [n, parameter] of layer.parameters().entries()) {
    const { values } = numbers([...parameter.shape]);
    const step = 1e-2;
    const numeric: number[] = [];
    for (const i of values.keys()) {
      const at = (delta: number) => {
        parameter.write(values.with(i, values[i] + delta));
        return loss().item();
      };
      numeric.push((await at(step) - await at(-step)) / (2 * step));
    }
    parameter.write(values);
    assertClose(await gradients[n].data(), numeric, 1e-3, `gradient of parameter ${n}`);
  }
});

forEachDevice("add & norm by hand", async () => {
  const layer = new LayerNorm(3, 1e-6);
  // The sums are [2,6,−2] and [3,0,0]: means 2 and 1, variances 32/3 and 2.
  const y = layer.forward(add(tensor([[1, 2, 3], [4, 0, 1]]), tensor([[1, 4, -5], [-1, 0, -1]])));
  const [r, s] = [Math.sqrt(1.5), Math.sqrt(0.5)];
  await assertMatches(y, [[0, r, -r], [2 * s, -s, -s]]);
});

forEachDevice(
  "sequence loss by hand: padding counts for nothing, in the gradient too",
  async () => {
    const ln3 = Math.log(3);
    const logits = tensor([[[0, ln3], [0, 0]], [[5, -5], [ln3, 0]]]);
    const targets = Int32Array.of(1, 0, -1, 1);
    const loss = () => sequenceLoss(logits, targets, { ignoreIndex: -1 });
    const expected = (Math.log(4 / 3) + Math.log(2) + Math.log(4)) / 3;
    const { value, gradients: [gradient] } = valueAndGrad(loss, [logits]);
    await assertMatches(value, expected);
    const rows = [[0.25, -0.25], [-0.5, 0.5], [0, 0], [0.75, -0.75]];
    await assertMatches(gradient, rows.map((row) => row.map((each) => each / 3)));
    await assertMatches(sequenceLoss(logits, Int32Array.of(1, 0, 0, 0), PADDING), Math.log(4 / 3));
  },
);

forEachDevice("sequence loss refuses a batch of padding, and ids that do not exist", () => {
  const logits = zeros([1, 3, 5]);
  assert.throws(() => sequenceLoss(logits, new Int32Array(3), PADDING), {
    name: "RangeError",
    message: "sequenceLoss: all 3 targets are 0, which is ignored; leave such a batch out",
  });
  assert.throws(() => sequenceLoss(logits, Int32Array.of(1, 5, 0), PADDING), {
    name: "RangeError",
    message: "sequenceLoss: expected targets from 0 to 4, or 0 to ignore, got 5 at 1",
  });
  assert.throws(() => sequenceLoss(logits, Int32Array.of(1, 2)), {
    name: "TypeError",
    message: "sequenceLoss: expected a target for each of the 3 rows of logits [1,3,5], got 2",
  });
});
