/**
 * A chat template, which anyone may have written, run within a budget of steps and of output: a
 * template that would run for minutes or fill the memory ends with a message.
 *
 * The package `@huggingface/jinja` parses and computes; its interpreter is extended here by the
 * counting. Each evaluation costs a step and more for long values, and an operation whose result
 * may be longer than its operands is measured before it runs. See chat_template.ts for the
 * conversations.
 *
 * @module
 */

/** Longest template, in characters; the longest that is published has about 40,000. */
const LONGEST_TEMPLATE = 250_000;
/** Largest value that a template may make: characters of a text, and of all texts of a list. */
const LARGEST_VALUE = 2_000_000;
/** Deepest nesting of lists. */
const MAXIMUM_DEPTH = 100;
/** Most characters that one operation may write or compare before its result is known. */
const LARGEST_PRODUCT = 64_000_000;
/** Longest `range`. */
const LONGEST_RANGE = 10_000;
/** Steps in all; a conversation of 200 turns takes about 50,000. */
const STEPS = 2_000_000;

/** A value of the interpreter. */
interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** A node of a parsed template. */
interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The variables of a template. */
interface Environment {
  set(name: string, value: unknown): unknown;
}

/** The package's interpreter, as far as it is extended. */
declare class Interpreter {
  constructor(environment: Environment);
  run(program: Node): Value;
  evaluate(node: Node | undefined, environment: Environment): Value;
  evaluateBlock(statements: readonly Node[], environment: Environment): Value;
  evaluateBinaryExpression(node: Node, environment: Environment): Value;
  evaluateCallExpression(node: Node, environment: Environment): Value;
  applyFilter(operand: Value, filter: Node, environment: Environment): Value;
}

/** What is used of the package. */
export interface Jinja {
  readonly Template: new (template: string) => { readonly parsed: Node };
  readonly Environment: new () => Environment;
  readonly Interpreter: typeof Interpreter;
}

/**
 * The text that a template makes of its variables.
 *
 * @throws {RangeError} if the template is too long, takes too many steps or makes too long a text
 * @throws the package's errors if the template is malformed, or raises one
 */
export function renderTemplate(
  jinja: Jinja,
  template: string,
  variables: Readonly<Record<string, unknown>>,
): string {
  if (template.length > LONGEST_TEMPLATE) {
    throw new RangeError(
      `expected at most ${LONGEST_TEMPLATE} characters, got ${template.length}`,
    );
  }
  const environment = new jinja.Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) {
    environment.set(name, value);
  }
  const Bounded = boundedInterpreter(jinja.Interpreter);
  return new Bounded(environment).run(new jinja.Template(template).parsed).value as string;
}

/** What every template may use: the package's globals, its `range` with an end. */
const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception(message: string) {
    throw new Error(message);
  },
  strftime_now: (format: string) => formatTime(new Date(), format),
};

/** Python's `range`. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= LONGEST_RANGE)) {
    throw new RangeError(`range: expected at most ${LONGEST_RANGE} numbers, got ${length}`);
  }
  return Array.from({ length }, (_, i) => start + i * step);
}

/** The fields of Python's `strftime` that templates use, in English. */
function formatTime(date: Date, format: string): string {
  const padded = (value: number) => `${value}`.padStart(2, "0");
  const named = (month: "short" | "long") => date.toLocaleString("en-US", { month });
  const fields: Readonly<Record<string, () => string>> = {
    "%Y": () => `${date.getFullYear()}`,
    "%m": () => padded(date.getMonth() + 1),
    "%d": () => padded(date.getDate()),
    "%b": () => named("short"),
    "%B": () => named("long"),
    "%H": () => padded(date.getHours()),
    "%M": () => padded(date.getMinutes()),
    "%%": () => "%",
  };
  return format.replace(/%[YmdbBHM%]/g, (field) => fields[field]());
}

/** Characters of a value when it is written, and how deeply it nests. */
interface Size {
  readonly characters: number;
  readonly depth: number;
}

/** A node that has been evaluated. */
class Known implements Node {
  readonly type = "Known";
  readonly [field: string]: unknown;
  constructor(readonly known: Value) {}
}

/** The interpreter with a budget. */
function boundedInterpreter(Base: typeof Interpreter): typeof Interpreter {
  return class Bounded extends Base {
    #steps = STEPS;
    /** Lists and objects do not change once they are made; namespaces do, and are not kept here. */
    readonly #sizes = new WeakMap<Value, Size>();

    override evaluate(node: Node | undefined, environment: Environment): Value {
      if (node instanceof Known) return node.known;
      this.#spend(1);
      const value = super.evaluate(node, environment);
      this.#spend(stepsOf(value));
      this.#charactersOf(value);
      return value;
    }

    override evaluateBlock(statements: readonly Node[], environment: Environment): Value {
      this.#spend(4);
      return super.evaluateBlock(statements, environment);
    }

    override evaluateBinaryExpression(node: Node, environment: Environment): Value {
      const operator = (node.operator as Value).value;
      if (operator === "and" || operator === "or") {
        return super.evaluateBinaryExpression(node, environment); // the right side may not run
      }
      const left = this.evaluate(node.left as Node, environment);
      const right = this.evaluate(node.right as Node, environment);
      const [a, b] = [this.#charactersOf(left), this.#charactersOf(right)];
      if (operator === "in" || operator === "not in") this.#expectProduct(a, b);
      else expectCharacters(a + b);
      const operands = { left: new Known(left), right: new Known(right) };
      return super.evaluateBinaryExpression({ ...node, ...operands }, environment);
    }

    override applyFilter(operand: Value, filter: Node, environment: Environment): Value {
      if (filter.type !== "CallExpression") return super.applyFilter(operand, filter, environment);
      const args = this.#evaluated(filter.args as Node[], environment);
      const isIndented = (filter.callee as Node).value === "tojson";
      this.#expectCall(operand, args, isIndented ? MAXIMUM_DEPTH : 1);
      return super.applyFilter(operand, { ...filter, args }, environment);
    }

    override evaluateCallExpression(node: Node, environment: Environment): Value {
      const callee = node.callee as Node;
      if (callee.type !== "MemberExpression") {
        return super.evaluateCallExpression(node, environment);
      }
      const args = this.#evaluated(node.args as Node[], environment);
      const object = this.evaluate(callee.object as Node, environment);
      this.#expectCall(object, args, 1);
      const known = { ...callee, object: new Known(object) };
      return super.evaluateCallExpression({ ...node, callee: known, args }, environment);
    }

    /**
     * The arguments of a call, each evaluated once; literals stay, as some filters require them.
     */
    #evaluated(args: readonly Node[], environment: Environment): Node[] {
      return args.map((node) => {
        if (node.type.endsWith("Literal")) return node;
        const field = { SpreadExpression: "argument", KeywordSpreadExpression: "argument" }[
          node.type
        ] ?? (node.type === "KeywordArgumentExpression" ? "value" : undefined);
        if (field === undefined) return new Known(this.evaluate(node, environment));
        return { ...node, [field]: new Known(this.evaluate(node[field] as Node, environment)) };
      });
    }

    /** A call writes, at most, its arguments once for each character of what it is called on. */
    #expectCall(operand: Value, args: readonly Node[], times: number): void {
      const factors = args.map((node) => {
        const inner = (node.argument ?? node.value) as Node | unknown;
        const value = node instanceof Known
          ? node.known
          : inner instanceof Known
          ? inner.known
          : inner;
        if (typeof value === "string") return value.length; // of a literal
        if (typeof value === "number") return times * Math.abs(value);
        const { type, value: number } = value as Value;
        if (type === "IntegerValue") return times * Math.abs(number as number);
        return this.#charactersOf(value as Value);
      });
      const factor = factors.reduce((sum, characters) => sum + characters, 1);
      this.#expectProduct(this.#charactersOf(operand), factor);
    }

    #expectProduct(a: number, b: number): void {
      if (!(a * b <= LARGEST_PRODUCT)) throw tooLong();
      this.#spend(a * b / 1024);
    }

    #spend(steps: number): void {
      this.#steps -= steps;
      if (this.#steps < 0) throw new RangeError(`it takes more than ${STEPS} steps`);
    }

    #charactersOf(value: Value): number {
      const { characters } = this.#sizeOf(value);
      expectCharacters(characters);
      return characters;
    }

    #sizeOf(value: Value): Size {
      const known = this.#sizes.get(value);
      if (known) return known;
      const parts = partsOf(value);
      if (parts === undefined) return { characters: ownCharacters(value), depth: 0 };
      let [characters, depth] = [1, 0];
      for (const [key, part] of parts) {
        if (part.type === "NamespaceValue") throw new TypeError("a namespace in another value");
        const inner = this.#sizeOf(part);
        characters += key.length + 2 + inner.characters;
        depth = Math.max(depth, inner.depth + 1);
      }
      if (depth > MAXIMUM_DEPTH) {
        throw new RangeError(`lists are nested more than ${MAXIMUM_DEPTH} deep`);
      }
      const size = { characters, depth };
      if (value.type !== "NamespaceValue") this.#sizes.set(value, size);
      return size;
    }
  };
}

/** The parts of a list, an object or a namespace, with their keys. */
function partsOf({ value }: Value): Iterable<[key: string, part: Value]> | undefined {
  if (value instanceof Map) return value;
  return Array.isArray(value) ? value.map((part) => ["", part]) : undefined;
}

function ownCharacters({ value }: Value): number {
  return typeof value === "string" ? value.length : 8;
}

/** Steps for a value besides that of its evaluation: whatever uses it may read it whole. */
function stepsOf({ value }: Value): number {
  if (typeof value === "string") return value.length / 64;
  if (Array.isArray(value)) return value.length / 4;
  return value instanceof Map ? value.size / 4 : 0;
}

function expectCharacters(characters: number): void {
  if (characters > LARGEST_VALUE) throw tooLong();
}

function tooLong(): RangeError {
  return new RangeError(`it makes a text or a list of more than ${LARGEST_VALUE} characters`);
}
