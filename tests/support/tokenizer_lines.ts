/**
 * 2,446 lines on which tokenizers differ: 44 languages, code, hostile texts, and random mixtures of
 * these. They are made here, the same ones at every run.
 *
 * @module
 */
import { Random } from "../../lib/random.ts";
import { HOSTILE_TEXTS } from "./hostile_texts.ts";

/** "All human beings are born free and equal in dignity and rights" and the like. */
const LANGUAGES: readonly string[] = [
  "All human beings are born free and equal in dignity and rights.",
  "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
  "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
  "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
  "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.",
  "Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
  "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren.",
  "Alla människor är födda fria och lika i värde och rättigheter.",
  "Alle mennesker er født frie og lige i værdighed og rettigheder.",
  "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
  "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
  "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.",
  "Minden emberi lény szabadon születik és egyenlő méltósága és joga van.",
  "Toate ființele umane se nasc libere și egale în demnitate și în drepturi.",
  "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İSTANBUL ıI",
  "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.",
  "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama.",
  "Ang lahat ng tao'y isinilang na malaya at pantay-pantay sa karangalan.",
  "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa.",
  "Gbogbo ènìyàn ni a bí ní òmìnira; iyì àti ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba.",
  "Bonke abantu bazalwa bekhululekile belingana ngesithunzi nangamalungelo.",
  "Все люди рождаются свободными и равными в своём достоинстве и правах.",
  "Всі люди народжуються вільними і рівними у своїй гідності та правах.",
  "Всички хора се раждат свободни и равни по достойнство и права.",
  "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι. ΟΔΥΣΣΕΥΣ ΣΑΣ",
  "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ։",
  "ყველა ადამიანი იბადება თავისუფალი და თანასწორი.",
  "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
  "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
  "تمام افراد بشر آزاد به دنیا می‌آیند و حیثیت و حقوقشان با هم برابر است.",
  "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔",
  "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
  "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
  "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
  "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులు.",
  "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ.",
  "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും ജനിച്ചവരാണ്.",
  "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත.",
  "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
  "မနုဿ လူသားတိုင်း လွတ်လပ်စွာ မွေးဖွားသည်။",
  "ມະນຸດທຸກຄົນເກີດມາມີອິດສະຫຼະ ແລະ ສະເໝີພາບກັນ",
  "មនុស្សទាំងអស់កើតមកមានសេរីភាព និងសមភាព",
  "人人生而自由，在尊严和权利上一律平等。ㄅㄆㄇ",
  "すべての人間は、生まれながらにして自由であり、ｶﾀｶﾅとカタカナ。",
  "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 각",
];

const CODE: readonly string[] = [
  "for (let i = 0; i < n; i++) { sum += a[i] * b[i]; } // dot",
  "def f(x, *args, **kwargs):\n\treturn {k: v for k, v in x.items() if v != None}\n",
  '#include <stdio.h>\r\nint main(void)\r\n{\r\n    printf("%d\\n", 0x7fff);\r\n}\r\n',
  "SELECT name, COUNT(*) FROM users WHERE age >= 21 GROUP BY 1 ORDER BY 2 DESC;",
  '<div class="a b-c">&nbsp;&lt;tag/&gt;</div><!-- comment -->',
  "curl -sSL https://example.org/a?b=c&d=%20e#f | sudo bash -c 'echo $HOME'",
  "let re = /^(?:\\w+\\s?)*$/gu, t = `a${b}c`; x ??= y?.z ?? [...w];",
  "E = mc^2, \\frac{\\partial L}{\\partial w} \\approx 3.14159e-10 ± 2½",
  "fn main() -> Result<(), Box<dyn Error>> { let v: Vec<u8> = vec![0; 16]; Ok(()) }",
  "    \t  indented\n\n\n\n        more\n \n  \n",
  "| a | b |\n|---|:-:|\n| **x** | ~~y~~ |",
  "I don't, she'll, they've, we're, I'm, he'd, it's, 'twas, O'Neill's, DON'T, IT'S",
];

const HOSTILE: readonly string[] = [
  ...Object.values(HOSTILE_TEXTS),
  "lone \uD83D surrogate \uDE00 and \uDE00\uD83D swapped",
  "\uFEFFmark first, \uFEFF in between",
  "e\u0301e\u0300\u0323 o\u0308\u0304 \u1E69 s\u0323\u0307 \u0344 \u212B \uFB01ve \u2460 \uFF21\uFF22 \u3392",
  "\u1100\u1161\u11A8 \uAC00\u11A8 \u0958 \u2126 \u{1D15E} \u{2F800}",
  "🇩🇪🇫🇷🇯 👨‍👩‍👧‍👦👍🏿 ☎️ ✈︎ 1️⃣ ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "\u200Bzero\u200Bwidth\u200Cjoin\u200Der\u2060\u00ADhy",
  "\u2581under\u2581score \u2581 \u2581\u2581 ▁",
  "<s> </s> <unk> <pad> <mask> [CLS] [SEP] [MASK] [UNK] <|endoftext|> <bos><eos> <0x41> <0xE2>",
  " <mask>  <mask>. a<mask>b  [MASK]\u3000[MASK] x[SEP]y<s>a</s> <s>b</s>",
  "Ġ Ċ ĉ ÄÖÜ Â£ âĢĶ",
  "\0\u0001\u0002\u0008\u000B\u000C\u000E\u001F\u007F\u0080\u0085\u009F\u00A0",
  "ſ K Å ß ẞ ŉ ǰ İ ı ΐ ﬀ ﬃ ﬆ ĳ Ǆ ǅ ǆ ς σ Σ",
  "0123456789 ٠١٢٣ ०१२३ ௧௨௩ 一二三 ⅠⅡⅢ ①②③ ½¼¾ ²³¹ 1,234.56 １２３ 𝟘𝟙",
  "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¢£¤¥¦§¨©ª«¬®¯°±´¶·¸»¿",
  "“quotes” ‘single’ „low‟ ‹angle› «guillemets» – — ― … ‥ ‧ ‰ ′ ″ ※ ⁇ ‼",
  "、。〃〈〉《》「」『』【】〔〕〜・！？：；，．",
  "a b\u00A0c\u1680d\u2000e\u2009f\u200Ag\u2028h\u2029i\u202Fj\u205Fk\u3000l",
  "word.word...word!!word?!word,,word;;word::word--word__word==word",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "x".repeat(120) + " " + "日".repeat(110) + " " + "ab".repeat(60),
  "  leading",
  "trailing  ",
  "\n",
  "\t\t",
  "\r\n\r\n",
  " \n ",
  "   ",
  "\u3000\u3000",
  "𠀀𠮷𪜀𫝀𫠠𬺰𮯠 㐀㐁 豈更 ⼀⼁ 々〇〡 ヶヵ ㇰ",
  "\u{10FFFF}\u{FFFFF}\uE000\uF8FF\uFFFD\uFFFE\uFDD0",
  "ᾳ ᾼ ὖ Ὗ ǅ ꭰ Ꭰ Ა ა Ⴀ ⴀ 𐐀 𐐨 𞤀 𞤢",
  "\u0378\u0E00\u{1F8FF}\u{2FFFF}\u{3134F}\u{E0001}",
];

/** How many lines there are. */
const LINES = 2446;

/** The lines. */
export function tokenizerLines(): string[] {
  const random = new Random(2446);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random.uniform() * items.length)];
  const base = [...LANGUAGES, ...CODE, ...HOSTILE];
  const lines = [...base, ...base.map((line) => line.toUpperCase()), base.join(" ")];
  const fragments = base.flatMap((line) => line.split(/(?<= )/));
  const characters = [...new Set(base.join(""))];
  while (lines.length < LINES) {
    const kind = Math.floor(random.uniform() * 4);
    const length = 1 + Math.floor(random.uniform() * 12);
    const parts = Array.from({ length }, () => {
      if (kind === 0) return pick(fragments);
      if (kind === 1) return pick(characters) + (random.uniform() < 0.2 ? " " : "");
      if (kind === 2) return pick(fragments).slice(0, 3) + pick([" ", "", "\n", "  ", "'s ", "1"]);
      return String.fromCodePoint(0x20 + Math.floor(random.uniform() ** 3 * 0x1FFFF));
    });
    lines.push(parts.join(""));
  }
  return lines;
}

/** Every seventh line: those whose digests are kept. */
export function goldenLines(): string[] {
  return tokenizerLines().filter((_, index) => index % 7 === 0);
}

/** Lists of random ids from 0 to 299, for the small vocabularies of tokenizer_parts.ts. */
export function goldenIds(): number[][] {
  const random = new Random(299);
  return Array.from({ length: 150 }, () =>
    Array.from(
      { length: 1 + Math.floor(random.uniform() * 20) },
      () => Math.floor(random.uniform() * 300),
    ));
}

/** A third of them, for offsets. */
export function offsetLines(): string[] {
  return goldenLines().filter((_, index) => index % 3 === 0);
}
