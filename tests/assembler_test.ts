/**
 * The assembler: what emitted functions compute, against JavaScript, and which calls are refused.
 *
 * Calls that TypeScript refuses are made by untyped handles: `deno run` checks no types.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Expression,
  F32,
  type FunctionBuilder,
  type FunctionHandle,
  I32,
  ModuleBuilder,
  type OperandsOf,
  type ParametersOf,
  type ParameterTypes,
  PRIVATE_PAGES,
  V128,
} from "../lib/wasm/assembler.ts";

/** Runs a module's export `main`. */
function instantiate(module: ModuleBuilder, imports: WebAssembly.ModuleImports = {}) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const compiled = new WebAssembly.Module(module.encode());
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, ...imports } });
  return { main: exports.main as (...numbers: number[]) => number, memory };
}

/** A function of some parameters, as JavaScript calls it. */
function compile<const Types extends ParameterTypes>(
  parameters: Types,
  body: (f: FunctionBuilder, parameters: ParametersOf<Types>) => Expression | void,
): (...numbers: number[]) => number {
  const module = new ModuleBuilder();
  module.export("main", module.define(parameters, body));
  return instantiate(module).main;
}

const AB = { a: "i32", b: "i32" } as const;
const WORDS = [0, 1, 2, 7, -1, -7, 2 ** 31 - 1, -(2 ** 31)];

Deno.test("min, max and minU compute what JavaScript does", () => {
  const min = compile(AB, (f, { a, b }) => f.min(a, b));
  const max = compile(AB, (f, { a, b }) => f.max(a, b));
  const minU = compile(AB, (f, { a, b }) => f.minU(a, b));
  for (const a of WORDS) {
    for (const b of WORDS) {
      assert.equal(min(a, b), Math.min(a, b));
      assert.equal(max(a, b), Math.max(a, b));
      assert.equal(minU(a, b), Math.min(a >>> 0, b >>> 0) | 0);
    }
  }
});

Deno.test("clamp is the smaller of high and the larger of low and x", () => {
  const clamp = compile({ x: "i32", low: "i32", high: "i32" }, (f, { x, low, high }) => {
    return f.clamp(x, low, high);
  });
  const within = compile({ x: "i32" }, (f, { x }) => f.clamp(x, -3, 5));
  for (const x of WORDS) {
    assert.equal(within(x), Math.min(Math.max(x, -3), 5));
    for (const low of WORDS) {
      for (const high of WORDS) assert.equal(clamp(x, low, high), Math.min(Math.max(x, low), high));
    }
  }
});

Deno.test("min, max and clamp evaluate their operands once", () => {
  // Each operand counts its evaluations at address 0, and returns how many there were before.
  const count = () => I32.of(0).atomicAdd(1);
  const emits: ((f: FunctionBuilder) => I32)[] = [
    (f) => f.min(count(), count()),
    (f) => f.max(count(), count()),
    (f) => f.minU(count(), count()),
    (f) => f.clamp(count(), count(), 9).add(f.min(count(), 9)),
  ];
  const results = emits.map((emit) => {
    const module = new ModuleBuilder();
    module.export("main", module.define({}, emit));
    const { main, memory } = instantiate(module);
    return [main(), new Int32Array(memory.buffer)[0]];
  });
  assert.deepEqual(results, [[0, 2], [1, 2], [0, 2], [1 + 2, 3]]);
});

Deno.test("unravel gives the indices of a flat index", () => {
  const parameters = { index: "i32", n1: "i32", n2: "i32" } as const;
  const flat = compile(parameters, (f, { index, n1, n2 }) => {
    const [i0, i1, i2] = f.unravel(index, n1, n2);
    return i0.mul(10000).add(i1.mul(100)).add(i2);
  });
  let index = 0;
  for (let i0 = 0; i0 < 3; i0++) {
    for (let i1 = 0; i1 < 4; i1++) {
      for (let i2 = 0; i2 < 5; i2++) assert.equal(flat(index++, 4, 5), i0 * 10000 + i1 * 100 + i2);
    }
  }
});

Deno.test("a loop evaluates its end and its step once", () => {
  const rounds = compile({ count: "i32", step: "i32" }, (f, { count, step }) => {
    const sum = f.i32(0);
    f.for(1, count.add(1), step.add(0), (i) => {
      f.set(sum, sum.add(i));
      f.set(count, 0); // the end is `count + 1` before the loop
    });
    return sum;
  });
  assert.equal(rounds(4, 1), 1 + 2 + 3 + 4);
  assert.equal(rounds(10, 4), 1 + 5 + 9);
});

Deno.test("a constant is loaded before the function's statements", () => {
  const twice = compile({ x: "i32" }, (f, { x }) => {
    f.storeI32(I32.of(64), x);
    const before = f.constant(I32.of(64).loadI32());
    return f.constant(I32.of(64).loadI32()).add(before);
  });
  assert.equal(twice(21), 0);
  assert.equal(twice(5), 42);
});

Deno.test("elements are addressed by 4 bytes", () => {
  const address = compile(AB, (_, { a, b }) => a.at(b).at(3).add(b.inBytes()));
  assert.equal(address(100, 5), 100 + 20 + 12 + 20);
});

Deno.test("functions receive operands by name, in any order, and return their last value", () => {
  const module = new ModuleBuilder();
  const scale = module.define(
    { x: "f32", factor: "f32", shift: "i32" },
    (_, { x, factor, shift }) => {
      return x.mul(factor).add(shift.toF32());
    },
  );
  const store = module.define({ address: "i32", values: "v128" }, (f, { address, values }) => {
    f.storeV128(address, values);
  });
  const splat = module.define({ x: "f32" }, (_, { x }) => x.splat());
  const main = module.define({ x: "f32" }, (f, { x }) => {
    const scaled = f.f32(f.call(scale, { shift: 1, factor: 2.5, x }));
    f.call(store, { values: f.call(splat, { x: scaled }), address: 16 });
    return I32.of(16).loadF32(12);
  });
  module.export("main", main);
  assert.equal(instantiate(module).main(3), 3 * 2.5 + 1);
  assert.deepEqual([scale.result, store.result, splat.result], ["f32", undefined, "v128"]);
});

Deno.test("imported functions are called by name, too, and imported first", () => {
  const module = new ModuleBuilder();
  const power = module.import("power", { base: "f32", exponent: "i32" }, "f32");
  const main = module.define({ x: "f32" }, (f, { x }) => f.call(power, { exponent: 3, base: x }));
  module.export("main", main);
  const { main: cube } = instantiate(module, { power: (x: number, n: number) => x ** n });
  assert.equal(cube(1.5), 1.5 ** 3);
  assert.throws(() => module.import("late", {}), /import 'late' before defining functions/);
});

Deno.test("a call through the table takes operands by name", () => {
  const parameters = { x: "i32", y: "i32" } as const;
  const module = new ModuleBuilder({ table: true });
  module.export(
    "main",
    module.define(
      parameters,
      (f, { x, y }) => f.callIndirect(I32.of(0), parameters, { y: x, x: y }),
    ),
  );
  const called = new ModuleBuilder();
  const store = called.define(parameters, (f, { x, y }) => f.storeI32(x, y));
  called.export("main", store);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const run = (bytes: Uint8Array<ArrayBuffer>, env: WebAssembly.ModuleImports) =>
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { env }).exports.main as (
      x: number,
      y: number,
    ) => void;
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
  table.set(0, run(called.encode(), { memory }));
  run(module.encode(), { memory, table })(7, 64);
  assert.equal(new Int32Array(memory.buffer)[64 / 4], 7);
});

Deno.test("a call with a missing, an unknown or a mistyped operand is a TypeError", () => {
  const module = new ModuleBuilder();
  const define = module.define({ source: "i32", factor: "f32", lanes: "v128" }, () => {});
  const untyped = define as unknown as FunctionHandle<ParameterTypes>;
  module.define({ x: "f32" }, (f, { x }) => {
    const call = (operands: Record<string, unknown>) => () =>
      f.call(untyped, operands as OperandsOf<ParameterTypes>);
    const right = { source: 0, factor: x, lanes: V128.of(0) };
    call(right)();
    const names = /a call expects the operands source, factor, lanes; got/;
    assert.throws(call({ source: 0, factor: x }), names);
    assert.throws(call({ ...right, target: 0 }), names);
    assert.throws(call({ source: 0, scale: x, lanes: V128.of(0) }), names);
    const type = (name: string, type: string, got: string) =>
      new RegExp(`the operand '${name}' must be of type ${type}; got ${got}`);
    assert.throws(call({ ...right, factor: I32.of(1) }), type("factor", "f32", "i32"));
    assert.throws(call({ ...right, source: F32.of(1) }), type("source", "i32", "f32"));
    assert.throws(call({ ...right, lanes: 1 }), type("lanes", "v128", "number"));
    assert.throws(call({ ...right, source: undefined }), type("source", "i32", "undefined"));
  });
  module.define({ slot: "i32" }, (f, { slot }) => {
    const operands = { x: 1.5 } as OperandsOf<{ x: "i32" }>;
    assert.throws(() => f.callIndirect(slot, { x: "i32" }, operands), RangeError);
  });
});

Deno.test("TypeScript refuses wrong operands", () => {
  const module = new ModuleBuilder();
  const scale = module.define({ x: "f32", count: "i32" }, (_, { x }) => x);
  module.define({ x: "f32", n: "i32" }, (f, { x, n }) => {
    const value: F32 = f.call(scale, { x, count: n });
    // @ts-expect-error an I32 is no F32
    assert.throws(() => f.call(scale, { x: n, count: n }));
    // @ts-expect-error `count` is missing
    assert.throws(() => f.call(scale, { x }));
    // @ts-expect-error `factor` is unknown
    assert.throws(() => f.call(scale, { x, count: n, factor: 2 }));
    return value;
  });
});

Deno.test("an i32 constant is a whole number of 32 bits", () => {
  for (const value of [0.5, NaN, Infinity, 2 ** 32, -(2 ** 31) - 1]) {
    assert.throws(() => I32.of(value), /an i32 must be a whole number of 32 bits/);
  }
  assert.equal(compile({}, () => I32.of(2 ** 32 - 1))(), -1);
});

Deno.test("bytes are shifted and widened with their signs", () => {
  const read = (shifts: (v: V128) => V128) =>
    compile({ word: "i32" }, (f, { word }) => {
      f.storeI32(I32.of(0), word);
      f.storeI32(I32.of(4), word);
      f.storeV128(I32.of(16), shifts(I32.of(0).loadV128()));
      return I32.of(16).loadI32();
    });
  const word = 0x7f_80_12_e9 | 0;
  assert.equal(read((v) => v.shlI8(4))(word), 0xf0_00_20_90 | 0);
  assert.equal(read((v) => v.shrSI8(4))(word), 0x07_f8_01_fe | 0);
  assert.equal(read((v) => v.widenS8("low"))(word), 0x0012_ffe9);
  assert.equal(read((v) => v.widenS8("high"))(word), 0);
});

Deno.test("16-bit integers are shifted, added and narrowed, and bytes multiplied in pairs", () => {
  const words = (v: V128) =>
    compile({ word: "i32" }, (f, { word }) => {
      f.storeI32(I32.of(0), word);
      f.storeV128(I32.of(16), v);
      return I32.of(16).loadI32();
    });
  const v = I32.of(0).loadV128();
  const word = 0x8001_00ff | 0;
  assert.equal(words(v.shlI16(4))(word), 0x0010_0ff0);
  assert.equal(words(v.shrSI16(4))(word), 0xf800_000f | 0);
  assert.equal(words(v.shrUI16(4))(word), 0x0800_000f);
  assert.equal(words(v.addI16(V128.ofI16(-1)))(word), 0x8000_00fe | 0);
  assert.equal(words(v.narrowToS8(v))(word), 0x0000_807f);
  assert.equal(
    words(v.dotS8U7(V128.ofI16(0x7f02)))(0x80ff_0180 | 0),
    -(128 * 127 + 2) << 16 | 0xff7f,
  );
});

Deno.test("a module may have a private memory first, and the shared one second", () => {
  const module = new ModuleBuilder({ privateMemory: true });
  module.export(
    "main",
    module.define({ at: "i32" }, (f, { at }) => {
      f.storeF32(I32.of(8), at.loadF32(4, 1)); // shared → private
      f.storeV128(at, I32.of(8).loadSplat(), 16, 1); // private → shared
      return I32.of(8).loadF32();
    }),
  );
  const own = new WebAssembly.Memory({ initial: PRIVATE_PAGES, maximum: PRIVATE_PAGES });
  const compiled = new WebAssembly.Module(module.encode());
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, private: own } });
  new Float32Array(memory.buffer)[64 / 4 + 1] = 2.5;
  assert.equal((exports.main as (at: number) => number)(64), 2.5);
  assert.equal(new Float32Array(own.buffer)[2], 2.5);
  assert.deepEqual([...new Float32Array(memory.buffer, 80, 4)], [2.5, 2.5, 2.5, 2.5]);
});
