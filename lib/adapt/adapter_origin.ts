/**
 * What every kind of adapter says of itself in PEFT's `adapter_config.json`: its kind, its base and
 * its task.
 *
 * load_adapter.ts loads LoRA, prompt_files.ts learned prompts.
 *
 * @module
 */
import { ConfigFields } from "../hub/config_fields.ts";
import {
  openRepository,
  PLACES,
  REPOSITORY_OPTIONS,
  type RepositoryOptions,
} from "../hub/open_repository.ts";
import { checkOptions } from "../options.ts";
import { expectPlace } from "../place.ts";
import {
  type AdapterTask,
  expectAdapterType,
  parseAdapterConfig,
  readOrigin,
} from "./adapter_config.ts";
import { readAdapterFile } from "./read_adapter.ts";

/** The kinds of adapters that Folio loads, by PEFT's names. */
export type AdapterType = "LORA" | "PREFIX_TUNING" | "PROMPT_TUNING";

/** Every one of them. */
const TYPES: readonly AdapterType[] = ["LORA", "PREFIX_TUNING", "PROMPT_TUNING"];

/** What an adapter is, and of which model. */
export interface AdapterOrigin {
  /** `"LORA"`: `loadAdapter` loads it; the others are loaded by `loadPrompt`. */
  readonly type: AdapterType;
  /** The model that it was trained on, as the file names it: it may be a path elsewhere. */
  readonly base?: string;
  /** The task; absent if the file names none. */
  readonly task?: AdapterTask;
}

/**
 * Reads what kind of adapter is in a folder, at an address or on the hub.
 *
 * ```ts
 * import { attachPrompt, GPT, loadAdapterOrigin, openDevice, savePrompt } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const folder = await Deno.makeTempDir();
 * await savePrompt(folder, attachPrompt(model, { tokens: 2 }), { base: "runs/baby" });
 * console.log(await loadAdapterOrigin(folder)); // type PROMPT_TUNING, base runs/baby
 * device.close();
 * ```
 *
 * @throws {UserError} if there is none
 * @throws {SyntaxError} if its configuration is malformed, or of another kind
 * @throws {TypeError} if `place` is none, or an option is unknown
 */
export async function loadAdapterOrigin(
  place: string | URL,
  options: RepositoryOptions = {},
): Promise<AdapterOrigin> {
  expectPlace("loadAdapterOrigin", place, PLACES);
  checkOptions("loadAdapterOrigin", options, REPOSITORY_OPTIONS);
  return await readAdapterFile(openRepository(place, options), (text) => {
    const fields = new ConfigFields(parseAdapterConfig(text));
    return { type: expectAdapterType(fields, TYPES), ...readOrigin(fields) };
  });
}
