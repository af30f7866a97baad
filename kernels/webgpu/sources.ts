/**
 * The WGSL sources, each with those that it requires.
 *
 * Bindings, scalars and entry points are not in the sources: lib/device/webgpu/wgsl_module.ts
 * generates them from a kernel's descriptor.
 *
 * @module
 */
import adamw from "./adamw.wgsl" with { type: "text" };
import adjustLogits from "./adjust_logits.wgsl" with { type: "text" };
import advanceGeneration from "./advance_generation.wgsl" with { type: "text" };
import appendHistory from "./append_history.wgsl" with { type: "text" };
import argmax from "./argmax.wgsl" with { type: "text" };
import attention from "./attention.wgsl" with { type: "text" };
import attentionAdjust from "./attention_adjust.wgsl" with { type: "text" };
import attentionAdjustRows from "./attention_adjust_rows.wgsl" with { type: "text" };
import attentionBackwardKv from "./attention_backward_kv.wgsl" with { type: "text" };
import attentionBackwardQ from "./attention_backward_q.wgsl" with { type: "text" };
import attentionCombine from "./attention_combine.wgsl" with { type: "text" };
import attentionDecode from "./attention_decode.wgsl" with { type: "text" };
import attentionDropout from "./attention_dropout.wgsl" with { type: "text" };
import attentionRow from "./attention_row.wgsl" with { type: "text" };
import attentionRowVec4 from "./attention_row_vec4.wgsl" with { type: "text" };
import attentionRows from "./attention_rows.wgsl" with { type: "text" };
import attentionScores from "./attention_scores.wgsl" with { type: "text" };
import attentionStore from "./attention_store.wgsl" with { type: "text" };
import attentionTiles from "./attention_tiles.wgsl" with { type: "text" };
import biasCorrection from "./bias_correction.wgsl" with { type: "text" };
import binary from "./binary.wgsl" with { type: "text" };
import cacheAppend from "./cache_append.wgsl" with { type: "text" };
import copy from "./copy.wgsl" with { type: "text" };
import crossEntropy from "./cross_entropy.wgsl" with { type: "text" };
import crossEntropyBackward from "./cross_entropy_backward.wgsl" with { type: "text" };
import crossEntropyInPlace from "./cross_entropy_in_place.wgsl" with { type: "text" };
import crossEntropyMean from "./cross_entropy_mean.wgsl" with { type: "text" };
import dequantize from "./dequantize.wgsl" with { type: "text" };
import dropout from "./dropout.wgsl" with { type: "text" };
import embedding from "./embedding.wgsl" with { type: "text" };
import embeddingBackward from "./embedding_backward.wgsl" with { type: "text" };
import floatKey from "./float_key.wgsl" with { type: "text" };
import gather from "./gather.wgsl" with { type: "text" };
import gatherBackward from "./gather_backward.wgsl" with { type: "text" };
import half from "./half.wgsl" with { type: "text" };
import quantizedEmbedding from "./quantized_embedding.wgsl" with { type: "text" };
import quantizedLinear from "./quantized_linear.wgsl" with { type: "text" };
import lossScale from "./loss_scale.wgsl" with { type: "text" };
import logSumExp from "./log_sum_exp.wgsl" with { type: "text" };
import math from "./math.wgsl" with { type: "text" };
import matmul from "./matmul.wgsl" with { type: "text" };
import matmulDirect from "./matmul_direct.wgsl" with { type: "text" };
import matmulEpilogue from "./matmul_epilogue.wgsl" with { type: "text" };
import matmulFull from "./matmul_full.wgsl" with { type: "text" };
import matmulHalf from "./matmul_half.wgsl" with { type: "text" };
import matmulLarge from "./matmul_large.wgsl" with { type: "text" };
import matmulRegisters from "./matmul_registers.wgsl" with { type: "text" };
import matmulRows from "./matmul_rows.wgsl" with { type: "text" };
import matmulRowsSubgroup from "./matmul_rows_subgroup.wgsl" with { type: "text" };
import matmulRowsVec4 from "./matmul_rows_vec4.wgsl" with { type: "text" };
import matmulRowsWorkgroup from "./matmul_rows_workgroup.wgsl" with { type: "text" };
import matmulSlices from "./matmul_slices.wgsl" with { type: "text" };
import matmulTile from "./matmul_tile.wgsl" with { type: "text" };
import matmulVec4 from "./matmul_vec4.wgsl" with { type: "text" };
import nesterov from "./nesterov.wgsl" with { type: "text" };
import norm from "./norm.wgsl" with { type: "text" };
import normBackward from "./norm_backward.wgsl" with { type: "text" };
import operandScalar from "./operand_scalar.wgsl" with { type: "text" };
import operandVec4 from "./operand_vec4.wgsl" with { type: "text" };
import philox from "./philox.wgsl" with { type: "text" };
import positionsBackward from "./positions_backward.wgsl" with { type: "text" };
import random from "./random.wgsl" with { type: "text" };
import recordFigures from "./record_figures.wgsl" with { type: "text" };
import reduce from "./reduce.wgsl" with { type: "text" };
import rotary from "./rotary.wgsl" with { type: "text" };
import roundedWeight from "./rounded_weight.wgsl" with { type: "text" };
import sampleLimit from "./sample_limit.wgsl" with { type: "text" };
import sampleToken from "./sample_token.wgsl" with { type: "text" };
import scaledStep from "./scaled_step.wgsl" with { type: "text" };
import sgd from "./sgd.wgsl" with { type: "text" };
import softmax from "./softmax.wgsl" with { type: "text" };
import softmaxBackward from "./softmax_backward.wgsl" with { type: "text" };
import spread from "./spread.wgsl" with { type: "text" };
import stridedCopy from "./strided_copy.wgsl" with { type: "text" };
import symmetricFinish from "./symmetric_finish.wgsl" with { type: "text" };
import topK from "./top_k.wgsl" with { type: "text" };
import unary from "./unary.wgsl" with { type: "text" };
import unitTrace from "./unit_trace.wgsl" with { type: "text" };
import unscale from "./unscale.wgsl" with { type: "text" };
import where from "./where.wgsl" with { type: "text" };
import { sourceJoiner } from "./join_sources.ts";

/** A copy of the functions in attention_rows.wgsl and others for one buffer. */
const attentionCopy = (text: string, names: Readonly<Record<string, string>>) => ({
  text: text.replace(/NAME|BUFFER|PLACE|LIMIT/g, (word) => names[word]),
});

/** Reads of buffers, with their places and limits, one number or four at a time. */
const rows = (row: string, ...buffers: [name: string, place: string, limit: string][]) => ({
  text: buffers.map(([NAME, PLACE, LIMIT]) =>
    attentionCopy(`${row}\n${attentionRows}`, { NAME, PLACE, LIMIT }).text
  ).join("\n"),
});
const store = (NAME: string, PLACE: string, LIMIT: string, BUFFER = NAME) =>
  attentionCopy(attentionStore, { NAME, PLACE, LIMIT, BUFFER });

/** Sources that each attention kernel on tiles requires. */
const ATTENTION = [
  "attention_adjust_rows",
  "attention_dropout",
  ["operand_rows", "operand_rows_vec4"],
] as const;

const OPERANDS: [string, string, string][] = [
  ["q", "query", "s.queries"],
  ["k", "key", "h.limit"],
  ["v", "value", "h.limit"],
];
const GRADIENT: [string, string, string] = ["gradient", "result", "s.queries"];
const OUTPUT: [string, string, string] = ["output", "result", "s.queries"];

/** Joins the named sources with all that they require; wgsl.ts does so for the kernels. */
export const joinSources = sourceJoiner({
  adamw: { text: adamw },
  adjust_logits: { text: adjustLogits },
  advance_generation: { text: advanceGeneration },
  append_history: { text: appendHistory },
  argmax: { text: argmax },
  attention: { text: attention, requires: [...ATTENTION, "store_output"] },
  attention_adjust: { text: attentionAdjust, requires: ["math"] },
  attention_adjust_rows: {
    text: attentionAdjustRows,
    requires: ["attention_adjust", "attention_tiles"],
  },
  attention_backward_kv: {
    text: attentionBackwardKv,
    requires: [
      ...ATTENTION,
      ["gradient_rows", "gradient_rows_vec4"],
      "store_dk",
      ["store_dv", "store_packed_dv"],
    ],
  },
  attention_backward_q: {
    text: attentionBackwardQ,
    requires: [
      ...ATTENTION,
      ["gradient_rows", "gradient_rows_vec4"],
      ["output_rows", "output_rows_vec4"],
      "store_dq",
    ],
  },
  attention_combine: { text: attentionCombine },
  attention_decode: { text: attentionDecode, requires: ["attention_adjust"] },
  attention_dropout: { text: attentionDropout, requires: ["attention_tiles", "philox"] },
  attention_scores: { text: attentionScores, requires: ["attention_adjust"] },
  attention_tiles: { text: attentionTiles },
  bias_correction: { text: biasCorrection },
  binary: { text: binary, requires: ["math"] },
  cache_append: { text: cacheAppend },
  copy: { text: copy },
  cross_entropy: { text: crossEntropy, requires: ["log_sum_exp"] },
  cross_entropy_backward: { text: crossEntropyBackward },
  cross_entropy_in_place: { text: crossEntropyInPlace, requires: ["log_sum_exp"] },
  cross_entropy_mean: { text: crossEntropyMean },
  dequantize: { text: dequantize, requires: ["rounded_weight"] },
  dropout: { text: dropout, requires: ["philox"] },
  embedding: { text: embedding },
  embedding_backward: { text: embeddingBackward },
  float_key: { text: floatKey },
  gather: { text: gather },
  gather_backward: { text: gatherBackward },
  half: { text: half },
  quantized_embedding: { text: quantizedEmbedding, requires: ["rounded_weight"] },
  quantized_linear: { text: quantizedLinear, requires: ["half", "math"] },
  log_sum_exp: { text: logSumExp },
  loss_scale: { text: lossScale },
  math: { text: math },
  matmul: { text: matmul, requires: ["matmul_slices"] },
  matmul_direct: { text: matmulDirect, requires: ["matmul_vec4"] },
  matmul_epilogue: { text: matmulEpilogue, requires: ["math"] },
  matmul_vec4: { text: matmulVec4, requires: ["matmul_tile"] },
  matmul_full: { text: matmulFull },
  matmul_half: { text: matmulHalf },
  matmul_large: { text: matmulLarge, requires: ["matmul_slices"] },
  matmul_registers: { text: matmulRegisters, requires: ["matmul_vec4"] },
  matmul_rows: { text: matmulRows, requires: ["matmul_epilogue"] },
  matmul_rows_subgroup: { text: matmulRowsSubgroup },
  matmul_rows_vec4: {
    text: matmulRowsVec4,
    requires: ["matmul_vec4", ["matmul_rows_workgroup", "matmul_rows_subgroup"]],
  },
  matmul_rows_workgroup: { text: matmulRowsWorkgroup },
  matmul_slices: { text: matmulSlices, requires: ["matmul_tile", ["matmul_full", "matmul_half"]] },
  matmul_tile: { text: matmulTile, requires: ["matmul_epilogue"] },
  nesterov: { text: nesterov },
  norm: { text: norm, requires: [["operand_scalar", "operand_vec4"]] },
  norm_backward: { text: normBackward, requires: [["operand_scalar", "operand_vec4"]] },
  operand_vec4: { text: operandVec4 },
  operand_scalar: { text: operandScalar },
  philox: { text: philox },
  positions_backward: { text: positionsBackward },
  random: { text: random, requires: ["philox"] },
  record_figures: { text: recordFigures },
  reduce: { text: reduce },
  rotary: { text: rotary },
  rounded_weight: { text: roundedWeight, requires: ["half"] },
  sample_limit: { text: sampleLimit, requires: ["float_key"] },
  sample_token: { text: sampleToken, requires: ["philox", "sample_limit"] },
  scaled_step: { text: scaledStep },
  sgd: { text: sgd },
  softmax: { text: softmax },
  softmax_backward: { text: softmaxBackward },
  spread: { text: spread },
  strided_copy: { text: stridedCopy },
  symmetric_finish: { text: symmetricFinish },
  top_k: { text: topK, requires: ["float_key"] },
  unary: { text: unary, requires: ["math"] },
  unit_trace: { text: unitTrace },
  unscale: { text: unscale },
  where: { text: where },
  operand_rows: rows(attentionRow, ...OPERANDS),
  operand_rows_vec4: rows(attentionRowVec4, ...OPERANDS),
  gradient_rows: rows(attentionRow, GRADIENT),
  gradient_rows_vec4: rows(attentionRowVec4, GRADIENT),
  output_rows: rows(attentionRow, OUTPUT),
  output_rows_vec4: rows(attentionRowVec4, OUTPUT),
  store_output: store("output", "result", "s.queries"),
  store_dq: store("dq", "query", "s.queries"),
  store_dk: store("dk", "key", "s.keys"),
  store_dv: store("dv", "value", "s.keys"),
  store_packed_dv: store("dv", "value", "s.keys", "dk"),
});
