/**
 * The binary form of WebAssembly: numbers, vectors and sections as bytes.
 *
 * expressions.ts encodes instructions with it, module_builder.ts modules. Source: WebAssembly core
 * specification 2.0, chapter 5.
 *
 * @module
 */

/** Code: bytes and nested code, which is written once, when a function is complete. */
export type Code = readonly (number | Code | Uint8Array)[];

/** `value` as an unsigned LEB128 number. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}

/** `value` as a signed LEB128 number. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const done = (value === 0 && !(low & 0x40)) || (value === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

/** The four bytes of an f32. */
export function floatBytes(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)];
}

/** The bytes of a vector instruction. */
export const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

/**
 * The immediates of a load or store: the alignment as a power of two, the memory if it is not the
 * first one, and the offset.
 */
export const memoryArgument = (
  alignment: number,
  offset: number,
  memory = 0,
): number[] =>
  memory === 0
    ? [alignment, ...unsigned(offset)]
    : [alignment | 0x40, ...unsigned(memory), ...unsigned(offset)];

/** The bytes of `code`. */
export function flat(code: Code): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthOf(code));
  write(code, bytes, 0);
  return bytes;
}

function lengthOf(code: Code): number {
  let length = 0;
  for (const part of code) {
    if (typeof part === "number") length++;
    else length += part instanceof Uint8Array ? part.length : lengthOf(part);
  }
  return length;
}

/** Writes `code` to `bytes` from index `at` on; gives the index after it. */
function write(code: Code, bytes: Uint8Array, at: number): number {
  for (const part of code) {
    if (typeof part === "number") bytes[at++] = part;
    else if (part instanceof Uint8Array) {
      bytes.set(part, at);
      at += part.length;
    } else at = write(part, bytes, at);
  }
  return at;
}

/** The number of bytes, then the bytes. */
export function counted(content: Code): Code {
  const bytes = flat(content);
  return [unsigned(bytes.length), bytes];
}

/** The number of items, then the items. */
export function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

/** A section of a module. */
export function section(id: number, content: Code): Code {
  return [id, counted(content)];
}

/** A name in UTF-8. */
export function name(text: string): Code {
  return counted([...new TextEncoder().encode(text)]);
}
