/**
 * Encoders that predict masked tokens: logits, loss and gradients are those of transformers; the
 * likeliest tokens behind masks; what is refused.
 */
import assert from "node:assert/strict";
import { readMaskedConfig } from "../lib/hub/encoder_formats.ts";
import { loadEncoder } from "../lib/hub/load_encoder.ts";
import { fillMask, loadMaskedLanguageModel } from "../lib/hub/load_masked_language_model.ts";
import { slice } from "../lib/ops/slice.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertGradients } from "./support/golden_gradients.ts";
import { assertClose } from "./support/gradient_check.ts";
import { floats, MASKED, type MaskedGolden, weightFile } from "./support/pretrained_golden.ts";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** A folder as the hub has it, with a vocab.txt whose word 7 is "w7". */
async function withFolder(
  golden: MaskedGolden,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const vocabulary = Array.from({ length: 61 }, (_, id) => SPECIAL[id] ?? `w${id}`);
    await Deno.writeTextFile(`${folder}/vocab.txt`, vocabulary.join("\n"));
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(golden.config));
    await Deno.writeFile(`${folder}/model.safetensors`, await weightFile(golden));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const integers = (rows: number[][]) =>
  tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });

for (const [name, golden] of Object.entries(MASKED)) {
  forEachDevice(`${name}: logits, loss and gradients of masked tokens are PyTorch's`, async () => {
    await withFolder(golden, async (folder) => {
      const { model } = await loadMaskedLanguageModel(folder);
      const input = { lengths: tensor(Int32Array.from(golden.lengths)) };
      const logits = model.forward(integers(golden.inputs), input);
      const first = await slice(logits, { axis: 1, end: 1 }).data();
      assertClose(first, floats(golden.logits), 1e-4, "logits");
      const named = [...model.namedParameters()];
      const { value, gradients } = valueAndGrad(
        () => model.loss(integers(golden.inputs), integers(golden.targets), input),
        named.map(([, parameter]) => parameter),
      );
      assertClose([await value.item()], [golden.loss], 1e-5, "loss");
      const { names } = readMaskedConfig(JSON.stringify(golden.config));
      await assertGradients(golden, named, gradients, names.source);
    });
  });
}

forEachDevice("the likeliest tokens behind each mask", async () => {
  await withFolder(MASKED.bert, async (folder) => {
    const { model, tokenizer } = await loadMaskedLanguageModel(folder);
    const filled = await fillMask(model, tokenizer, "w7 [MASK] w9 [MASK].", { topK: 3 });
    const ids = integers([[2, 7, 4, 9, 4, 1, 3]]);
    const logits = await model.forward(ids).data();
    for (const [i, position] of [2, 4].entries()) {
      const row = [...logits.subarray(position * 61, (position + 1) * 61)];
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 3);
      assert.deepEqual(filled[i].map(({ id }) => id), order);
      assert.deepEqual(filled[i].map(({ token }) => token), order.map((id) => tokenizer.token(id)));
      const expected = order.map((id) => Math.exp(row[id]) / total);
      assertClose(filled[i].map(({ probability }) => probability), expected, 1e-5);
    }
    assert.equal((await fillMask(model, tokenizer, "[MASK]"))[0].length, 5);
    const refused = (text: string, options: object, message: RegExp) =>
      assert.rejects(fillMask(model, tokenizer, text, options), { name: "RangeError", message });
    await refused("w7", {}, /expected a text with \[MASK\] or <mask>, got "w7"/);
    await refused("[MASK]", { topK: 0 }, /topK must be a whole number from 1/);
    // The encoder in the same file, whose head is not read.
    assert.equal((await loadEncoder(folder)).config.width, 32);
  });
});

Deno.test("an untied head of masked tokens is refused by name", () => {
  const config = { ...MASKED.bert.config, tie_word_embeddings: false };
  assert.throws(() => readMaskedConfig(JSON.stringify(config)), {
    name: "SyntaxError",
    message: "config.json: tie_word_embeddings: expected true, got false",
  });
});
