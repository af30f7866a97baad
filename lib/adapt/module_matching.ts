/**
 * Which layers of a model an adapter updates, by the rules of PEFT's `target_modules`,
 * `exclude_modules`, `layers_to_transform` and `layers_pattern`.
 *
 * Source: `check_target_module_exists` of github.com/huggingface/peft.
 *
 * @module
 */
import { nearest } from "../nearest.ts";
import { type AdaptableLayer, HEADS } from "./adaptable_layers.ts";
import type { LoraChoices } from "./lora_options.ts";

/** Every linear layer except the head. */
export const ALL_LINEAR = "all-linear";

/**
 * The modules that PEFT adapts unless others are named, where they are not `q_proj`, `v_proj`; for
 * encoders for which it has none, those that make queries and values.
 */
const DEFAULTS: Readonly<Record<string, string | readonly string[]>> = {
  bert: ["query", "value"],
  roberta: ["query", "value"],
  "xlm-roberta": ["query", "value"],
  camembert: ["query", "value"],
  distilbert: ["q_lin", "v_lin"],
  mpnet: ["q", "v"],
  albert: ["query", "value"],
  modernbert: ALL_LINEAR,
  gpt2: ["c_attn"],
  gpt_neox: ["query_key_value"],
  persimmon: ["query_key_value"],
  phi: ["q_proj", "v_proj", "fc1", "fc2"],
  folio: ALL_LINEAR,
};

/** What `attachLora` adapts in a model of this architecture unless modules are named. */
export function defaultModules(architecture: string): string | readonly string[] {
  return DEFAULTS[architecture] ?? ["q_proj", "v_proj"];
}

/**
 * The layers that the choices name, in order of definition.
 *
 * @throws {RangeError} if a name, or all of them together, match no layer, or a regular expression
 *   is malformed
 */
export function matchingLayers(
  operation: string,
  layers: readonly AdaptableLayer[],
  choices: LoraChoices & { modules: string | readonly string[] },
): AdaptableLayer[] {
  const { modules, exclude, layers: indices } = choices;
  if (indices !== undefined && typeof modules === "string" && modules !== ALL_LINEAR) {
    throw new RangeError(
      `${operation}: expected modules as a list of names if layers are chosen, got a regular expression`,
    );
  }
  expectNames(operation, layers, modules);
  const isNamed = matcher(operation, modules);
  const isExcluded = exclude === undefined ? () => false : matcher(operation, exclude);
  const isInLayer = layerMatcher(choices);
  const found = layers.filter(({ name }) => isNamed(name) && !isExcluded(name) && isInLayer(name));
  if (found.length > 0) return found;
  throw new RangeError(
    `${operation}: expected modules that match a layer, got ${JSON.stringify(modules)}` +
      `${indices === undefined ? "" : ` in layers ${JSON.stringify(indices)}`}; ` +
      `the model has ${endings(layers).join(", ")}`,
  );
}

/** Modules that are tables in some architecture. */
const TABLES = /(^|\.)(wte|wpe|lm_head|embed_\w+|(word|position|token_type)_embeddings)$/;

function matcher(operation: string, modules: string | readonly string[]) {
  if (typeof modules !== "string") {
    return (name: string) => modules.some((end) => name === end || name.endsWith(`.${end}`));
  }
  if (modules === ALL_LINEAR) return (name: string) => !HEADS.includes(name);
  const pattern = wholePattern(operation, modules);
  return (name: string) => pattern.test(name);
}

function wholePattern(operation: string, pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new RangeError(
      `${operation}: expected a regular expression as modules, got ${JSON.stringify(pattern)}`,
      { cause },
    );
  }
}

/**
 * Whether a layer is in a chosen block: its index is the first number of the name, or the
 * pattern's.
 */
function layerMatcher({ layers, layersPattern }: LoraChoices): (name: string) => boolean {
  if (layers === undefined) return () => true;
  const chosen = new Set(typeof layers === "number" ? [layers] : layers);
  const given = typeof layersPattern === "string" ? [layersPattern] : layersPattern ?? [];
  const patterns = given.length === 0
    ? [/^.*?\.[^.]*\.(\d+)\./]
    : given.map((pattern) => new RegExp(`^.*\\.${pattern}\\.(\\d+)\\.`));
  return (name) => {
    const index = patterns.map((pattern) => pattern.exec(name)?.[1]).find(Boolean);
    return index !== undefined && chosen.has(Number(index));
  };
}

/** Refuses names of a list that no layer has; the nearest real ones are in the message. */
function expectNames(
  operation: string,
  layers: readonly AdaptableLayer[],
  modules: string | readonly string[],
): void {
  if (typeof modules === "string") return;
  const isThere = matcherOf(layers);
  const unknown = modules.find((end) => !isThere(end));
  if (unknown === undefined) return;
  if (TABLES.test(unknown)) {
    throw new RangeError(
      `${operation}: expected names of linear layers as modules, got ${JSON.stringify(unknown)}, ` +
        "which is a token or position table or a head tied to one; an untied head can be adapted, " +
        "or trained whole with modulesToSave",
    );
  }
  const names = endings(layers);
  const close = nearest(unknown, names);
  throw new RangeError(
    `${operation}: expected names of linear layers as modules, got ${JSON.stringify(unknown)}; ` +
      (close ? `the nearest is ${JSON.stringify(close)}; ` : "") +
      `the model has ${names.join(", ")}`,
  );
}

function matcherOf(layers: readonly AdaptableLayer[]) {
  return (end: string) => layers.some(({ name }) => name === end || name.endsWith(`.${end}`));
}

/** The last parts of the layers' names, each once. */
export function endings(layers: readonly AdaptableLayer[]): string[] {
  return [...new Set(layers.map(({ name }) => name.slice(name.lastIndexOf(".") + 1)))];
}
