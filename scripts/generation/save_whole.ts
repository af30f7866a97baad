/**
 * A model in parts, an adapter beside its base or weights in several files, saved as one.
 *
 * @module
 */
import { userInput } from "../../lib/cli/run.ts";
import { type LoraAdapter, savePretrained } from "../../mod.ts";
import { openModel, type OpenModelOptions } from "./open_model.ts";

/**
 * Saves the model at a place with one file of weights, a LoRA adapter of it merged into them.
 *
 * @throws {UserError} if the model or its adapter cannot be opened, or `folder` cannot be written
 */
export async function saveWhole(
  folder: string,
  location: string,
  options: Pick<OpenModelOptions, "adapter" | "revision">,
): Promise<void> {
  const { adapter, ...model } = await openModel(location, { ...options, weights: "f32" });
  (adapter as LoraAdapter | undefined)?.merge();
  adapter?.detach();
  await userInput(() => savePretrained(folder, model));
}
