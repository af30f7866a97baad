/**
 * Some updates of a small model, by as many processes as a launcher starts; process 0 prints what
 * came of them. The arguments are the number of batches that each process accumulates, and `muon`
 * for that optimizer with a mean of the weights.
 *
 *     mpirun -n 2 deno run -A tests/support/world_steps.ts 1
 *
 * @module
 */
import {
  AdamW,
  Batches,
  blockMatrices,
  GPT,
  Muon,
  openDevice,
  openWorld,
  Random,
  Trainer,
} from "../../mod.ts";

const world = await openWorld();
const device = await openDevice({ device: "cpu", threads: 1 });
const sizes = { vocabSize: 17, contextLength: 8, layers: 2, heads: 2, width: 16, dropout: 0.1 };
// Each process starts with other weights: the first step takes those of process 0.
const model = new GPT(sizes, { random: new Random(world.rank) });
const parameters = model.parameters();
const optimizer = Deno.args[1] === "muon"
  ? new Muon(parameters, { matrices: blockMatrices(model), clip: 1, average: 0.8 })
  : new AdamW(parameters, { clip: 1 });
const trainer = new Trainer(model, optimizer, {
  learningRate: 1e-2,
  accumulate: Number(Deno.args[0]),
  seed: 3,
  world,
});
const tokens = Array.from({ length: 500 }, (_, i) => (i * i + (i >> 3)) % 17);
const windows = { batchSize: 2, contextLength: 8 };
const batches = new Batches(tokens, { ...windows, seed: 5 });
for (let step = 0; step < 12; step++) await trainer.step(batches);
const figures = await trainer.figures();
const loss = await trainer.evaluate(new Batches(tokens, { ...windows, seed: 9 }), 5);
const sums = await Promise.all(optimizer.shared.map(async (x) => [...await x.data()]));
if (world.rank === 0) {
  console.log(JSON.stringify({ figures, loss, state: batches.state, parameters: sums.flat() }));
}
world.close();
device.close();
