/** GPT-2, GPT-Neo and Llama: logits, loss, gradients and greedy text are those of PyTorch. */
import assert from "node:assert/strict";
import { Generator } from "../lib/generate/generator.ts";
import { bytesSource } from "../lib/hub/byte_source.ts";
import { namesOf, readModelConfig, savedNames } from "../lib/hub/config.ts";
import { readParameters } from "../lib/hub/parameters.ts";
import { SafetensorsFile } from "../lib/hub/safetensors.ts";
import { storedTensors } from "../lib/hub/stored_tensors.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { valueAndGrad } from "../lib/tensor/autograd.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./support/devices.ts";
import { furthest } from "./support/furthest.ts";
import {
  type DecoderGolden,
  DECODERS,
  floats,
  uniform,
  weightFile,
} from "./support/pretrained_golden.ts";

async function load(golden: DecoderGolden): Promise<GPT> {
  const { config, architecture } = readModelConfig(JSON.stringify(golden.config));
  const model = new GPT(config);
  const parameters = model.namedParameters();
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  const file = await SafetensorsFile.open(bytesSource(await weightFile(golden)));
  for await (const [name, data] of readParameters(file, shapes, namesOf(architecture, config))) {
    parameters.get(name)!.write(data);
  }
  return model;
}

for (const [name, golden] of Object.entries(DECODERS)) {
  const ids = Int32Array.from(golden.inputs.flat());
  const shape = [golden.inputs.length, golden.inputs[0].length];

  forEachDevice(`${name}: logits, loss and gradients are PyTorch's`, async () => {
    const model = await load(golden);
    const inputs = tensor(ids, { shape });
    const logits = await model.forward(inputs).data();
    assert.ok(furthest(logits, floats(golden.logits)) < 1e-4);

    const targets = tensor(Int32Array.from(golden.targets.flat()), { shape });
    const named = [...model.namedParameters()];
    const { value, gradients } = valueAndGrad(
      () => model.loss(inputs, targets),
      named.map(([, parameter]) => parameter),
    );
    assert.ok(Math.abs(await value.item() - golden.loss) < 1e-4);
    const seen = new Set<string>();
    const stored = storedTensors(model.config, savedNames(model));
    for (const [i, [parameter, { shape }]] of named.entries()) {
      const data = await gradients[i].data() as Float32Array<ArrayBuffer>;
      for (const part of stored({ name: parameter, shape, data })) {
        const [norm, product] = golden.gradients[part.name];
        const direction = uniform("direction", part.data.length);
        const own = Math.hypot(...part.data);
        const along = part.data.reduce((sum, g, j) => sum + g * direction[j], 0);
        assert.ok(Math.abs(own - norm) < 1e-4 * norm, `${part.name}: ${own}, expected ${norm}`);
        assert.ok(Math.abs(along - product) < 1e-4 * norm, `${part.name}: ${along}, ${product}`);
        seen.add(part.name);
      }
    }
    assert.deepEqual([...seen].sort(), Object.keys(golden.shapes).sort());
  });

  forEachDevice(`${name}: greedy text is PyTorch's, with the cache and without it`, async () => {
    const model = await load(golden);
    const prompt = golden.inputs[0].slice(0, 8);
    const options = { temperature: 0, maxNewTokens: 64 };
    const text = await Array.fromAsync(new Generator(model).generate(prompt, options));
    assert.deepEqual(text, golden.greedy);

    // Without a cache: at each position the whole text predicts the next token.
    const whole = [...prompt, ...golden.greedy];
    const logits = await model.forward(
      tensor(Int32Array.from(whole.slice(0, -1)), { shape: [1, whole.length - 1] }),
    ).data();
    const { vocabSize } = model.config;
    golden.greedy.forEach((token, i) => {
      const at = (prompt.length - 1 + i) * vocabSize;
      const row = [...logits.subarray(at, at + vocabSize)];
      assert.equal(row.indexOf(Math.max(...row)), token, `token ${i}`);
    });
  });
}
