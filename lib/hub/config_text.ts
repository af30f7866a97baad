/**
 * The text of a `config.json` that Folio writes, and whether it says the same as another.
 *
 * @module
 */

/** Fields that transformers 5 reads as floats only: it refuses 30 and reads 30.0. */
const FLOATS = /("(?:attn|final)_logit_softcapping": -?\d+)(?=,?\n)/g;

/**
 * A configuration as indented JSON, whole numbers written as floats if transformers requires it.
 *
 * ```ts
 * console.log(configText({ final_logit_softcapping: 30 })); // { "final_logit_softcapping": 30.0 }
 * ```
 */
export function configText(config: Readonly<Record<string, unknown>>): string {
  return (JSON.stringify(config, undefined, 2) + "\n").replace(FLOATS, "$1.0");
}

/** Whether two configurations have equal fields, in whatever order; undefined is none. */
export function isSameConfig(a: object, b: object): boolean {
  return ordered(a) === ordered(b);
}

/** JSON with the keys of every object in alphabetical order. */
function ordered(value: object): string {
  const isObject = (part: unknown) => part instanceof Object && !Array.isArray(part);
  return JSON.stringify(
    value,
    (_, part) => isObject(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
  );
}
