/**
 * Builds SVG elements as text, in which everything except markup is escaped.
 *
 * @module
 */

/** Attributes of an element, in camelCase: `fontSize` becomes `font-size`. */
export type Attributes = Record<string, string | number | undefined>;

/** SVG attributes whose real names are in camelCase. */
const CAMEL_CASE = new Set(["viewBox", "preserveAspectRatio"]);

/**
 * One element around markup that is already safe.
 *
 * ```ts
 * console.assert(element("g", { fontSize: 12 }, "<path/>") === '<g font-size="12"><path/></g>');
 * ```
 */
export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${attributeName(key)}="${escape(shortNumber(value!))}"`);
  return content
    ? `<${name}${written.join("")}>${content}</${name}>`
    : `<${name}${written.join("")}/>`;
}

/** A `<text>` element; its content may be anything. */
export function textElement(text: string, attributes: Attributes): string {
  return element("text", attributes, escape(text));
}

/**
 * Text escaped for XML, between tags or in an attribute; a character that XML does not allow
 * at all becomes `�`.
 *
 * ```ts
 * console.assert(escape('<a b="c">\x00') === "&lt;a b=&quot;c&quot;&gt;\ufffd");
 * ```
 */
export function escape(text: string): string {
  const names: Record<string, string> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return onlyXmlCharacters(text).replace(/[&<>"]/g, (character) => `&${names[character]};`);
}

/** Replaces each character that XML does not allow, lone surrogates among them, by `�`. */
export function onlyXmlCharacters(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.toWellFormed().replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd");
}

function attributeName(key: string): string {
  if (CAMEL_CASE.has(key)) return key;
  return key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** Coordinates to a hundredth of a pixel. */
function shortNumber(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : value;
}
