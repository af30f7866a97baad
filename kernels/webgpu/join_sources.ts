/**
 * Joins WGSL sources with those that they require.
 *
 * sources.ts lists the sources.
 *
 * @module
 */

/** A piece of WGSL and the names of the sources whose functions, types or constants it uses. */
export interface Source<Name extends string = string> {
  readonly text: string;
  /**
   * Names of required sources. A list of names is a choice: the join must name exactly one of them.
   */
  readonly requires?: readonly (Name | readonly Name[])[];
}

/** Sources by name. */
export type Sources<Name extends string = string> = Readonly<Record<Name, Source<NoInfer<Name>>>>;

/**
 * Returns a function that joins the sources whose names it receives and all that they require: each
 * once, after those that it requires. `sources` are checked here, choices by each call.
 *
 * @throws {TypeError} if a source requires one that is missing, or sources require each other in a
 * circle; by the function, if a name is unknown or not exactly one source of a choice is named.
 */
export function sourceJoiner<Name extends string>(
  sources: Sources<Name>,
): (...names: Name[]) => string {
  const all = Object.keys(sources) as Name[];
  inOrder(sources, all, () => true);
  return (...names) => {
    const order = inOrder(sources, names, (option) => names.includes(option));
    for (const name of order) expectChoices(sources, name, names);
    return order.map((name) => sources[name].text).join("\n");
  };
}

/**
 * `names` and all that they require, each after those that it requires; of a choice, the chosen
 * one.
 */
function inOrder<Name extends string>(
  sources: Sources<Name>,
  names: readonly Name[],
  isChosen: (option: Name) => boolean,
): Name[] {
  const done = new Set<Name>();
  const visit = (name: Name, path: readonly Name[]) => {
    if (done.has(name)) return;
    if (!sources[name]) throw new TypeError(`wgsl: no source ${[...path, name].join(" → ")}`);
    if (path.includes(name)) {
      throw new TypeError(`wgsl: a circle of requirements: ${[...path, name].join(" → ")}`);
    }
    for (const required of sources[name].requires ?? []) {
      const next = typeof required === "string" ? [required] : required.filter(isChosen);
      for (const source of next) visit(source, [...path, name]);
    }
    done.add(name);
  };
  for (const name of names) visit(name, []);
  return [...done];
}

function expectChoices<Name extends string>(
  sources: Sources<Name>,
  name: Name,
  named: readonly Name[],
): void {
  for (const required of sources[name].requires ?? []) {
    if (typeof required === "string") continue;
    const chosen = required.filter((option) => named.includes(option));
    if (chosen.length === 1) continue;
    throw new TypeError(
      `wgsl: ${name} requires one of ${required.join(", ")}; got ${chosen.join(", ") || "none"}`,
    );
  }
}
