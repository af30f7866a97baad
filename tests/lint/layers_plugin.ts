/**
 * A lint plugin that keeps the layers apart: which folder may import which, who may use the `Deno`
 * namespace, that only lib/device knows the kinds of devices, and that the library neither prints
 * nor exits.
 *
 * deno.json loads it, so `deno lint` reports a wrong import at its line.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** What modules of one part of the tree may import, as prefixes of paths from the root. */
interface Part {
  /** The part's own prefix; the longest one that fits a file counts. */
  readonly at: string;
  /** Prefixes of what it may import; `lib/*` means the modules directly in lib/. */
  readonly from: readonly string[];
}

const DEVICE = ["lib/*", "lib/wasm/", "lib/device/"];
const TENSOR = [...DEVICE, "kernels/", "lib/tensor/"];
const OPS = [...TENSOR, "lib/ops/"];
const NN = [...OPS, "lib/nn/", "lib/optim/"];
const BESIDE = ["lib/*", "lib/text/", "lib/data/"];
const ADAPT = [...NN, ...BESIDE, "lib/hub/", "lib/adapt/"];
const TRAIN = [...ADAPT, "lib/train/", "lib/generate/"];
const LENS = [...NN, ...BESIDE, "lib/lens/"];

/** The entry points besides mod.ts, which deno.json exports. */
const ENTRIES = ["lib/kernel/mod.ts", "lib/plot/mod.ts", "lib/lesson/mod.ts"];
const SCRIPT = ["mod.ts", ...ENTRIES, "lib/cli/", "lib/rules.ts"];

const PARTS: readonly Part[] = [
  // Kernels know nothing of the library but the contract that they are written against.
  {
    at: "kernels/",
    from: [
      "kernels/",
      "lib/wasm/assembler.ts",
      "lib/device/kernel.ts",
      "lib/device/kernel_builder.ts",
      "lib/device/kernel_chunks.ts",
      "lib/device/kernel_function.ts",
    ],
  },
  { at: "lib/", from: ["lib/*"] },
  { at: "lib/wasm/", from: ["lib/*", "lib/wasm/"] },
  { at: "lib/device/", from: DEVICE },
  { at: "lib/tensor/", from: TENSOR },
  { at: "lib/ops/", from: OPS },
  { at: "lib/nn/", from: NN },
  { at: "lib/optim/", from: NN },
  { at: "lib/train/", from: TRAIN },
  { at: "lib/generate/", from: TRAIN },
  { at: "lib/text/", from: BESIDE },
  { at: "lib/data/", from: BESIDE },
  { at: "lib/adapt/", from: ADAPT },
  { at: "lib/lens/", from: LENS },
  { at: "lib/hub/", from: [...NN, ...BESIDE, "lib/hub/"] },
  { at: "lib/plot/", from: ["lib/*", "lib/plot/", "data/"] },
  { at: "lib/cli/", from: ["lib/*", "lib/cli/"] },
  { at: "lib/lesson/", from: [...TRAIN, "lib/plot/", "lib/cli/", "lib/lesson/"] },
  // mod.ts is imported by browsers too, and lib/cli needs Deno as soon as it is loaded.
  { at: "mod.ts", from: [...TRAIN, "lib/lens/"] },
  { at: "lib/kernel/", from: OPS },
  // A script and its own parts; scripts/generation/, comparison/ and classify/ are shared.
  { at: "scripts/", from: SCRIPT },
  { at: "scripts/train", from: [...SCRIPT, "scripts/train/"] },
  {
    at: "scripts/finetune",
    from: [...SCRIPT, "scripts/finetune/", "scripts/train/", "scripts/classify/"],
  },
  {
    at: "scripts/sweep",
    from: [...SCRIPT, "scripts/sweep/", "scripts/comparison/", "scripts/train/flags.ts"],
  },
  { at: "scripts/inspect", from: [...SCRIPT, "scripts/inspect/", "lib/plot/markup.ts"] },
  { at: "scripts/compare", from: [...SCRIPT, "scripts/comparison/"] },
  {
    at: "scripts/comparison/",
    from: [...SCRIPT, "scripts/comparison/", "scripts/train/record.ts"],
  },
  { at: "scripts/generation/", from: [...SCRIPT, "scripts/generation/"] },
  { at: "scripts/merge", from: [...SCRIPT, "scripts/generation/", "scripts/classify/"] },
  { at: "scripts/classify", from: [...SCRIPT, "scripts/classify/"] },
  { at: "scripts/sample", from: [...SCRIPT, "scripts/generation/"] },
  { at: "scripts/chat", from: [...SCRIPT, "scripts/chat/", "scripts/generation/"] },
  { at: "scripts/explore", from: [...SCRIPT, "scripts/explore/", "scripts/generation/"] },
  {
    at: "scripts/transformers",
    from: [...SCRIPT, "scripts/transformers/", "lib/data/unreachable.ts"],
  },
  { at: "scripts/study", from: [...SCRIPT, "scripts/studies/"] },
  { at: "scripts/studies/", from: [...SCRIPT, "scripts/studies/"] },
  { at: "scripts/lesson", from: [...SCRIPT, "scripts/lessons/"] },
];

/** Modules of lib/ that work on files or the terminal, and so may use the `Deno` namespace. */
const USES_DENO = [
  /^lib\/(regular_file|files)\.ts$/,
  /^lib\/(cli|lesson)\//,
  /^lib\/train\/checkpoint\w*\.ts$/,
  /^lib\/(data|hub|adapt)\/(\w+_)?files?(_\w+)?\.ts$/,
  /^lib\/hub\/environment\.ts$/,
  /^lib\/device\/(cpu\/(blas|wide_vectors)|mpi)\.ts$/,
];

/** Packages that one module alone may name, because it alone decides when they are loaded. */
const OWNED_PACKAGES: readonly (readonly [specifier: RegExp, owner: string])[] = [
  [/^npm:(@observablehq\/plot|linkedom)\b/, "lib/plot/plot.ts"],
  [/^npm:umap-js\b/, "lib/plot/umap.ts"],
  [/^npm:sentencepiece-js\b/, "lib/text/sentence_piece_tokenizer.ts"],
  [/^npm:@huggingface\/jinja\b/, "lib/text/chat_template.ts"],
  [/^npm:deno-std\b/, "lib/cli/parse.ts"],
  [/^npm:webgpu\b/, "tests/support/dawn.ts"],
  [/^npm:@huggingface\/transformers\b/, "scripts/transformers/transformers_js.ts"],
];

/**
 * The address at which the project is published; a file that works alone imports from there, and
 * deno.json maps it to the tree.
 */
const PUBLIC = "https://raw.githubusercontent.com/folio-deno/folio/main/";

/** Why a module at `path` may not import `specifier`, or undefined if it may. */
export function forbiddenImport(path: string, specifier: string): string | undefined {
  const part = longestMatch(path);
  if (!part) return undefined;
  const published = specifier.startsWith(PUBLIC) ? specifier.slice(PUBLIC.length) : undefined;
  if (published === undefined && /^(jsr|https?):/.test(specifier)) {
    return `${specifier}: external packages are pinned npm: specifiers`;
  }
  if (specifier.startsWith("node:")) {
    return /^(lib\/(?!cli\/)|kernels\/)/.test(path)
      ? `${path} runs in browsers, without ${specifier}`
      : undefined;
  }
  if (published === undefined && !specifier.startsWith(".")) return undefined;
  const target = published ?? new URL(specifier, new URL(path, "file:///")).pathname.slice(1);
  if (part.from.some((prefix) => covers(prefix, target))) return undefined;
  return `${part.at} may not import ${target}; it may import ${part.from.join(", ")}`;
}

function longestMatch(path: string): Part | undefined {
  const parts = PARTS.filter(({ at }) => path.startsWith(at));
  return parts.sort((a, b) => b.at.length - a.at.length)[0];
}

function covers(prefix: string, target: string): boolean {
  if (prefix === "lib/*") return /^lib\/[^/]+$/.test(target);
  return prefix.endsWith("/") ? target.startsWith(prefix) : target === prefix;
}

function pathOf({ filename }: Deno.lint.RuleContext): string {
  const root = decodeURI(ROOT.pathname);
  const path = filename.replaceAll("\\", "/");
  return path.startsWith(root) ? path.slice(root.length) : path;
}

const imports: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context);
    const check = (source: Deno.lint.Expression | null) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const message = forbiddenImport(path, source.value);
      if (message) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: ({ source }) => check(source),
      ImportExpression: ({ source }) => check(source),
      ExportNamedDeclaration: ({ source }) => check(source),
      ExportAllDeclaration: ({ source }) => check(source),
    };
  },
};

const packages: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context);
    return {
      Literal(node) {
        if (typeof node.value !== "string" || path.startsWith("tests/")) return;
        for (const [specifier, owner] of OWNED_PACKAGES) {
          if (!specifier.test(node.value) || path === owner) continue;
          context.report({ node, message: `only ${owner} may name ${node.value}` });
        }
      },
    };
  },
};

const edges: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context);
    if (!/^(lib|kernels)\//.test(path) || /^lib\/(cli|lesson)\//.test(path)) return {};
    return {
      Identifier(node) {
        // A property or a key of that name is no global.
        const { parent } = node;
        if (parent.type === "MemberExpression" && parent.property === node && !parent.computed) {
          return;
        }
        if (parent.type === "Property" && parent.key === node && !parent.shorthand) return;
        if (node.name === "console") {
          context.report({ node, message: "lib/ never prints; return it to the caller" });
        } else if (node.name === "Deno" && !USES_DENO.some((pattern) => pattern.test(path))) {
          context.report({ node, message: "Deno is used at the edges of lib/ only" });
        }
      },
      MemberExpression(node) {
        const { object, property } = node;
        const isExit = object.type === "Identifier" && object.name === "Deno" &&
          property.type === "Identifier" && property.name === "exit";
        if (isExit) context.report({ node, message: "lib/ never exits; throw instead" });
      },
    };
  },
};

const kinds: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context);
    if (!/^(lib|scripts)\//.test(path) || path.startsWith("lib/device/")) return {};
    const isKind = ({ type, value }: { type: string; value?: unknown }) =>
      type === "Literal" && (value === "cpu" || value === "webgpu");
    return {
      BinaryExpression(node) {
        if (!/^[!=]==?$/.test(node.operator)) return;
        if (![node.left, node.right].some((side) => isKind(side as { type: string }))) return;
        context.report({ node, message: "branch on a device's traits, not on its kind" });
      },
    };
  },
};

/** The plugin, as deno.json loads it. */
export default {
  name: "folio",
  rules: { imports, packages, edges, kinds },
} satisfies Deno.lint.Plugin;
