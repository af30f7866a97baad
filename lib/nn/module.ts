/**
 * Module: named parameters, gathered through the parts that a layer names.
 *
 * Each layer has its own `forward`. See lib/hub and lib/train for reading and writing files.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The parts of a module: its own parameters and other modules, by the names that its files use.
 */
export type Parts = Readonly<Record<string, Tensor | Module | undefined>>;

/**
 * A layer or a model with parameters.
 *
 * ```ts
 * import { Linear, Module, openDevice, type Tensor, zeros } from "../../mod.ts";
 * class Perceptron extends Module {
 *   readonly hidden = new Linear(4, 8);
 *   readonly output = new Linear(8, 2);
 *
 *   override parts() {
 *     return { hidden: this.hidden, output: this.output };
 *   }
 *
 *   forward(x: Tensor): Tensor {
 *     return this.output.forward(this.hidden.forward(x, { activation: "relu" }));
 *   }
 * }
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new Perceptron();
 * console.log([...model.namedParameters().keys()]); // hidden.weight, hidden.bias, output.weight, …
 * console.log(`${model.forward(zeros([3, 4]))}`); // f32 [3,2]
 * device.close();
 * ```
 */
export abstract class Module {
  /** The parameters and modules this one consists of; undefined parts are left out. */
  abstract parts(): Parts;

  /**
   * Every parameter once, by its full name, in order of definition:
   * `transformer.h.0.attn.c_attn.weight`.
   */
  namedParameters(): Map<string, Tensor> {
    const named = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    const visit = (module: Module, prefix: string) => {
      if (typeof module.parts !== "function") throw withoutParts(module);
      for (const [name, part] of Object.entries(module.parts())) {
        if (part instanceof Tensor) {
          if (!seen.has(part)) named.set(prefix + name, part);
          seen.add(part);
        } else if (part instanceof Module) visit(part, `${prefix}${name}.`);
        else if (part) throw notPart(module, name, part);
      }
    };
    visit(this, "");
    return named;
  }

  /** Every parameter once, in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** How many numbers the parameters hold. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, parameter) => sum + parameter.size, 0);
  }

  /** For `console.log`: the class and the number of parameters. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `${this.constructor.name} of ${this.parameterCount.toLocaleString("en")} parameters`;
  }
}

function withoutParts(module: Module): TypeError {
  return new TypeError(
    `${module.constructor.name}: expected a method parts() that names its tensors and modules, such ` +
      "as parts() { return { hidden: this.hidden }; }; without it nothing can be trained or saved",
  );
}

function notPart(module: Module, name: string, part: unknown): TypeError {
  const advice = Array.isArray(part) ? "; put modules in a row into a ModuleList" : "";
  return new TypeError(
    `${module.constructor.name}: parts(): expected a tensor or a module as ${name}, got ` +
      `${describe(part)}${advice}`,
  );
}

/** Modules in a row, named by their index. */
export class ModuleList<M extends Module> extends Module {
  /**
   * The modules, first to last.
   *
   * @throws {TypeError} unless they are an array
   */
  constructor(readonly items: readonly M[]) {
    super();
    if (Array.isArray(items)) return;
    throw new TypeError(`ModuleList: expected an array of modules, got ${describe(items)}`);
  }
  /** The modules by index: `0`, `1`, …. */
  override parts(): Parts {
    return Object.fromEntries(this.items.map((item, i) => [String(i), item]));
  }
}

/** A group of parts under one name, for models whose files nest deeper than their code. */
export class ModuleGroup extends Module {
  readonly #parts: Parts;
  /** The parts, by the names that files use. */
  constructor(parts: Parts) {
    super();
    this.#parts = parts;
  }
  /** The parts it was made of. */
  override parts(): Parts {
    return this.#parts;
  }
}
