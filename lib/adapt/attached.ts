/**
 * What learned prompts and bottlenecks have in common: parameters beside a frozen language model,
 * which are switched on and off.
 *
 * lora_adapter.ts is LoRA, which also merges.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How much an adapter trains. */
export interface TrainedReport {
  /** How many numbers are trained. */
  readonly trained: number;
  /** How many numbers the model has without the adapter. */
  readonly total: number;
  /** trained / (total + the adapter's own numbers). */
  readonly share: number;
  /** Bytes of the adapter's numbers in f32. */
  readonly bytes: number;
}

/** An adapter on a language model. */
export abstract class Attached {
  #enabled = false;
  #attached = true;

  /**
   * For `attach…` and `load…`, which enable it.
   *
   * @internal
   */
  constructor(
    readonly model: GPT,
    /** Whether `parameters` lists anything. */
    readonly trainable: boolean,
  ) {}

  /** The adapter's numbers by name. */
  abstract namedParameters(): Map<string, Tensor>;

  /** Puts the adapter on the model, or takes it off. */
  protected abstract switch(on: boolean): void;

  /** What an optimizer trains: all of `namedParameters`; nothing unless it is trainable. */
  parameters(): Tensor[] {
    return this.trainable ? [...this.namedParameters().values()] : [];
  }

  /** How much is trained. */
  get report(): TrainedReport {
    const own = [...this.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
    const trained = this.trainable ? own : 0;
    const total = this.model.parameterCount;
    return { trained, total, share: trained / (total + own), bytes: 4 * own };
  }

  /** Whether the model computes with the adapter. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Switches the adapter on or off, in compiled functions too. Error after `detach`. */
  set enabled(value: boolean) {
    if (!this.#attached) {
      throw new Error("enabled: expected an attached adapter, got a detached one");
    }
    if (value === this.#enabled) return;
    this.switch(value);
    this.model.tokens.weight.storage.touch(); // programs of the model are recorded again
    this.#enabled = value;
  }

  /** Removes the adapter from the model. It cannot be used afterwards. */
  detach(): void {
    if (!this.#attached) return;
    this.enabled = false;
    this.#attached = false;
  }
}
