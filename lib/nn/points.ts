/**
 * Hook points: named places of a forward pass where values can be read and replaced.
 *
 * A model asks `pointsOf(this)` once a pass and hands what it gets to its parts; without hooks that
 * is undefined and costs nothing. The names are TransformerLens's. See lib/lens for hooks, edits
 * and analyses.
 *
 * B batch, T time, H heads, D head size, C width.
 *
 * @module
 */
import { add, div, mul, sub } from "../ops/binary.ts";
import { mean } from "../ops/reduce.ts";
import { sqrt, square } from "../ops/unary.ts";
import { noteDependency } from "../tensor/dependencies.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { LayerNorm, type NormLayer } from "./layers.ts";

/** What is called at the points of a pass. */
export interface PointHook {
  /** Whether it reads or replaces the value at the point of this name. */
  wants(name: string): boolean;
  /** The value to go on with. */
  visit(name: string, value: Tensor): Tensor;
}

/** The points of a pass, or of a part of it, whose names begin with a prefix. */
export class Points {
  /** Points at which `hooks` are called in their order. */
  constructor(readonly hooks: readonly PointHook[], readonly prefix: string = "") {}

  /** The points of a part: their names begin with the part's. */
  within(part: string): Points {
    return new Points(this.hooks, `${this.prefix}${part}.`);
  }

  /** Whether a hook is at one of these points. */
  wants(...names: readonly string[]): boolean {
    return names.some((name) => this.hooks.some((hook) => hook.wants(this.prefix + name)));
  }

  /** The value to go on with at a point. */
  visit(name: string, value: Tensor): Tensor {
    const whole = this.prefix + name;
    return this.hooks.reduce(
      (value, hook) => hook.wants(whole) ? hook.visit(whole, value) : value,
      value,
    );
  }

  /** The same for rows [B,T,heads·D], which hooks see as [B,T,heads,D]. */
  visitHeads(name: string, rows: Tensor, heads: number): Tensor {
    if (!this.wants(name)) return rows;
    const [batch, time, width] = rows.shape;
    return this.visit(name, rows.view([batch, time, heads, width / heads])).view(rows.shape);
  }
}

const active = new WeakMap<object, Points>();

/**
 * The points at which hooks are active in a model; undefined if there are none. A program recorded
 * with other hooks is recorded again.
 */
export function pointsOf(model: object): Points | undefined {
  const read = () => active.get(model);
  noteDependency(model, read);
  return read();
}

/** Makes `points` those of a model, or of a part of one; undefined removes them. */
export function setPoints(model: object, points: Points | undefined): void {
  pointsOf(model);
  if (points) active.set(model, points);
  else active.delete(model);
}

/** `points?.visit`. */
export function visited(points: Points | undefined, name: string, value: Tensor): Tensor {
  return points?.visit(name, value) ?? value;
}

/**
 * norm(x), or x without a norm, with the points `NAME.hook_scale`, the root of the variance or of
 * the mean square [..., 1], and `NAME.hook_normalized`, the norm's value.
 */
export function normedAt(
  points: Points | undefined,
  name: string,
  norm: NormLayer | undefined,
  x: Tensor,
): Tensor {
  if (!norm || !points) return norm?.forward(x) ?? x;
  const own = points.within(name);
  const value = own.wants("hook_scale") ? openNorm(own, norm, x) : norm.forward(x);
  return own.visit("hook_normalized", value);
}

/** The norm step by step. */
function openNorm(points: Points, norm: NormLayer, x: Tensor): Tensor {
  const over = { axis: -1, keepDimensions: true };
  const centered = norm instanceof LayerNorm ? sub(x, mean(x, over)) : x;
  const scale = points.visit("hook_scale", sqrt(add(mean(square(centered), over), norm.epsilon)));
  const normalized = div(centered, scale);
  const gained = norm.weight ? mul(normalized, norm.weight) : normalized;
  return norm instanceof LayerNorm && norm.bias ? add(gained, norm.bias) : gained;
}
