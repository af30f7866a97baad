/**
 * The head of a model whose `config.json` ties it to the token table, though its file may hold a
 * different one. As in transformers, the file is right then.
 *
 * @module
 */
import { type ModelConfig, modelConfig } from "../nn/config.ts";
import type { TransformerConfig } from "../nn/transformer_config.ts";
import { sameShape, size } from "../shape.ts";
import type { ArchitectureNames } from "./format.ts";
import { headNames, tableNames } from "./names.ts";
import type { TensorReader } from "./parameters.ts";

/** `config`, with an untied head if it is tied and the file holds a head with other numbers. */
export async function withStoredHead(
  config: ModelConfig,
  weights: TensorReader,
  names: ArchitectureNames,
): Promise<ModelConfig> {
  if (!config.tiedHead) return config;
  const stored = (all: string[]) => all.find((name) => weights.tensors.has(name));
  const [table, head] = [stored(tableNames(names)), stored(headNames(names))];
  if (table === undefined || head === undefined) return config;
  if (await areEqual(weights, table, head)) return config;
  return modelConfig({ ...config, tiedHead: false });
}

/**
 * The configuration of an encoder–decoder whose head is tied if the file holds none, or a copy of
 * the token table.
 */
export async function withStoredTargetHead(
  config: TransformerConfig,
  weights: TensorReader,
  tokens: string,
): Promise<TransformerConfig> {
  const head = "lm_head.weight";
  const table = [`${tokens}.weight`, `${tokens}.weight`.replace(/^model\./, "")]
    .find((name) => weights.tensors.has(name));
  const isOwn = weights.tensors.has(head) &&
    !(table !== undefined && await areEqual(weights, table, head));
  return { ...config, tiedHead: !isOwn, headBias: false };
}

/** Elements that are compared together. */
const TOGETHER = 1 << 20;

async function areEqual(weights: TensorReader, a: string, b: string): Promise<boolean> {
  const { shape } = weights.tensors.get(a)!;
  if (!sameShape(shape, weights.tensors.get(b)!.shape)) return false;
  for (let first = 0; first < size(shape); first += TOGETHER) {
    const range = { first, count: Math.min(TOGETHER, size(shape) - first) };
    const [x, y] = [await weights.float32(a, range), await weights.float32(b, range)];
    if (!x.every((value, i) => value === y[i])) return false;
  }
  return true;
}
