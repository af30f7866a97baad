/**
 * A GPT of any configuration in float64, one sequence at a time, written from the formulas and
 * sharing no code with the library's layers.
 *
 * @module
 */
import type { Activation } from "../../lib/ops/activation.ts";
import type { ModelConfig } from "../../lib/nn/config.ts";
import { alibiSlopes } from "./attention_reference.ts";
import { gelu, geluTanh, silu } from "./exact_math.ts";
import type { Matrix, Parameters } from "./transformer_reference.ts";

const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const plus = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((value, j) => value + b[i][j]));

const ACTIVATIONS: Record<Activation, (x: number) => number> = {
  gelu,
  gelu_tanh: geluTanh,
  relu: (x) => Math.max(0, x),
  relu_squared: (x) => Math.max(0, x) ** 2,
  silu,
};

/** x·W, plus b if there is one. */
function linear(p: Parameters, name: string, x: Matrix): Matrix {
  const weight = p.get(`${name}.weight`)!;
  const bias = p.get(`${name}.bias`)?.[0];
  return x.map((row) =>
    weight[0].map((_, j) =>
      row.reduce((sum, value, i) => sum + value * weight[i][j], bias?.[j] ?? 0)
    )
  );
}

function normalize(p: Parameters, name: string, x: Matrix, { norm, normEpsilon }: ModelConfig) {
  if (norm === "none") return x;
  const gain = p.get(`${name}.weight`)?.[0];
  const bias = p.get(`${name}.bias`)?.[0];
  return x.map((row) => {
    const mean = norm === "layer" ? row.reduce((a, b) => a + b) / row.length : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    const scale = 1 / Math.sqrt(variance + normEpsilon);
    return row.map((value, j) => (value - mean) * scale * (gain?.[j] ?? 1) + (bias?.[j] ?? 0));
  });
}

/** The pairs (j, j + R/2) of a head's first R numbers rotated by place·base^(−2j/R). */
function rotate(
  head: number[],
  place: number,
  { rotaryBase = 10000, rotaryDimensions }: ModelConfig,
) {
  const size = rotaryDimensions ?? head.length;
  const turned = [...head];
  for (let j = 0; j < size / 2; j++) {
    const angle = place * rotaryBase ** (-2 * j / size);
    const [u, v] = [head[j], head[j + size / 2]];
    turned[j] = u * Math.cos(angle) - v * Math.sin(angle);
    turned[j + size / 2] = u * Math.sin(angle) + v * Math.cos(angle);
  }
  return turned;
}

function attend(
  p: Parameters,
  layer: number,
  x: Matrix,
  config: ModelConfig,
  ids: readonly number[],
): Matrix {
  const { width, heads, keyValueHeads = heads, headSize = width / heads } = config;
  const name = `transformer.h.${layer}.attn`;
  const packed = linear(p, `${name}.c_attn`, x);
  const places = p.get("transformer.wpe.weight");
  const placed = config.positions === "shortformer"
    ? linear(p, `${name}.c_attn`, x.map((row, t) => row.map((value, j) => value + places![t][j])))
    : packed;
  const head = (index: number) =>
    (index < heads + keyValueHeads ? placed : packed).map((row) =>
      row.slice(index * headSize, (index + 1) * headSize)
    );
  const positioned = (rows: Matrix, norm: string) => {
    const normed = config.queryKeyNorm ? normalize(p, `${name}.${norm}`, rows, config) : rows;
    const turns = config.positions === "rotary" && config.rotaryLayers?.[layer] !== false;
    const { windowRotaryBase = config.rotaryBase } = config;
    const rotaryBase = config.window?.[layer] ? windowRotaryBase : config.rotaryBase;
    return turns ? normed.map((row, t) => rotate(row, t, { ...config, rotaryBase })) : normed;
  };
  const window = config.window?.[layer] ?? Infinity;
  const { attentionScale = 1 / Math.sqrt(headSize), attentionSoftCap: cap } = config;
  const scale = config.scaleAttention ? attentionScale : 1;
  const slopes = alibiSlopes(heads);
  const score = (h: number, i: number, j: number, product: number) => {
    if (cap) return cap * Math.tanh(scale * product / cap);
    return scale * product + (config.positions === "alibi" ? slopes[h] * (j - i) : 0);
  };
  const outputs = Array.from({ length: heads }, (_, h) => {
    const group = Math.floor(h * keyValueHeads / heads);
    const q = positioned(head(h), "q_norm");
    const k = positioned(head(heads + group), "k_norm");
    const table = p.get(`transformer.wve.${layer}.weight`);
    const v = head(heads + keyValueHeads + group).map((row, t) =>
      row.map((value, d) => value + (table?.[ids[t]][group * headSize + d] ?? 0))
    );
    return q.map((query, i) => {
      const powers = k.map((key, j) =>
        j <= i && i - j < window ? Math.exp(score(h, i, j, dot(query, key))) : 0
      );
      const total = powers.reduce((sum, power) => sum + power, 0);
      return v[0].map((_, d) => dot(powers, v.map((row) => row[d])) / total);
    });
  });
  const joined = x.map((_, t) => outputs.flatMap((rows) => rows[t]));
  return linear(p, `${name}.c_proj`, joined);
}

function feedForward(p: Parameters, layer: number, x: Matrix, config: ModelConfig): Matrix {
  const name = `transformer.h.${layer}.mlp`;
  const activation = ACTIVATIONS[config.activation];
  const up = linear(p, `${name}.c_fc`, x);
  if (!config.gated) return linear(p, `${name}.c_proj`, up.map((row) => row.map(activation)));
  const gate = linear(p, `${name}.c_gate`, x);
  const inner = up.map((row, t) => row.map((value, j) => activation(gate[t][j]) * value));
  return linear(p, `${name}.c_proj`, inner);
}

function block(
  p: Parameters,
  layer: number,
  x: Matrix,
  config: ModelConfig,
  ids: readonly number[],
): Matrix {
  const norm = (name: string, rows: Matrix) =>
    normalize(p, `transformer.h.${layer}.${name}`, rows, config);
  const attendTo: typeof feedForward = (p, layer, x, config) => attend(p, layer, x, config, ids);
  const halves = [
    { f: attendTo, name: "ln_1" },
    ...config.feedForward === false ? [] : [{ f: feedForward, name: "ln_2" }],
  ];
  if (config.parallelResidual) {
    const [attention, other] = [norm("ln_1", x), norm(config.sharedNorm ? "ln_1" : "ln_2", x)];
    const sum = plus(x, attend(p, layer, attention, config, ids));
    return plus(sum, feedForward(p, layer, other, config));
  }
  return halves.reduce((y, { f, name }) => {
    if (config.normPlacement === "post") return norm(name, plus(y, f(p, layer, y, config)));
    const value = f(p, layer, norm(name, y), config);
    return plus(y, config.normPlacement === "sandwich" ? norm(`${name}_out`, value) : value);
  }, x);
}

/** Column j of place t's fixed positions, of `width` columns. */
function sinusoid(t: number, j: number, width: number): number {
  const angle = t / 10000 ** ((j - j % 2) / width);
  return j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
}

/** The logits [T,V] after each of a sequence's ids. */
export function gptLogits(config: ModelConfig, p: Parameters, ids: readonly number[]): Matrix {
  const tokens = p.get("transformer.wte.weight")!;
  const positions = p.get("transformer.wpe.weight");
  const fixed = config.positions === "sinusoidal" ? sinusoid : () => 0;
  const added = config.positions === "shortformer" ? undefined : positions;
  const place = (t: number, j: number) => added?.[t][j] ?? fixed(t, j, config.width);
  const { embeddingScale = 1, logitSoftCap: cap } = config;
  let x = ids.map((id, t) => tokens[id].map((value, j) => embeddingScale * value + place(t, j)));
  if (config.embeddingNorm) x = normalize(p, "transformer.ln_e", x, config);
  for (let layer = 0; layer < config.layers; layer++) x = block(p, layer, x, config, ids);
  if (config.normPlacement !== "post") x = normalize(p, "transformer.ln_f", x, config);
  const head = p.get("lm_head.weight") ?? tokens;
  const bias = p.get("lm_head.bias")?.[0];
  const capped = (logit: number) => cap ? cap * Math.tanh(logit / cap) : logit;
  return x.map((row) => head.map((vector, v) => capped(dot(row, vector) + (bias?.[v] ?? 0))));
}
