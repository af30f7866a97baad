/**
 * Texts that break careless tokenizers. Every well-formed one must round-trip through a byte-level
 * tokenizer.
 */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  "one space": " ",
  "spaces and line ends": "  a \t\n\n  b\r\n   ",
  "NUL and controls": "a\0b\u0001\u007F\u0085c",
  "emoji with joiners": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽!",
  "right to left": "שלום עולם \u202Eabc\u202C مرحبا",
  "combining marks": "e\u0301 ñ n\u0303 Z̷̡͖a̸l̵g̶o̴",
  "byte-order mark": "\uFEFFtext\uFEFF",
  "no letter": "!!!'''\"\"\"…—¿",
  numerals: "3.14 ½ Ⅷ ² ३ 1,000,000",
  contractions: "It's we'll they've I'm 'tis 'S can't'd",
  "astral plane": "𝒳𝓎 𠜎𠜱 \u{10FFFF}",
  "special token look-alike": "<|endoftext|> < |endoftext|> <|endoftext",
  "spaces of all kinds": "a\u00A0b\u2003c\u3000d\u2028e",
};
