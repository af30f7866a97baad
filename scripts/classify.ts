/**
 * Classifies texts with a fine-tuned model, or measures it on labeled ones.
 *
 *     deno task classify runs/spam "Win a prize now"
 *     deno task classify runs/spam --file sms.tsv
 *
 * @module
 */
import { deviceFlags, deviceOptions } from "../lib/cli/device_flags.ts";
import { text } from "../lib/cli/flags.ts";
import { revisionFlag } from "../lib/cli/model_place.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import {
  type Classifier,
  classify,
  evaluateClassifier,
  loadLabeledFile,
  openDevice,
  type Tokenizer,
  UserError,
} from "../mod.ts";
import { openClassifier } from "./classify/open_classifier.ts";

const flags = {
  file: text(undefined, "labeled texts to measure the model on: .tsv, .csv, .jsonl", {
    placeholder: "FILE",
    shownDefault: "",
  }),
  base: text(undefined, "the model that an adapter was trained on", {
    placeholder: "MODEL",
    shownDefault: "as the adapter names it",
  }),
  revision: revisionFlag(),
  ...deviceFlags,
};

const command = {
  name: "deno task classify",
  summary: "Prints the class of each text with its probability, or measures a classifier.",
  flags,
  positionals: {
    name: "MODEL TEXT",
    meaning: "folder of a classifier or of its adapter, or name on the hub; then the texts",
    min: 1,
  },
  examples: [
    ['deno task classify runs/spam "Win a prize now"', "the class of a text"],
    ["deno task classify runs/spam --file sms.tsv", "accuracy, F1 and the confusion matrix"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [location, ...texts] }) => {
  if (texts.length === 0 && flags.file === undefined) {
    throw new UserError("expected texts after the model, or --file FILE with labeled ones");
  }
  const { base, revision } = flags;
  const rows = flags.file === undefined ? [] : await loadLabeledFile(flags.file);
  const device = await openDevice(deviceOptions(flags));
  const { model, tokenizer } = await openClassifier({ location, base, revision });
  for (const [i, { label, score }] of (await classified(model, tokenizer, texts)).entries()) {
    print(`${label}\t${score.toFixed(4)}\t${texts[i]}`);
  }
  if (rows.length > 0) {
    const report = await userInput(() => evaluateClassifier(model, tokenizer, rows));
    print(`accuracy ${report.accuracy.toFixed(4)}, macro F1 ${report.macroF1.toFixed(4)}`);
    for (const [c, { label, precision, recall, f1 }] of report.classes.entries()) {
      const shares = [precision, recall, f1].map((share) => share.toFixed(3)).join(" ");
      print(
        `${label}\tprecision, recall, F1 ${shares}\tpredicted as ${report.confusion[c].join(" ")}`,
      );
    }
  }
  device.close();
});

async function classified(model: Classifier, tokenizer: Tokenizer, texts: readonly string[]) {
  return texts.length === 0 ? [] : await userInput(() => classify(model, tokenizer, texts));
}
