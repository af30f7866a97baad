/**
 * Reads the SVG that lib/plot writes, for tests: whether it is well-formed, and the position of its
 * texts.
 */

import assert from "node:assert/strict";

/** An element with its place on the figure, transforms included, and the text within. */
export interface Placed {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

const TAG = /<(\/?)([\w:]+)((?: [\w:-]+="[^"<]*")*) ?(\/?)>/y;

interface Tag {
  readonly name: string;
  readonly attributes: Map<string, string>;
  /** Text before the next tag. */
  readonly text: string;
  readonly kind: "open" | "close" | "empty";
}

/** Splits markup into tags; fails on a bare `<` or `&`, and on characters that XML excludes. */
function* tags(svg: string, name: string): Generator<Tag> {
  let index = 0;
  while (index < svg.length) {
    TAG.lastIndex = index;
    const match = TAG.exec(svg);
    assert(match, `${name}: no tag at "${svg.slice(index, index + 40)}"`);
    const [whole, slash, tag, attributes, empty] = match;
    const start = index + whole.length;
    const next = svg.indexOf("<", start);
    index = next < 0 ? svg.length : next;
    const text = svg.slice(start, index);
    for (const part of [attributes, text]) {
      assert(
        !/&(?!(?:amp|lt|gt|quot|#\d+|#x[\da-f]+);)/i.test(part),
        `${name}: bare & in "${part}"`,
      );
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(part) && part.isWellFormed(), name);
    }
    const pairs = [...attributes.matchAll(/ ([\w:-]+)="([^"]*)"/g)].map(([, k, v]) =>
      [k, v] as const
    );
    const kind = slash ? "close" : empty ? "empty" : "open";
    yield { name: tag, attributes: new Map(pairs), text: decode(text), kind };
  }
}

/** Fails unless every tag is closed in order and all text is escaped. */
export function assertWellFormed(svg: string, name: string): void {
  const open: string[] = [];
  for (const tag of tags(svg, name)) {
    if (tag.kind === "open") open.push(tag.name);
    if (tag.kind === "close") assert.equal(tag.name, open.pop(), `${name}: wrong closing tag`);
  }
  assert.deepEqual(open, [], `${name}: not closed`);
}

/** All texts, in the order of the document. */
export function texts(svg: string): string[] {
  return elements(svg, "text").map(({ text }) => text);
}

/** Every element of a name with its place; rotations move nothing. */
export function elements(svg: string, name: string): Placed[] {
  const places: Placed[] = [];
  const origins = [[0, 0]];
  for (const tag of tags(svg, name)) {
    if (tag.kind === "close") origins.pop();
    if (tag.kind === "close") continue;
    const number = (key: string) => Number.parseFloat(tag.attributes.get(key) ?? "0") || 0;
    const transform = tag.attributes.get("transform") ?? "";
    const shift = /translate\(([-\d.e]+),([-\d.e]+)\)/.exec(transform)?.slice(1).map(Number) ??
      [0, 0];
    const relative = tag.attributes.get("y")?.endsWith("em") ? 0 : number("y");
    const x = origins.at(-1)![0] + shift[0] + number("x");
    const y = origins.at(-1)![1] + shift[1] + relative;
    if (tag.name === name) places.push({ x, y, text: tag.text });
    if (tag.kind === "open") origins.push([x, y]);
  }
  return places;
}

function decode(text: string): string {
  const names: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };
  return text.replace(/&(lt|gt|quot|amp);/g, (_, name) => names[name]);
}
