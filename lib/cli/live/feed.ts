/**
 * The state of a run as streams of server-sent events, one for each viewer.
 *
 * A viewer is a position in the history, not a queue: whenever it has room for a message it
 * receives everything that is new since its last one. So a slow viewer receives fewer and larger
 * messages, a dead one costs nothing, and a late one starts with the whole history. Source of the
 * format: the HTML standard, section 9.2, Server-sent events.
 *
 * @module
 */
import { History } from "./history.ts";
import type {
  LiveCheckpoint,
  LiveUpdate,
  RunFacts,
  TrainingPoint,
  ValidationPoint,
} from "./messages.ts";

/** Milliseconds without news after which a comment is sent, to detect dead connections. */
const HEARTBEAT = 15_000;

/** What a feed passes on: a checkpoint comes with its files. */
export type FeedUpdate =
  | Exclude<LiveUpdate, { kind: "saved" }>
  | { readonly kind: "checkpoint" } & LiveCheckpoint;

/** The latest message of a kind, which replaces those before it. */
interface Latest {
  readonly version: number;
  readonly event: string;
}

/** How much a viewer has received. */
interface Position {
  version: number;
  trainingStep: number;
  validationStep: number;
}

/** The state of a run, and the streams of its viewers. */
export class Feed {
  readonly #latest = new Map<FeedUpdate["kind"], Latest>();
  readonly #training = new History<TrainingPoint>();
  readonly #validation = new History<ValidationPoint>();
  #version = 0;
  #news = Promise.withResolvers<void>();
  #end: string | undefined;
  #viewers = 0;
  #run: RunFacts | undefined;

  /** `onViewers` receives the number of viewers whenever it changes. */
  constructor(readonly onViewers: (viewers: number) => void = () => {}) {}

  /** Viewers whose streams are open. */
  get viewers(): number {
    return this.#viewers;
  }

  /** The run, once it is known. */
  get run(): RunFacts | undefined {
    return this.#run;
  }

  /** Adds updates, and wakes the viewers once. */
  update(updates: readonly FeedUpdate[]): void {
    for (const update of updates) this.#add(update);
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** A new viewer's stream; it ends after the run's `end`. */
  open(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const position: Position = { version: 0, trainingStep: -1, validationStep: -1 };
    const left = new AbortController();
    this.#count(1);
    return new ReadableStream({
      pull: async (controller) => {
        let text = this.#since(position);
        if (text === "" && this.#end === undefined) {
          await this.#wait(left.signal);
          if (left.signal.aborted) return;
          text = this.#since(position) || ": nothing new\n\n";
        }
        controller.enqueue(encoder.encode(text + (this.#end ?? "")));
        if (this.#end === undefined) return;
        controller.close();
        this.#count(-1);
      },
      cancel: () => {
        left.abort();
        this.#count(-1);
      },
    }, { highWaterMark: 0 });
  }

  #add(update: FeedUpdate): void {
    if (update.kind === "training") {
      for (const point of update.points) this.#training.add(point);
    } else if (update.kind === "validation") {
      for (const point of update.points) this.#validation.add(point);
    } else if (update.kind === "end") {
      this.#end = eventOf(update);
    } else {
      if (update.kind === "run") this.#run = update.run;
      this.#latest.set(update.kind, { version: ++this.#version, event: eventOf(update) });
    }
  }

  /** The events that a viewer has not received, as text; advances its position. */
  #since(position: Position): string {
    const training = this.#training.after(position.trainingStep);
    const validation = this.#validation.after(position.validationStep);
    const latest = [...this.#latest.values()].filter(({ version }) => version > position.version);
    const events = latest.sort((a, b) => a.version - b.version).map(({ event }) => event);
    if (training.length > 0) events.push(eventText("training", training));
    if (validation.length > 0) events.push(eventText("validation", validation));
    position.version = this.#version;
    position.trainingStep = training.at(-1)?.[0] ?? position.trainingStep;
    position.validationStep = validation.at(-1)?.[0] ?? position.validationStep;
    return events.join("");
  }

  async #wait(left: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, HEARTBEAT);
    left.addEventListener("abort", wake);
    await Promise.race([promise, this.#news.promise]);
    left.removeEventListener("abort", wake); // a viewer of a long run waits many times
    clearTimeout(timer);
  }

  #count(change: number): void {
    this.#viewers += change;
    this.onViewers(this.#viewers);
  }
}

function eventOf(update: FeedUpdate): string {
  if (update.kind === "run") return eventText("run", update.run);
  const { kind, ...data } = update;
  if (!("weights" in data)) return eventText(kind, data);
  return eventText(kind, { ...data, weights: data.weights.toBase64() });
}

/** JSON holds no line feeds, so one `data` line is enough. */
function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
