/**
 * Adapters of classifiers: PEFT's give PEFT's logits and are saved again, heads go with them, and
 * what does not fit is refused by name.
 */
import assert from "node:assert/strict";
import { saveAdapter } from "../lib/adapt/adapter_files.ts";
import { loadAdapter } from "../lib/adapt/load_adapter.ts";
import { attachLora } from "../lib/adapt/lora.ts";
import { loadClassifier } from "../lib/hub/load_classifier.ts";
import { encodeSafetensors } from "../lib/hub/safetensors.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { padSequences } from "../lib/nn/padding.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { TextClassifier } from "../lib/nn/text_classifier.ts";
import { Random } from "../lib/random.ts";
import { size } from "../lib/shape.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import golden from "./golden/peft_classifiers.json" with { type: "json" };
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";
import { ENCODERS, floats, weight, weightFile } from "./support/pretrained_golden.ts";

/** An adapter of golden/peft_reference.py. */
interface PeftGolden {
  readonly config: Record<string, unknown>;
  readonly shapes: Record<string, number[]>;
  readonly logits: string;
}

async function writeFiles(name: string, { config, shapes }: PeftGolden) {
  const folder = await Deno.makeTempDir();
  const [base, adapter] = [`${folder}/base`, `${folder}/adapter`];
  for (const path of [base, adapter]) await Deno.mkdir(path);
  await Deno.writeTextFile(`${base}/config.json`, JSON.stringify(ENCODERS[name].config));
  await Deno.writeFile(`${base}/model.safetensors`, await weightFile(ENCODERS[name]));
  const entries = Object.entries(shapes).map(([key, shape]) =>
    [key, { shape, data: weight(key, size(shape)) }] as const
  );
  const bytes = await new Blob([...encodeSafetensors(entries, { format: "pt" })]).bytes();
  await Deno.writeFile(`${adapter}/adapter_model.safetensors`, bytes);
  await Deno.writeTextFile(`${adapter}/adapter_config.json`, JSON.stringify(config));
  return { folder, base, adapter };
}

for (const [name, peft] of Object.entries(golden as unknown as Record<string, PeftGolden>)) {
  forEachDevice(
    `${name}: a classifier's adapter gives PEFT's logits, and is saved again`,
    async () => {
      const { folder, base, adapter: place } = await writeFiles(name, peft);
      const { model } = await loadClassifier(base, { tokenizer: false });
      const { inputs, lengths, types } = ENCODERS[name];
      const rows = (table: number[][]) =>
        tensor(Int32Array.from(table.flat()), { shape: [table.length, table[0].length] });
      const input = {
        lengths: tensor(Int32Array.from(lengths)),
        ...model.config.tokenTypes ? { types: rows(types) } : {},
      };
      const logits = () => model.forward(rows(inputs), input).data();
      const before = await logits();
      const adapter = await loadAdapter(place, model);
      const own = await logits();
      assertClose(own, floats(peft.logits), 3e-5);

      const again = `${place}-again`;
      await saveAdapter(again, adapter, { base: name });
      const written = JSON.parse(await Deno.readTextFile(`${again}/adapter_config.json`));
      for (const [key, value] of Object.entries(written)) {
        if (key !== "folio_version") assert.deepEqual(value, peft.config[key], key);
      }
      adapter.detach();
      assert.deepEqual(await logits(), before);
      await loadAdapter(again, model);
      assert.deepEqual(await logits(), own);
      await Deno.remove(folder, { recursive: true });
    },
  );
}

const shape = { vocabSize: 9, contextLength: 8, layers: 2, heads: 2, width: 16 };
const labels = ["ham", "spam"];

function textClassifier(seed: number, config: object = {}): TextClassifier {
  const model = new GPT({ ...shape, ...config }, { random: new Random(3) });
  return new TextClassifier(model, { labels, random: new Random(seed) });
}

async function logitsOf(classifier: TextClassifier) {
  const { ids, lengths } = padSequences([[1, 5, 6, 2], [1, 7, 2]]);
  return await classifier.forward(ids, { lengths }).data();
}

forEachDevice(
  "a language model's head goes with its adapter, onto a base with any head",
  async () => {
    const folder = await Deno.makeTempDir();
    for (const config of [{}, { tiedHead: false }]) {
      const trained = textClassifier(1, config);
      const adapter = attachLora(trained, { rank: 2, modules: "all-linear" });
      const modules = [...new Set(adapter.report.modules.map((name) => name.split(".").at(-1)))];
      assert.deepEqual(modules, ["c_attn", "c_proj", "c_fc"], "neither score nor lm_head");
      assert.ok(adapter.parameters().includes(trained.score.weight));
      const random = new Random(5);
      for (const tensor of adapter.parameters()) tensor.write(random.normals(tensor.size, 0.3));
      await saveAdapter(folder, adapter);
      const expected = await logitsOf(trained);

      const other = textClassifier(2, config);
      const before = await logitsOf(other);
      const loaded = await loadAdapter(folder, other);
      assert.deepEqual(await logitsOf(other), expected);
      loaded.enabled = false;
      assert.deepEqual(await logitsOf(other), before);
      loaded.enabled = true;
      loaded.merge();
      assertClose(await logitsOf(other), expected, 1e-5);
      loaded.detach();
      assertClose(await logitsOf(other), expected, 1e-5);
    }
    const wrong = textClassifier(1);
    wrong.model.finalNorm!.weight!.write(new Float32Array(16).fill(2));
    await assert.rejects(() => loadAdapter(folder, wrong), /other weights/);
    await Deno.remove(folder, { recursive: true });
  },
);

forEachDevice(
  "an adapter of another task, or without its head, is refused in one line",
  async () => {
    const folder = await Deno.makeTempDir();
    const classifier = textClassifier(1);
    await saveAdapter(folder, attachLora(classifier, { rank: 2 }));
    await assert.rejects(
      () => loadAdapter(folder, new GPT(shape)),
      /it classifies texts; load it onto a TextClassifier or a SequenceClassifier$/,
    );
    const three = new TextClassifier(new GPT(shape, { random: new Random(3) }), {
      labels: [...labels, "maybe"],
    });
    await assert.rejects(() => loadAdapter(folder, three), /score\.weight: expected \[3,16\]/);
    const model = new GPT(shape);
    const adapter = attachLora(model, { rank: 2 });
    await saveAdapter(folder, adapter);
    adapter.detach();
    await assert.rejects(
      () => loadAdapter(folder, textClassifier(1)),
      /it is for a language model; load it onto a GPT$/,
    );
    const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    const asked = { ...config, task_type: "SEQ_CLS", modules_to_save: ["score"] };
    await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(asked));
    const before = await logitsOf(classifier);
    await assert.rejects(
      () => loadAdapter(folder, new TextClassifier(model, { labels })),
      /it has no base_model\.model\.score\.weight/,
    );
    assert.deepEqual(await logitsOf(classifier), before);
    await Deno.remove(folder, { recursive: true });
  },
);

forEachDevice("an encoder of one's own is adapted by its own names", async () => {
  const config = { ...shape, poolerActivation: "tanh" as const, labels };
  const folder = await Deno.makeTempDir();
  const model = new SequenceClassifier(config, { random: new Random(3) });
  const adapter = attachLora(model, { rank: 2, modules: ["query", "value"] });
  assert.equal(adapter.report.modules[0], "encoder.blocks.0.attention.query");
  await saveAdapter(folder, adapter, { base: "mine" });
  const again = new SequenceClassifier(config, { random: new Random(3) });
  assert.equal((await loadAdapter(folder, again)).report.modules.length, 4);
  await Deno.remove(folder, { recursive: true });
});

forEachDevice("a token table without the head that is tied to it is refused", async () => {
  const [config, modulesToSave] = [{ ...shape, tiedHead: false }, ["wte"]];
  const untied = new GPT(config, { random: new Random(3) });
  const folder = await Deno.makeTempDir();
  await saveAdapter(folder, attachLora(untied, { rank: 2, modulesToSave }), { base: "mine" });
  await loadAdapter(folder, new GPT(config, { random: new Random(3) }));
  await assert.rejects(
    () => loadAdapter(folder, new GPT(shape, { random: new Random(3) })),
    /^SyntaxError: .* replaces transformer\.wte\.weight but not the head that is tied to it/,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("modules to save whole: an untied head, and what is refused", () => {
  const untied = new GPT({ ...shape, tiedHead: false });
  const adapter = attachLora(untied, { modulesToSave: ["lm_head"] });
  assert.ok(adapter.parameters().includes(untied.head!.weight));
  const model = new GPT(shape);
  const tries: [modules: string[], message: RegExp][] = [
    [
      ["lm_head"],
      /not tied, got "lm_head": transformer\.wte\.weight is the token table and the head/,
    ],
    [["wte"], /not tied, got "wte"/],
    [["pooler"], /names of modules as modulesToSave, got "pooler"; the model has wte, wpe, ln_1/],
  ];
  for (const [modulesToSave, message] of tries) {
    assert.throws(() => attachLora(model, { modulesToSave }), message);
  }
  const text = "lm_head" as unknown as string[];
  assert.throws(() => attachLora(model, { modulesToSave: text }), /modulesToSave as a list/);
  const options = { modules_to_save: ["wte"] } as object;
  assert.throws(() => attachLora(model, options), /did you mean 'modulesToSave'/);
});
