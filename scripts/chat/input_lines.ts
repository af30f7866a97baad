/**
 * Lines that a person types, one at a time.
 *
 * @module
 */

/** The lines of standard input, without their line ends; the last may lack one. */
export async function* inputLines(
  input: ReadableStream<Uint8Array<ArrayBuffer>> = Deno.stdin.readable,
): AsyncGenerator<string, void> {
  let pending = "";
  for await (const text of input.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split(/\r?\n/);
    pending = lines.pop()!;
    yield* lines;
  }
  if (pending !== "") yield pending;
}
