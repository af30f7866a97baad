/**
 * Safetensors as untrusted input: one case per way to be malformed, then mutated files by the
 * thousand.
 */
import assert from "node:assert/strict";
import { Random } from "../lib/random.ts";
import { bytesSource } from "../lib/hub/byte_source.ts";
import { encodeSafetensors, SafetensorsFile } from "../lib/hub/safetensors.ts";
import { parseSafetensorsHeader, readSafetensorsHeader } from "../lib/hub/safetensors_header.ts";

/** A file of the given header text (or bytes) and as many zero bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes: number, statedLength?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, statedLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A header of one F32 tensor "w", given the JSON texts of its fields. */
const tensor = (shape: string, offsets: string, dtype = '"F32"') =>
  `{"w":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;

const two = (first: string, second: string) =>
  `{"a":{"dtype":"U8","shape":[4],"data_offsets":${first}},` +
  `"b":{"dtype":"U8","shape":[4],"data_offsets":${second}}}`;

const notUtf8 = new TextEncoder().encode('{"__metadata__":{"a":"?"}}');
notUtf8[22] = 0xff;

const malformed: [string, Uint8Array, RegExp][] = [
  ["no bytes at all", new Uint8Array(0), /expected 8 bytes of header length, the file has 0/],
  ["fewer than 8 bytes", new Uint8Array(7), /expected 8 bytes of header length, the file has 7/],
  ["header length 0", fileOf("", 0), /header length 0 does not fit a file of 8 bytes/],
  ["header length 1", fileOf("{", 0), /header length 1 does not fit/],
  ["header past the end", fileOf("{}", 0, 3n), /header length 3 does not fit a file of 10 bytes/],
  ["header over 100 MB", fileOf("{}", 0, 100_000_001n), /100000001 is over the limit of 25000000/],
  [
    "header of 2^64 - 1",
    fileOf("{}", 0, 2n ** 64n - 1n),
    /header length 1844\d+ is over the limit/,
  ],
  ["not UTF-8", fileOf(notUtf8, 0), /the header is not UTF-8/],
  ["a byte-order mark", fileOf("\uFEFF{}", 0), /must begin with "{" \(0x7b\), got 0xef/],
  ["space first", fileOf(" {}", 0), /must begin with "{" \(0x7b\), got 0x20/],
  ["a list", fileOf("[]", 0), /must begin with "{" \(0x7b\), got 0x5b/],
  ["unfinished", fileOf('{"w":', 0), /at character 5 .*expected "{", got its end/],
  ["no colon", fileOf('{"w" {}}', 0), /at character 5 .*expected ":", got "{}}"/],
  ["a key that is no string", fileOf("{w:1}", 0), /at character 1 .*expected a string, got "w:1}"/],
  ["an unfinished string", fileOf('{"w', 0), /at character 1 .*expected a complete string/],
  ["a bad escape", fileOf('{"\\q":{}}', 0), /expected a complete string/],
  ["an escape at the end", fileOf('{"\\', 0), /expected a complete string/],
  ["half a surrogate pair", fileOf('{"\\ud800":{}}', 0), /expected a complete string/],
  ["a line break in a string", fileOf('{"a\n":{}}', 0), /expected a complete string/],
  ["a comma before }", fileOf('{"__metadata__":{},}', 0), /expected a string, got "}"/],
  ["more after the end", fileOf("{} {}", 0), /character 3 .*expected the end of the header/],
  ["zeros as padding", fileOf("{}\0\0", 0), /expected the end of the header/],
  ["deep nesting", fileOf('{"w":'.repeat(50_000), 0), /expected dtype, shape and data_offsets/],
  ["a tensor that is null", fileOf('{"w":null}', 0), /expected "{", got "null}"/],
  ["metadata that are no object", fileOf('{"__metadata__":[]}', 0), /expected "{", got "\[\]}"/],
  ["metadata of a number", fileOf('{"__metadata__":{"a":1}}', 0), /expected a string, got "1}}"/],
  [
    "a name twice",
    fileOf('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{}}', 0),
    /duplicate key "w"/,
  ],
  [
    "a name twice, escaped",
    fileOf('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0077":{}}', 0),
    /duplicate key "w"/,
  ],
  ["a field twice", fileOf('{"w":{"dtype":"U8","dtype":"F32"}}', 0), /duplicate key "dtype"/],
  [
    "metadata twice",
    fileOf('{"__metadata__":{},"__metadata__":{}}', 0),
    /duplicate key "__metadata__"/,
  ],
  ["an unknown field", fileOf('{"w":{"size":4}}', 0), /"w": expected dtype, .*, got "size"/],
  ["no dtype", fileOf('{"w":{"shape":[1],"data_offsets":[0,4]}}', 4), /"w": dtype is missing/],
  ["no shape", fileOf('{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4), /"w": shape is missing/],
  ["no offsets", fileOf('{"w":{"dtype":"F32","shape":[1]}}', 4), /"w": data_offsets is missing/],
  ["an unknown dtype", fileOf(tensor("[1]", "[0,4]", '"F31"'), 4), /of F64, .*BOOL, got "F31"/],
  ["a dtype of the prototype", fileOf(tensor("[1]", "[0,4]", '"toString"'), 4), /got "toString"/],
  ["a dtype of a number", fileOf(tensor("[1]", "[0,4]", "32"), 4), /expected a string, got "32,/],
  ["a shape that is a number", fileOf(tensor("1", "[0,4]"), 4), /expected "\[", got "1,/],
  [
    "a negative dimension",
    fileOf(tensor("[-1]", "[0,4]"), 4),
    /shape: expected a whole number .*got -1/,
  ],
  ["minus zero", fileOf(tensor("[-0]", "[0,0]"), 0), /shape: expected a whole number .*got -0/],
  ["a fraction", fileOf(tensor("[1.0]", "[0,4]"), 4), /shape: expected a whole number .*got 1.0/],
  ["an exponent", fileOf(tensor("[1e0]", "[0,4]"), 4), /shape: expected a whole number .*got 1e0/],
  ["a leading zero", fileOf(tensor("[01]", "[0,4]"), 4), /shape: expected a whole number .*got 01/],
  ["a dimension of text", fileOf(tensor('["1"]', "[0,4]"), 4), /whole number .*got "1"/],
  [
    "a nested list",
    fileOf(tensor("[[1]]", "[0,4]"), 4),
    /shape: expected a whole number .*got \[1/,
  ],
  [
    "a missing number",
    fileOf(tensor("[1,]", "[0,4]"), 4),
    /shape: expected a whole number .*got \]/,
  ],
  ["a dimension of 2^53", fileOf(tensor("[9007199254740992]", "[0,4]"), 4), /got 9007199254740992/],
  ["a very long number", fileOf(tensor(`[${"9".repeat(9999)}]`, "[0,4]"), 4), /got 9{40}…$/],
  [
    "a product that overflows",
    fileOf(tensor("[4194304,4194304,4194304]", "[0,4]"), 4),
    /overflows: 2\^53 bytes/,
  ],
  [
    "more than 64 axes",
    fileOf(tensor(`[${Array(65).fill(1)}]`, "[0,4]"), 4),
    /at most 64 numbers, got more/,
  ],
  ["one offset", fileOf(tensor("[1]", "[0]"), 4), /\[begin, end\], got 1 numbers/],
  [
    "three offsets",
    fileOf(tensor("[1]", "[0,4,8]"), 4),
    /offsets: expected at most 2 numbers, got more/,
  ],
  [
    "a negative offset",
    fileOf(tensor("[1]", "[-4,0]"), 4),
    /offsets: expected a whole number .*got -4/,
  ],
  ["an end before its begin", fileOf(tensor("[1]", "[4,0]"), 4), /end 0 before they begin 4/],
  [
    "an end out of bounds",
    fileOf(tensor("[2]", "[0,8]"), 4),
    /end at 8, the file has 4 bytes of data/,
  ],
  [
    "a shape of another size",
    fileOf(tensor("[2]", "[0,4]"), 4),
    /F32 \[2\] takes 8 bytes, data_offsets give 4/,
  ],
  [
    "a dtype of another size",
    fileOf(tensor("[1]", "[0,4]", '"F64"'), 4),
    /F64 \[1\] takes 8 bytes, .*give 4/,
  ],
  [
    "overlapping tensors",
    fileOf(two("[0,4]", "[2,6]"), 6),
    /"b" begins at 2 and overlaps tensor "a", which ends at 4/,
  ],
  [
    "the same bytes twice",
    fileOf(two("[0,4]", "[0,4]"), 4),
    /"b" begins at 0 and overlaps tensor "a"/,
  ],
  [
    "a hole between tensors",
    fileOf(two("[0,4]", "[6,10]"), 10),
    /bytes 4 to 6 before tensor "b" are a hole/,
  ],
  [
    "a hole at the start",
    fileOf(two("[6,10]", "[2,6]"), 10),
    /bytes 0 to 2 before tensor "b" are a hole/,
  ],
  [
    "bytes after the last tensor",
    fileOf(two("[0,4]", "[4,8]"), 9),
    /has 9 bytes of data, tensors cover 8/,
  ],
  ["data but no tensors", fileOf("{}", 1), /has 1 bytes of data, tensors cover 0/],
  [
    "an empty tensor inside another",
    fileOf(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}',
      4,
    ),
    /"b" begins at 2 and overlaps/,
  ],
];

for (const [name, bytes, message] of malformed) {
  Deno.test(`safetensors refuses: ${name}`, async () => {
    assert.throws(() => readSafetensorsHeader(bytes), { name: "SyntaxError", message });
    const source = bytesSource(bytes, "bad.safetensors");
    await assert.rejects(SafetensorsFile.open(source), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.ok(error.message.startsWith("bad.safetensors: safetensors: "), error.message);
      return true;
    });
  });
}

Deno.test("a file cut short at any byte is refused", async () => {
  const data = Float32Array.of(1, 2, 3);
  const whole = await new Blob([...encodeSafetensors([["w", { shape: [3], data }]])]).bytes();
  readSafetensorsHeader(whole);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readSafetensorsHeader(whole.subarray(0, length)), SyntaxError);
  }
});

Deno.test("a header of 99 MB that is one long string or all space ends in an error or is read", () => {
  const long = new Uint8Array(99_000_000).fill(0x20);
  long.set(new TextEncoder().encode("{}"));
  assert.equal(parseSafetensorsHeader(long, 0).tensors.size, 0);
  long.fill(0x61, 2).set(new TextEncoder().encode('{"'));
  assert.throws(() => parseSafetensorsHeader(long, 0), { name: "SyntaxError" });
});

/**
 * One to four small changes to the header or its length: bits, bytes, cuts, doublings, odd tokens.
 */
function mutate(original: Uint8Array, random: Random): Uint8Array {
  let bytes = new Uint8Array(original);
  const tokens = ["{", "}", "[", "]", ",", ":", '"', "-1", "1e9", "\\u0000", "null", "99999999999"];
  for (let changes = 1 + random.integer(4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.integer(bytes.length);
    const kind = random.integer(6);
    if (kind === 0) bytes[at] ^= 1 << random.integer(8);
    else if (kind === 1) bytes[at] = random.integer(256);
    else if (kind === 2) bytes = bytes.slice(0, at);
    else if (kind === 3) bytes[random.integer(Math.min(8, bytes.length))] = random.integer(256);
    else {
      const piece = kind === 4
        ? bytes.slice(at, at + 1 + random.integer(40))
        : new TextEncoder().encode(tokens[random.integer(tokens.length)]);
      const cut = random.integer(2) * piece.length; // inserted or written over
      const longer = new Uint8Array(Math.max(at + piece.length, bytes.length + piece.length - cut));
      longer.set(bytes.subarray(0, at));
      longer.set(piece, at);
      longer.set(bytes.subarray(at + cut), at + piece.length);
      bytes = longer;
      if (random.integer(2) && bytes.length > 8) fixLength(bytes, original);
    }
  }
  return bytes;
}

/** Makes the stated length fit again, so that mutations reach the checks behind it. */
function fixLength(bytes: Uint8Array, original: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  const data = original.length - 8 - Number(new DataView(original.buffer).getBigUint64(0, true));
  view.setBigUint64(0, BigInt(Math.max(0, bytes.length - 8 - data)), true);
}

Deno.test("120,000 mutated files give a sound header or a SyntaxError, nothing else", async () => {
  const original = await new Blob([
    ...encodeSafetensors([
      ["h.0.w", { shape: [2, 3], data: new Float32Array(6) }],
      ["h.0.b", { shape: [3], data: new Float32Array(3) }],
      ["ids", { shape: [2], data: new BigInt64Array(2) }],
      ["mask", { shape: [4], data: new Uint8Array(4), dtype: "BOOL" }],
    ], { step: "7" }),
  ]).bytes();
  const random = new Random(20240607);
  const reasons = new Map<string, number>();
  let accepted = 0;
  for (let trial = 0; trial < 120_000; trial++) {
    const bytes = mutate(original, random);
    try {
      const { tensors, dataStart } = readSafetensorsHeader(bytes);
      let covered = 0;
      for (const { begin, end } of tensors.values()) covered += end - begin;
      assert.equal(dataStart + covered, bytes.length);
      accepted++;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      assert.ok(error.message.length < 400, error.message);
      const reason = error.message.replace(/".*?"|[0-9]+/g, "").slice(0, 40);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  assert.ok(accepted > 500, `only ${accepted} accepted: the mutations are too coarse`);
  assert.ok(
    reasons.size > 20,
    `only ${reasons.size} reasons: the mutations do not reach the checks`,
  );
});
