/**
 * Published decoder families: logits, loss, gradients and greedy text are those of transformers,
 * and what is saved loads to the same logits. See golden/families/README.md for the models.
 */
import assert from "node:assert/strict";
import { attachLora } from "../lib/adapt/lora.ts";
import { writeFilesAtomically } from "../lib/files.ts";
import { Generator } from "../lib/generate/generator.ts";
import { type Architecture, namesOf } from "../lib/hub/config.ts";
import { loadPretrained } from "../lib/hub/load_pretrained.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { storedTensors } from "../lib/hub/stored_tensors.ts";
import type { GPT } from "../lib/nn/gpt.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { modelFiles } from "../lib/train/model_files.ts";
import { forEachDevice } from "./support/devices.ts";
import { floats, uniform } from "./support/pretrained_golden.ts";

/** What transformers computes with a model. */
interface Expected {
  readonly inputs: number[][];
  readonly targets: number[][];
  /** f32 [B,T,V] in base64. */
  readonly logits: string;
  readonly loss: number;
  /** For each tensor's gradient: its norm, and its product with the values of "direction". */
  readonly gradients: Record<string, [norm: number, product: number]>;
  /** The 64 greedily chosen tokens after the first 8 of the first input. */
  readonly greedy: number[];
}

/** The models of golden/families. */
const FAMILIES = [
  "smollm2",
  "mistral",
  "qwen2",
  "qwen3",
  "smollm3",
  "gemma",
  "gemma2",
  "gemma3",
  "phi",
  "phi3",
  "phi3_longrope",
  "yarn",
  "gpt_neox",
  "gpt_neox_sequential",
  "gptj",
  "opt",
  "persimmon",
  "bloom",
];

interface Loaded {
  readonly model: GPT;
  readonly architecture: Architecture;
  readonly expected: Expected;
}

const folderOf = (name: string) => new URL(`golden/families/${name}`, import.meta.url).pathname;

async function load(name: string): Promise<Loaded> {
  const folder = folderOf(name);
  const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const { model, architecture } = await loadPretrained(folder, { tokenizer: false, dropout: 0 });
  return { model, architecture, expected };
}

function batch(rows: number[][]) {
  return tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });
}

/** Asserts that no number differs by 1e-4 of the largest. */
function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length);
  const largest = Array.from(expected).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(difference < 1e-4 * largest, `${i}: ${actual[i]}, expected ${expected[i]}`);
  }
}

// Whose configuration a GPT-2 has, too.
forEachDevice(
  "an adapter of an OPT names its layers as PEFT does",
  async () => {
    const { model } = await load("opt");
    const { modules } = attachLora(model, { rank: 2 }).report;
    const layers = [0, 1].map((layer) => `model.decoder.layers.${layer}.self_attn`);
    assert.deepEqual(modules, layers.flatMap((at) => [`${at}.q_proj`, `${at}.v_proj`]));
  },
  false,
  ["cpu-1"],
);

for (const name of FAMILIES) {
  forEachDevice(`${name}: logits, loss and gradients are those of transformers`, async () => {
    const { model, architecture, expected } = await load(name);
    const [inputs, targets] = [batch(expected.inputs), batch(expected.targets)];
    assertNear(await model.forward(inputs).data(), floats(expected.logits));
    const named = [...model.namedParameters()];
    const { value, gradients } = valueAndGrad(
      () => model.loss(inputs, targets),
      named.map(([, parameter]) => parameter),
    );
    assert.ok(Math.abs(await value.item() - expected.loss) < 1e-4 * expected.loss);
    const names = namesOf(architecture, model.config);
    const stored = storedTensors(model.config, names);
    const seen = new Set<string>();
    for (const [i, [parameter, { shape }]] of named.entries()) {
      const { added = 0 } = names.source(parameter); // subtracted from a weight, not from its gradient
      const data = (await gradients[i].data() as Float32Array<ArrayBuffer>).map((g) => g + added);
      for (const part of stored({ name: parameter, shape, data })) {
        const [norm, product] = expected.gradients[part.name];
        const direction = uniform("direction", part.data.length);
        const own = Math.hypot(...part.data);
        const along = part.data.reduce((sum, g, j) => sum + g * direction[j], 0);
        assert.ok(Math.abs(own - norm) < 1e-4 * norm + 1e-6, `${part.name}: ${own}, ${norm}`);
        assert.ok(Math.abs(along - product) < 1e-4 * norm + 1e-6, `${part.name}: ${along}`);
        seen.add(part.name);
      }
    }
    assert.deepEqual([...seen].sort(), Object.keys(expected.gradients).sort());
  });

  forEachDevice(`${name}: greedy text is that of transformers, with a cache`, async () => {
    const { model, expected } = await load(name);
    const prompt = expected.inputs[0].slice(0, 8);
    const options = { temperature: 0, maxNewTokens: 64 };
    const text = await Array.fromAsync(new Generator(model).generate(prompt, options));
    assert.deepEqual(text, expected.greedy);
  });

  // Files do not depend on the device.
  forEachDevice(
    `${name}: what a training run saves is of the same family`,
    async () => {
      const from = { tokenizer: false, dropout: 0.1 };
      const { model, architecture } = await loadPretrained(folderOf(name), from);
      const tokenizer = CharacterTokenizer.fromText("to be");
      const files = await modelFiles({ model, tokenizer }, {});
      const path = await Deno.makeTempDir();
      try {
        await writeFilesAtomically(
          ...files.map(([name, content]) => [`${path}/${name}`, content] as const),
        );
        const again = await loadPretrained(path, from);
        assert.equal(again.architecture, architecture);
        assert.deepEqual(again.config, model.config);
      } finally {
        await Deno.remove(path, { recursive: true });
      }
    },
    false,
    ["cpu-1"],
  );

  forEachDevice(`${name} is saved in its own format and loads to the same logits`, async () => {
    const { expected } = await load(name);
    const loaded = await loadPretrained(folderOf(name), { tokenizer: false });
    const path = await Deno.makeTempDir();
    try {
      await savePretrained(path, loaded);
      const again = await loadPretrained(path, { tokenizer: false });
      assert.equal(again.architecture, loaded.architecture);
      assert.deepEqual(again.config, loaded.config);
      const inputs = batch(expected.inputs);
      const logits = await loaded.model.forward(inputs).data();
      assert.deepEqual(await again.model.forward(inputs).data(), logits);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  });
}
