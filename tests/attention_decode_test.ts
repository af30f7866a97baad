import { selfAttention } from "../lib/tensor/attention.ts";
import { attentionDecode, cacheAppend } from "../lib/tensor/attention_decode.ts";
import { tensor, zeros } from "../lib/tensor/tensor.ts";
import { forEachDevice } from "./devices.ts";
import { assertClose } from "./gradient_check.ts";

for (
  const [B, T, H, D, window] of [[1, 1, 1, 4, 9], [2, 9, 3, 16, 99], [1, 70, 2, 33, 99], [
    2,
    20,
    2,
    8,
    5,
  ]]
) {
  forEachDevice(
    `decoding ${T} tokens one by one is full attention (D = ${D}, window ${window})`,
    async () => {
      const C = H * D;
      const values = Float32Array.from({ length: B * T * 3 * C }, (_, i) => Math.sin(i * 0.61) * 2);
      const options = { heads: H, window };
      const packed = tensor(values, { shape: [B, T, 3 * C] });
      const full = await selfAttention(packed, options).data();
      const cache = { keys: zeros([B, T + 3, C]), values: zeros([B, T + 3, C]) };
      const position = tensor(new Int32Array([0]));
      const prefilled = Math.floor(T / 2);
      const rows = (from: number, to: number) => {
        const parts = Array.from(
          { length: B },
          (_, b) => values.subarray((b * T + from) * 3 * C, (b * T + to) * 3 * C),
        );
        return tensor(Float32Array.from(parts.flatMap((part) => [...part])), {
          shape: [B, to - from, 3 * C],
        });
      };
      if (prefilled > 0) {
        cacheAppend(cache, rows(0, prefilled), position);
      }
      for (let t = prefilled; t < T; t++) {
        position.write([t]);
        const step = await attentionDecode(rows(t, t + 1), cache, position, options).data();
        for (let b = 0; b < B; b++) {
          const expected = full.subarray((b * T + t) * C, (b * T + t + 1) * C);
          assertClose(step.subarray(b * C, (b + 1) * C), expected, 1e-5, `row ${t} of ${b}`);
        }
      }
    },
  );
}
