/**
 * A model that lies in parts, an adapter beside its base or weights in several files, put together
 * for the playground, which holds one file of weights.
 *
 * @module
 */
import { UserError, userInput } from "../../lib/cli/run.ts";
import { loadAdapterOrigin, openDevice } from "../../mod.ts";
import { saveWhole } from "../generation/save_whole.ts";
import { MAX_WEIGHTS, openSource } from "./open_source.ts";
import type { Source } from "./page/protocol.ts";

/** What a folder holds besides a model in one file. */
export type Parts = "adapter" | "shards";

/** The parts that a folder's model is in; undefined if it is in none, or the place is no folder. */
export async function partsOf(place: string): Promise<Parts | undefined> {
  const holds = (name: string) => Deno.stat(`${place}/${name}`).then(() => true, () => false);
  const isModel = await holds("config.json");
  if (!isModel && await holds("adapter_config.json")) return "adapter";
  const isWhole = await holds("model.safetensors");
  return isModel && !isWhole && await holds("model.safetensors.index.json") ? "shards" : undefined;
}

/**
 * What the page opens of a folder in parts, with its run's name and losses.
 *
 * @throws {UserError} if it is no model that writes, is too large, or its base cannot be opened
 */
export async function openParts(folder: string, parts: Parts): Promise<Source> {
  const base = parts === "adapter" ? await baseOf(folder) : folder;
  await expectSmall(base);
  const device = await openDevice({ device: "cpu" });
  const whole = await Deno.makeTempDir({ prefix: "folio-explore-" });
  try {
    await saveWhole(whole, base, { adapter: parts === "adapter" ? folder : undefined });
    return await openSource(folder, { model: whole });
  } finally {
    device.close();
    await Deno.remove(whole, { recursive: true });
  }
}

/** The base of an adapter that changes a model's weights. */
async function baseOf(folder: string): Promise<string> {
  const { type, task, base } = await userInput(() => loadAdapterOrigin(folder));
  if (task === "SEQ_CLS") {
    throw new UserError(
      `${folder}: its model sorts texts into classes, and the page is for one that writes; ` +
        `use it with deno task classify ${folder} "some text"`,
    );
  }
  if (type !== "LORA") {
    throw new UserError(
      `${folder}: it is vectors before every text (${type}), which the page does not have; ` +
        `use it with deno task sample ${base ?? "BASE"} --adapter ${folder}`,
    );
  }
  if (base !== undefined) return base;
  throw new UserError(
    `${folder}: it does not name its base; deno task merge ${folder} --base MODEL --out DIR ` +
      "makes one model of both",
  );
}

/** Refuses a folder whose weights are too large for a page before they are read. */
async function expectSmall(folder: string): Promise<void> {
  let size = 0;
  const isFolder = await Deno.stat(folder).then(({ isDirectory }) => isDirectory, () => false);
  if (!isFolder) return;
  for await (const { name } of Deno.readDir(folder)) {
    if (/^model.*\.safetensors$/.test(name)) size += (await Deno.stat(`${folder}/${name}`)).size;
  }
  if (size > MAX_WEIGHTS) {
    throw new UserError(`${folder}: its weights are ${size} bytes, too many for a page`);
  }
}
