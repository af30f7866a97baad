/**
 * Folio's own files, for models that no published architecture can express: the field names of
 * ModelConfig, the weight names of GPT-2.
 *
 * @module
 */
import { MODEL_OPTIONS, type ModelConfigInput } from "../nn/config.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import { type Format, ownSource, readLayers } from "./format.ts";

/** `"model_type": "folio"`. */
export const folio: Format = {
  /** `modelConfig` checks the fields, except that `window` and `rotaryScaling` have their types. */
  read(fields) {
    readLayers(fields, "layers", 1);
    const names = Object.keys(MODEL_OPTIONS);
    const input = Object.fromEntries(names.map((name) => [name, fields.get(name)]));
    const scaling = fields.get("rotaryScaling");
    const rotaryScaling = scaling === undefined ? scaling : new ConfigFields(scaling).all();
    const window = readWindow(fields);
    return { ...input, rotaryScaling, window } as unknown as ModelConfigInput;
  },
  write: (config) => ({ model_type: "folio", ...config }),
  source: ownSource,
};

/** The windows of the layers, null for none. */
export function readWindow(fields: ConfigFields): unknown[] | undefined {
  const window = fields.get("window");
  if (window === undefined) return undefined;
  if (!Array.isArray(window)) throw unexpected("window", "a list", window);
  return window.map((tokens) => tokens ?? undefined);
}
