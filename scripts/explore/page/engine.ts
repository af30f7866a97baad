/**
 * The page's engine: a worker that holds the model, answers calls, and trains.
 *
 * @module
 */
import {
  CharacterTokenizer,
  Generator,
  GPT,
  loadPretrained,
  openDevice,
  type Tokenizer,
  UserError,
  withHooks,
} from "../../../mod.ts";
import { inspect, neighbors } from "./inside.ts";
import type { Calls, EngineEvent, Facts, Head, Request, Source, Training } from "./protocol.ts";
import { trainModel } from "./train_model.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(message: unknown): void;
};

/** A model for a page without one, until it is trained. */
const PLACEHOLDER = "The quick brown fox jumps over the lazy dog.\n";

const device = openDevice();
let model: GPT;
let tokenizer: Tokenizer;
let generator: Generator | undefined;
let stopping = new AbortController();

const calls: { [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => unknown } = {
  async open(source) {
    await device;
    ({ model, tokenizer } = await opened(source));
    generator = undefined;
    return await facts();
  },
  async renew(source) {
    const newer = (await opened(source)).model.parameters();
    for (const [index, weight] of model.parameters().entries()) {
      weight.write(await newer[index].data());
      newer[index].dispose();
    }
  },
  encode: (text) => Array.from(tokenizer.encode(text)),
  decode: (ids) => tokenizer.decode(ids),
  inspect: (ids, off) => withHeadsOff(off, () => inspect(model, ids)),
  neighbors: (id) => neighbors(model, id),
  async write(ids, { count, ...sampling }, off) {
    const { signal } = stopping = new AbortController();
    await withHeadsOff(off, async () => {
      generator ??= new Generator(model);
      const options = { ...sampling, maxNewTokens: count, endToken: tokenizer.endId, signal };
      for await (const id of generator.generate(ids, options)) {
        send({ kind: "token", id });
        await new Promise((resolve) => setTimeout(resolve)); // a stop is a message, too
      }
    });
  },
  async train(training: Training) {
    const { signal } = stopping = new AbortController();
    ({ model, tokenizer } = await trainModel(training, { signal, send }));
    generator = undefined;
    return await facts();
  },
  stop: () => stopping.abort(),
};

async function opened(source: Source): Promise<{ model: GPT; tokenizer: Tokenizer }> {
  if (!source.files && source.place === undefined) return untrained();
  const files = source.files && Object.fromEntries(
    Object.entries(source.files).map(([name, text]) => [name, bytesOf(text)]),
  );
  const { model, tokenizer } = await loadPretrained(files ?? source.place!);
  if (!tokenizer) throw new UserError(`${source.name}: the model has no tokenizer`);
  return { model, tokenizer };
}

/** The bytes of base64, which not every browser decodes by `Uint8Array.fromBase64`. */
function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function untrained(): { model: GPT; tokenizer: Tokenizer } {
  const tokenizer = CharacterTokenizer.fromText(PLACEHOLDER);
  const { vocabSize } = tokenizer;
  const sizes = { contextLength: 64, layers: 2, heads: 4, width: 64 };
  return { model: new GPT({ vocabSize, ...sizes }), tokenizer };
}

async function facts(): Promise<Facts> {
  const { layers, heads, width, contextLength, vocabSize } = model.config;
  const vocabulary = Array.from({ length: vocabSize }, (_, id) => textOf(id));
  const { description } = await device;
  const parameters = model.parameterCount;
  return { device: description, parameters, layers, heads, width, contextLength, vocabulary };
}

/** A token's text, or its name if it is only a part of a character. */
function textOf(id: number): string {
  if (id >= tokenizer.vocabSize) return "";
  const text = tokenizer.decode([id]);
  return text.includes("\uFFFD") ? tokenizer.token(id) : text;
}

/** Runs `body` with heads off: what they gathered is zero. */
function withHeadsOff<Result>(
  off: readonly Head[],
  body: () => Promise<Result>,
): Promise<Result> {
  const point = ({ layer }: Head) => `blocks.${layer}.attn.hook_z`;
  const hooks = Object.fromEntries(off.map((head) => {
    const here = off.filter(({ layer }) => layer === head.layer);
    return [point(head), here.map(({ head }) => ({ zero: true as const, head }))];
  }));
  return off.length === 0 ? body() : withHooks(model, hooks, body);
}

function send(event: EngineEvent): void {
  scope.postMessage(event);
}

/** Answers calls one at a time, because they share the model; training makes its own. */
let last: Promise<unknown> = Promise.resolve();

scope.onmessage = ({ data }) => {
  if (data.name === "stop" || data.name === "train") return void answer(data);
  last = last.then(() => answer(data));
};

async function answer({ id, name, args }: Request): Promise<void> {
  try {
    const call = calls[name] as (...args: readonly unknown[]) => unknown;
    scope.postMessage({ id, result: await call(...args) });
  } catch (error) {
    scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
}
