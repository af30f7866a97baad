/**
 * Parameters and gradients in one flat buffer each, so that one launch updates them all.
 *
 * @module
 */
import { CapturedStorages } from "../device/captured_storages.ts";
import { store } from "../tensor/copy.ts";
import { describe } from "../errors.ts";
import { expectType } from "../tensor/launch.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/**
 * Elements between two parameters' starts are a multiple of this: device memory is bound at
 * multiples of 256 bytes.
 */
const ALIGNMENT = 64;

/** The place of one parameter in the flat buffers. */
export interface Place {
  /** The parameter, a view of its place. */
  readonly parameter: Tensor;
  /** Elements before it, a multiple of 64. */
  readonly start: number;
}

/**
 * Moves parameters into one buffer, those of two and more axes first (they get weight decay), and
 * gives each a place for its gradient. Compiled functions that use them are recorded again at their
 * next call.
 */
export class FlatParameters {
  /** All parameters, [size]. */
  readonly parameter: Tensor;
  /** All gradients, [size], filled by `gather`. */
  readonly gradient: Tensor;
  /** Number of elements, from the start, that belong to parameters of two or more axes. */
  readonly decayed: number;
  /** The place of each parameter, in the buffers' order. */
  readonly places: readonly Place[];
  readonly #captured: CapturedStorages;

  /**
   * Moves `parameters` of the optimizer called `owner` into one buffer, with their values; those of
   * `first` come first, in its order.
   *
   * @throws {TypeError} if they are not an array of different f32 tensors
   * @throws {RangeError} if it is empty
   */
  constructor(
    readonly owner: string,
    readonly parameters: readonly Tensor[],
    first: readonly Tensor[] = [],
  ) {
    expectParameters(owner, parameters);
    const others = parameters.filter((parameter) => !first.includes(parameter));
    const ordered = [...first, ...others];
    const matrices = ordered.filter((parameter) => parameter.shape.length >= 2);
    const vectors = ordered.filter((parameter) => parameter.shape.length < 2);
    const places: Place[] = [];
    let end = 0;
    const lay = (parameter: Tensor) => {
      places.push({ parameter, start: end });
      end += Math.ceil(parameter.size / ALIGNMENT) * ALIGNMENT;
    };
    matrices.forEach(lay);
    this.decayed = end;
    vectors.forEach(lay);
    this.places = places;
    this.parameter = this.#buffer(end);
    this.gradient = this.#buffer(end);
    for (const { parameter, start } of places) {
      const part = this.parameter.part(start, parameter.shape);
      store(parameter, part);
      parameter.storage.place(part.storage);
    }
    this.#captured = new CapturedStorages(parameters.map(({ storage }) => storage));
  }

  /** Throws an Error if another optimizer has moved a parameter into its own buffer. */
  expectOwned(): void {
    if (!this.#captured.haveChanged) return;
    const { allocation } = this.parameter.storage;
    const isTaken = ({ storage }: Tensor) => !storage.disposed && storage.allocation !== allocation;
    if (!this.parameters.some(isTaken)) return;
    throw new Error(
      `${this.owner}: its parameters now belong to another optimizer, made later; use that one, ` +
        "or make one optimizer for all steps",
    );
  }

  /** Elements of each buffer, the gaps between parameters included. */
  get size(): number {
    return this.parameter.size;
  }

  /** Another buffer of the parameters' size, all 0. */
  state(): Tensor {
    return this.#buffer(this.size);
  }

  /** Copies the gradients, in the order of `parameters`, into the flat gradient. */
  gather(gradients: readonly Tensor[]): void {
    const order = new Map(this.parameters.map((parameter, i) => [parameter, gradients[i]]));
    for (const { parameter, start } of this.places) {
      store(order.get(parameter)!, this.gradient.part(start, parameter.shape));
    }
  }

  #buffer(length: number): Tensor {
    return keep(zeros([length], { device: this.parameters[0].device }));
  }
}

function expectParameters(owner: string, parameters: readonly Tensor[]): void {
  if (!Array.isArray(parameters)) {
    throw new TypeError(
      `${owner}: expected an array of tensors, such as model.parameters(), got ${
        describe(parameters)
      }`,
    );
  }
  if (parameters.length === 0) throw new RangeError(`${owner}: there are no parameters`);
  const storages = new Set<Tensor["storage"]>();
  for (const parameter of parameters) {
    expectType(owner, parameter, "f32");
    if (storages.has(parameter.storage)) {
      throw new TypeError(
        `${owner}: expected each parameter once, got ${parameter} twice, whose gradient would count ` +
          "twice; name a shared (tied) weight once",
      );
    }
    storages.add(parameter.storage);
    if (parameter.size === 0) {
      throw new TypeError(`${owner}: expected parameters with elements, got ${parameter}`);
    }
    if (!parameter.storage.disposed) continue;
    throw new TypeError(
      `${owner}: expected parameters, got ${parameter}, whose memory was freed, as that of weights ` +
        "that quantize has rounded; train first and quantize then",
    );
  }
}
