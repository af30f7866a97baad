/**
 * Path patching: what a head of one pass does to an answer along some paths only.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../options.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { pointRanks } from "./hook_points.ts";
import type { LensModel } from "./model_parts.ts";
import { chosenPoints, type PointNames, runWithCache } from "./run_with_cache.ts";
import {
  measure,
  patchingPlan,
  type PatchingScores,
  type PatchingStudy,
  shares,
} from "./patching_scores.ts";
import type { StackOptions } from "./stack.ts";
import { type Hooks, withHooks } from "./with_hooks.ts";

/** Options of `pathPatching`. */
export interface PathPatchingOptions extends StackOptions {
  /**
   * Where the paths end: points such as `"blocks.1.attn.hook_q"`, whose values are those of a pass
   * in which the sender alone differs. Default: the logits, by the residual stream alone.
   */
  receivers?: PointNames;
  /** The heads of the receivers, if their points have heads. Default: all. */
  receiverHead?: number;
  /**
   * Whether feed-forwards between sender and receiver compute anew; otherwise they say what they
   * say in the corrupted pass. Default: false.
   */
  throughFeedForward?: boolean;
}

const OPTIONS: OptionNames<PathPatchingOptions> = {
  receivers: "logits",
  receiverHead: "all",
  throughFeedForward: false,
  side: true,
};

/**
 * For each head as the sender: the share of the clean answer that comes back if the corrupted pass
 * gets the sender's clean value along the direct paths to the receivers, while all other heads say
 * what they say in the corrupted pass: [layers, heads].
 *
 * In a decoder that attends to a source, the heads of that attention are held likewise. Each head
 * takes two passes. Source: Wang et al., arXiv 2211.00593, section 3.1; Goldowsky-Dill et
 * al., arXiv 2304.05969.
 *
 * ```ts
 * import { GPT, logitDifference, openDevice, pathPatching } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const study = { clean: [1, 2], corrupted: [5, 2], metric: logitDifference({ correct: 3 }) };
 * const toLogits = await pathPatching(model, study);
 * const toKeys = await pathPatching(model, study, { receivers: "blocks.1.attn.hook_k" });
 * console.log(toLogits.shape, toKeys.values); // [2, 2], four numbers, of layer 1 zeros
 * device.close();
 * ```
 *
 * @throws {TypeError} as `patchingScores`, or if a receiver is unknown
 * @throws {RangeError} as `patchingScores`
 */
export async function pathPatching(
  model: LensModel,
  study: PatchingStudy,
  options: PathPatchingOptions = {},
): Promise<PatchingScores> {
  const operation = "pathPatching";
  checkOptions(operation, options, OPTIONS);
  const { side, throughFeedForward = false } = options;
  const heads = { point: "attn.hook_z", by: ["head"], side } as const;
  const plan = patchingPlan(operation, model, study, heads);
  const { clean, corrupted, stack, axes, shape, parts, names } = plan;
  const last = stack.point(stack.layers - 1, "hook_resid_post");
  const receivers = [...chosenPoints(operation, model, options.receivers ?? last)];
  const others = ["cross_attn.hook_z", ...throughFeedForward ? [] : ["hook_mlp_out"]];
  const known = pointRanks(model);
  const frozen = others
    .flatMap((point) => names.map((_, layer) => stack.point(layer, point)))
    .filter((name) => known.has(name));
  const { cache: cleanCache } = runWithCache(model, clean, { names });
  const { cache } = runWithCache(model, corrupted, { names: [...names, ...frozen] });
  const held: Hooks = Object.fromEntries(
    [...names, ...frozen].map((name) => [name, { patch: cache.get(name) }]),
  );
  const values = new Float32Array(parts.length);
  for (const [i, { name, selection }] of parts.entries()) {
    const sender = { patch: cleanCache.get(name), ...selection };
    const hooks = { ...held, [name]: [held[name], sender] } as Hooks;
    const { cache: found } = withHooks(
      model,
      hooks,
      () => runWithCache(model, corrupted, { names: receivers }),
    );
    const received: Hooks = Object.fromEntries(
      receivers.map((point) => [point, { patch: found.get(point), head: options.receiverHead }]),
    );
    values[i] = await withHooks(model, received, () => measure(model, corrupted, study.metric));
    found.dispose();
    await yieldToEvents();
  }
  cleanCache.dispose();
  cache.dispose();
  const ends = {
    clean: await measure(model, clean, study.metric),
    corrupted: await measure(model, corrupted, study.metric),
  };
  return { axes, shape, ...ends, values: shares(operation, values, ends) };
}
