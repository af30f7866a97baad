/**
 * Bottleneck adapters: two small layers after attention and after the feed-forward of every block
 * of a frozen language model.
 *
 * lib/nn/bottleneck.ts is what they compute. There is no file of them that others read.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { onDevice } from "../device/current_device.ts";
import { Bottleneck } from "../nn/bottleneck.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions } from "../options.ts";
import { Random } from "../random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Attached } from "./attached.ts";

/** Options of `attachBottleneck`. */
export interface BottleneckOptions {
  /** S, the inner size of every bottleneck, from 1. Default 16. */
  readonly size?: number;
  /** Where W is drawn from. Default: `new Random(0)`. */
  readonly random?: Random;
}

/** The bottlenecks of one block. */
export interface BlockBottlenecks {
  /** After attention. */
  readonly attention: Bottleneck;
  /** After the feed-forward. */
  readonly feedForward: Bottleneck;
}

/** Bottlenecks in every block of a model. See `attachBottleneck`. */
export class BottleneckAdapter extends Attached {
  /**
   * Puts a pair of bottlenecks into each block.
   *
   * @internal
   */
  constructor(model: GPT, readonly blocks: readonly BlockBottlenecks[]) {
    super(model, true);
    this.enabled = true;
  }

  /** `transformer.h.0.adapter_attn.down.weight`, and so on: `attn` and `mlp`, `down` and `up`. */
  override namedParameters(): Map<string, Tensor> {
    const named = this.blocks.flatMap(({ attention, feedForward }, layer) =>
      Object.entries({ attn: attention, mlp: feedForward }).flatMap(([part, bottleneck]) =>
        [...bottleneck.namedParameters()].map(([name, tensor]) =>
          [`transformer.h.${layer}.adapter_${part}.${name}`, tensor] as const
        )
      )
    );
    return new Map(named);
  }

  /** Puts the bottlenecks into the blocks, or takes them out. */
  protected override switch(on: boolean): void {
    for (const [layer, block] of this.model.blocks.items.entries()) {
      if (on && block.bottlenecks) {
        throw new Error(
          "enabled: expected a model without bottlenecks; switch the others off before",
        );
      }
      block.bottlenecks = on ? this.blocks[layer] : undefined;
    }
  }
}

/**
 * Puts h + relu(h·W + b)·W′ + b′ after attention and after the feed-forward of every block, before
 * the residual: W [C, S], W′ [S, C]. W′ and the biases start at 0, so the model computes what it
 * did.
 *
 * An optimizer of `adapter.parameters()` trains the bottlenecks alone: 4·C·S + 2·(C + S) numbers in
 * each block. Generation follows. It has no file format of PEFT's and is not saved; unlike LoRA it
 * cannot be merged, because of the activation. Source: Houlsby et al., arXiv 1902.00751.
 *
 * ```ts
 * import { AdamW, attachBottleneck, Batches, GPT, openDevice, Trainer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const adapter = attachBottleneck(model, { size: 4 });
 * const trainer = new Trainer(model, new AdamW(adapter.parameters()), { learningRate: 1e-2 });
 * trainer.step(new Batches([1, 2, 3, 4, 5, 6, 7], { batchSize: 2, contextLength: 4 }));
 * console.log(adapter.report.trained); // 296
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, or an option is unknown
 * @throws {RangeError} unless the size is a whole number from 1 and the model has feed-forwards
 * @throws {Error} if the model has bottlenecks already
 */
export function attachBottleneck(
  model: GPT,
  options: BottleneckOptions = {},
): BottleneckAdapter {
  expectModel("attachBottleneck", model);
  checkOptions("attachBottleneck", options, { size: 16, random: undefined });
  const { size = 16, random = new Random(0) } = options;
  if (!(Number.isSafeInteger(size) && size > 0)) {
    throw new RangeError(
      `attachBottleneck: expected a whole size from 1, got ${describe(size)}`,
    );
  }
  if (model.config.feedForward === false) {
    throw new RangeError(
      "attachBottleneck: expected a model with feed-forwards, got feedForward false; use attachLora",
    );
  }
  if (model.blocks.items.some(({ bottlenecks }) => bottlenecks)) {
    throw new Error("attachBottleneck: the model has bottlenecks already; detach them before");
  }
  const { width } = model.config;
  const pair = () => ({
    attention: new Bottleneck(width, size, random),
    feedForward: new Bottleneck(width, size, random),
  });
  const blocks = onDevice(model.tokens.weight.device, () => model.blocks.items.map(pair));
  return new BottleneckAdapter(model, blocks);
}
