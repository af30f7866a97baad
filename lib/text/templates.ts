/**
 * Which tokens go around one text and around a pair of texts, and which token types they get.
 *
 * @module
 */

/** One place of a template: ids that are put in, or one of the texts. */
export type TemplatePiece =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: "A" | "B"; readonly type: number };

/** The templates of one text and of a pair. */
export interface Templates {
  /** For one text. */
  readonly single: readonly TemplatePiece[];
  /** For a pair of texts. */
  readonly pair: readonly TemplatePiece[];
}

/** The ids that go before and after a text. */
export interface Surroundings {
  /** Before the text. */
  readonly before: readonly number[];
  /** After the text. */
  readonly after: readonly number[];
}

/** The same ids around each text; the token type is 0 for the first and 1 for the second. */
export function templatesAround({ before, after }: Surroundings): Templates {
  const around = (text: "A" | "B", type: number): TemplatePiece[] => [
    ...(before.length > 0 ? [{ ids: before, type }] : []),
    { text, type },
    ...(after.length > 0 ? [{ ids: after, type }] : []),
  ];
  return { single: around("A", 0), pair: [...around("A", 0), ...around("B", 1)] };
}

/** The ids before and after one text. */
export function surroundingsOf({ single }: Templates): Surroundings {
  const at = single.findIndex((piece) => "text" in piece);
  const idsOf = (pieces: Templates["single"]) =>
    pieces.flatMap((piece) => "ids" in piece ? piece.ids : []);
  return { before: idsOf(single.slice(0, at)), after: idsOf(single.slice(at + 1)) };
}

/** The number of ids that a template puts in. */
export function specialCount(template: readonly TemplatePiece[]): number {
  return template.reduce((count, piece) => count + ("ids" in piece ? piece.ids.length : 0), 0);
}
