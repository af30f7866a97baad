/**
 * adjusted = logits with, in this order: the logits of tokens in the history divided by the penalty
 * where positive and multiplied by it where negative; −∞ for each token that would repeat a run of
 * n tokens of the history; −∞ for the end tokens while fewer than `least` are sampled.
 *
 * logits, adjusted: f32 [B,V]; history: i32 [B,capacity], of which lengths[b] are there; penalty:
 * f32 [1]; rules: i32 [2] = [n, least]; state: i32 [2], the second the tokens sampled; ends: i32
 * [endCount]. A chunk computes one row.
 *
 * @module
 */
import { type F32, type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

export const adjustLogits: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const [width, capacity, endCount] = ["width", "capacity", "endCount"].map((n) => k.integer(n));
    const row = k.chunk;
    const start = f.i32(row.mul(width).shl(2));
    const from = f.i32(k.pointer("logits").add(start));
    const to = f.i32(k.pointer("adjusted").add(start));
    const history = f.i32(k.pointer("history").add(row.mul(capacity).shl(2)));
    const length = f.i32(k.pointer("lengths").add(row.shl(2)).loadI32());
    const penalty = f.f32(k.pointer("penalty").loadF32());
    const rules = k.pointer("rules");
    const [run, least] = [f.i32(rules.loadI32()), f.i32(rules.loadI32(4))];
    const sampled = f.i32(k.pointer("state").loadI32(4));
    const ends = k.pointer("ends");
    f.set(length, length.minS(capacity));
    mapVectors(f, width, [from], to, (x) => x);
    f.if(penalty.ne(1), () => {
      f.for(0, length, 1, (i) => {
        const at = f.i32(history.add(i.shl(2)).loadI32().shl(2));
        f.storeF32(to.add(at), penalised(f, f.f32(from.add(at).loadF32()), penalty));
      });
    });
    f.if(run.gtS(0), () => forbidRepeats(f, { history, length, run, to }));
    f.if(sampled.ltS(least), () => {
      f.for(0, endCount, 1, (i) => forbid(f, to, f.i32(ends.add(i.shl(2)).loadI32())));
    });
  },
};

function penalised(f: FunctionBuilder, logit: F32, penalty: F32): F32 {
  const result = f.f32(logit.div(penalty));
  f.if(logit.lt(0), () => f.set(result, logit.mul(penalty)));
  return result;
}

function forbid(f: FunctionBuilder, to: I32, id: I32): void {
  f.storeF32(to.add(id.shl(2)), V128.of(-Infinity).lane(0));
}

interface Repeats {
  readonly history: I32;
  readonly length: I32;
  readonly run: I32;
  readonly to: I32;
}

/** Forbids what followed each earlier place of the last run − 1 tokens. */
function forbidRepeats(f: FunctionBuilder, { history, length, run, to }: Repeats): void {
  const known = f.i32(run.sub(1));
  const suffix = f.i32(history.add(length.sub(known).shl(2)));
  const end = f.i32(length.sub(known));
  f.for(0, end, 1, (i) => {
    const at = f.i32(history.add(i.shl(2)));
    const equal = f.i32(0);
    const same = (n: I32) => at.add(n.shl(2)).loadI32().eq(suffix.add(n.shl(2)).loadI32());
    f.while(equal.ltS(known), () => {
      f.if(same(equal), () => f.set(equal, equal.add(1)), () => f.set(equal, 0x7fffffff));
    });
    f.if(equal.eq(known), () => forbid(f, to, f.i32(at.add(known.shl(2)).loadI32())));
  });
}
