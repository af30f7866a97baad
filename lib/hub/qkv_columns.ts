/**
 * Orders of the columns of packed queries, keys and values that published files have. Folio's is
 * [q | k | v], heads in order, rotary pairs half a head apart.
 *
 * @module
 */
import { headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig } from "../nn/config.ts";
import { type ModuleNames, namedSource, type ParameterSource, splitName } from "./format.ts";

/** As `namedSource`, with queries, keys and values packed by head, as in GPT-NeoX and BLOOM. */
export function headMajorSource(
  parameter: string,
  names: ModuleNames,
  config: ModelConfig,
): ParameterSource {
  const isPacked = splitName(parameter).module === "attn.c_attn";
  const source = namedSource(parameter, names);
  return isPacked ? { ...source, column: headMajorColumn(config) } : source;
}

/** The column of [H, (q | k | v), D] for each of [(q | k | v), H, D]. */
function headMajorColumn(config: ModelConfig): (c: number) => number {
  const { heads } = config;
  const size = headSizeOf(config);
  return (c) => {
    const [part, head] = [Math.floor(c / size / heads), Math.floor(c / size) % heads];
    return (3 * head + part) * size + c % size;
  };
}

/**
 * The column whose rotary pair is its neighbor, as in GPT-J, for each with its pair half the
 * rotated columns away; values and columns that are not rotated stay.
 */
export function neighborPairColumn(config: ModelConfig): (c: number) => number {
  const { heads, keyValueHeads = heads, rotaryDimensions } = config;
  const size = headSizeOf(config);
  const half = (rotaryDimensions ?? size) / 2;
  const rotated = (heads + keyValueHeads) * size;
  return (c) => {
    const d = c % size;
    if (c >= rotated || d >= 2 * half) return c;
    return c - d + (d < half ? 2 * d : 2 * (d - half) + 1);
  };
}
