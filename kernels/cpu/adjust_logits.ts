/**
 * adjusted = logits after these rules, in this order: the logits of tokens in the history are
 * divided by the penalty if positive and multiplied by it if negative; each token that would repeat
 * an n-gram of the history gets −∞; the end tokens get −∞ while fewer than `minimum` tokens are
 * sampled.
 *
 * logits, adjusted: f32 [B,V]; history: i32 [B,capacity], of which the first lengths[b] count;
 * lengths: i32 [B]; penalty: f32 [1]; rules: i32 [2] = [n, minimum]; state: i32 [2], the second the
 * number of tokens sampled; ends: i32 [endCount]. A chunk computes one row.
 *
 * @module
 */
import type { F32, FunctionBuilder, I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

export const adjustLogits: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const row = k.chunk;
    const { width, capacity, endCount } = k.integers("width", "capacity", "endCount");
    const { rules, ends } = k.pointers("rules", "ends");
    const start = f.i32(row.mul(width));
    const [from, to] = ["logits", "adjusted"].map((name) => f.i32(k.pointer(name).at(start)));
    const history = f.i32(k.pointer("history").at(row.mul(capacity)));
    const length = f.min(k.pointer("lengths").at(row).loadI32(), capacity);
    const penalty = f.f32(k.pointer("penalty").loadF32());
    const [ngram, minimum] = [f.i32(rules.loadI32()), f.i32(rules.loadI32(4))];
    const sampled = f.i32(k.pointer("state").loadI32(4));
    mapVectors(f, width, [from], to, (x) => x);
    f.if(penalty.ne(1), () => {
      f.for(0, length, 1, (i) => {
        const id = f.i32(history.at(i).loadI32());
        f.storeF32(to.at(id), penalized(f, f.f32(from.at(id).loadF32()), penalty));
      });
    });
    f.if(ngram.gtS(0), () => forbidRepeats(f, { history, length, ngram, to }));
    f.if(sampled.ltS(minimum), () => {
      f.for(0, endCount, 1, (i) => forbid(f, to, ends.at(i).loadI32()));
    });
  },
};

function penalized(f: FunctionBuilder, logit: F32, penalty: F32): F32 {
  const result = f.f32(logit.div(penalty));
  f.if(logit.lt(0), () => f.set(result, logit.mul(penalty)));
  return result;
}

function forbid(f: FunctionBuilder, to: I32, id: I32): void {
  f.storeF32(to.at(id), -Infinity);
}

interface Repeats {
  readonly history: I32;
  readonly length: I32;
  readonly ngram: I32;
  readonly to: I32;
}

/** Forbids the tokens that followed earlier occurrences of the last ngram − 1 tokens. */
function forbidRepeats(f: FunctionBuilder, { history, length, ngram, to }: Repeats): void {
  const known = f.i32(ngram.sub(1));
  const end = f.i32(length.sub(known));
  const suffix = f.i32(history.at(end));
  f.for(0, end, 1, (i) => {
    const at = f.i32(history.at(i));
    const equal = f.i32(0);
    f.while(equal.ltS(known), () => {
      const same = at.at(equal).loadI32().eq(suffix.at(equal).loadI32());
      f.if(same, () => f.set(equal, equal.add(1)), () => f.set(equal, 0x7fffffff));
    });
    f.if(equal.eq(known), () => forbid(f, to, at.at(known).loadI32()));
  });
}
