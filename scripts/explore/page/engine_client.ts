/**
 * Calls the engine, a worker from the page's own text.
 *
 * @module
 */
import type { Calls, EngineEvent, Reply, Request } from "./protocol.ts";

/** The engine as the page sees it. */
export class Engine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  /** Starts it; `onEvent` receives its news, `onFailure` what ends it. */
  constructor(
    source: string,
    onEvent: (event: EngineEvent) => void,
    onFailure: (message: string) => void,
  ) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.#worker = new Worker(address);
    this.#worker.onerror = ({ message }) => onFailure(message);
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if ("kind" in data) return onEvent(data);
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.result);
    };
  }

  /** Calls a function of the engine; rejects with its error. */
  call<Name extends keyof Calls>(
    name: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<ReturnType<Calls[Name]>> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const request: Request = { id, name, args };
    this.#worker.postMessage(request);
    return waiting.promise as Promise<ReturnType<Calls[Name]>>;
  }
}
