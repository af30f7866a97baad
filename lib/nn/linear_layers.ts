/**
 * The linear layers within a module, by name: what `quantize` rounds and adapters update.
 *
 * @module
 */
import { Linear } from "./layers.ts";
import { Module } from "./module.ts";

/** Every linear layer of a module by its full name, in order of definition. */
export function linearLayers(module: Module): Map<string, Linear> {
  const layers = new Map<string, Linear>();
  const visit = (part: Module, name: string) => {
    if (part instanceof Linear) layers.set(name, part);
    else {
      for (const [key, inner] of Object.entries(part.parts())) {
        if (inner instanceof Module) visit(inner, name === "" ? key : `${name}.${key}`);
      }
    }
  };
  visit(module, "");
  return layers;
}
