/**
 * Switches heads of attention off: what they attend to no longer reaches the output projection.
 *
 * A head's part of the projection is set to zero, so that generation keeps its cache and speed.
 *
 * @module
 */
import type { GPT } from "../../../mod.ts";
import type { Head } from "./protocol.ts";

/** Switches heads off; the returned function switches them on again. */
export async function switchOff(model: GPT, off: readonly Head[]): Promise<() => void> {
  const restored: (() => void)[] = [];
  for (const layer of new Set(off.map(({ layer }) => layer))) {
    const { weight, transposed } = model.blocks.items[layer].attention.projection;
    const values = await weight.data() as Float32Array;
    const heads = new Set(off.filter((each) => each.layer === layer).map(({ head }) => head));
    const [rows, columns] = weight.shape;
    const size = (transposed ? columns : rows) / model.config.heads;
    weight.write(values.map((value, index) => {
      const input = transposed ? index % columns : Math.floor(index / columns);
      return heads.has(Math.floor(input / size)) ? 0 : value;
    }));
    restored.push(() => weight.write(values));
  }
  return () => restored.forEach((restore) => restore());
}
