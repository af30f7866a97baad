/**
 * Layers that are made without random numbers of their own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Attention } from "../lib/nn/attention.ts";
import { Block } from "../lib/nn/block.ts";
import { FeedForward } from "../lib/nn/feed_forward.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { Embedding, Linear } from "../lib/nn/layers.ts";
import type { Module } from "../lib/nn/module.ts";
import { Random } from "../lib/random.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { sharedDevice } from "./support/devices.ts";

async function matrices(module: Module): Promise<string[]> {
  const found = module.parameters().filter(({ shape }) => shape.length === 2);
  return await Promise.all(found.map(async (matrix) => String((await matrix.data()).slice(0, 8))));
}

Deno.test("no two layers begin with the same weights; models keep their seed", async () => {
  useDevice(await sharedDevice("cpu-1"));
  const config = { width: 8, heads: 2 };
  const make: (() => Module)[] = [
    () => new Linear(8, 8),
    () => new Embedding(8, 8),
    () => new FeedForward(new Block(config).feedForward!.config),
    () => new Attention(config),
    () => new Block(config),
  ];
  const models = { vocabSize: 8, contextLength: 4, layers: 1, ...config };
  const model = await matrices(new GPT(models));
  const drawn = await Promise.all([...make, ...make].map((layer) => matrices(layer())));
  const all = [...model, ...drawn.flat()];
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(await matrices(new GPT(models)), model);
  assert.deepEqual(await matrices(new GPT(models, { random: new Random(0) })), model);
  const seeded = () => matrices(new Linear(8, 8, { random: new Random(3) }));
  assert.deepEqual(await seeded(), await seeded());
});
