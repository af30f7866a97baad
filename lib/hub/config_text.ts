/**
 * The text of a `config.json` that Folio writes.
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
