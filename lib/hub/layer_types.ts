/**
 * `layer_types` of a `config.json`: the layers with a sliding window.
 *
 * @module
 */
import type { ModelConfig } from "../nn/config.ts";
import { type ConfigFields, unexpected } from "./config_fields.ts";

const FULL = "full_attention";
const SLIDING = "sliding_attention";

/**
 * The window of each layer, undefined for full attention. A file without `layer_types` has windows
 * in the layers that `isSliding` names.
 *
 * @throws {SyntaxError} if a type is unknown, or a layer slides and there is no `window`
 */
export function readLayerTypes(
  fields: ConfigFields,
  layers: number,
  window: number | undefined,
  isSliding: (layer: number) => boolean,
): (number | undefined)[] {
  const byRule = Array.from({ length: layers }, (_, layer) => isSliding(layer) ? SLIDING : FULL);
  const types = fields.get("layer_types") ?? byRule;
  const known = (type: unknown) => type === FULL || type === SLIDING && window !== undefined;
  if (!Array.isArray(types) || types.length !== layers || !types.every(known)) {
    const choices = window === undefined ? `"${FULL}"` : `"${FULL}" or "${SLIDING}"`;
    throw unexpected("layer_types", `${choices} for each of ${layers} layers`, types);
  }
  return types.map((type) => type === SLIDING ? window : undefined);
}

/** `layer_types` of a model with windows. */
export function writeLayerTypes(
  layers: number,
  windows: readonly (number | undefined)[] = [],
): string[] {
  return Array.from(
    { length: layers },
    (_, layer) => windows[layer] === undefined ? FULL : SLIDING,
  );
}

/**
 * Qwen's windows: with `use_sliding_window`, of `sliding_window` tokens in the layers from
 * `max_window_layers` on, unless the file has `layer_types`.
 *
 * @throws {SyntaxError} as `readLayerTypes` does
 */
export function readLateWindows(fields: ConfigFields, layers: number): (number | undefined)[] {
  const slides = fields.boolean("use_sliding_window", false);
  const window = slides ? fields.wholeNumber("sliding_window", 4096) : undefined;
  const first = fields.wholeNumber("max_window_layers", 28, 0);
  return readLayerTypes(fields, layers, window, (layer) => slides && layer >= first);
}

/** The fields that `readLateWindows` reads. */
export function writeWindows({ layers, window }: ModelConfig): Record<string, unknown> {
  return {
    use_sliding_window: window !== undefined,
    sliding_window: oneWindow(window) ?? null,
    layer_types: writeLayerTypes(layers, window),
  };
}

/** The window of the layers that have one; undefined if none has. */
export function oneWindow(windows: readonly (number | undefined)[] = []): number | undefined {
  return windows.find((tokens) => tokens !== undefined);
}
