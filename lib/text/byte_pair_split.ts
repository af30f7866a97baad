/**
 * GPT-2's rule for cutting a text into the pieces within which byte pairs merge.
 *
 * @module
 */

// Classes of characters; 0 in the table is one not yet looked up.
const LETTER = 1, NUMERAL = 2, WHITE = 3, SIGN = 4;
const classes = new Uint8Array(0x110000);
const SPACE = 0x20, APOSTROPHE = 0x27;
const CONTRACTION = /'(?:[stmd]|re|ve|ll)/y;

/**
 * The pieces of a text, which joined are the text: an English contraction's ending; letters,
 * numerals or other signs with at most one space before them; or white space, whose last character
 * belongs to the next piece.
 *
 * The rule is the regular expression `'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+|
 * ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` with `\s` as Unicode's White_Space, done by hand because a
 * RegExp overflows its stack on some millions of letters without a space. Source: Radford et al.,
 * "Language Models are Unsupervised Multitask Learners", 2019 (GPT-2).
 */
export function* splitForBytePairs(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const end = pieceEnd(text, start);
    yield text.slice(start, end);
    start = end;
  }
}

/** The starts and ends of the same pieces, in UTF-16 units. */
export function bytePairSplits(text: string): number[] {
  const places: number[] = [];
  for (let start = 0; start < text.length;) {
    const end = pieceEnd(text, start);
    places.push(start, end);
    start = end;
  }
  return places;
}

function pieceEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === APOSTROPHE) {
    CONTRACTION.lastIndex = start;
    if (CONTRACTION.test(text)) return CONTRACTION.lastIndex;
  }
  const spaceBefore = first === SPACE && start + 1 < text.length &&
    classAt(text, start + 1) !== WHITE;
  const end = runEnd(text, spaceBefore ? start + 1 : start);
  const leavesOne = classAt(text, start) === WHITE && !spaceBefore && end < text.length;
  return leavesOne && end - start > 1 ? end - 1 : end;
}

/** The end of the run of characters of one class that begins at `start`. */
function runEnd(text: string, start: number): number {
  const kind = classAt(text, start);
  let end = start;
  while (end < text.length && classAt(text, end) === kind) {
    end += text.codePointAt(end)! > 0xFFFF ? 2 : 1;
  }
  return end;
}

function classAt(text: string, index: number): number {
  const codePoint = text.codePointAt(index)!;
  return classes[codePoint] || (classes[codePoint] = classify(String.fromCodePoint(codePoint)));
}

function classify(character: string): number {
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMERAL;
  return /\p{White_Space}/u.test(character) ? WHITE : SIGN;
}
