/**
 * LoRA: low-rank updates of a model's linear layers, trained while the model itself stays as it is.
 *
 * lora_adapter.ts is the adapter, module_matching.ts chooses the layers; see adapter_files.ts and
 * load_adapter.ts for files.
 *
 * @module
 */
import { constant, normal, parameter, uniform } from "../nn/initializers.ts";
import { onDevice } from "../device/current_device.ts";
import { Random } from "../random.ts";
import { type AdaptableLayer, adaptableLayers } from "./adaptable_layers.ts";
import { type AdaptableModel, expectAdaptable, namesOfModel, tokensOf } from "./adaptable_model.ts";
import { type AdaptedLayer, LoraAdapter } from "./lora_adapter.ts";
import { type LoraChoices, loraChoices, type LoraOptions, sizeOfUpdate } from "./lora_options.ts";
import { defaultModules, matchingLayers } from "./module_matching.ts";
import { isInModules, withHeads } from "./whole_modules.ts";

/**
 * Adds scale·B·A to the weights of chosen linear layers: y = x·W + b + scale·B(A(dropout(x))), A
 * [rank, inputs], B [outputs, rank], scale = alpha / rank. B starts at 0, so the model computes
 * what it did.
 *
 * An optimizer of `adapter.parameters()` trains the adapter alone. The derivatives of the frozen
 * weights are not computed. Parts of packed projections are adapted separately: `q_proj` is a range
 * of the outputs of a Llama's `attn.c_attn`. With a classifier its head is trained, too, and saved
 * with the adapter. Source: Hu et al., arXiv 2106.09685.
 *
 * ```ts
 * import { AdamW, attachLora, Batches, GPT, openDevice, Trainer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const adapter = attachLora(model, { rank: 2, alpha: 4, modules: ["c_attn", "c_proj"] });
 * const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0 });
 * const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
 * trainer.step(new Batches([1, 2, 3, 4, 5, 6, 7], { batchSize: 2, contextLength: 4 }));
 * console.log(adapter.report.trained); // 352
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, or an option is unknown
 * @throws {RangeError} if an option is out of range, a name is that of no layer, or a rank is
 *   larger than the inputs or the outputs of its layer
 */
export function attachLora<Model extends AdaptableModel>(
  model: Model,
  options: LoraOptions = {},
): LoraAdapter<Model> {
  expectAdaptable("attachLora", model);
  const { modules = defaultModules(namesOfModel(model).name), ...rest } = options;
  const { modulesToSave, ...given } = loraChoices("attachLora", { ...rest, modules });
  const whole = withHeads(model, modulesToSave);
  const choices = { ...given, modules, modulesToSave: whole };
  const open = adaptableLayers(model).filter(({ name }) => !isInModules(`${name}.`, whole));
  const layers = matchingLayers("attachLora", open, choices);
  for (const layer of layers) expectFits(layer, sizeOfUpdate(choices, layer.name).rank);
  if (choices.bias === "lora_only") expectWhole(layers);
  const random = options.random ?? new Random(0);
  const { device } = tokensOf(model).weight;
  const made = onDevice(device, () => layers.map((layer) => adapted(layer, choices, random)));
  return new LoraAdapter(model, made, choices);
}

function expectFits({ name, inputs, outputs }: AdaptableLayer, rank: number): void {
  const most = Math.min(inputs, outputs);
  if (rank <= most) return;
  throw new RangeError(
    `attachLora: expected a rank of at most ${most} for ${name}, which has ${inputs} inputs and ` +
      `${outputs} outputs, got ${rank}`,
  );
}

/** A packed layer has one bias: it is trained as a whole or not at all. */
function expectWhole(layers: readonly AdaptableLayer[]): void {
  for (const [linear, parts] of Map.groupBy(layers, ({ linear }) => linear)) {
    const covered = parts.reduce((sum, { outputs }) => sum + outputs, 0);
    if (!linear.bias || covered === linear.bias.size) continue;
    throw new RangeError(
      `attachLora: expected bias "none" or "all", got "lora_only": the bias of ${
        parts[0].name
      } is ` +
        "packed with others that are not adapted; adapt q_proj, k_proj and v_proj together",
    );
  }
}

/** A layer with a new update: A random, B 0. */
export function adapted(
  layer: AdaptableLayer,
  choices: LoraChoices,
  random: Random,
): AdaptedLayer {
  const { inputs, outputs, start } = layer;
  const { rank, scale } = sizeOfUpdate(choices, layer.name);
  const first = choices.initial === "gaussian" ? normal(1 / rank) : uniform(1 / Math.sqrt(inputs));
  const a = parameter([rank, inputs], first, random);
  const b = parameter([outputs, rank], constant(0), random);
  return { ...layer, update: { a, b, scale, start, dropout: choices.dropout } };
}
