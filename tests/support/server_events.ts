/**
 * Reads server-sent events, as an `EventSource` does.
 *
 * @module
 */

/** One event; its data is JSON. */
export interface ServerEvent {
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- whatever the server sends
  readonly data: any;
}

/** The events of a stream until it ends; leaving the loop closes the connection. */
export async function* serverEvents(url: string): AsyncGenerator<ServerEvent> {
  yield* await openEvents(url);
}

/** Connects, and gives the events of the stream that is then open. */
export async function openEvents(url: string): Promise<AsyncGenerator<ServerEvent>> {
  const { body, status } = await fetch(url);
  if (!body || status !== 200) throw new Error(`${url}: status ${status}`);
  return parseEvents(body);
}

/** The events in the bytes of a stream. */
export async function* parseEvents(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const parts = (text + decoder.decode(bytes, { stream: true })).split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (name) yield { name, data: JSON.parse(data) };
    }
  }
}
