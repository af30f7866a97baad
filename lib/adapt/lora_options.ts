/**
 * The options of a LoRA adapter and their checks.
 *
 * adapter_config.ts reads and writes them as PEFT does.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Random } from "../random.ts";

/** Which layers an adapter updates, and how; the defaults are PEFT's. */
export interface LoraOptions {
  /** r, the inner size of every update. Default 8. */
  readonly rank?: number;
  /** The scale of an update is alpha / rank. Default 8. */
  readonly alpha?: number;
  /** Probability of dropping an element of A's input in training, in [0, 1). Default 0. */
  readonly dropout?: number;
  /**
   * Names of layers in transformers, whole or their ends after a dot (`c_proj` is in attention and
   * in the feed-forward); one string is a regular expression for the whole name, or `"all-linear"`:
   * every layer except the head. Default: those that PEFT takes for the architecture (GPT-2:
   * `c_attn`; others: `q_proj` and `v_proj`), and all for a model that is none of a published one.
   */
  readonly modules?: string | readonly string[];
  /** Layers to leave out, matched like `modules`. Default: none. */
  readonly exclude?: string | readonly string[];
  /** Indices of the blocks to adapt; with a list of modules only. Default: all. */
  readonly layers?: number | readonly number[];
  /** The name before a block's index, if it is not the first number of a layer's name. */
  readonly layersPattern?: string | readonly string[];
  /** Ranks of certain layers, by regular expressions for the ends of their names. Default: none. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Alphas of certain layers, in the same way. Default: none. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** The scale is alpha / √rank (Kalajdzievski, arXiv 2312.03732). Default false. */
  readonly rslora?: boolean;
  /**
   * Biases that are trained too: none, those of adapted layers, or all of the model. They are
   * changed in place, so a disabled adapter leaves them changed. Default "none".
   */
  readonly bias?: "none" | "lora_only" | "all";
  /**
   * Modules that are trained in full and saved whole, by the ends of their names, such as `lm_head`
   * or BERT's `pooler`; a classifier's head is always among them. They are changed in place, and
   * are the base's while the adapter is off. Default: none.
   */
  readonly modulesToSave?: readonly string[];
  /** A starts as U(±1/√inputs) or as N(0, 1/rank²); B starts at 0. Default "uniform". */
  readonly initial?: "uniform" | "gaussian";
  /** Where A is drawn from. Default: `new Random(0)`. */
  readonly random?: Random;
}

/** The options with every default but that of the modules filled in. */
export type LoraChoices =
  & Required<Omit<LoraOptions, "modules" | "exclude" | "layers" | "layersPattern" | "random">>
  & Pick<LoraOptions, "modules" | "exclude" | "layers" | "layersPattern">;

const OPTIONS: OptionNames<LoraOptions> = {
  rank: 8,
  alpha: 8,
  dropout: 0,
  modules: undefined,
  exclude: undefined,
  layers: undefined,
  layersPattern: undefined,
  rankPattern: {},
  alphaPattern: {},
  rslora: false,
  bias: "none",
  modulesToSave: [],
  initial: "uniform",
  random: undefined,
};

const HINTS: Readonly<Record<string, string>> = {
  r: "its name is rank",
  lora_alpha: "its name is alpha",
  lora_dropout: "its name is dropout",
  target_modules: "its name is modules",
  scale: "it is alpha / rank",
};

/**
 * The options, checked.
 *
 * @throws {RangeError} if a value is out of range
 * @throws {TypeError} if an option is unknown or of another kind
 */
export function loraChoices(operation: string, options: LoraOptions): LoraChoices {
  checkOptions(operation, options, OPTIONS, HINTS);
  const { random: _, ...given } = options;
  const { rank = 8, alpha = 8, dropout = 0, rankPattern = {}, alphaPattern = {} } = given;
  const { rslora = false, bias = "none", initial = "uniform", modulesToSave = [] } = given;
  for (const value of [rank, ...Object.values(rankPattern)]) {
    if (!(Number.isSafeInteger(value) && value > 0)) {
      throw new RangeError(`${operation}: expected a whole rank from 1, got ${describe(value)}`);
    }
  }
  for (const value of [alpha, ...Object.values(alphaPattern)]) {
    if (!Number.isFinite(value)) {
      throw new RangeError(`${operation}: expected a number as alpha, got ${describe(value)}`);
    }
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw new RangeError(`${operation}: expected dropout in [0, 1), got ${describe(dropout)}`);
  }
  expectOneOf(operation, "bias", bias, ["none", "lora_only", "all"]);
  expectOneOf(operation, "initial", initial, ["uniform", "gaussian"]);
  if (!Array.isArray(modulesToSave) || modulesToSave.some((name) => typeof name !== "string")) {
    throw new TypeError(
      `${operation}: expected modulesToSave as a list of names, got ${describe(modulesToSave)}`,
    );
  }
  const sizes = { rank, alpha, dropout, rankPattern, alphaPattern };
  return { ...given, ...sizes, rslora, bias, modulesToSave, initial };
}

function expectOneOf(operation: string, name: string, value: string, known: string[]): void {
  if (known.includes(value)) return;
  throw new RangeError(
    `${operation}: expected ${name} to be one of ${known.join(", ")}, got ${describe(value)}`,
  );
}

/** The rank and the scale of the update of the layer called `name`. */
export function sizeOfUpdate(
  choices: LoraChoices,
  name: string,
): { rank: number; scale: number } {
  const rank = ofPattern(choices.rankPattern, name) ?? choices.rank;
  const alpha = ofPattern(choices.alphaPattern, name) ?? choices.alpha;
  return { rank, scale: choices.rslora ? alpha / Math.sqrt(rank) : alpha / rank };
}

/** The value of the first pattern that matches the end of a name, from its start or a dot on. */
function ofPattern(
  patterns: Readonly<Record<string, number>>,
  name: string,
): number | undefined {
  return Object.entries(patterns).find(([key]) => new RegExp(`^(.*\\.)?(${key})$`).test(name))?.[1];
}
