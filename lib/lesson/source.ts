/**
 * The text of a lesson's file: the functions of its code tasks, with their comments and lines.
 *
 * @module
 */

/** A function as a file has it. */
export interface FunctionSource {
  /** The function with the comment above it. */
  readonly code: string;
  /** File and line, such as `scripts/lessons/01_attention.ts:36`. Default: unknown. */
  readonly place?: string;
}

/** The text of a lesson's file. */
export class LessonSource {
  readonly #lines: readonly string[];
  readonly #path: string;

  /** The text of the file at an address. */
  constructor(text: string, url: string) {
    this.#lines = text.split("\n");
    this.#path = shortPath(url);
  }

  /** Reads the file of a lesson; its text is empty if it cannot be read. */
  static async read(url: string): Promise<LessonSource> {
    try {
      const { default: text } = await import(url, { with: { type: "text" } });
      return new LessonSource(text, url);
    } catch {
      return new LessonSource("", url);
    }
  }

  /** The whole text. */
  get text(): string {
    return this.#lines.join("\n");
  }

  /** File and line, from 1. */
  place(line: number): string {
    return `${this.#path}:${line}`;
  }

  /** A function at the top of the file; without its text, what JavaScript knows of it. */
  function(value: unknown): FunctionSource {
    const name = typeof value === "function" ? value.name : "";
    const start = name === "" ? -1 : this.#lines.findIndex((line) => declares(line, name));
    const end = start < 0 ? -1 : this.#lines.indexOf("}", start);
    if (end < 0) return { code: String(value) };
    const code = this.#lines.slice(this.#commentAbove(start), end + 1).join("\n");
    return { code, place: this.place(start + 1) };
  }

  /** Index of the first line of the comment that ends above a line. */
  #commentAbove(line: number): number {
    if (!/\*\/\s*$/.test(this.#lines[line - 1] ?? "")) return line;
    let start = line - 1;
    while (start > 0 && !/^\/\*\*/.test(this.#lines[start])) start--;
    return start;
  }
}

function declares(line: string, name: string): boolean {
  return line.startsWith(`function ${name}(`) || line.startsWith(`async function ${name}(`);
}

/** A file's path, from the working folder if it is inside; an address as it is. */
function shortPath(url: string): string {
  if (!url.startsWith("file:")) return url;
  const path = decodeURIComponent(new URL(url).pathname);
  const folder = `${Deno.cwd()}/`;
  return path.startsWith(folder) ? path.slice(folder.length) : path;
}
