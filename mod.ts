/**
 * Folio: train, sample and study transformers from a TypeScript file, on WebGPU or on the CPU.
 *
 * ```ts
 * import { AdamW, Batches, CharacterTokenizer, GPT, openDevice, Trainer } from "./mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const text = "to be or not to be ".repeat(50);
 * const tokenizer = CharacterTokenizer.fromText(text);
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, contextLength: 16, layers: 1, heads: 2, width: 32 });
 * const trainer = new Trainer(model, new AdamW(model.parameters()), { batchSize: 4, schedule: () => 1e-2 });
 * const batches = new Batches(tokenizer.encode(text), { batchSize: 4, contextLength: 16, seed: 1 });
 * for (let step = 0; step < 20; step++) trainer.step(batches);
 * console.log((await trainer.figures()).at(-1)?.loss);
 * device.close();
 * ```
 *
 * @module
 */

// Devices
export { openDevice, useDevice } from "./lib/device/open_device.ts";
export type { DeviceOptions } from "./lib/device/open_device.ts";
export type { Device } from "./lib/device/device.ts";

// Tensors
export { empty, full, ones, Tensor, tensor, zeros } from "./lib/tensor/tensor.ts";
export type { DType, NestedArray, TensorData, TensorOptions } from "./lib/tensor/tensor.ts";
export type { Shape } from "./lib/shape.ts";
export { keep, scope } from "./lib/tensor/scope.ts";
export { valueAndGrad } from "./lib/tensor/autograd.ts";
export { compile } from "./lib/tensor/compile.ts";
export type { Compiled, ProgramReport } from "./lib/tensor/compile.ts";

// Operations
export {
  add,
  div,
  equal,
  greater,
  maximum,
  minimum,
  mul,
  type Operand,
  sub,
  where,
} from "./lib/tensor/binary.ts";
export {
  abs,
  exp,
  gelu,
  log,
  negate,
  relu,
  rsqrt,
  sigmoid,
  silu,
  sqrt,
  square,
  tanh,
} from "./lib/tensor/unary.ts";
export { max, mean, sum } from "./lib/tensor/reduce.ts";
export { argmax } from "./lib/tensor/argmax.ts";
export { logSoftmax, softmax } from "./lib/tensor/softmax.ts";
export { layerNorm } from "./lib/tensor/layer_norm.ts";
export { rmsNorm } from "./lib/tensor/rms_norm.ts";
export { linear, matmul } from "./lib/tensor/matmul.ts";
export { feedForward } from "./lib/tensor/feed_forward.ts";
export { attention, selfAttention } from "./lib/tensor/attention.ts";
export { rotary } from "./lib/tensor/rotary.ts";
export { embedding } from "./lib/tensor/embedding.ts";
export { crossEntropy, tokenLosses } from "./lib/tensor/cross_entropy.ts";
export { dropout } from "./lib/tensor/dropout.ts";
export { randomNormal, randomUniform } from "./lib/tensor/random.ts";
export { sampleToken } from "./lib/tensor/sample_token.ts";
export { customOp } from "./lib/tensor/custom_op.ts";
export type { ByName, CustomOp, CustomOpDefinition } from "./lib/tensor/custom_op.ts";
export type {
  Constants,
  CpuKernel,
  Kernel,
  KernelBuilder,
  Scalars,
  ScalarType,
  WebGpuKernel,
} from "./lib/device/kernel.ts";
export { F32, FunctionBuilder, I32, ModuleBuilder, V128 } from "./lib/device/cpu/assembler.ts";
export type {
  Code,
  Expression,
  F32Like,
  FunctionHandle,
  I32Like,
  ModuleOptions,
  ValueType,
} from "./lib/device/cpu/assembler.ts";
export { copy } from "./lib/tensor/copy.ts";
export { reshape } from "./lib/tensor/reshape.ts";
export { transpose } from "./lib/tensor/transpose.ts";
export { slice, type SliceOptions } from "./lib/tensor/slice.ts";
export { concatenate } from "./lib/tensor/concatenate.ts";
export { gather } from "./lib/tensor/gather.ts";

// Layers and models
export { GPT } from "./lib/nn/gpt.ts";
export { modelConfig } from "./lib/nn/config.ts";
export type { ModelConfig, ModelConfigInput } from "./lib/nn/config.ts";
export { type Cache, ForwardContext } from "./lib/nn/context.ts";
export { Block } from "./lib/nn/block.ts";
export { CausalSelfAttention } from "./lib/nn/attention.ts";
export { FeedForward } from "./lib/nn/feed_forward.ts";
export { Embedding, LayerNorm, Linear, RMSNorm } from "./lib/nn/layers.ts";
export { Module, ModuleGroup, ModuleList, type Parts } from "./lib/nn/module.ts";
export { sinusoidalPositions } from "./lib/nn/positions.ts";
export {
  constant,
  type Initialiser,
  lecunNormal,
  normal,
  parameter,
  truncatedNormal,
  uniform,
  varianceScaling,
} from "./lib/nn/initialisers.ts";

// Training
export { AdamW, type AdamWOptions } from "./lib/optim/adamw.ts";
export { SGD, type SGDOptions } from "./lib/optim/sgd.ts";
export { Optimiser } from "./lib/optim/optimiser.ts";
export {
  type Decay,
  type Schedule,
  type ScheduleOptions,
  warmupDecay,
} from "./lib/optim/schedules.ts";
export { type BatchSource, Trainer, type TrainerOptions } from "./lib/train/trainer.ts";
export type { StepFigures } from "./lib/train/figures.ts";
export { PRESETS, type TrainSettings } from "./lib/train/presets.ts";
export {
  type Checkpoint,
  loadModel,
  loadRunConfig,
  loadRunState,
  loadRunTokenizer,
  restoreOptimiser,
  type RunState,
  saveCheckpoint,
} from "./lib/train/checkpoint.ts";
export { CheckpointFolder } from "./lib/train/checkpoint_folder.ts";
export { type Metrics, MetricsLog } from "./lib/train/checkpoint_metrics.ts";

// Generation
export { type GenerateOptions, Generator } from "./lib/generate/generator.ts";

// Text and corpora
export type { Tokenizer } from "./lib/text/tokenizer.ts";
export { CharacterTokenizer } from "./lib/text/character_tokenizer.ts";
export { WordTokenizer } from "./lib/text/word_tokenizer.ts";
export { BytePairTokenizer } from "./lib/text/byte_pair_tokenizer.ts";
export { trainBytePair } from "./lib/text/byte_pair_training.ts";
export { loadTokenizer } from "./lib/text/load_tokenizer.ts";
export { type Corpus, loadCorpus } from "./lib/data/load_corpus.ts";
export { type Batch, Batches, type BatchesOptions } from "./lib/data/batches.ts";
export { splitCorpus } from "./lib/data/split_corpus.ts";
export { isPreparedCorpus, prepareCorpus, readPreparedCorpus } from "./lib/data/prepared_files.ts";
export { readTokenFile, writeTokenFile } from "./lib/data/token_files.ts";

// Files and randomness
export { encodeSafetensors, SafetensorsFile } from "./lib/hub/safetensors.ts";
export { philox4x32, Random } from "./lib/random.ts";
export { UserError } from "./lib/errors.ts";
