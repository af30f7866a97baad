/**
 * Merges an adapter into its base: one model folder, which generates as fast as the base.
 *
 *     deno task merge runs/finetune --out merged
 *
 * @module
 */
import { text } from "../lib/cli/flags.ts";
import { revisionFlag } from "../lib/cli/model_place.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { loadAdapterOrigin, openDevice, savePretrained, UserError } from "../mod.ts";
import { type ClassifierPlace, openClassifier } from "./classify/open_classifier.ts";
import { saveWhole } from "./generation/save_whole.ts";

const flags = {
  out: text(undefined, "folder of the merged model", { placeholder: "DIR", shownDefault: "" }),
  base: text(undefined, "the model that the adapter was trained on", {
    placeholder: "MODEL",
    shownDefault: "as the adapter names it",
  }),
  revision: revisionFlag("a base"),
};

const command = {
  name: "deno task merge",
  summary: "Merges an adapter into its base and saves both as one model.",
  flags,
  positionals: {
    name: "RUN",
    meaning: "folder of a LoRA run or of an adapter, address, or name on the hub",
    min: 1,
    max: 1,
  },
  examples: [[
    "deno task merge runs/finetune --out merged",
    "base and adapter as one model",
  ]] as const,
};

await runScript(command, async ({ flags: { out, base, revision }, positionals: [adapter] }) => {
  if (out === undefined) throw new UserError("expected --out DIR, the folder of the merged model");
  const { type, task, ...origin } = await userInput(() => loadAdapterOrigin(adapter));
  const place = base ?? origin.base;
  if (type !== "LORA") {
    throw new UserError(
      `${adapter}: it is vectors before every text (${type}), which no weight can hold; ` +
        `use it with deno task sample ${place ?? "BASE"} --adapter ${adapter}`,
    );
  }
  if (place === undefined) {
    throw new UserError(`${adapter}: it does not name its base; give it with --base MODEL`);
  }
  const device = await openDevice({ device: "cpu" });
  await (task === "SEQ_CLS"
    ? mergeClassifier(out, { location: adapter, base: place, revision })
    : saveWhole(out, place, { adapter, revision }));
  print(`wrote ${out}: ${place} with ${adapter} merged into it`);
  const command = task === "SEQ_CLS" ? `classify ${out} "some text"` : `sample ${out}`;
  print(`try   deno task ${command}`);
  device.close();
});

async function mergeClassifier(out: string, place: ClassifierPlace): Promise<void> {
  const opened = await openClassifier(place);
  const { model, tokenizer } = opened;
  opened.adapter!.merge();
  opened.adapter!.detach();
  await userInput(() => savePretrained(out, { model, tokenizer }));
}
