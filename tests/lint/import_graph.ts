/**
 * The graph of imports among the project's own modules, and its circles.
 *
 * Modules are parsed by `deno lint`'s parser; an import counts whether it is of a value, of a type
 * or of text.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** Each module's path from the root, with the paths of the modules that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** The paths that the module at `path` imports, expressions and re-exports included. */
export function importsOf(path: string, source: string): string[] {
  const targets: string[] = [];
  const note = (node: Deno.lint.Expression | null) => {
    if (node?.type !== "Literal" || typeof node.value !== "string") return;
    if (!node.value.startsWith(".")) return;
    targets.push(new URL(node.value, new URL(path, "file:///")).pathname.slice(1));
  };
  const create = (): Deno.lint.LintVisitor => ({
    ImportDeclaration: ({ source }) => note(source),
    ImportExpression: ({ source }) => note(source),
    ExportNamedDeclaration: ({ source }) => note(source),
    ExportAllDeclaration: ({ source }) => note(source),
    TSImportType: ({ argument }) => {
      if (argument.type === "TSLiteralType") note(argument.literal as Deno.lint.Literal);
    },
  });
  const plugin = { name: "graph", rules: { imports: { create } } };
  Deno.lint.runPlugin(plugin, decodeURI(new URL(path, ROOT).pathname), source);
  return [...new Set(targets)];
}

/** The graph of all TypeScript modules in `folders` and of the `files` beside them. */
export async function readGraph(
  folders: readonly string[],
  files: readonly string[],
): Promise<ImportGraph> {
  const found = await Promise.all(folders.map((folder) => modulesIn(`${folder}/`)));
  const paths = [...files, ...found.flat()];
  const entries = paths.map(async (path) =>
    [path, importsOf(path, await Deno.readTextFile(new URL(path, ROOT)))] as const
  );
  return new Map(await Promise.all(entries));
}

async function modulesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) paths.push(...await modulesIn(`${folder}${name}/`));
    else if (name.endsWith(".ts")) paths.push(folder + name);
  }
  return paths.sort();
}

/**
 * A circle for each import that closes one in a depth-first walk: its modules in the order of their
 * imports, the first one again at the end. None if and only if the graph has no circle.
 */
export function findCircles(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at >= 0) circles.push([...trail.slice(at), path]);
    if (at >= 0 || done.has(path)) return;
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return circles;
}
