/**
 * Checks of a configuration's values, with an error that names the field.
 *
 * See block_config.ts and config.ts for the fields.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { expectValue, truth, wholeNumber } from "../rules.ts";

/** Throws a RangeError unless `value` is a whole number from 1; `operation` begins the message. */
export function expectWholeNumber(name: string, value: unknown, operation = "model"): void {
  expectValue(`${operation}: ${name}`, wholeNumber({ min: 1 }), value);
}

/** Throws a RangeError unless `value` is a number above 0; `operation` begins the message. */
export function expectEpsilon(name: string, value: unknown, operation = "model"): void {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return;
  throw new RangeError(`${operation}: ${name} must be a number above 0, got ${describe(value)}`);
}

/** Throws a RangeError unless `value` is a finite number above 0; undefined passes. */
export function expectPositive(name: string, value: unknown): void {
  if (value !== undefined) expectEpsilon(name, value);
}

/** Throws a RangeError unless `value` is in [0, 1); undefined passes. */
export function expectProbability(name: string, value: unknown): void {
  if (value === undefined || typeof value === "number" && value >= 0 && value < 1) return;
  throw new RangeError(`model: ${name} must be in [0, 1), got ${describe(value)}`);
}

/** Throws a RangeError unless `value` is true or false. */
export function expectBoolean(name: string, value: unknown): void {
  expectValue(`model: ${name}`, truth, value);
}

/** Throws a RangeError unless `parts` divides `size`. */
export function expectDivides(part: string, parts: number, whole: string, size: number): void {
  if (size % parts !== 0) {
    throw new RangeError(
      `model: ${part} ${parts} does not divide ${whole} ${size}: ` +
        `${size} / ${parts} = ${+(size / parts).toFixed(3)}, expected a whole number`,
    );
  }
}
