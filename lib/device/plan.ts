/**
 * The memory plan of a recorded program: which launches are needed, and which storages share
 * memory.
 *
 * A storage lives from the launch that first writes it to the last that touches it; storages whose
 * lifetimes do not overlap share a slot. Moves become renamings if nothing else reads the source
 * afterwards. The device runs the list.
 *
 * @module
 */
import type { Device } from "./device.ts";
import type { Launch, Placeable, Range } from "./launch.ts";
import { overlap, present, readCount, usesOf } from "./launch_uses.ts";
import type { Entry, Recorder } from "./recorder.ts";
import { Storage } from "./storage.ts";
import type { WorkingMemory } from "./working_memory.ts";

/** A planned program: launches with places, and the memory that its storages share. */
export interface Plan {
  readonly launches: Launch<Range>[];
  /**
   * The memory of each slot. What is not shared is freed with `dispose`, or collected with the last
   * storage that has its place in it.
   */
  readonly memory: Storage[];
  /** Bytes of memory that storages share, and the bytes they would take without sharing. */
  readonly bytes: number;
  readonly bytesUnshared: number;
}

const launchOf = (entry: Entry) => entry.kind === "launch" ? entry.launch : entry.copy;

/**
 * Makes the plan, allocates its memory on the device or takes it from `shared`, and gives every
 * recorded storage its place.
 */
export function plan(
  device: Device,
  recorder: Recorder,
  outputs: ReadonlySet<Placeable>,
  shared?: WorkingMemory,
): Plan {
  const root = new Map<Placeable, Placeable>();
  const find = (storage: Placeable): Placeable => {
    const next = root.get(storage);
    return next ? find(next) : storage;
  };
  const { launches, fixed } = resolveMoves(recorder.entries, outputs, root, find);
  const live = liveLaunches(launches, [...outputs, ...fixed.keys()], find);
  const slots = assignSlots(live, outputs, fixed, find);
  const sizes = slots.map(({ bytes }) => bytes);
  const memory = shared?.take(device, sizes) ??
    sizes.map((bytes) => Storage.persistent(device, bytes));
  slots.forEach(({ lives }, i) => lives.forEach(({ storage }) => storage.place(memory[i])));
  for (const [storage, target] of fixed) storage.place(target);
  for (const storage of root.keys()) storage.place(find(storage));
  return {
    launches: live.map((launch) => ({ ...launch, buffers: [...launch.buffers] })),
    memory,
    bytes: slots.reduce((sum, slot) => sum + slot.bytes, 0),
    bytesUnshared: slots.reduce((sum, slot) => sum + slot.bytesUnshared, 0),
  };
}

/** Turns each move into a renaming (`root`), a fixed place (`fixed`) or a copy. */
function resolveMoves(
  entries: readonly Entry[],
  outputs: ReadonlySet<Placeable>,
  root: Map<Placeable, Placeable>,
  find: (storage: Placeable) => Placeable,
): { launches: Launch<Placeable>[]; fixed: Map<Placeable, Range> } {
  const fixed = new Map<Placeable, Range>();
  const firstWrite = new Map<Placeable, number>();
  const lastUse = new Map<Placeable, number>();
  const isRead = new Set<Placeable>();
  const uses = entries.map((entry) => usesOf(launchOf(entry)));
  entries.forEach((entry, i) => {
    const { reads, writes } = uses[i];
    for (const storage of [...reads, ...writes]) lastUse.set(storage, i);
    for (const storage of writes) if (!firstWrite.has(storage)) firstWrite.set(storage, i);
    if (entry.kind === "launch") {
      for (const storage of entry.launch.buffers.slice(0, readCount(entry.launch))) {
        if (storage) isRead.add(storage);
      }
    }
  });
  const launches: Launch<Placeable>[] = [];
  /**
   * Whether anything from entry `first` to before `last` reads `to`'s allocation or writes `to`.
   */
  const touched = (to: Placeable, first: number, last: number): boolean =>
    uses.slice(first, last).some(({ reads, writes }) =>
      reads.some((s) => !s.pending && s.allocation === to.allocation) ||
      writes.some((s) => !s.pending && overlap(s, to))
    );
  const isReadByName = (origin: Placeable) =>
    isRead.has(origin) ||
    [...root.keys()].some((name) => find(name) === origin && isRead.has(name));
  entries.forEach((entry, i) => {
    if (entry.kind === "launch") {
      launches.push(entry.launch);
      return;
    }
    const { from, to, copy } = entry;
    const free = from.pending && !outputs.has(from) && lastUse.get(from) === i;
    const origin = find(from);
    if (free && to.pending) root.set(to, from);
    else if (
      free && !to.pending && !isReadByName(origin) &&
      !touched(to, firstWrite.get(origin) ?? i, i)
    ) fixed.set(origin, to);
    else launches.push(copy);
  });
  return { launches, fixed };
}

/** The launches whose results reach an output or memory that outlives the program. */
function liveLaunches(
  launches: readonly Launch<Placeable>[],
  results: readonly Placeable[],
  find: (storage: Placeable) => Placeable,
): Launch<Placeable>[] {
  const needed = new Set(results.map(find));
  const live: Launch<Placeable>[] = [];
  for (const launch of [...launches].reverse()) {
    const { reads, writes } = usesOf(launch);
    if (!writes.some((s) => !s.pending || needed.has(find(s)))) continue;
    for (const storage of reads) needed.add(find(storage));
    live.push(launch);
  }
  return live.reverse();
}

/** Memory for storages whose lifetimes do not overlap. */
interface Slot {
  readonly bytes: number;
  bytesUnshared: number;
  /** Slots in memory, without gaps. */
  readonly lives: Life[];
}

/** The first and the last launch that touch a storage. */
interface Life {
  readonly storage: Placeable;
  readonly first: number;
  last: number;
}

/**
 * The largest storages choose their slots first, so that a small one never takes a large slot that
 * a large one needs. Source: Pisarchyk & Lee, arXiv 2001.03288.
 */
function assignSlots(
  launches: readonly Launch<Placeable>[],
  outputs: ReadonlySet<Placeable>,
  fixed: ReadonlyMap<Placeable, Range>,
  find: (storage: Placeable) => Placeable,
): Slot[] {
  const slots: Slot[] = [];
  const lives = livesOf(launches, outputs, find).filter(({ storage }) =>
    storage.pending && !fixed.has(storage)
  );
  const sizeOf = ({ storage }: Life) => Math.ceil(Math.max(storage.bytes, 4) / 256) * 256;
  for (const life of lives.sort((a, b) => sizeOf(b) - sizeOf(a))) {
    const bytes = sizeOf(life);
    let slot = slots.findLast(({ lives }) => isFree(lives, life)); // the smallest that is free
    if (!slot) slots.push(slot = { bytes, bytesUnshared: 0, lives: [] });
    slot.bytesUnshared += bytes;
    slot.lives.splice(placeOf(slot.lives, life), 0, life);
  }
  return slots;
}

/** Whether none of the lifetimes, which are in order and disjoint, overlaps this one. */
function isFree(lives: readonly Life[], life: Life): boolean {
  const next = lives[placeOf(lives, life)];
  return next === undefined || next.first > life.last;
}

/** The index of the first of the lifetimes that does not end before this one begins. */
function placeOf(lives: readonly Life[], { first }: Life): number {
  let [from, to] = [0, lives.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (lives[middle].last < first) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The lifetime of every storage; an output's never ends, because it is read between two runs. */
function livesOf(
  launches: readonly Launch<Placeable>[],
  outputs: ReadonlySet<Placeable>,
  find: (storage: Placeable) => Placeable,
): Life[] {
  const lives = new Map<Placeable, Life>();
  launches.forEach((launch, i) => {
    for (const storage of present(launch.buffers).map(find)) {
      const life = lives.get(storage);
      if (life) life.last = i;
      else lives.set(storage, { storage, first: i, last: i });
    }
  });
  for (const storage of [...outputs].map(find)) {
    lives.set(storage, { storage, first: 0, last: Infinity });
  }
  return [...lives.values()];
}
