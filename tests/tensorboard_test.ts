/** `deno task train --tensorboard`: the event file, read record by record. */
import assert from "node:assert/strict";
import { crc32c, EVENT_FILE } from "../scripts/train/tensorboard.ts";
import { line, run, scratchFolder, TINY } from "./support/command.ts";

/**
 * The fields of a protocol buffer: numbers of fixed size and varints as numbers, others as bytes.
 */
function fieldsOf(bytes: Uint8Array): [field: number, value: number | Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: [number, number | Uint8Array][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1;; shift *= 128) {
      const byte = bytes[at++];
      value += byte % 128 * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, kind] = [key >> 3, key & 7];
    if (kind === 0) fields.push([field, varint()]);
    else if (kind === 1) fields.push([field, view.getFloat64((at += 8) - 8, true)]);
    else if (kind === 5) fields.push([field, view.getFloat32((at += 4) - 4, true)]);
    else {
      const length = varint();
      fields.push([field, bytes.subarray(at, at += length)]);
    }
  }
  return fields;
}

/** The data of each record, whose lengths and checksums must be right. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer);
  const unmasked = (at: number) => {
    const rotated = (view.getUint32(at, true) - 0xa282ead8) >>> 0;
    return (rotated << 15 | rotated >>> 17) >>> 0;
  };
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    assert.equal(unmasked(at + 8), crc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(unmasked(at + 12 + length), crc32c(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Steps and values by the tags of an event file. */
function scalarsOf(bytes: Uint8Array): Map<string, [step: number, value: number][]> {
  const [version, ...events] = recordsOf(bytes).map((data) => new Map(fieldsOf(data)));
  const text = (value: unknown) => new TextDecoder().decode(value as Uint8Array);
  assert.equal(text(version.get(3)), "brain.Event:2");
  const scalars = new Map<string, [number, number][]>();
  for (const event of events) {
    assert(Math.abs((event.get(1) as number) - Date.now() / 1000) < 600, "a time in seconds");
    for (const [, value] of fieldsOf(event.get(5) as Uint8Array)) {
      const parts = new Map(fieldsOf(value as Uint8Array));
      const tag = text(parts.get(1));
      const point: [number, number] = [event.get(2) as number, parts.get(2) as number];
      scalars.set(tag, [...scalars.get(tag) ?? [], point]);
    }
  }
  return scalars;
}

Deno.test("the checksum is CRC-32C", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa); // RFC 3720, B.4
});

Deno.test("an event file holds the metrics of a run, also after a resume", async () => {
  await using folder = await scratchFolder();
  const args = [...TINY, ...line("--dataset text.txt --log-every 1 --eval-every 2 --out run")];
  const first = await run("train", [...args, ...line("--steps 3 --tensorboard")], folder.path);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /wrote run\/.*, events\.out\.tfevents\.folio, best\/\n/);
  const resume = line("--out run --resume --steps 5 --device cpu --tensorboard");
  assert.equal((await run("train", resume, folder.path)).code, 0);
  const scalars = scalarsOf(await Deno.readFile(`${folder.path}/run/${EVENT_FILE}`));
  const metrics = (await Deno.readTextFile(`${folder.path}/run/metrics.jsonl`)).trim().split("\n")
    .map((line) => JSON.parse(line));
  const expected = (key: string) =>
    metrics.filter((line) => key in line).map((line) => [line.step, Math.fround(line[key])]);
  assert.deepEqual(scalars.get("loss/train"), expected("loss"));
  assert.deepEqual(scalars.get("loss/validation"), expected("validationLoss"));
  assert.deepEqual(scalars.get("training/learning_rate"), expected("learningRate"));
  assert.deepEqual(scalars.get("loss/train")!.map(([step]) => step), [1, 2, 3, 4, 5]);
});
