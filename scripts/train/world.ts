/**
 * A run of several processes, started by MPI's launcher (`deno task train:mpi`).
 *
 * Process 0 is the run: it alone reads the corpus and the folder, prints and saves. The others
 * receive tokens, settings and weights from it, and make the same steps on their share of the
 * batches.
 *
 * @module
 */
import { deviceOptions, lossScalingOf } from "../../lib/cli/device_flags.ts";
import { Interrupt } from "../../lib/cli/interrupt.ts";
import {
  AdamW,
  attachLora,
  type Device,
  type EncodedDocument,
  GPT,
  type LoraChoices,
  type ModelConfig,
  openDevice,
  openWorld,
  optimizerOf,
  Trainer,
  trainingLoop,
  UserError,
  type World,
} from "../../mod.ts";
import type { Watch } from "../../lib/cli/world_watch_worker.ts";
import type { Plan } from "./choices.ts";
import { type TrainBatches, trainBatches } from "./data.ts";
import type { DocumentParts } from "./documents.ts";
import type { TrainFlags } from "./flags.ts";
import type { RunParts } from "./run.ts";
import { stepOptions } from "./schedule.ts";

type WorldFlags = Pick<TrainFlags, "mpi" | "mpiTimeout" | "globalBatch" | "batch">;

/**
 * Joins the processes of the launcher; without one, a world of this process alone.
 *
 * @throws {UserError} if MPI cannot be used, or another version of Folio runs somewhere
 */
export async function openTrainWorld({ mpi, mpiTimeout }: WorldFlags): Promise<World> {
  const world = await openWorld(mpi === undefined ? {} : { mpi });
  if (world.abortCall) watch(world, world.abortCall, mpiTimeout);
  return world;
}

/**
 * Refuses what several processes cannot do together.
 *
 * @throws {UserError} naming the flag that asks for it
 */
export function expectOneProcess(flag: string, { size }: World): void {
  if (size === 1) return;
  throw new UserError(`${flag}: one process trains; start it without mpirun`);
}

/** Starts the thread that ends all processes when one call of MPI takes longer than `timeout`. */
function watch({ rank, clock }: World, abort: Watch["abort"], timeout: number): void {
  const worker = new Worker(import.meta.resolve("../../lib/cli/world_watch_worker.ts"), {
    type: "module",
  });
  worker.postMessage({ clock, timeout, rank, abort } satisfies Watch);
}

/**
 * The flags with `--batch` as what each process takes of `--global-batch`, if that was typed.
 *
 * @throws {UserError} if the processes cannot share it evenly
 */
export function sharedBatch<Flags extends WorldFlags>(
  flags: Flags,
  given: ReadonlySet<string>,
  { size }: World,
): { flags: Flags; given: ReadonlySet<string> } {
  const { globalBatch } = flags;
  if (globalBatch === undefined) return { flags, given };
  if (given.has("batch")) {
    throw new UserError("--batch is of each process, --global-batch of all; leave one of them out");
  }
  if (globalBatch % size !== 0) {
    throw new UserError(
      `--global-batch ${globalBatch}: ${size} processes cannot share it evenly; ` +
        `take ${size * Math.ceil(globalBatch / size)}`,
    );
  }
  return {
    flags: { ...flags, batch: globalBatch / size },
    given: new Set([...given, "batch"]),
  };
}

/** Opens the device of one of the processes on this machine, with its share of the cores. */
export async function openSharedDevice(
  flags: Pick<TrainFlags, "device" | "precision" | "threads" | "blas">,
  world: World,
): Promise<Device> {
  const share = Math.max(1, Math.floor(navigator.hardwareConcurrency / world.processesHere));
  const threads = flags.threads ?? (world.size > 1 ? share : undefined);
  return await openDevice({ ...deviceOptions(flags), threads, blas: flags.blas });
}

/** For example `world    2 processes on 1 machine, 2 × 12 × 64 tokens an update, …`. */
function worldLines(
  { device, plan: { settings } }: Parts,
  world: World,
  isExact: boolean,
): string[] {
  const { batch, context, accumulate } = settings;
  const factors = [world.size, ...accumulate > 1 ? [accumulate] : [], batch, context].join(" × ");
  const sums = isExact
    ? `exact: the bits of one process with --accumulate ${world.size * accumulate}`
    : "close: MPI adds in an order of its own";
  const line = `world    ${world.describe()}, ${factors} tokens an update, ${sums}`;
  const isBound = world.processesHere > 1 && navigator.hardwareConcurrency === 1;
  if (!isBound || device.traits.isAsynchronous) return [line];
  return [line, "note     each process has one core; if there are more, mpirun --bind-to none"];
}

/** Says so if other processes than before change the number of sequences of an update. */
export function updateNotes({ plan, trainer }: Pick<Parts, "plan" | "trainer">): string[] {
  const { settings: { accumulate, batch }, before } = plan;
  const size = trainer.world?.size ?? 1;
  const now = size * accumulate * batch;
  if (!before || before.processes === size || before.sequences === now) return [];
  const processes = size === 1 ? "1 process" : `${size} processes`;
  const factors = `${processes}, --batch ${batch}, ` +
    `--accumulate ${accumulate}`;
  return [
    `note     an update has ${now} sequences from here on (${factors}); it had ${before.sequences}`,
  ];
}

/** What process 0 tells the others, besides the tokens. */
interface SharedRun {
  readonly settings: Plan["settings"];
  readonly reports: Plan["reports"];
  readonly reading?: Plan["reading"];
  readonly sequencesSeen: number;
  readonly step: number;
  readonly config: ModelConfig;
  readonly lora?: LoraChoices;
  readonly evaluates: boolean;
  readonly evaluateFirst: boolean;
  readonly recomputeActivations: boolean;
  /** How to cut the tokens of both parts into documents. */
  readonly documents?: { readonly [Part in keyof DocumentParts]: readonly DocumentLengths[] };
}

/** Tokens of a document, and how many of them are its prompt. */
type DocumentLengths = readonly [length: number, prompt: number];

type Parts = Pick<RunParts, "trainer" | "device" | "plan" | "data" | "ends">;

/**
 * Tells the other processes what to do, as process 0, when a run begins; returns lines about them.
 */
export function shareRun(
  parts: Parts,
  { evaluates, evaluateFirst }: { evaluates: boolean; evaluateFirst: boolean },
): string[] {
  const { trainer, plan, data, ends: { adapter } } = parts;
  const { world, model } = trainer;
  if (!world) return [];
  const { settings, reports, reading, sequencesSeen, step } = plan;
  const { documents } = data;
  const shared: SharedRun = {
    settings,
    reports,
    reading,
    sequencesSeen,
    step,
    config: model.config,
    lora: adapter?.choices,
    evaluates,
    evaluateFirst,
    recomputeActivations: trainer.options.recomputeActivations,
    documents: documents && {
      train: documents.train.map(lengthsOf),
      validation: documents.validation.map(lengthsOf),
    },
  };
  world.broadcastJson(shared);
  for (const tokens of [data.train, data.validation]) {
    world.broadcastBytes(new Uint8Array(Uint32Array.from(tokens).buffer));
  }
  return worldLines(parts, world, world.sumsPairwise(trainer.optimizer.gradient.size));
}

/** What every process but the first does: its share of each step, until process 0 has ended. */
export async function followRun(world: World, flags: TrainFlags): Promise<void> {
  // Process 0 hears Ctrl-C as well, and says when to stop.
  using _interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP"]);
  const device = await openSharedDevice(flags, world);
  const shared = world.broadcastJson<SharedRun>(undefined);
  const { settings, reports, evaluateFirst, recomputeActivations } = shared;
  const { batches, held } = await sharedBatches(world, shared);
  const model = new GPT(shared.config); // with process 0's weights from the first step on
  const { beta1, beta2, weightDecay, clip } = settings;
  const scaling = lossScalingOf(flags);
  const options = { beta1, beta2, weightDecay, clip, ...scaling };
  const optimizer = shared.lora
    ? new AdamW(attachLora(model, shared.lora).parameters(), options)
    : optimizerOf(settings, model, scaling);
  optimizer.restore(shared.step);
  const trainer = new Trainer(model, optimizer, {
    ...stepOptions(settings),
    recomputeActivations,
    world,
  });
  world.sumsPairwise(optimizer.gradient.size); // for process 0's line
  const loop = { steps: settings.steps, ...reports, ...held, evaluateFirst };
  // deno-lint-ignore no-empty
  for await (const _event of trainingLoop(trainer, batches, loop)) {}
  world.close();
  device.close();
}

/** The batches of process 0. */
async function sharedBatches(world: World, shared: SharedRun): Promise<TrainBatches> {
  const receive = () => new Uint32Array(world.broadcastBytes(undefined).slice().buffer);
  const [train, validation] = [receive(), receive()];
  const documents = shared.documents && {
    train: cut(train, shared.documents.train),
    validation: cut(validation, shared.documents.validation),
  };
  const { held, batches } = await trainBatches(shared, { train, validation, documents });
  return { batches, held: shared.evaluates ? held : undefined };
}

function lengthsOf({ ids, prompt }: EncodedDocument): DocumentLengths {
  return [ids.length, prompt];
}

function cut(
  ids: Uint32Array<ArrayBuffer>,
  lengths: readonly DocumentLengths[],
): EncodedDocument[] {
  let at = 0;
  return lengths.map(([length, prompt]) => ({ ids: ids.subarray(at, at += length), prompt }));
}
