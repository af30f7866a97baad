/**
 * What is known of the run, as streams of server-sent events, one for each viewer.
 *
 * A viewer is a place in the history, not a queue: it is told all that is new since its last
 * message whenever it has room for one, so a slow viewer gets fewer and larger messages, a dead one
 * costs nothing, and a late one starts with all there is. Source of the format: the HTML standard,
 * section 9.2, Server-sent events.
 *
 * @module
 */
import { History } from "./history.ts";
import type { LiveUpdate, TrainingPoint, ValidationPoint } from "./messages.ts";

/**
 * Milliseconds without news after which a comment is sent, so that a dead connection is noticed.
 */
const HEARTBEAT = 15_000;

/** A message of which only the latest counts. */
interface Latest {
  readonly version: number;
  readonly event: string;
}

/** How far a viewer has been told. */
interface Place {
  version: number;
  trainingStep: number;
  validationStep: number;
}

/** The state of a run, and the streams of those who watch it. */
export class Feed {
  readonly #latest = new Map<LiveUpdate["kind"], Latest>();
  readonly #training = new History<TrainingPoint>();
  readonly #validation = new History<ValidationPoint>();
  #version = 0;
  #news = Promise.withResolvers<void>();
  #end: string | undefined;
  #viewers = 0;

  /** `onViewers` is told how many viewers there are, whenever that changes. */
  constructor(readonly onViewers: (viewers: number) => void = () => {}) {}

  /** Viewers whose streams are open. */
  get viewers(): number {
    return this.#viewers;
  }

  /** Takes in what is new, and wakes the viewers once. */
  update(updates: readonly LiveUpdate[]): void {
    for (const update of updates) this.#take(update);
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** A new viewer's stream; it ends after the run's `end`. */
  open(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const place: Place = { version: 0, trainingStep: -1, validationStep: -1 };
    const left = new AbortController();
    this.#count(1);
    return new ReadableStream({
      pull: async (controller) => {
        let text = this.#since(place);
        if (text === "" && this.#end === undefined) {
          await this.#wait(left.signal);
          if (left.signal.aborted) return;
          text = this.#since(place) || ": nothing new\n\n";
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

  #take(update: LiveUpdate): void {
    if (update.kind === "training") {
      for (const point of update.points) this.#training.add(point);
    } else if (update.kind === "validation") {
      for (const point of update.points) this.#validation.add(point);
    } else if (update.kind === "end") {
      this.#end = eventOf(update);
    } else {
      this.#latest.set(update.kind, { version: ++this.#version, event: eventOf(update) });
    }
  }

  /** The events that a viewer has not been told, as text; its place moves on. */
  #since(place: Place): string {
    const training = this.#training.after(place.trainingStep);
    const validation = this.#validation.after(place.validationStep);
    const latest = [...this.#latest.values()].filter(({ version }) => version > place.version);
    const events = latest.sort((a, b) => a.version - b.version).map(({ event }) => event);
    if (training.length > 0) events.push(eventText("training", training));
    if (validation.length > 0) events.push(eventText("validation", validation));
    place.version = this.#version;
    place.trainingStep = training.at(-1)?.[0] ?? place.trainingStep;
    place.validationStep = validation.at(-1)?.[0] ?? place.validationStep;
    return events.join("");
  }

  async #wait(left: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, HEARTBEAT);
    left.addEventListener("abort", () => resolve());
    await Promise.race([promise, this.#news.promise]);
    clearTimeout(timer);
  }

  #count(change: number): void {
    this.#viewers += change;
    this.onViewers(this.#viewers);
  }
}

function eventOf(update: LiveUpdate): string {
  if (update.kind === "run") return eventText("run", update.run);
  const { kind, ...data } = update;
  if (!("weights" in data)) return eventText(kind, data);
  return eventText(kind, { ...data, weights: data.weights.toBase64() });
}

/** JSON has no line feeds, so one `data` line holds it. */
function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
