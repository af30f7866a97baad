/**
 * Operations that together build every WebGPU kernel with each of its options, at small sizes.
 *
 * dawn.ts checks that none is left out.
 *
 * @module
 */
import { GEMV_KERNELS, TILE_KERNELS } from "../../lib/device/webgpu/gemm_choice.ts";
import type { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import { generate } from "../../lib/generate/generate.ts";
import type { GenerationOptions } from "../../lib/generate/generation.ts";
import type { ModelConfigInput } from "../../lib/nn/config.ts";
import { GPT } from "../../lib/nn/gpt.ts";
import { attention, selfAttention } from "../../lib/ops/attention.ts";
import type { AttentionOptions } from "../../lib/ops/attention_layout.ts";
import { selfAttentionWeights } from "../../lib/ops/attention_weights.ts";
import { argmax } from "../../lib/ops/argmax.ts";
import { add, mul } from "../../lib/ops/binary.ts";
import { concatenate } from "../../lib/ops/concatenate.ts";
import { crossEntropy } from "../../lib/ops/cross_entropy.ts";
import { embedding } from "../../lib/ops/embedding.ts";
import { gather } from "../../lib/ops/gather.ts";
import { layerNorm } from "../../lib/ops/layer_norm.ts";
import { linearCrossEntropy } from "../../lib/ops/linear_cross_entropy.ts";
import { linear, matmul } from "../../lib/ops/matmul.ts";
import { dequantizeMatrix } from "../../lib/ops/dequantize.ts";
import { quantizedEmbedding } from "../../lib/ops/quantized_embedding.ts";
import { quantizedLinear } from "../../lib/ops/quantized_linear.ts";
import { quantizeMatrix } from "../../lib/ops/quantized_matrix.ts";
import { randomNormal, randomUniform } from "../../lib/ops/random.ts";
import { max, sum } from "../../lib/ops/reduce.ts";
import { rmsNorm } from "../../lib/ops/rms_norm.ts";
import { rotary } from "../../lib/ops/rotary.ts";
import { sampleToken } from "../../lib/ops/sample_token.ts";
import { slice } from "../../lib/ops/slice.ts";
import { logSoftmax, softmax } from "../../lib/ops/softmax.ts";
import { topK } from "../../lib/ops/top_k.ts";
import { transpose } from "../../lib/ops/transpose.ts";
import { where } from "../../lib/ops/where.ts";
import { AdamW } from "../../lib/optim/adamw.ts";
import { Muon } from "../../lib/optim/muon.ts";
import type { Optimizer } from "../../lib/optim/optimizer.ts";
import { SGD } from "../../lib/optim/sgd.ts";
import type { Shape } from "../../lib/shape.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { copy } from "../../lib/tensor/copy.ts";
import { type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { valueAndGrad } from "../../lib/tensor/autograd.ts";
import { Trainer } from "../../lib/train/trainer.ts";

const SIZES = { vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 32 };

/** Runs the operations on `device`, which must be the current one. */
export async function buildKernels(device: WebGpuDevice): Promise<void> {
  const chosen = device.gemmKernels;
  for (const kernel of TILE_KERNELS) {
    device.gemmKernels = { small: kernel, large: kernel, gemv: "workgroup" };
    scope(products);
    train(SIZES);
  }
  for (const gemv of GEMV_KERNELS) {
    device.gemmKernels = { ...chosen, gemv };
    scope(fewRows);
  }
  if (device.gpu.features.has("shader-f16")) inHalfPrecision(device);
  device.gemmKernels = { ...chosen, small: "tiled" };
  for (const operations of [norms, attentions, elementwise, movements, reductions, quantized]) {
    scope(operations);
  }
  for (const [model, makeOptimizer] of MODELS) train(model, makeOptimizer);
  await generations();
  device.gemmKernels = chosen;
}

/** Products in full precision, in each form. */
function products(): void {
  const [a, b] = [zeros([8, 8]), zeros([8, 8])];
  for (const form of [{}, { transposeB: true }, { transposeA: true }]) matmul(a, b, form);
}

/** Products of up to four rows, by vectorized loads and one number at a time. */
function fewRows(): void {
  for (const rows of [1, 2, 3, 4]) {
    for (const [size, transposeB] of [[8, false], [8, true], [7, false], [7, true]] as const) {
      matmul(zeros([rows, size]), zeros([size, size]), { transposeB });
    }
  }
  linear(zeros([1, 8]), zeros([8, 8]), zeros([8]));
}

function inHalfPrecision(device: WebGpuDevice): void {
  device.precision = "f16";
  for (const kernel of ["tiled", "large"] as const) {
    device.gemmKernels = { small: kernel, large: kernel, gemv: "workgroup" };
    train(SIZES);
  }
  device.precision = "f32";
}

/** The gradients of a sum of f(x…), with respect to x of the shapes. */
function derive(f: (...x: Tensor[]) => Tensor, ...shapes: Shape[]): void {
  const x = shapes.map((shape) => zeros(shape));
  valueAndGrad(() => sum(f(...x)), x);
}

function norms(): void {
  for (const width of [8, 7]) {
    derive((x, gain, bias) => layerNorm(x, gain, bias), [4, width], [width], [width]);
    derive((x, gain) => layerNorm(x, gain), [4, width], [width]);
    derive((x, gain) => add(x, rmsNorm(x, gain)), [4, width], [width]);
    derive((x) => add(layerNorm(x), rmsNorm(x)), [4, width]);
  }
}

function attentions(): void {
  const state = tensor(new Int32Array(2));
  const keyLengths = tensor(Int32Array.of(3, 5));
  const options: Omit<AttentionOptions, "heads">[] = [
    { causal: true },
    { keyLengths },
    { dropout: 0.1, randomState: state },
    { dropout: 0.1, randomState: state, keyLengths },
    { softCap: 5, causal: true },
    { alibi: true, causal: true },
  ];
  for (const each of options) {
    derive((qkv) => selfAttention(qkv, { heads: 1, ...each }), [2, 8, 48]);
    derive((q, k, v) => attention(q, k, v, { heads: 1, ...each }), [2, 4, 16], [2, 8, 16], [
      2,
      8,
      16,
    ]);
    selfAttentionWeights(zeros([2, 8, 48]), { heads: 1, ...each });
  }
  const firstKeys = tensor(new Int32Array(16));
  derive((qkv) => selfAttention(qkv, { heads: 1, causal: true, firstKeys }), [2, 8, 48]);
  for (const size of [7, 32, 64, 128, 256]) {
    derive((qkv) => selfAttention(qkv, { heads: 1, causal: true }), [1, 8, 3 * size]);
  }
}

function elementwise(): void {
  const [x, row, state] = [zeros([4, 8]), zeros([8]), tensor(new Int32Array(2))];
  for (const y of [x, row, 2]) derive((x) => mul(x, y), [4, 8]);
  mul(2, x);
  where(x, x, x);
  where(tensor(1), 0, x);
  where(row, x, x);
  derive((x) => where(x, x, row), [4, 8]);
  randomNormal([9], state);
  randomUniform([9], state);
  sampleToken(x, tensor([0.8, 3, 0.9]), state);
  copy(x);
}

function movements(): void {
  derive((x) => transpose(x), [64, 64]);
  derive((x) => transpose(x), [4, 8]);
  const cut = (x: Tensor) => slice(x, { axis: 1, start: 1, end: 3 });
  derive((x) => add(cut(x), mul(cut(x), 2)), [4, 8]);
  derive((x) => transpose(x, [0, 2, 1, 3]), [2, 3, 4, 8]);
  derive((x, y) => concatenate([x, y], { axis: 1 }), [4, 8], [4, 3]);
  const ids = tensor(new Int32Array(8), { shape: [4, 2] });
  derive((x) => gather(x, ids), [4, 8]);
  for (const rows of [8, 2000]) derive((table) => embedding(table, ids), [rows, 8]);
  derive((table, positions) => embedding(table, ids, { positions }), [8, 8], [2, 8]);
  for (const position of [[1], [1, 2, 3, 4]].map((each) => tensor(Int32Array.from(each)))) {
    embedding(zeros([8, 8]), ids, { positions: zeros([8, 8]), offset: position });
    rotary(zeros([4, 2, 16]), { heads: 2, headSize: 8, position });
  }
  derive((x) => rotary(x, { heads: 2, headSize: 8 }), [4, 2, 16]);
}

function reductions(): void {
  for (const axis of [0, 1]) {
    derive((x) => sum(x, { axis }), [4, 600]);
    derive((x) => max(x, { axis }), [4, 600]);
    argmax(zeros([4, 600]), { axis });
  }
  derive((x) => mul(softmax(x), logSoftmax(x)), [4, 600]);
  topK(zeros([4, 600]), 3);
  const targets = tensor(new Int32Array(4));
  derive((x) => crossEntropy(x, targets), [4, 600]);
  derive((x, w) => linearCrossEntropy(x, w, undefined, targets, { rowsAtOnce: 2 }), [4, 8], [
    8,
    65,
  ]);
}

function quantized(): void {
  for (
    const options of [{ bits: 8 }, { bits: 4 }, { bits: 16 }, { bits: 16, type: "f16" }] as const
  ) {
    const weight = quantizeMatrix(new Float32Array(64 * 64), [64, 64], options);
    dequantizeMatrix(weight);
    quantizedEmbedding(weight, tensor(new Int32Array(3)));
    for (const rows of [1, 2, 4]) {
      const [x, bias, residual] = [zeros([rows, 64]), zeros([64]), zeros([rows, 64])];
      quantizedLinear(x, weight);
      quantizedLinear(x, weight, bias, { activation: "gelu_tanh", residual });
    }
  }
}

const MODELS: readonly [ModelConfigInput, (parameters: readonly Tensor[]) => Optimizer][] = [
  [{ ...SIZES, dropout: 0.1, width: 128, heads: 2 }, (all) => new AdamW(all, { clip: 1 })],
  [SIZES, (all) => new AdamW(all, { lossScaling: true })],
  [SIZES, (all) => new SGD(all, { lossScaling: true })],
  [
    {
      ...SIZES,
      norm: "rms",
      positions: "rotary",
      gated: true,
      activation: "silu",
      keyValueHeads: 1,
      tiedHead: false,
      window: [8],
    },
    (all) => new SGD(all, { clip: 1, momentum: 0.9 }),
  ],
  [{ ...SIZES, norm: "rms" }, (all) => new Muon(all, { clip: 1 })],
];

/** One step of training. */
export function train(
  config: ModelConfigInput,
  makeOptimizer: (parameters: readonly Tensor[]) => Optimizer = (all) => new AdamW(all),
  batchSize = 2,
): GPT {
  const model = new GPT(config);
  const trainer = new Trainer(model, makeOptimizer(model.parameters()), { learningRate: 1e-3 });
  const { contextLength } = config;
  const ids = () => new Int32Array(batchSize * contextLength);
  trainer.step({ batchSize, contextLength, next: () => ({ inputs: ids(), targets: ids() }) });
  return model;
}

const OPTIONS: readonly GenerationOptions[] = [
  { temperature: 0 },
  { temperature: 0.8, topK: 10, topP: 0.9, minP: 0.1, scores: true },
  { temperature: 1, repetitionPenalty: 1.2, noRepeatNgram: 2, scores: true },
  { beams: 2 },
];

/** Generation with one prompt and with several, with each set of rules. */
async function generations(): Promise<void> {
  const rotated = new GPT({ ...SIZES, positions: "rotary", keyValueHeads: 1, attentionSoftCap: 5 });
  const sloped = new GPT({ ...SIZES, positions: "alibi" });
  const long = new GPT({ ...SIZES, contextLength: 1024 });
  for (const options of OPTIONS) await generateFew(rotated, options);
  for (const model of [sloped, long]) await generateFew(model, OPTIONS[0]);
}

/** Three tokens of one prompt, and of two. */
export async function generateFew(model: GPT, options: GenerationOptions): Promise<void> {
  for (const prompts of [[[1, 2, 3]], [[1, 2, 3], [2, 1]]]) {
    await generate(model, prompts, { ...options, maxNewTokens: 3 });
  }
}
