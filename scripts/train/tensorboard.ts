/**
 * `--tensorboard`: the metrics of a run as an event file, which TensorBoard reads.
 *
 * The file holds the figures of metrics.jsonl, from which a resumed run rewrites it. Its format is
 * TensorFlow's records (length, data, and a masked CRC-32C of each) with protocol buffers of the
 * message `Event`. Source: tensorboard/compat/proto of https://github.com/tensorflow/tensorboard.
 *
 * @module
 */
import type { Metrics } from "../../mod.ts";

/** The name of the file in a run's folder; TensorBoard looks for `tfevents`. */
export const EVENT_FILE = "events.out.tfevents.folio";

/** Names of the metrics in TensorBoard; the word before the slash names their section. */
const TAGS: Readonly<Record<string, string>> = {
  loss: "loss/train",
  validationLoss: "loss/validation",
  validationAccuracy: "accuracy/validation",
  learningRate: "training/learning_rate",
  gradientNorm: "training/gradient_norm",
  tokensPerSecond: "training/tokens_per_second",
};

/** Appends metrics to a run's event file. */
export class EventLog {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Opens a run's event file and writes its past metrics. */
  static async open(folder: string, past: readonly Metrics[]): Promise<EventLog> {
    const path = `${folder}/${EVENT_FILE}`;
    const events = past.map((metrics) => eventOf(metrics, Date.now() / 1000));
    const version = joined([double(1, Date.now() / 1000), text(3, "brain.Event:2")]);
    await Deno.writeFile(path, joined([version, ...events].map(record)));
    return new EventLog(path);
  }

  /** Appends metrics with the current time. */
  async append(metrics: Metrics): Promise<void> {
    const event = record(eventOf(metrics, Date.now() / 1000));
    await Deno.writeFile(this.#path, event, { append: true });
  }
}

/** The CRC-32C (Castagnoli) of bytes, bit by bit: events are small. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** `Event { wall_time = 1, step = 2, summary = 5 }`, with a value for each metric. */
function eventOf({ step, ...figures }: Metrics, seconds: number): Uint8Array<ArrayBuffer> {
  const values = Object.entries(figures).filter(([name]) => Object.hasOwn(TAGS, name));
  const summary = values.map(([name, value]) => {
    return bytesField(1, joined([text(1, TAGS[name]), float(2, Number(value ?? NaN))]));
  });
  return joined([double(1, seconds), count(2, step), bytesField(5, joined(summary))]);
}

/** A record: length, CRC of the length, data, CRC of the data. */
function record(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(data.length), true);
  return joined([length, maskedCRC(length), data, maskedCRC(data)]);
}

/** The masked CRC-32C of TensorFlow's records: rotated right by 15 bits, plus a constant. */
function maskedCRC(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const crc = crc32c(bytes);
  const masked = new Uint8Array(4);
  const rotated = (crc >>> 15 | crc << 17) >>> 0;
  new DataView(masked.buffer).setUint32(0, (rotated + 0xa282ead8) >>> 0, true);
  return masked;
}

/** Kinds of fields in a protocol buffer. */
const VARINT = 0, FIXED_64 = 1, BYTES = 2, FIXED_32 = 5;

function double(field: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(9);
  bytes[0] = field << 3 | FIXED_64;
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return bytes;
}

function float(field: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5);
  bytes[0] = field << 3 | FIXED_32;
  new DataView(bytes.buffer).setFloat32(1, value, true);
  return bytes;
}

function count(field: number, value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([field << 3 | VARINT, ...varint(value)]);
}

function text(field: number, value: string): Uint8Array<ArrayBuffer> {
  return bytesField(field, new TextEncoder().encode(value));
}

function bytesField(field: number, value: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return joined([Uint8Array.from([field << 3 | BYTES, ...varint(value.length)]), value]);
}

/** A number as a varint: groups of 7 bits, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
