/**
 * The part of the page that plays with a model: it writes, shows what the model computed, and
 * trains, by calls to the engine.
 *
 * @module
 */
import { AttentionMap } from "../../../lib/cli/live/page/attention.js";
import { count, token as visible } from "../../../lib/cli/live/page/format.js";
import { html } from "../../../lib/cli/live/page/svg.js";
import { Engine } from "./engine_client.ts";
import type { EngineEvent, Facts, Head, Inside, Source, Writing } from "./protocol.ts";
import { candidates } from "./sampling.ts";
import { field, part, showValues } from "./parts.ts";
import { TrainingPart } from "./training_part.ts";
import { percent, showBars, showLens, showNeighbors, TokenStrip } from "./views.ts";

/** Maximum number of tokens of the map of attention: its newest. */
const MAP_TOKENS = 40;
/**
 * A newer checkpoint is opened at least `milliseconds`, and `times` the duration of the last
 * opening, after it, because the run needs the processor.
 */
const PACE = { milliseconds: 2000, times: 5 };

/** The part that plays. */
export class Playground {
  readonly #engine: Engine;
  readonly #tokens = new TokenStrip(
    part("tokens"),
    (place) => this.#isWriting || this.#select(place),
  );
  readonly #attention = new AttentionMap(part("attention"), {
    title: "Attention",
    onChoose: () => {
      this.#colorTokens();
      this.#showSwitch();
    },
  });
  readonly #training: TrainingPart;

  #source: Source | undefined;
  #facts!: Facts;
  #ids: number[] = [];
  #promptLength = 0;
  /** The place of the chosen token; the one after the last is what comes next. */
  #selected = 0;
  #inside: Inside | undefined;
  #off: Head[] = [];
  #isWriting = false;
  /** Whether the page's own training made the model. */
  #isOwn = false;
  #offered: Source | undefined;
  /** When a newer checkpoint may be opened, by the page's clock. */
  #mayOpen = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** Shows the part, with an engine made of its text. */
  constructor(engineText: string) {
    part("playground").hidden = false;
    this.#engine = new Engine(engineText, (event) => this.#receive(event), fail);
    this.#training = new TrainingPart(this.#engine, {
      onModel: (facts, prompt) => this.#trained(facts, prompt),
      onError: fail,
      onRest: () => this.#takeOffered(),
    });
    for (const list of ["sliders", "sizes"]) showValues(part(list));
    part("sliders").addEventListener("input", () => this.#isWriting || this.#showExpected());
    const actions: Record<string, () => Promise<void>> = {
      write: () => this.#write(),
      stop: () => this.#engine.call("stop"),
      switch: () => this.#switchTo(this.#toggled()),
      "all-on": () => this.#switchTo([]),
      reopen: () => this.#open(this.#source!),
    };
    for (const [id, action] of Object.entries(actions)) {
      part(id).addEventListener("click", attempt(action));
    }
    document.addEventListener("visibilitychange", () => this.#takeOffered());
  }

  /**
   * Opens a model, with a prompt that it can read. A newer checkpoint of the same run is opened as
   * soon as nothing is being written and the page is looked at; prompt, text, sliders and heads
   * stay as they are.
   */
  offer(source: Source): void {
    const isNewer = this.#source?.name === source.name;
    this.#source = source;
    if (!isNewer) return attempt(() => this.#open(source))();
    this.#offered = source;
    this.#takeOffered();
  }

  async #open(source: Source): Promise<void> {
    this.#offered = undefined;
    const model = await this.#engine.call("open", source);
    this.#isOwn = false;
    part("reopen").hidden = true;
    part("opened").textContent = nameOf(source);
    await this.#begin(model, firstPrompt(model.vocabulary));
    part("status").textContent = "ready";
    this.#takeOffered();
  }

  /** Opens the checkpoint that was offered last, unless that would disturb. */
  #takeOffered(): void {
    if (!this.#offered || !this.#inside || this.#isOwn || document.hidden) return;
    if (this.#isWriting || this.#training.isTraining) return;
    const wait = this.#mayOpen - performance.now();
    if (wait > 0) {
      clearTimeout(this.#waiting);
      this.#waiting = setTimeout(() => this.#takeOffered(), Math.min(wait, 10_000));
      return;
    }
    const source = this.#offered;
    this.#offered = undefined;
    attempt(() => this.#renew(source))();
  }

  /** Opens newer weights of the same run, and reads the same text with them. */
  async #renew(source: Source): Promise<void> {
    const start = performance.now();
    this.#mayOpen = Infinity;
    try {
      await this.#engine.call("renew", source);
      part("opened").textContent = nameOf(source);
      await this.#look(this.#selected);
    } finally {
      const end = performance.now();
      this.#mayOpen = end + Math.max(PACE.milliseconds, PACE.times * (end - start));
    }
    this.#takeOffered();
  }

  #receive(event: EngineEvent): void {
    if (event.kind !== "token") return this.#training.receive(event);
    this.#ids.push(event.id);
    this.#tokens.add(this.#textOf(event.id));
    this.#showCount();
  }

  #showCount(): void {
    part("written").textContent = `${count(this.#ids.length - this.#promptLength)} tokens written`;
  }

  /** Shows a model that was opened or trained, with a prompt that it can read. */
  async #begin(model: Facts, prompt: string): Promise<void> {
    this.#facts = model;
    this.#off = [];
    const { parameters, layers, heads, width, contextLength, vocabulary, device } = this.#facts;
    const lines = [
      `${count(parameters)} parameters`,
      `${layers} layers of ${heads} heads, width ${width}`,
      `context ${count(contextLength)}`,
      `${count(vocabulary.length)} tokens`,
      device,
    ];
    part("facts").replaceChildren(...lines.flatMap((line) => [html("span", {}, line), " "]));
    field("prompt").value = prompt;
    this.#show(await this.#engine.call("encode", prompt));
    await this.#look(this.#ids.length);
  }

  /** Shows a prompt that nothing was added to. */
  #show(prompt: readonly number[]): void {
    this.#ids = [...prompt];
    this.#promptLength = this.#ids.length;
    this.#tokens.show(this.#ids.map(this.#textOf), this.#promptLength);
    part("compared").hidden = true;
  }

  /** Has the model read the text, and shows what it computes, at a place. */
  async #look(place: number): Promise<void> {
    this.#inside = this.#ids.length === 0
      ? undefined
      : await this.#engine.call("inspect", this.#ids, this.#off);
    this.#showAttention();
    this.#select(place);
  }

  async #write(): Promise<void> {
    this.#setWriting(true);
    try {
      const prompt = await this.#engine.call("encode", field("prompt").value);
      if (prompt.length === 0) throw new Error("The prompt is empty: type at least one character.");
      this.#show(prompt);
      await this.#engine.call("write", prompt, this.#howToWrite(), this.#off);
      if (this.#off.length > 0) await this.#compare(prompt);
      await this.#look(this.#ids.length);
    } finally {
      this.#setWriting(false);
      this.#takeOffered();
    }
  }

  /** Writes the same with all heads on, beside what was written without some. */
  async #compare(prompt: readonly number[]): Promise<void> {
    const without = this.#ids;
    this.#ids = [...prompt];
    await this.#engine.call("write", prompt, this.#howToWrite(), []);
    part("whole").textContent = await this.#engine.call("decode", this.#ids);
    this.#ids = without;
    this.#tokens.show(this.#ids.map(this.#textOf), this.#promptLength);
    this.#showCount();
    part("compared").hidden = false;
  }

  #howToWrite(): Writing {
    const value = (id: string) => Number(field(id).value);
    return {
      temperature: value("temperature"),
      topK: value("top-k"),
      topP: value("top-p"),
      seed: value("seed"),
      count: value("length"),
    };
  }

  #setWriting(writing: boolean): void {
    this.#isWriting = writing;
    field("write").disabled = writing;
    field("stop").disabled = !writing;
    part("status").textContent = writing ? "writing" : "ready";
  }

  /** Shows what the model expected at a place of the text. */
  #select(place: number): void {
    this.#selected = place;
    this.#tokens.select(place);
    this.#colorTokens();
    this.#showExpected();
    const id = this.#ids[place] ?? this.#ids.at(-1);
    if (id === undefined) return;
    part("near-reading").textContent = `of ${visible(this.#textOf(id))}`;
    this.#engine.call("neighbors", id).then((near) => {
      showNeighbors(part("neighbors"), near, this.#facts.vocabulary);
    }, fail);
  }

  /** The row of logits that expects the token at the chosen place; undefined if there is none. */
  #expectingRow(): number | undefined {
    const row = this.#selected - 1 - this.#firstRead();
    return row < 0 ? undefined : row;
  }

  #showExpected(): void {
    const row = this.#expectingRow();
    const actual = this.#ids[this.#selected];
    const before = this.#ids.slice(0, this.#selected).map(this.#textOf).join("").slice(-20);
    const what = actual === undefined ? "" : `; the text has ${visible(this.#textOf(actual))}`;
    const table = part<HTMLTableElement>("bars");
    const lens = part<HTMLTableElement>("lens-table");
    if (!this.#inside || row === undefined) {
      part("expected-reading").textContent = "nothing is expected before the first token";
      part("lens-reading").textContent = "";
      showBars(table, [], this.#facts.vocabulary, undefined);
      return showLens(lens, [], this.#facts.vocabulary);
    }
    const size = this.#facts.vocabulary.length;
    const logits = this.#inside.logits.subarray(row * size, (row + 1) * size);
    const all = candidates(logits, this.#howToWrite());
    const own = all.find(({ id }) => id === actual);
    const chance = own ? ` with ${percent(own.probability)}` : "";
    part("expected-reading").textContent = `after “${visible(before)}”${what}${chance}`;
    showBars(table, all, this.#facts.vocabulary, actual);
    part("lens-reading").textContent = `expected after “${visible(before.slice(-8))}”`;
    showLens(lens, this.#inside.lens.map((layer) => layer[row]), this.#facts.vocabulary);
  }

  /** The newest tokens that the model read, and their attention. */
  #showAttention(): void {
    if (!this.#inside) return;
    const { layers, heads } = this.#facts;
    const length = this.#ids.length - this.#firstRead();
    const shown = Math.min(MAP_TOKENS, length);
    const weights = new Uint8Array(layers * heads * shown ** 2);
    for (let map = 0; map < layers * heads; map++) {
      for (let row = 0; row < shown; row++) {
        const start = (map * length + length - shown + row) * length + length - shown;
        weights.set(
          this.#inside.attention.subarray(start, start + shown),
          (map * shown + row) * shown,
        );
      }
    }
    this.#attention.begin({ layers, heads, tokens: this.#ids.slice(-shown).map(this.#textOf) });
    this.#attention.show({ weights, step: undefined });
    this.#showSwitch();
  }

  /** Colors the tokens by what the chosen token attends to; for the next, the last one counts. */
  #colorTokens(): void {
    const first = this.#firstRead();
    const length = this.#ids.length - first;
    const row = Math.min(this.#selected, this.#ids.length - 1) - first;
    if (!this.#inside || row < 0) return this.#tokens.color([], 0);
    const { layer, head } = this.#attention.choice;
    const start = ((layer * this.#facts.heads + head) * length + row) * length;
    const bytes = Array.from(this.#inside.attention.subarray(start, start + length));
    this.#tokens.color(bytes.map((byte) => byte / 255), first);
  }

  #showSwitch(): void {
    const { layer, head } = this.#attention.choice;
    const isOff = this.#off.some((each) => each.layer === layer && each.head === head);
    part("switch").textContent = `Layer ${layer + 1}, head ${head + 1}: switch ${
      isOff ? "on" : "off"
    }`;
    part("switch").setAttribute("aria-pressed", String(isOff));
    part("all-on").hidden = this.#off.length === 0;
    const names = this.#off.map((each) => `layer ${each.layer + 1}, head ${each.head + 1}`);
    part("off").textContent = names.length > 0 ? `off: ${names.join("; ")}` : "";
  }

  /** Switches heads, and writes the text again with the same seed. */
  async #switchTo(heads: Head[]): Promise<void> {
    if (this.#isWriting) return;
    this.#off = heads;
    this.#showSwitch();
    await this.#write();
  }

  #toggled(): Head[] {
    const { layer, head } = this.#attention.choice;
    const others = this.#off.filter((each) => each.layer !== layer || each.head !== head);
    return others.length < this.#off.length ? others : [...this.#off, { layer, head }];
  }

  /** Shows a model that was trained in the page. */
  async #trained(facts: Facts, prompt: string): Promise<void> {
    this.#isOwn = true;
    await this.#begin(facts, prompt);
    part("opened").textContent = "trained in this page";
    part("reopen").hidden = this.#source === undefined;
  }

  /** The place of the first token that the model read last. */
  #firstRead(): number {
    return Math.max(0, this.#ids.length - this.#facts.contextLength);
  }

  readonly #textOf = (id: number): string => this.#facts.vocabulary[id];
}

function fail(error: unknown): void {
  part("error").textContent = error instanceof Error ? error.message : String(error);
  part("error").hidden = false;
}

/** Runs what the user asked for; an error is shown. */
function attempt(action: () => Promise<void>): () => void {
  return () => {
    part("error").hidden = true;
    action().catch(fail);
  };
}

/** What is open, for the heading. */
function nameOf({ step }: Source): string {
  return step === undefined ? "" : `as of step ${count(step)}`;
}

/** A line that the model's tokenizer has, such as the first that can be written with it. */
function firstPrompt(vocabulary: readonly string[]): string {
  const known = new Set(vocabulary);
  const lines = ["ROMEO:\nWhat ", "The quick brown fox ", "the "];
  const isCharacters = vocabulary.every((text) => [...text].length <= 1);
  if (!isCharacters) return "The quick brown fox";
  return lines.find((line) => [...line].every((character) => known.has(character))) ??
    vocabulary.find((text) => /\p{L}/u.test(text)) ?? vocabulary[0];
}
