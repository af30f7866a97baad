/**
 * SVG and HTML elements: text becomes text, never markup.
 *
 * @module
 */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An SVG element with attributes; its content is text or further elements. */
export function svg(name, attributes = {}, ...content) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/** The same for HTML; attributes have their HTML names, such as `class` and `for`. */
export function html(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}
