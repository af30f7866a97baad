/**
 * Folio: train, sample and study transformers from a TypeScript file, on WebGPU or on the CPU.
 *
 * ```ts
 * import { AdamW, Batches, CharacterTokenizer, GPT, openDevice, Trainer } from "./mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const text = "to be or not to be ".repeat(50);
 * const tokenizer = CharacterTokenizer.fromText(text);
 * const model = new GPT({ vocabSize: tokenizer.vocabSize, contextLength: 16, layers: 1, heads: 2, width: 32 });
 * const trainer = new Trainer(model, new AdamW(model.parameters()), { learningRate: 1e-2 });
 * const batches = new Batches(tokenizer.encode(text), { batchSize: 4, contextLength: 16, seed: 1 });
 * for (let step = 0; step < 20; step++) trainer.step(batches);
 * console.log((await trainer.figures()).at(-1)?.loss);
 * device.close();
 * ```
 *
 * @module
 */

// Devices
export { openDevice } from "./lib/ops/open_device.ts";
export { useDevice } from "./lib/device/current_device.ts";
export type { DeviceOptions } from "./lib/device/choose_device.ts";
export type { Device, DeviceTraits } from "./lib/device/device.ts";

// Tensors
export { empty, full, ones, Tensor, tensor, zeros } from "./lib/tensor/tensor.ts";
export type { DType, ShapedTensorOptions, TensorData, TensorOptions } from "./lib/tensor/tensor.ts";
export type { NestedArray } from "./lib/tensor/nested_array.ts";
export type { Shape } from "./lib/shape.ts";
export { keep, scope, type Scoped } from "./lib/tensor/scope.ts";
export { valueAndGrad } from "./lib/tensor/autograd.ts";
export { recompute } from "./lib/tensor/recompute.ts";
export { dequantizeMatrix } from "./lib/ops/dequantize.ts";
export { quantizedEmbedding } from "./lib/ops/quantized_embedding.ts";
export { quantizedLinear, type QuantizedLinearOptions } from "./lib/ops/quantized_linear.ts";
export type { HalfType } from "./lib/ops/half_precision.ts";
export {
  type QuantizedMatrix,
  quantizeMatrix,
  type QuantizeMatrixOptions,
  type RoundingOptions,
  type WeightBits,
} from "./lib/ops/quantized_matrix.ts";
export { compile } from "./lib/tensor/compile.ts";
export type { Compiled, CompileOptions, ProgramReport } from "./lib/tensor/compile.ts";
export { WorkingMemory } from "./lib/device/working_memory.ts";

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
} from "./lib/ops/binary.ts";
export { where } from "./lib/ops/where.ts";
export { abs, exp, log, negate, rsqrt, sigmoid, sqrt, square, tanh } from "./lib/ops/unary.ts";
export {
  activate,
  type Activation,
  gelu,
  geluTanh,
  relu,
  reluSquared,
  silu,
} from "./lib/ops/activation.ts";
export { max, mean, type ReduceOptions, sum } from "./lib/ops/reduce.ts";
export { argmax, type ArgmaxOptions } from "./lib/ops/argmax.ts";
export { logSoftmax, softmax, type SoftmaxOptions } from "./lib/ops/softmax.ts";
export { layerNorm } from "./lib/ops/layer_norm.ts";
export { rmsNorm } from "./lib/ops/rms_norm.ts";
export {
  linear,
  type LinearOptions,
  type LowRankFactors,
  matmul,
  type MatmulOptions,
} from "./lib/ops/matmul.ts";
export { feedForward, type FeedForwardOptions } from "./lib/ops/feed_forward.ts";
export { attention, selfAttention } from "./lib/ops/attention.ts";
export type {
  AttentionMask,
  AttentionOptions,
  SelfAttentionOptions,
} from "./lib/ops/attention_layout.ts";
export type { ScoreOptions } from "./lib/ops/attention_adjust.ts";
export { attentionWeights, selfAttentionWeights } from "./lib/ops/attention_weights.ts";
export type { KeyValueCache } from "./lib/ops/attention_decode.ts";
export { rotary, type RotaryOptions } from "./lib/ops/rotary.ts";
export {
  type LinearScaling,
  type Llama3Scaling,
  type LongRopeScaling,
  type RotaryScaling,
  type YarnScaling,
} from "./lib/ops/rotary_scaling.ts";
export { embedding, type EmbeddingOptions } from "./lib/ops/embedding.ts";
export { binaryCrossEntropy } from "./lib/ops/binary_cross_entropy.ts";
export { crossEntropy, type CrossEntropyOptions, tokenLosses } from "./lib/ops/cross_entropy.ts";
export {
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
} from "./lib/ops/linear_cross_entropy.ts";
export { dropout } from "./lib/ops/dropout.ts";
export { randomNormal, randomUniform } from "./lib/ops/random.ts";
export { sampleToken } from "./lib/ops/sample_token.ts";
export { type TopK, topK, type TopKOptions } from "./lib/ops/top_k.ts";
export { customOp } from "./lib/tensor/custom_op.ts";
export { copy } from "./lib/tensor/copy.ts";
export { reshape } from "./lib/ops/reshape.ts";
export { transpose } from "./lib/ops/transpose.ts";
export { slice, type SliceOptions } from "./lib/ops/slice.ts";
export { concatenate, type ConcatenateOptions } from "./lib/ops/concatenate.ts";
export { gather } from "./lib/ops/gather.ts";

// Layers and models
export { GPT, type GPTOptions } from "./lib/nn/gpt.ts";
export { quantize, type QuantizeOptions } from "./lib/nn/quantize.ts";
export {
  type BlockConfig,
  blockConfig,
  type BlockConfigInput,
  type Norm,
  type NormPlacement,
  type Positions,
} from "./lib/nn/block_config.ts";
export { type ModelConfig, modelConfig, type ModelConfigInput } from "./lib/nn/config.ts";
export {
  type Cache,
  ForwardContext,
  type ForwardOptions,
  type LayerCache,
  type RowDocuments,
} from "./lib/nn/context.ts";
export { Block, type BlockInput, type BlockOptions } from "./lib/nn/block.ts";
export {
  type AttendOptions,
  Attention,
  type AttentionLayerOptions,
  type SourceRows,
} from "./lib/nn/attention.ts";
export {
  type ScaledDotProduct,
  scaledDotProductAttention,
  type ScaledDotProductOptions,
} from "./lib/nn/scaled_dot_product_attention.ts";
export { causalMask, paddingMask } from "./lib/nn/masks.ts";
export {
  FeedForward,
  type FeedForwardConfig,
  type FeedForwardLayerOptions,
} from "./lib/nn/feed_forward.ts";
export { Encoder, type EncoderConfig, type EncoderInput } from "./lib/nn/encoder.ts";
export {
  type ProblemType,
  SequenceClassifier,
  type SequenceClassifierConfig,
} from "./lib/nn/sequence_classifier.ts";
export { pool, type Pooling, type PoolOptions } from "./lib/nn/pool.ts";
export {
  type SequenceLengths,
  Transformer,
  type TransformerWeights,
} from "./lib/nn/transformer.ts";
export type { TransformerConfig, TransformerPositions } from "./lib/nn/transformer_config.ts";
export { type StackInput, TransformerStack } from "./lib/nn/transformer_stack.ts";
export { RelativePositions, type RelativePositionsOptions } from "./lib/nn/relative_positions.ts";
export {
  TextClassifier,
  type TextClassifierOptions,
  type TextInput,
} from "./lib/nn/text_classifier.ts";
export {
  MaskedLanguageModel,
  type MaskedLanguageModelConfig,
} from "./lib/nn/masked_language_model.ts";
export { type PaddedSequences, type PadOptions, padSequences } from "./lib/nn/padding.ts";
export { sequenceLoss, type SequenceLossOptions } from "./lib/nn/sequence_loss.ts";
export {
  Embedding,
  type EmbeddingLayerOptions,
  LayerNorm,
  type LayerNormLayerOptions,
  Linear,
  type LinearCallOptions,
  type LinearLayerOptions,
  type NormLayer,
  RMSNorm,
  type RMSNormLayerOptions,
} from "./lib/nn/layers.ts";
export {
  type BlockWeights,
  gpt2Weights,
  type InitialOptions,
  type InitialWeights,
  sameWeights,
  varianceScaledWeights,
  zeroProjectionWeights,
} from "./lib/nn/initial_weights.ts";
export { Module, ModuleGroup, ModuleList, type Parts } from "./lib/nn/module.ts";
export { blockMatrices } from "./lib/nn/block_matrices.ts";
export { sinusoidalPositions } from "./lib/nn/positions.ts";
export {
  constant,
  type Initializer,
  lecunNormal,
  normal,
  parameter,
  truncatedNormal,
  uniform,
  varianceScaling,
  type VarianceScalingOptions,
} from "./lib/nn/initializers.ts";

// Training
export { AdamW, type AdamWOptions } from "./lib/optim/adamw.ts";
export { Muon, type MuonOptions } from "./lib/optim/muon.ts";
export { SGD, type SGDOptions } from "./lib/optim/sgd.ts";
export { type AverageOptions, type LossScalingOptions, Optimizer } from "./lib/optim/optimizer.ts";
export {
  type Decay,
  type Schedule,
  type ScheduleOptions,
  warmupDecay,
} from "./lib/optim/schedules.ts";
export type { BatchSource } from "./lib/train/device_batch.ts";
export { type MemoryReport, Trainer, type TrainerOptions } from "./lib/train/trainer.ts";
export {
  distillationLoss,
  type DistillationOptions,
  type Teacher,
} from "./lib/train/distillation.ts";
export { openWorld, World, type WorldOptions } from "./lib/train/world.ts";
export {
  DivergenceError,
  type LoggedFigures,
  type LoopOptions,
  type TrainingEvent,
  trainingLoop,
  type Validation,
} from "./lib/train/loop.ts";
export type { StepFigures } from "./lib/train/figures.ts";
export { type Perplexity, perplexity, type PerplexityOptions } from "./lib/train/perplexity.ts";
export {
  modelConfigOf,
  modelOf,
  optimizerOf,
  type PresetName,
  PRESETS,
} from "./lib/train/presets.ts";
export {
  type ModelChoices,
  REPORT_RULES,
  type ReportName,
  SETTING_RULES,
  type TrainSettings,
} from "./lib/train/settings.ts";
export type { Rule } from "./lib/rules.ts";
export {
  beginCheckpoint,
  type Checkpoint,
  loadOptimizerState,
  type OptimizerToRestore,
  saveCheckpoint,
} from "./lib/train/checkpoint.ts";
export { BestModel, type BestRecord } from "./lib/train/checkpoint_best.ts";
export type { ModelToSave } from "./lib/train/model_files.ts";
export { holdsCheckpoint, loadRunState, type RunState } from "./lib/train/checkpoint_state.ts";
export { CheckpointFolder } from "./lib/train/checkpoint_folder.ts";
export { type Metrics, MetricsLog } from "./lib/train/checkpoint_metrics.ts";

// Preferences
export {
  encodePreferences,
  loadPreferences,
  type Preference,
  type PreferencePair,
} from "./lib/data/preferences.ts";
export {
  type AnswerScores,
  preferenceLoss,
  type PreferenceOptions,
  type PreferenceReport,
  preferenceReport,
} from "./lib/train/preference_loss.ts";
export {
  PreferenceTrainer,
  type PreferenceTrainerOptions,
  type ReferencedPair,
  scorePairs,
} from "./lib/train/preference_trainer.ts";

// Classification of texts
export {
  givenParts,
  type LabeledParts,
  type LabeledText,
  loadLabeledFile,
  parseLabeledFile,
  splitLabeled,
} from "./lib/data/labeled_files.ts";
export {
  type ClassificationReport,
  classificationReport,
  type ClassReport,
} from "./lib/train/classification_report.ts";
export {
  ClassifierTrainer,
  type ClassifierTrainerOptions,
  type LabeledIds,
} from "./lib/train/classifier_trainer.ts";
export {
  type ClassifierEvent,
  classifierLoop,
  type ClassifierLoopOptions,
  type ClassifierMeasure,
  type ClassifierValidation,
  measureClassifier,
} from "./lib/train/classifier_loop.ts";
export {
  type ClassifierCheckpoint,
  loadClassifierState,
  saveClassifierCheckpoint,
  type TrainedState,
} from "./lib/train/classifier_checkpoint.ts";
export type { TrainedClassifier } from "./lib/train/classifier_model_files.ts";
export { BestClassifier, type MeasuredEpoch } from "./lib/train/checkpoint_best_classifier.ts";
export { evaluateClassifier } from "./lib/train/evaluate_classifier.ts";
export {
  loadTextClassifier,
  type PretrainedTextClassifier,
  type TextClassifierToSave,
} from "./lib/hub/text_classifier_files.ts";
export { WordsClassifier, type WordsClassifierOptions } from "./lib/train/words_classifier.ts";

// Adapters
export type { AdaptableLayer } from "./lib/adapt/adaptable_layers.ts";
export type { AdaptableModel } from "./lib/adapt/adaptable_model.ts";
export type { LowRankUpdate } from "./lib/nn/low_rank.ts";
export { attachLora } from "./lib/adapt/lora.ts";
export { type AdaptedLayer, type AdapterReport, LoraAdapter } from "./lib/adapt/lora_adapter.ts";
export type { LoraChoices, LoraOptions } from "./lib/adapt/lora_options.ts";
export { adapterChanges, type LayerChange } from "./lib/adapt/adapter_changes.ts";
export {
  loadAdapter,
  loadAdapterConfig,
  type LoadAdapterOptions,
} from "./lib/adapt/load_adapter.ts";
export { saveAdapter, type SaveAdapterOptions } from "./lib/adapt/adapter_files.ts";
export {
  type AdapterOrigin,
  type AdapterType,
  loadAdapterOrigin,
} from "./lib/adapt/adapter_origin.ts";
export type { AdapterConfig, AdapterTask } from "./lib/adapt/adapter_config.ts";
export { Attached, type TrainedReport } from "./lib/adapt/attached.ts";
export {
  attachBottleneck,
  type BlockBottlenecks,
  BottleneckAdapter,
  type BottleneckOptions,
} from "./lib/adapt/bottleneck.ts";
export { Bottleneck } from "./lib/nn/bottleneck.ts";
export {
  attachPrefix,
  attachPrompt,
  LearnedPrompt,
  type PrefixOptions,
  type PromptOptions,
} from "./lib/adapt/learned_prompt.ts";
export type { VirtualTokens } from "./lib/nn/virtual_tokens.ts";
export { loadPrompt, savePrompt, type SavePromptOptions } from "./lib/adapt/prompt_files.ts";

// Looking inside
export { type HookPoint, hookPoints, type HookPointsOptions } from "./lib/lens/hook_points.ts";
export type { LensIds, LensInput, LensModel } from "./lib/lens/model_parts.ts";
export type { StackOptions, StackSide } from "./lib/lens/stack.ts";
export {
  ActivationCache,
  type PointNames,
  runWithCache,
  type RunWithCacheOptions,
  withCache,
} from "./lib/lens/run_with_cache.ts";
export {
  type BackwardHook,
  type Hook,
  type Hooks,
  type PointFunction,
  withHooks,
} from "./lib/lens/with_hooks.ts";
export type { Edit } from "./lib/lens/edit.ts";
export type { Selection } from "./lib/lens/point_axes.ts";
export { gradientsAt, type PointGradients } from "./lib/lens/gradients_at.ts";
export { type PointHook, Points } from "./lib/nn/points.ts";
export type { GridAxis, ScoreGrid } from "./lib/lens/score_grid.ts";
export { logitDifference, type LogitDifferenceOptions, type Metric } from "./lib/lens/metrics.ts";
export {
  type LensLayer,
  type LensToken,
  logitLens,
  type LogitLensOptions,
  type TokenModel,
} from "./lib/lens/logit_lens.ts";
export {
  type Attribution,
  type AttributionOptions,
  type Contribution,
  directLogitAttribution,
} from "./lib/lens/direct_logit_attribution.ts";
export {
  type HeadScores,
  headScores,
  type HeadScoresOptions,
  repeatedTokens,
} from "./lib/lens/head_scores.ts";
export {
  type AblationOptions,
  type AblationScores,
  ablationScores,
} from "./lib/lens/ablation_scores.ts";
export {
  type PatchingOptions,
  type PatchingScores,
  patchingScores,
  type PatchingStudy,
} from "./lib/lens/patching_scores.ts";
export {
  attributionPatching,
  type AttributionPatchingOptions,
} from "./lib/lens/attribution_patching.ts";
export { pathPatching, type PathPatchingOptions } from "./lib/lens/path_patching.ts";
export {
  type CircuitOptions,
  type CompositionKind,
  type CompositionOptions,
  compositionScores,
  ovCircuit,
  qkCircuit,
  singularValues,
} from "./lib/lens/circuits.ts";
export { type SteeringOptions, steeringVector } from "./lib/lens/steering_vector.ts";
export { TunedLens, tunedLens, type TunedLensOptions } from "./lib/lens/tuned_lens.ts";
export {
  type FeatureExample,
  featureSummaries,
  type FeatureSummariesOptions,
  type FeatureSummary,
} from "./lib/lens/feature_summaries.ts";
export { directionLogits } from "./lib/lens/direction_logits.ts";
export {
  SparseAutoencoder,
  sparseAutoencoder,
  type SparseAutoencoderOptions,
  type SparseReport,
} from "./lib/lens/sparse_autoencoder.ts";
export { type ProbeScores, probeScores, type ProbeScoresOptions } from "./lib/lens/probe_scores.ts";
export { type LinearProbe, linearProbe, type LinearProbeOptions } from "./lib/lens/linear_probe.ts";

// Generation
export { generate } from "./lib/generate/generate.ts";
export { type StreamOptions, streamText } from "./lib/generate/stream_text.ts";
export type {
  Generated,
  GenerationOptions,
  Prompt,
  TokenEvent,
} from "./lib/generate/generation.ts";
export type { CertainToken, FinishReason } from "./lib/generate/continuation.ts";
export { type GenerateOptions, Generator } from "./lib/generate/generator.ts";
export {
  type NextToken,
  topNextTokens,
  type TopNextTokensOptions,
} from "./lib/generate/top_next_tokens.ts";
export { generateTargets, type TargetOptions } from "./lib/generate/generate_targets.ts";
export { greedyDecode, type GreedyDecodeOptions } from "./lib/generate/greedy_decode.ts";
export { textToText, type TextToTextOptions } from "./lib/generate/text_to_text.ts";
export type { SamplingOptions } from "./lib/generate/options.ts";

// Text and corpora
export {
  type DecodeOptions,
  type EncodeTextOptions,
  Tokenizer,
  type TokenStream,
} from "./lib/text/tokenizer.ts";
export type { BatchOptions, BatchText, EncodedBatch } from "./lib/text/encode_batch.ts";
export type { TruncationStrategy } from "./lib/text/truncation.ts";
export { CharacterTokenizer } from "./lib/text/character_tokenizer.ts";
export { WordTokenizer } from "./lib/text/word_tokenizer.ts";
export { lowerCaseWords, type LowerCaseWordsOptions } from "./lib/text/lower_case_words.ts";
export { BytePairTokenizer } from "./lib/text/byte_pair_tokenizer.ts";
export { type BytePairTrainingOptions, trainBytePair } from "./lib/text/byte_pair_training.ts";
export { type ChatMessage, chatText } from "./lib/text/chat_template.ts";
export { parseTokenizer, type ParseTokenizerOptions } from "./lib/text/parse_tokenizer.ts";
export { loadTokenizer } from "./lib/hub/load_tokenizer.ts";
export { saveTokenizer } from "./lib/hub/tokenizer_files.ts";
export { expressible, openingTokens } from "./lib/text/opening_tokens.ts";
export { type Corpus, loadCorpus, type LoadCorpusOptions } from "./lib/data/load_corpus.ts";
export type { RegisteredCorpus } from "./lib/data/corpora.ts";
export type { FetchOptions } from "./lib/data/registered_corpus.ts";
export type { Progress } from "./lib/progress.ts";
export { type LabeledFormat, type LabeledTexts, parseLabeledTexts } from "./lib/data/labeled.ts";
export { type Batch, Batches, type BatchesOptions } from "./lib/data/batches.ts";
export {
  type Documents,
  holdsDocuments,
  loadDocuments,
  type LoadDocumentsOptions,
} from "./lib/data/document_files.ts";
export type { TextDocument } from "./lib/data/text_document.ts";
export { type EncodedDocument, encodeDocuments } from "./lib/data/encode_documents.ts";
export {
  type DocumentBatch,
  DocumentBatches,
  type DocumentBatchesOptions,
} from "./lib/data/document_batches.ts";
export {
  type CorpusSplit,
  splitCorpus,
  type SplitCorpusOptions,
  type TokenArray,
} from "./lib/data/split_corpus.ts";
export {
  type CorpusToPrepare,
  isPreparedCorpus,
  loadPreparedCorpus,
  prepareCorpus,
  type PreparedCorpus,
  type PreparedCounts,
  preparedFilesIn,
} from "./lib/data/prepared_files.ts";
export { loadTokenFile, type LoadTokenFileOptions, saveTokenFile } from "./lib/data/token_files.ts";

// Published models
export {
  loadModelConfig,
  type LoadOptions,
  loadPretrained,
  type LoadPretrainedOptions,
  type Pretrained,
} from "./lib/hub/load_pretrained.ts";
export type { ModelFiles } from "./lib/hub/content_repository.ts";
export {
  type ClassifierBase,
  type ClassifierBaseOptions,
  loadClassifierBase,
} from "./lib/hub/classifier_base.ts";
export {
  type Classification,
  type Classifier,
  classify,
  classifyIds,
  loadClassifier,
  type PretrainedClassifier,
} from "./lib/hub/load_classifier.ts";
export {
  loadEncoderDecoder,
  type PretrainedEncoderDecoder,
} from "./lib/hub/load_encoder_decoder.ts";
export type {
  PretrainedEncoderDecoderConfig,
  TargetEnds,
} from "./lib/hub/encoder_decoder_formats.ts";
export {
  type FilledMask,
  fillMask,
  type FillMaskOptions,
  loadMaskedLanguageModel,
  type PretrainedMasked,
} from "./lib/hub/load_masked_language_model.ts";
export { loadEncoder, type PretrainedEncoder } from "./lib/hub/load_encoder.ts";
export { cosineSimilarity, embed, type EmbedOptions } from "./lib/hub/embed.ts";
export type { EncoderArchitecture, EncoderDecoderArchitecture } from "./lib/hub/model_types.ts";
export type { SentenceModules } from "./lib/hub/sentence_modules.ts";
export type {
  PretrainedClassifierConfig,
  PretrainedEncoderConfig,
  PretrainedMaskedConfig,
} from "./lib/hub/encoder_formats.ts";
export {
  type AnyModelToSave,
  type GptToSave,
  type PretrainedToSave,
  savePretrained,
} from "./lib/hub/pretrained_files.ts";
export type { EncoderModel, EncoderToSave } from "./lib/hub/encoder_files.ts";
export type { EncoderDecoderToSave } from "./lib/hub/encoder_decoder_files.ts";
export type { Architecture, PretrainedConfig } from "./lib/hub/config.ts";
export type { TextEnds } from "./lib/hub/text_ends.ts";
export { WEIGHT_TYPES, type WeightType } from "./lib/hub/quantized_weights.ts";
export type { SamplingDefaults } from "./lib/hub/generation_config.ts";
export type { TargetDefaults, TargetSettings } from "./lib/hub/target_defaults.ts";
export type { RepositoryOptions } from "./lib/hub/open_repository.ts";
export type { WithTokenizer } from "./lib/hub/with_tokenizer.ts";

// Files and randomness
export { loadWordVectors } from "./lib/hub/load_word_vectors.ts";
export { parseWordVectors } from "./lib/hub/parse_word_vectors.ts";
export {
  type LookupOptions,
  type NearestOptions,
  type SimilarWord,
  type WordLookup,
  WordVectors,
} from "./lib/hub/word_vectors.ts";
export {
  type ElementRange,
  encodeSafetensors,
  type SafetensorsEntry,
  SafetensorsFile,
} from "./lib/hub/safetensors.ts";
export type { SafetensorsArray, SafetensorsDtype } from "./lib/hub/safetensors_dtype.ts";
export type { TensorInfo } from "./lib/hub/safetensors_header.ts";
export { Random } from "./lib/random.ts";
export { UserError } from "./lib/errors.ts";
