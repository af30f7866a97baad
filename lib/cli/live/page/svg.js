/**
 * SVG elements, made one by one: text becomes text, never markup.
 *
 * @module
 */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An element with attributes, its content either text or further elements. */
export function svg(name, attributes = {}, ...content) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/** The same in HTML; an attribute `class` or `for` is written as such. */
export function html(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}
