/**
 * The list of a model's hook points, with their shapes.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { Recorder } from "../device/recorder.ts";
import { checkOptions, meantOption } from "../options.ts";
import { expectWholeNumber } from "../nn/config_checks.ts";
import { type PointHook, Points, pointsOf, setPoints } from "../nn/points.ts";
import type { Shape } from "../shape.ts";
import { withoutScopes } from "../tensor/scope.ts";
import { withoutTape } from "../tensor/tape.ts";
import {
  blankInput,
  deviceOfModel,
  type LensInput,
  type LensModel,
  longestText,
  partsOf,
  runModel,
} from "./model_parts.ts";

/** A place of a model's pass where values can be read and edited. */
export interface HookPoint {
  /** Its name, TransformerLens's. */
  readonly name: string;
  /** The shape of its value. */
  readonly shape: Shape;
}

/** Options of `hookPoints`. */
export interface HookPointsOptions {
  /** B, sequences. Default: 1. */
  batch?: number;
  /** T, tokens of a sequence; of source and target for an encoder–decoder. Default: the longest. */
  length?: number;
}

/**
 * Every hook point of a model, in the order of a pass, with its shape for B sequences of T tokens.
 *
 * Nothing is computed.
 *
 * | point                                          | shape      |
 * | ---------------------------------------------- | ---------- |
 * | `hook_embed`, `hook_pos_embed`                 | [B,T,C]    |
 * | `blocks.N.hook_resid_pre`, `_mid`, `_post`     | [B,T,C]    |
 * | `blocks.N.ln1.hook_scale`, `.hook_normalized`  | [B,T,1], [B,T,C] |
 * | `blocks.N.attn.hook_q`, `.hook_k`, `.hook_v`   | [B,T,H,D]  |
 * | `blocks.N.attn.hook_attn_scores`, `.hook_pattern` | [B,H,T,T] |
 * | `blocks.N.attn.hook_z`, `.hook_result`         | [B,T,H,D], [B,T,H,C] |
 * | `blocks.N.hook_attn_out`, `.hook_mlp_out`      | [B,T,C]    |
 * | `blocks.N.mlp.hook_pre`, `.hook_post`          | [B,T,hidden] |
 * | `ln_final.hook_normalized`, `logits`           | [B,T,C], [B,T,V] |
 *
 * Others come with a configuration: `attn.hook_rot_q` and `hook_rot_k` (rotary positions),
 * `mlp.hook_pre_linear` (gates), `ln1_post` and `ln2_post` (sandwich norms), `ln_embed`,
 * `hook_token_type_embed`, and in a decoder that attends to a source `cross_attn`,
 * `hook_cross_attn_out`, `hook_resid_mid_cross` and `ln3`. Source of the names: Nanda & Bloom,
 * TransformerLens.
 *
 * ```ts
 * import { GPT, hookPoints, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * for (const { name, shape } of hookPoints(model, { length: 3 })) console.log(name, shape);
 * // hook_embed [1, 3, 16] …
 * device.close();
 * ```
 *
 * @throws {TypeError} if `model` is none, or an option is unknown
 * @throws {RangeError} if a size is impossible
 */
export function hookPoints(model: LensModel, options: HookPointsOptions = {}): HookPoint[] {
  partsOf("hookPoints", model);
  checkOptions("hookPoints", options, { batch: true, length: true });
  const { batch = 1, length = longestText(model) } = options;
  expectWholeNumber("batch", batch, "hookPoints");
  expectWholeNumber("length", length, "hookPoints");
  const shapes = pointShapes("hookPoints", model, blankInput(model, batch, length));
  return [...shapes].map(([name, shape]) => ({ name, shape }));
}

/** The shape of the value at each point of a model that reads an input. Nothing is computed. */
export function pointShapes(
  operation: string,
  model: LensModel,
  input: LensInput,
): Map<string, Shape> {
  const parts = partsOf(operation, model);
  const found = new Map<string, Shape>();
  const probe: PointHook = {
    wants: () => true,
    visit: (name, value) => {
      found.set(name, value.shape);
      return value;
    },
  };
  const others = parts.map(({ module }) => pointsOf(module));
  parts.forEach(({ module, prefix }) => setPoints(module, new Points([probe], prefix)));
  try {
    withoutRunning(model, () => runModel(operation, model, input));
  } finally {
    parts.forEach(({ module }, i) => setPoints(module, others[i]));
  }
  return found;
}

/** Runs `body` for its shapes: the device records what it launches, and forgets it. */
export function withoutRunning(model: LensModel, body: () => void): void {
  const device = deviceOfModel(model);
  const outer = device.recorder;
  device.recorder = new Recorder();
  try {
    onDevice(device, () => withoutScopes(() => withoutTape(body)));
  } finally {
    device.recorder = outer;
  }
}

const known = new WeakMap<LensModel, ReadonlyMap<string, number>>();

/** The names of a model's points, and how many axes the value at each has. */
export function pointRanks(model: LensModel): ReadonlyMap<string, number> {
  const ranks = known.get(model) ??
    new Map(hookPoints(model, { length: 2 }).map(({ name, shape }) => [name, shape.length]));
  known.set(model, ranks);
  return ranks;
}

/**
 * Checks that a model has a point of this name.
 *
 * @throws {TypeError} otherwise, naming the nearest
 */
export function expectPoint(operation: string, name: string, names: Iterable<string>): void {
  const all = [...names];
  if (all.includes(name)) return;
  const meant = meantOption(name, all) ?? all.find((other) => other.endsWith(name));
  const advice = meant ? `did you mean '${meant}'?` : "hookPoints(model) lists them";
  throw new TypeError(`${operation}: no hook point '${name}'; ${advice}`);
}
