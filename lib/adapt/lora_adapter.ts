/**
 * A LoRA adapter on a model: its parameters, switching it, and merging it into the weights.
 *
 * lora.ts makes one; adapter_files.ts writes it.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import type { Linear } from "../nn/layers.ts";
import { lowRankMatrix, type LowRankUpdate } from "../nn/low_rank.ts";
import { add } from "../ops/binary.ts";
import { transpose } from "../ops/transpose.ts";
import { copy, store } from "../tensor/copy.ts";
import { keep, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AdaptableLayer } from "./adaptable_layers.ts";
import type { AdaptableModel } from "./adaptable_model.ts";
import type { LoraChoices } from "./lora_options.ts";
import { wholeParameters } from "./whole_modules.ts";

/** A layer and its update. */
export interface AdaptedLayer extends AdaptableLayer {
  /** A, B and the scale. */
  readonly update: LowRankUpdate;
}

/** What an adapter consists of. */
export interface AdapterReport {
  /** The adapted layers, by their names in transformers. */
  readonly modules: readonly string[];
  /** How many numbers are trained. */
  readonly trained: number;
  /** How many numbers the model has without the adapter. */
  readonly total: number;
  /** trained / (total + the adapter's own numbers). */
  readonly share: number;
  /** Bytes of the adapter's numbers, as they are saved. */
  readonly bytes: number;
}

/** The low-rank updates that `attachLora` added to a model. */
export class LoraAdapter<Model extends AdaptableModel = GPT> {
  /** The adapted layers in the model's order; parts of a packed layer are separate. */
  readonly layers: readonly AdaptedLayer[];
  /** The biases that are trained with it, by their names in the model. */
  readonly biases: ReadonlyMap<string, Tensor>;
  /** The parameters of modules that are trained whole, such as a classifier's head. */
  readonly whole: ReadonlyMap<string, Tensor>;
  /** Values of both that are not in use: the base's while the adapter is enabled. */
  readonly #others: ReadonlyMap<Tensor, Tensor>;
  /** The base's weights while the adapter is merged. */
  #merged: Map<Linear, Tensor> | undefined;
  #enabled = false;
  #attached = true;

  /**
   * Adds the updates to their layers. See `attachLora` and `loadAdapter`.
   *
   * @internal
   */
  constructor(
    readonly model: Model,
    layers: readonly AdaptedLayer[],
    readonly choices: LoraChoices & { readonly modules: string | readonly string[] },
    /** Whether `parameters` lists anything. */
    readonly trainable = true,
  ) {
    this.layers = layers;
    this.whole = wholeParameters(model, choices.modulesToSave);
    this.biases = trainedBiases(model, layers, choices);
    const inPlace = [...this.biases.values(), ...this.whole.values()];
    this.#others = new Map(inPlace.map((tensor) => [tensor, keep(copy(tensor))]));
    this.#switch(true);
  }

  /**
   * The adapter's numbers by name: `<layer>.lora_A.weight`, `<layer>.lora_B.weight`, biases, and
   * the parameters of modules that are saved whole.
   */
  namedParameters(): Map<string, Tensor> {
    const matrices = this.layers.flatMap(({ name, update: { a, b } }) =>
      [[`${name}.lora_A.weight`, a], [`${name}.lora_B.weight`, b]] as const
    );
    return new Map([...matrices, ...this.biases, ...this.whole]);
  }

  /** What an optimizer trains, all of `namedParameters`; nothing unless it is trainable. */
  parameters(): Tensor[] {
    return this.trainable ? [...this.namedParameters().values()] : [];
  }

  /** Which layers are adapted, and how much is trained. */
  get report(): AdapterReport {
    const sizeOf = (tensors: readonly Tensor[]) => tensors.reduce((sum, { size }) => sum + size, 0);
    const trained = sizeOf(this.parameters());
    const own = sizeOf(this.layers.flatMap(({ update: { a, b } }) => [a, b]));
    const bytes = 4 * sizeOf([...this.namedParameters().values()]);
    const total = this.model.parameterCount;
    const modules = this.layers.map(({ name }) => name);
    return { modules, trained, total, share: trained / (total + own), bytes };
  }

  /** Whether the model computes with the adapter. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /**
   * Switches the adapter on or off, in compiled functions too. Error while it is merged or
   * detached.
   */
  set enabled(value: boolean) {
    this.#expect("enabled", "unmerged");
    if (value === this.#enabled) return;
    this.#switch(value);
    for (const [tensor, other] of this.#others) swap(tensor, other);
  }

  /** Whether the weights of the model include the adapter's. */
  get merged(): boolean {
    return this.#merged !== undefined;
  }

  /**
   * Adds every update to the weights of its layer: W + scale·(B·A)ᵀ. The model computes the same up
   * to rounding and as fast as without an adapter; the base's weights are kept for `unmerge`.
   *
   * @throws {Error} if it is merged or detached already
   * @throws {TypeError} if the weights are rounded: merge first and quantize then
   */
  merge(): void {
    this.#expect("merge", "unmerged");
    const layers = this.#byLinear();
    for (const [linear] of layers) expectFloats(linear);
    this.enabled = true; // its biases and whole modules, too, are part of the merged model
    this.#switch(false);
    this.#merged = new Map();
    for (const [linear, updates] of layers) {
      const { weight } = linear;
      this.#merged.set(linear, keep(copy(weight)));
      store(mergedWeight(linear, updates), weight);
    }
  }

  /**
   * Writes the base's weights back, with the same bits, and enables the adapter.
   *
   * @throws {Error} if it is not merged
   */
  unmerge(): void {
    this.#expect("unmerge", "merged");
    for (const [linear, weight] of this.#merged!) {
      store(weight, linear.weight);
      weight.dispose();
    }
    this.#merged = undefined;
    this.#switch(true);
  }

  /**
   * Removes the adapter from the model, which is the base again; if the adapter is merged, the
   * model keeps the merged weights. The adapter cannot be used afterwards.
   */
  detach(): void {
    if (!this.#attached) return;
    if (this.#merged) { for (const weight of this.#merged.values()) weight.dispose(); }
    else this.enabled = false;
    this.#merged = undefined;
    this.#attached = false;
  }

  /**
   * The base's value of a parameter of the model, also while the adapter is merged.
   *
   * @internal
   */
  baseOf(parameter: Tensor): Tensor {
    const found = [...this.#merged ?? []].find(([{ weight }]) => weight === parameter);
    const other = this.#enabled || this.merged ? this.#others.get(parameter) : undefined;
    return found?.[1] ?? other ?? parameter;
  }

  #byLinear(): Map<Linear, LowRankUpdate[]> {
    const groups = Map.groupBy(this.layers, ({ linear }) => linear);
    return new Map([...groups].map(([linear, all]) => [linear, all.map(({ update }) => update)]));
  }

  /**
   * Adds the updates to their layers, or removes them; programs of the layers are recorded again.
   */
  #switch(on: boolean): void {
    for (const [linear, updates] of this.#byLinear()) {
      linear.updates = on
        ? [...linear.updates, ...updates]
        : linear.updates.filter((update) => !updates.includes(update));
      linear.weight.storage.touch();
    }
    this.#enabled = on;
  }

  #expect(what: string, state: "merged" | "unmerged"): void {
    if (!this.#attached) {
      throw new Error(`${what}: expected an attached adapter, got a detached one`);
    }
    if (this.merged === (state === "merged")) return;
    const advice = state === "merged" ? "call merge() first" : "call unmerge() first";
    throw new Error(`${what}: expected an adapter that is ${state}; ${advice}`);
  }
}

function trainedBiases(
  model: AdaptableModel,
  layers: readonly AdaptedLayer[],
  { bias, modulesToSave }: LoraChoices,
): Map<string, Tensor> {
  if (bias === "none") return new Map();
  const adapted = new Set(layers.map(({ linear }) => linear.bias));
  const whole = wholeParameters(model, modulesToSave);
  const isTrained = ([name, tensor]: [string, Tensor]) =>
    !whole.has(name) && (bias === "all" ? name.endsWith(".bias") : adapted.has(tensor));
  return new Map([...model.namedParameters()].filter(isTrained));
}

/** Exchanges the values of two tensors. */
function swap(one: Tensor, other: Tensor): void {
  scope(() => {
    const value = copy(one);
    store(other, one);
    store(value, other);
  });
}

/** W and its updates as one matrix. */
function mergedWeight({ weight, transposed }: Linear, updates: readonly LowRankUpdate[]): Tensor {
  return scope(() => {
    const outputs = weight.shape[transposed ? 0 : 1];
    const matrix = lowRankMatrix(updates, outputs);
    return add(weight, transposed ? matrix : transpose(matrix));
  });
}

function expectFloats(linear: Linear): void {
  if (!linear.quantized) return;
  throw new TypeError(
    "merge: expected weights in f32, got rounded ones; merge first and quantize then",
  );
}
