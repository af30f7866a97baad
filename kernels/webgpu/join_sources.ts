/**
 * Joins WGSL sources with those that they require.
 *
 * Which sources there are is in sources.ts.
 *
 * @module
 */

/** A piece of WGSL and the names of the sources whose functions, types or constants it uses. */
export interface Source<Name extends string = string> {
  readonly text: string;
  /**
   * Names of required sources. A list of names is a choice: the join must be asked for exactly one
   * of them.
   */
  readonly requires?: readonly (Name | readonly Name[])[];
}

/** Sources by name. */
export type Sources<Name extends string = string> = Readonly<Record<Name, Source<NoInfer<Name>>>>;

/**
 * A function that joins the sources it is called with and all that they require: each once, after
 * those that it requires. `sources` are checked here, choices by each call.
 *
 * @throws {TypeError} if a source requires one that is missing, or sources require each other in a
 * circle; by the function, if a name is unknown or not exactly one source of a choice is named.
 */
export function sourceJoiner<Name extends string>(
  sources: Sources<Name>,
): (...names: Name[]) => string {
  const names = Object.keys(sources) as Name[];
  for (const name of names) {
    for (const required of (sources[name].requires ?? []).flat() as Name[]) {
      if (sources[required]) continue;
      throw new TypeError(`wgsl: ${name} requires ${required}, and there is no such source`);
    }
  }
  for (const name of names) inOrder(sources, [name]);
  return (...named) => {
    const order = inOrder(sources, named);
    for (const name of order) expectChoices(sources, name, named);
    return order.map((name) => sources[name].text).join("\n");
  };
}

/** The names and all that they require, each after what it requires. */
function inOrder<Name extends string>(sources: Sources<Name>, named: readonly Name[]): Name[] {
  const done = new Set<Name>();
  const visit = (name: Name, path: readonly Name[]) => {
    if (done.has(name)) return;
    if (!sources[name]) throw new TypeError(`wgsl: there is no source ${name}`);
    if (path.includes(name)) {
      throw new TypeError(`wgsl: a circle of requirements: ${[...path, name].join(" → ")}`);
    }
    for (const required of sources[name].requires ?? []) {
      // Of a choice, those that are named.
      const chosen = typeof required === "string"
        ? [required as Name]
        : (required as readonly Name[]).filter((option) => named.includes(option));
      for (const next of chosen) visit(next, [...path, name]);
    }
    done.add(name);
  };
  for (const name of named) visit(name, []);
  return [...done];
}

function expectChoices<Name extends string>(
  sources: Sources<Name>,
  name: Name,
  named: readonly Name[],
): void {
  for (const required of sources[name].requires ?? []) {
    if (typeof required === "string") continue;
    const options = required as readonly Name[];
    const chosen = options.filter((option) => named.includes(option));
    if (chosen.length === 1) continue;
    throw new TypeError(
      `wgsl: ${name} requires one of ${options.join(", ")}, got ${chosen.join(", ") || "none"}`,
    );
  }
}
