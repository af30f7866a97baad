/**
 * Encodes images with one byte each of red, green and blue as PNG, for heat maps with too many
 * cells to draw each of them. The web platform compresses.
 *
 * @module
 */

import { yieldToEvents } from "../yield_to_events.ts";
import type { Color } from "./theme.ts";

/**
 * A PNG file of an image, as a `data:` URL (PNG specification, third edition: 8-bit truecolor, no
 * filter).
 *
 * ```ts
 * const url = await pngDataUrl(2, 1, (x) => x === 0 ? [255, 0, 0] : [0, 0, 255]);
 * console.assert(url.startsWith("data:image/png;base64,iVBORw0KGgo"));
 * ```
 */
export async function pngDataUrl(
  width: number,
  height: number,
  color: (x: number, y: number) => Color,
): Promise<string> {
  const rows = new Uint8Array(height * (1 + 3 * width)); // each row starts with its filter, 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(color(x, y), y * (1 + 3 * width) + 1 + 3 * x);
    await yieldToEvents(); // a grid of many heads takes a second
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // bits per channel, truecolor
  const parts = [
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", await zlib(rows)),
    chunk("IEND", new Uint8Array()),
  ];
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return `data:image/png;base64,${bytes.toBase64()}`;
}

async function zlib(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
