/**
 * The playground: writes, shows what the model computed, and trains, by calls to the engine.
 *
 * @module
 */
import { AttentionMap } from "../../../lib/cli/live/page/attention.js";
import { count, token as visible } from "../../../lib/cli/live/page/format.js";
import { explainTerms } from "../../../lib/cli/live/page/help.js";
import { html } from "../../../lib/cli/live/page/svg.js";
import { Engine } from "./engine_client.ts";
import type { EngineEvent, Facts, Head, Inside, Source, Writing } from "./protocol.ts";
import { candidates } from "./sampling.ts";
import { field, part, showValues } from "./parts.ts";
import { showRun, TrainingPart } from "./training_part.ts";
import { percent, showBars, showLens, showNeighbors, TokenStrip } from "./views.ts";

/** Maximum number of tokens of the map of attention: its newest. */
const MAP_TOKENS = 40;

const source: Source = JSON.parse(part("source").textContent!);
const engine = new Engine(part("engine").textContent!, receive, fail);
const tokens = new TokenStrip(part("tokens"), (place) => isWriting || select(place));
const attention = new AttentionMap(part("attention"), () => {
  colorTokens();
  showSwitch();
});
const training = new TrainingPart(engine, { onModel: begin, onError: fail });

let facts: Facts;
let ids: number[] = [];
let promptLength = 0;
/** The place of the chosen token; the one after the last is what comes next. */
let selected = 0;
let inside: Inside | undefined;
let off: Head[] = [];
let isWriting = false;

/** The place of the first token that the model read last. */
const firstRead = (): number => Math.max(0, ids.length - facts.contextLength);
const textOf = (id: number): string => facts.vocabulary[id];

function receive(event: EngineEvent): void {
  if (event.kind !== "token") return training.receive(event);
  ids.push(event.id);
  tokens.add(textOf(event.id));
  showCount();
}

function showCount(): void {
  part("written").textContent = `${count(ids.length - promptLength)} tokens written`;
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

/** Shows a model that was opened or trained, with a prompt that it can read. */
async function begin(model: Facts, prompt: string): Promise<void> {
  facts = model;
  off = [];
  const { parameters, layers, heads, width, contextLength, vocabulary, device } = facts;
  const lines = [
    `${count(parameters)} parameters`,
    `${layers} layers of ${heads} heads, width ${width}`,
    `context ${count(contextLength)}`,
    `${count(vocabulary.length)} tokens`,
    device,
  ];
  part("facts").replaceChildren(...lines.flatMap((line) => [html("span", {}, line), " "]));
  field("prompt").value = prompt;
  show(await engine.call("encode", prompt));
  await look();
}

/** Shows a prompt that nothing was added to. */
function show(prompt: readonly number[]): void {
  ids = [...prompt];
  promptLength = ids.length;
  tokens.show(ids.map(textOf), promptLength);
  part("compared").hidden = true;
}

/** Has the model read the text, and shows what it computes. */
async function look(): Promise<void> {
  inside = ids.length === 0 ? undefined : await engine.call("inspect", ids, off);
  showAttention();
  select(ids.length);
}

async function write(): Promise<void> {
  setWriting(true);
  try {
    const prompt = await engine.call("encode", field("prompt").value);
    if (prompt.length === 0) throw new Error("The prompt is empty: type at least one character.");
    show(prompt);
    await engine.call("write", prompt, howToWrite(), off);
    if (off.length > 0) await compare(prompt);
    await look();
  } finally {
    setWriting(false);
  }
}

/** Writes the same with all heads on, beside what was written without some. */
async function compare(prompt: readonly number[]): Promise<void> {
  const without = ids;
  ids = [...prompt];
  await engine.call("write", prompt, howToWrite(), []);
  part("whole").textContent = await engine.call("decode", ids);
  ids = without;
  tokens.show(ids.map(textOf), promptLength);
  showCount();
  part("compared").hidden = false;
}

function howToWrite(): Writing {
  const value = (id: string) => Number(field(id).value);
  return {
    temperature: value("temperature"),
    topK: value("top-k"),
    topP: value("top-p"),
    seed: value("seed"),
    count: value("length"),
  };
}

function setWriting(writing: boolean): void {
  isWriting = writing;
  field("write").disabled = writing;
  field("stop").disabled = !writing;
  part("status").textContent = writing ? "writing" : "ready";
}

/** Shows what the model expected at a place of the text. */
function select(place: number): void {
  selected = place;
  tokens.select(place);
  colorTokens();
  showExpected();
  const id = ids[place] ?? ids.at(-1);
  if (id === undefined) return;
  part("near-reading").textContent = `of ${visible(textOf(id))}`;
  engine.call("neighbors", id).then((near) => {
    showNeighbors(part("neighbors"), near, facts.vocabulary);
  }, fail);
}

/** The row of logits that expects the token at the chosen place; undefined if there is none. */
function expectingRow(): number | undefined {
  const row = selected - 1 - firstRead();
  return row < 0 ? undefined : row;
}

function showExpected(): void {
  const row = expectingRow();
  const actual = ids[selected];
  const before = ids.slice(0, selected).map(textOf).join("").slice(-20);
  const what = actual === undefined ? "" : `; the text has ${visible(textOf(actual))}`;
  const table = part<HTMLTableElement>("bars");
  const lens = part<HTMLTableElement>("lens-table");
  if (!inside || row === undefined) {
    part("expected-reading").textContent = "nothing is expected before the first token";
    part("lens-reading").textContent = "";
    showBars(table, [], facts.vocabulary, undefined);
    return showLens(lens, [], facts.vocabulary);
  }
  const size = facts.vocabulary.length;
  const logits = inside.logits.subarray(row * size, (row + 1) * size);
  const all = candidates(logits, howToWrite());
  const own = all.find(({ id }) => id === actual);
  const chance = own ? ` with ${percent(own.probability)}` : "";
  part("expected-reading").textContent = `after “${visible(before)}”${what}${chance}`;
  showBars(table, all, facts.vocabulary, actual);
  part("lens-reading").textContent = `expected after “${visible(before.slice(-8))}”`;
  showLens(lens, inside.lens.map((layer) => layer[row]), facts.vocabulary);
}

/** The newest tokens that the model read, and their attention. */
function showAttention(): void {
  if (!inside) return;
  const { layers, heads } = facts;
  const length = ids.length - firstRead();
  const shown = Math.min(MAP_TOKENS, length);
  const weights = new Uint8Array(layers * heads * shown ** 2);
  for (let map = 0; map < layers * heads; map++) {
    for (let row = 0; row < shown; row++) {
      const start = (map * length + length - shown + row) * length + length - shown;
      weights.set(inside.attention.subarray(start, start + shown), (map * shown + row) * shown);
    }
  }
  attention.begin({ layers, heads, tokens: ids.slice(-shown).map(textOf) });
  attention.show({ weights, step: undefined });
  showSwitch();
}

/** Colors the tokens by what the chosen token attends to; for the next, the last one counts. */
function colorTokens(): void {
  const first = firstRead();
  const length = ids.length - first;
  const row = Math.min(selected, ids.length - 1) - first;
  if (!inside || row < 0) return tokens.color([], 0);
  const { layer, head } = attention.choice;
  const start = ((layer * facts.heads + head) * length + row) * length;
  const bytes = Array.from(inside.attention.subarray(start, start + length));
  tokens.color(bytes.map((byte) => byte / 255), first);
}

function showSwitch(): void {
  const { layer, head } = attention.choice;
  const isOff = off.some((each) => each.layer === layer && each.head === head);
  part("switch").textContent = `Layer ${layer + 1}, head ${head + 1}: switch ${
    isOff ? "on" : "off"
  }`;
  part("switch").setAttribute("aria-pressed", String(isOff));
  part("all-on").hidden = off.length === 0;
  const names = off.map((each) => `layer ${each.layer + 1}, head ${each.head + 1}`);
  part("off").textContent = names.length > 0 ? `off: ${names.join("; ")}` : "";
}

/** Switches heads, and writes the text again with the same seed. */
async function switchTo(heads: Head[]): Promise<void> {
  if (isWriting) return;
  off = heads;
  showSwitch();
  await write();
}

function toggled(): Head[] {
  const { layer, head } = attention.choice;
  const others = off.filter((each) => each.layer !== layer || each.head !== head);
  return others.length < off.length ? others : [...off, { layer, head }];
}

function listen(): void {
  for (const list of ["sliders", "sizes"]) showValues(part(list));
  part("sliders").addEventListener("input", () => isWriting || showExpected());
  part("write").addEventListener("click", attempt(write));
  part("stop").addEventListener("click", attempt(() => engine.call("stop")));
  part("switch").addEventListener("click", attempt(() => switchTo(toggled())));
  part("all-on").addEventListener("click", attempt(() => switchTo([])));
  part("reopen").addEventListener("click", attempt(open));
}

async function open(): Promise<void> {
  part("name").textContent = source.name;
  part("reopen").hidden = true;
  const model = await engine.call("open", source);
  await begin(model, firstPrompt(model.vocabulary));
  part("status").textContent = "ready";
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

explainTerms(document);
listen();
showRun(source);
attempt(open)();
