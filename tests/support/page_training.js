/**
 * A small training and a text, for Deno, a page and a worker alike: `folio` is the library or its
 * bundle.
 *
 * @module
 */

/** Trains 20 steps, writes 20 characters, and reports both with the device's description. */
export async function trainAndWrite(folio, options) {
  const { AdamW, Batches, CharacterTokenizer, generate, GPT, openDevice, Trainer } = folio;
  const device = await openDevice(options);
  await new Promise((resolve) => setTimeout(resolve, 20)); // threads start between tasks
  const text = "the quick brown fox jumps over the lazy dog. ".repeat(40);
  const tokenizer = CharacterTokenizer.fromText(text);
  const { vocabSize } = tokenizer;
  const model = new GPT({ vocabSize, contextLength: 32, layers: 2, heads: 2, width: 64 });
  const trainer = new Trainer(model, new AdamW(model.parameters(), { clip: 1 }), {
    learningRate: 1e-3,
  });
  const batches = new Batches(tokenizer.encode(text), {
    batchSize: 4,
    contextLength: 32,
    seed: 1,
  });
  for (let step = 0; step < 20; step++) trainer.step(batches);
  const losses = (await trainer.figures()).map(({ loss }) => loss);
  const written = await generate(model, "the ", { tokenizer, maxNewTokens: 20, seed: 3 });
  const { description } = device;
  device.close();
  return { description, losses, text: written.text };
}

/** A value and its gradient: [x·x summed, 2x], with the device's description. */
export async function squares({ mul, openDevice, sum, tensor, valueAndGrad }, options) {
  const device = await openDevice(options);
  const x = tensor([1, 2, 3]);
  const { value, gradients } = valueAndGrad(() => sum(mul(x, x)), [x]);
  return {
    description: device.description,
    value: await value.item(),
    gradient: [...await gradients[0].data()],
  };
}
