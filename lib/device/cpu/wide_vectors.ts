/**
 * Whether V8 may merge two operations on 128 bits into one on 256, which it does on x64 processors
 * when Deno is started with `DENO_V8_FLAGS=--experimental-wasm-revectorize`.
 *
 * V8 knows the flag on x64 alone, and tells no program of it; the variable does.
 *
 * @module
 */
import { ModuleBuilder } from "../../wasm/assembler.ts";

/** The variable from which Deno takes V8's flags. */
const VARIABLE = "DENO_V8_FLAGS";
/** The flag as V8 accepts it: one or two hyphens, words joined by hyphens or underscores. */
const FLAG = /^--?experimental[-_]wasm[-_]revectorize$/;

/** Whether the variable has the flag and may be read, and V8 takes modules with two memories. */
export function wideVectors(): boolean {
  if (!couldBeWide()) return false;
  const permission = { name: "env", variable: VARIABLE } as const;
  if (Deno.permissions.querySync(permission).state !== "granted") return false;
  const flags = Deno.env.get(VARIABLE)?.split(",") ?? [];
  if (!flags.some((flag) => FLAG.test(flag.trim()))) return false;
  return WebAssembly.validate(new ModuleBuilder({ privateMemory: true }).encode());
}

/** How to get wider vectors where V8 can make them. */
export function wideAdvice(): string | undefined {
  if (!couldBeWide()) return undefined;
  return `matrix products are faster, with the same results, if the variable ${VARIABLE} is ` +
    "--experimental-wasm-revectorize (256-bit vectors)";
}

function couldBeWide(): boolean {
  return globalThis.Deno?.build?.arch === "x86_64";
}
