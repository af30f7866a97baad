/** Safetensors: what is written is read back, every element type, and files that others wrote. */
import assert from "node:assert/strict";
import { bytesSource } from "../lib/hub/byte_source.ts";
import { fileSource } from "../lib/hub/file_source.ts";
import {
  assertFinite,
  encodeSafetensors,
  type SafetensorsEntry,
  SafetensorsFile,
} from "../lib/hub/safetensors.ts";
import { decodeFloat32, type SafetensorsDtype } from "../lib/hub/safetensors_dtype.ts";
import { readSafetensorsHeader } from "../lib/hub/safetensors_header.ts";
import { golden } from "./support/golden.ts";

type Entries = [string, SafetensorsEntry][];

const encode = (tensors: Entries, metadata?: Record<string, string>) =>
  new Blob([...encodeSafetensors(tensors, metadata)]).bytes();

const headerText = (bytes: Uint8Array) =>
  new TextDecoder().decode(bytes.subarray(8, readSafetensorsHeader(bytes).dataStart));

Deno.test("a written file has the exact bytes of the format", async () => {
  const bytes = await encode([["w", { shape: [1, 2], data: Float32Array.of(1, -2) }]], { a: "b" });
  const json = '{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
  const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
  assert.deepEqual([...bytes.subarray(0, 8)], [padded.length, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(headerText(bytes), padded);
  assert.deepEqual([...bytes.subarray(8 + padded.length)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
});

Deno.test("each element type is read back as it was written, whatever the order of sizes", async () => {
  const tensors: Entries = [
    ["flags", { shape: [3], data: Uint8Array.of(0, 1, 1), dtype: "BOOL" }],
    ["bytes", { shape: [2], data: Uint8Array.of(7, 255) }],
    ["small", { shape: [1], data: Int8Array.of(-5) }],
    ["bfloat", { shape: [2], data: Uint16Array.of(0x3f80, 0xc040), dtype: "BF16" }],
    ["half", { shape: [2, 1], data: Uint16Array.of(0x3c00, 0xc200), dtype: "F16" }],
    ["short", { shape: [2], data: Int16Array.of(-300, 300) }],
    ["ushort", { shape: [1], data: Uint16Array.of(65535) }],
    ["single", { shape: [], data: Float32Array.of(0.1) }],
    ["int", { shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) }],
    ["uint", { shape: [1], data: Uint32Array.of(9) }],
    ["double", { shape: [1], data: Float64Array.of(0.1) }],
    ["long", { shape: [2], data: BigInt64Array.of(-1n, 50257n) }],
    ["ulong", { shape: [1], data: BigUint64Array.of(3n) }],
    ["none", { shape: [0, 4], data: new Float32Array(0) }],
  ];
  const bytes = await encode(tensors);
  const file = await SafetensorsFile.open(bytes);
  for (const [name, { shape, data }] of tensors) {
    assert.deepEqual(file.tensors.get(name)!.shape, shape);
    const start = file.tensors.get(name)!.begin;
    assert.equal(start % data.BYTES_PER_ELEMENT, 0, `${name} is aligned`);
    const written = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    assert.deepEqual(await file.bytes(name), written);
  }
  const floats = async (name: string) => [...await file.float32(name)];
  assert.deepEqual(await floats("bfloat"), [1, -3]);
  assert.deepEqual(await floats("half"), [1, -3]);
  assert.deepEqual(await floats("single"), [Math.fround(0.1)]);
  assert.deepEqual(await floats("double"), [Math.fround(0.1)]);
  assert.deepEqual(await floats("none"), []);
  const integers = async (name: string) => [...await file.int32(name)];
  assert.deepEqual(await integers("flags"), [0, 1, 1]);
  assert.deepEqual(await integers("bytes"), [7, 255]);
  assert.deepEqual(await integers("small"), [-5]);
  assert.deepEqual(await integers("short"), [-300, 300]);
  assert.deepEqual(await integers("ushort"), [65535]);
  assert.deepEqual(await integers("int"), [-(2 ** 31), 2 ** 31 - 1]);
  assert.deepEqual(await integers("uint"), [9]);
  assert.deepEqual(await integers("long"), [-1, 50257]);
  assert.deepEqual(await integers("ulong"), [3]);
});

Deno.test("every F16 and BF16 pattern widens to its exact value", () => {
  const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const bytes = new Uint8Array(patterns.buffer);
  const halves = decodeFloat32("F16", bytes), bfloats = decodeFloat32("BF16", bytes);
  const word = new DataView(new ArrayBuffer(4));
  for (let pattern = 0; pattern < 65536; pattern++) {
    const sign = pattern >> 15 ? -1 : 1, exponent = (pattern >> 10) & 31, fraction = pattern & 1023;
    let expected = sign * (exponent ? 1 + fraction / 1024 : fraction / 512) * 2 ** (exponent - 15);
    if (exponent === 31) expected = fraction ? NaN : sign * Infinity;
    assert.ok(Object.is(halves[pattern], expected), `F16 ${pattern.toString(16)}`);
    word.setUint16(0, pattern);
    assert.ok(Object.is(bfloats[pattern], word.getFloat32(0)), `BF16 ${pattern.toString(16)}`);
  }
});

Deno.test("names keep their order and spelling, odd ones too", async () => {
  const names = ["b", "a", "2", "1", "__proto__", "constructor", 'quote " \\ \n', "ü€😀", ""];
  const tensors = names.map((name): Entries[0] => [name, { shape: [1], data: Int8Array.of(1) }]);
  const bytes = await encode(tensors, { "ключ": 'значение "1"' });
  const file = await SafetensorsFile.open(bytes);
  assert.deepEqual([...file.tensors.keys()], names);
  assert.deepEqual([...file.metadata], [["ключ", 'значение "1"']]);
});

Deno.test("data that are not aligned, as in old files, are read all the same", async () => {
  const json = '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},' +
    '"b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}}';
  const bytes = new Uint8Array(8 + json.length + 7);
  bytes[0] = json.length;
  bytes.set(new TextEncoder().encode(json), 8);
  bytes.set([1, 2, 3, 0, 0, 0x80, 0x3f], 8 + json.length);
  assert.deepEqual([...await (await SafetensorsFile.open(bytes)).float32("b")], [1]);
});

Deno.test("an empty file of no tensors, and space around the JSON", async () => {
  assert.equal((await SafetensorsFile.open(await encode([]))).tensors.size, 0);
  const text = '{ "a" :\n{ "shape":[ 2 ,1 ] , "data_offsets":[0,\t2], "dtype":"I8"} } \r\n';
  const bytes = new Uint8Array(8 + text.length + 2);
  bytes[0] = text.length;
  bytes.set(new TextEncoder().encode(text), 8);
  assert.deepEqual(readSafetensorsHeader(bytes).tensors.get("a")!.shape, [2, 1]);
});

Deno.test("what is read is the caller's own: changing it does not change the file", async () => {
  const bytes = await encode([["w", { shape: [2], data: Float32Array.of(1, 2) }]]);
  const file = await SafetensorsFile.open(bytes);
  (await file.float32("w")).fill(9);
  assert.deepEqual([...await file.float32("w")], [1, 2]);
});

Deno.test("chunks are the arrays' own memory; shared memory is copied", () => {
  const own = Float32Array.of(1, 2);
  const shared = new Float32Array(new SharedArrayBuffer(8));
  const [, first, second] = encodeSafetensors([
    ["own", { shape: [2], data: own }],
    ["shared", { shape: [2], data: shared }],
  ]);
  assert.equal(first.buffer, own.buffer);
  assert.ok(second.buffer instanceof ArrayBuffer);
});

Deno.test("a file on disk is read one tensor at a time, in any order, concurrently", async () => {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  const data = Array.from({ length: 20 }, (_, i) => new Float32Array(1000).fill(i));
  const tensors = data.map((data, i): Entries[0] => [`t${i}`, { shape: [1000], data }]);
  await Deno.writeFile(path, await encode(tensors));
  const file = await SafetensorsFile.open(fileSource(path));
  const read = await Promise.all(data.map((_, i) => file.float32(`t${19 - i}`)));
  assert.deepEqual(read, data.toReversed());
  await Deno.truncate(path, 40_000);
  await assert.rejects(file.float32("t19"), {
    name: "SyntaxError",
    message: /ended after .* bytes; it is truncated/,
  });
  file.close();
  await Deno.remove(path);
});

Deno.test("a file that is not there or is a folder is the user's mistake, with its path", async () => {
  assert.throws(() => fileSource("no/such.safetensors"), {
    name: "UserError",
    message: /reading no\/such\.safetensors: No such file/,
  });
  const folder = await Deno.makeTempDir();
  assert.throws(() => fileSource(folder), { name: "UserError", message: /folder/ });
  await Deno.remove(folder);
});

Deno.test("a request for a missing tensor names the file, the tensor and the nearest name", async () => {
  const long = BigInt64Array.of(1n, 2n ** 31n);
  const bytes = await encode([
    ["transformer.wte.weight", { shape: [1], data: Float32Array.of(1) }],
    ["ids", { shape: [2], data: long }],
  ]);
  const file = await SafetensorsFile.open(bytesSource(bytes, "m.safetensors"));
  await assert.rejects(file.bytes("transformer.wpe.weight"), {
    name: "RangeError",
    message: 'm.safetensors: no tensor "transformer.wpe.weight" among 2; ' +
      'the nearest is "transformer.wte.weight"',
  });
  await assert.rejects(file.float32("ids"), { name: "TypeError", message: /"ids".* got I64/ });
  const weight = file.int32("transformer.wte.weight");
  await assert.rejects(weight, { name: "TypeError", message: /m\.safetensors: .*got F32/ });
  await assert.rejects(file.int32("ids"), {
    name: "RangeError",
    message: 'm.safetensors: tensor "ids": element 1 is 2147483648, which does not fit int32',
  });
  const message = "m: reading 4 bytes from -1: it has 164";
  await assert.rejects(bytesSource(bytes, "m").read(-1, 4), { name: "RangeError", message });
});

Deno.test("writing refuses data of another size and names that are taken", () => {
  const data = new Float32Array(3);
  assert.throws(() => encodeSafetensors([["w", { shape: [2, 2], data }]]), {
    name: "TypeError",
    message: 'safetensors: tensor "w": F32 [2,2] takes 16 bytes, its array has 12',
  });
  const entry = { shape: [3], data };
  const taken = { name: "TypeError", message: /the name ".*" is taken/ };
  assert.throws(() => encodeSafetensors([["w", entry], ["w", entry]]), taken);
  assert.throws(() => encodeSafetensors([["__metadata__", entry]]), taken);
  const dtype = "F16" as SafetensorsDtype;
  assert.throws(() => encodeSafetensors([["w", { ...entry, dtype }]]), {
    message: /takes 6 bytes/,
  });
});

Deno.test("assertFinite names the first element that is not, and counts them", () => {
  assertFinite("w", Float32Array.of(0, -1, 3e38));
  assert.throws(() => assertFinite("h.0.w", Float32Array.of(0, NaN, -Infinity)), {
    name: "RangeError",
    message: "tensor h.0.w: element 1 is NaN (2 of 3 are not finite)",
  });
});

Deno.test({
  name: "golden files open, are finite, and gpt-nano-sort is written again byte for byte",
  ignore: golden === undefined,
  async fn() {
    const sorter = await Deno.readFile(`${golden}/gpt-nano-sort/model.safetensors`);
    const file = await SafetensorsFile.open(sorter);
    const entries: Entries = [];
    for (const [name, { shape }] of file.tensors) {
      const data = await file.float32(name);
      assertFinite(name, data);
      entries.push([name, { shape, data }]);
    }
    assert.equal(entries.length, 41);
    assert.deepEqual(await encode(entries, Object.fromEntries(file.metadata)), sorter);
  },
});

Deno.test({
  name: "golden gpt2-tiny: the same tensors, offsets and data after a round trip",
  ignore: golden === undefined,
  async fn() {
    for (const name of ["model", "expected"]) {
      const path = `${golden}/gpt2-tiny/${name}.safetensors`;
      const original = await Deno.readFile(path);
      const file = await SafetensorsFile.open(fileSource(path));
      const entries: Entries = [];
      for (const [name, { shape }] of file.tensors) {
        entries.push([name, { shape, data: await file.float32(name) }]);
      }
      file.close();
      const again = await encode(entries);
      assert.deepEqual(JSON.parse(headerText(again)), JSON.parse(headerText(original)));
      const data = (bytes: Uint8Array) => bytes.subarray(readSafetensorsHeader(bytes).dataStart);
      assert.deepEqual(data(again), data(original));
    }
  },
});
