/**
 * Text in figures: its width, tokens with visible spaces, and labels that do not overlap.
 *
 * @module
 */

/** The fonts of figures, the most common first. */
export const FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";

/**
 * Estimated width of text in pixels, rather too large because the font depends on the viewer; East
 * Asian characters count double.
 */
export function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) width += character >= "\u1100" ? 1.05 : 0.62;
  return width * fontSize;
}

/** Text cut to at most `length` characters, with `…` for the rest. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : characters.slice(0, length - 1).join("") + "…";
}

/**
 * A name cut to at most `length` characters in its middle: names of runs often differ only at their
 * ends.
 *
 * ```ts
 * console.assert(shortenName("width-128-rate-0.001-seed-1", 15) === "width-1…-seed-1");
 * ```
 */
export function shortenName(name: string, length: number): string {
  const characters = [...name];
  if (characters.length <= length) return name;
  const end = Math.floor((length - 1) / 2);
  return `${characters.slice(0, length - 1 - end).join("")}…${characters.slice(-end).join("")}`;
}

/**
 * A label at the end of a line: the line's name, if it has one, and what is said of it.
 *
 * ```ts
 * console.assert(endLabel("width 64", "2.400") === "width 64: 2.400");
 * ```
 */
export function endLabel(name: string, text: string): string {
  return name === "" ? text : `${name}: ${text}`;
}

/**
 * A token as it can be seen: spaces at its ends as `␣`, line feeds as `↵`, tabs as `⇥`, other
 * controls as `�`, an empty one as `∅`; long ones are cut.
 *
 * ```ts
 * console.assert(visibleToken(" the\n") === "␣the↵");
 * ```
 */
export function visibleToken(token: string, length = 16): string {
  if (token === "") return "∅";
  const marked = token
    .replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length))
    .replaceAll("\n", "↵").replaceAll("\t", "⇥")
    // deno-lint-ignore no-control-regex
    .replace(/[\x00-\x1f\x7f-\x9f]/g, "\ufffd");
  return shorten(marked, length);
}

/**
 * Moves positions apart until neighbors are `gap` from each other, as little as possible and within
 * `low`…`high`; the order is kept. If the room is too small, the gap shrinks.
 *
 * ```ts
 * console.assert(spread([10, 10, 50], 4, 0, 100).join() === "8,12,50");
 * ```
 */
export function spread(
  positions: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  const step = Math.min(gap, (high - low) / Math.max(1, positions.length - 1));
  const order = positions.map((_, index) => index).sort((a, b) => positions[a] - positions[b]);
  // Neighbors that touch form a block, at the mean of its members' original positions.
  const blocks: { members: number[]; start: number }[] = [];
  for (const index of order) {
    let block = place([index]);
    while (blocks.length > 0 && end(blocks.at(-1)!) + step > block.start + 1e-9) {
      block = place([...blocks.pop()!.members, ...block.members]);
    }
    blocks.push(block);
  }
  const moved = new Array<number>(positions.length);
  for (const { members, start } of blocks) {
    members.forEach((index, place) => moved[index] = start + place * step);
  }
  return moved;

  function place(members: number[]): { members: number[]; start: number } {
    const extent = (members.length - 1) * step;
    const wishes = members.map((index, at) => positions[index] - at * step);
    const mean = wishes.reduce((sum, wish) => sum + wish, 0) / members.length;
    return { members, start: Math.max(low, Math.min(high - extent, mean)) };
  }

  function end({ members, start }: { members: number[]; start: number }): number {
    return start + (members.length - 1) * step;
  }
}
