/**
 * The text of `--help`, made from the same description that parse.ts reads the command line with.
 *
 * @module
 */

import { type Command, type Flag, type Flags, kebabCase } from "./flags.ts";

const HELP: Flag<boolean> = {
  default: false,
  meaning: "show this text",
  expected: "no value",
  shownDefault: "",
  read: () => true,
};

/** Column at which the meanings start. */
const MEANING_COLUMN = 30;

/**
 * What a command does, how to call it, its flags with their defaults, and examples.
 *
 * `columns` is the width to wrap at; lines are at least 60 and at most 100 characters wide.
 */
export function helpText<Specification extends Flags>(
  command: Command<Specification>,
  columns = 100,
): string {
  const width = Math.max(60, Math.min(columns, 100));
  const { positionals, examples = [] } = command;
  const sections = [wrap(command.summary, width).join("\n"), usage(command)];
  if (positionals) sections.push(entry(`  ${positionals.name}`, positionals.meaning, width));
  for (const [heading, lines] of flagSections(command.flags, width)) {
    sections.push(`${heading}\n${lines.join("\n")}`);
  }
  if (examples.length > 0) {
    const lines = examples.map(([line, meaning]) => `  ${line}\n      ${meaning}`);
    sections.push(`Examples\n${lines.join("\n")}`);
  }
  return sections.join("\n\n") + "\n";
}

function usage({ name, positionals }: Command): string {
  if (!positionals) return `Usage: ${name} [flags]`;
  const { min = 0, max = Infinity } = positionals;
  const many = max > 1 ? `${positionals.name}...` : positionals.name;
  return `Usage: ${name} ${min > 0 ? many : `[${many}]`} [flags]`;
}

function flagSections(flags: Flags, width: number): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  for (const [key, flag] of [...Object.entries(flags), ["help", HELP] as const]) {
    const heading = flag.group ?? "Flags";
    const meaning = `${flag.meaning}${defaultNote(flag)}`;
    const line = entry(`  ${written(kebabCase(key), flag)}`, meaning, width);
    sections.set(heading, [...sections.get(heading) ?? [], line]);
  }
  return sections;
}

function written(name: string, flag: Flag<unknown>): string {
  if (flag === HELP) return "-h, --help";
  if (flag.placeholder !== undefined) return `--${name} ${flag.placeholder}`;
  return flag.default ? `--[no-]${name}` : `--${name}`;
}

function defaultNote(flag: Flag<unknown>): string {
  const { shownDefault, placeholder } = flag;
  if (shownDefault !== undefined) return shownDefault && ` (default: ${shownDefault})`;
  if (placeholder === undefined) return flag.default ? " (default: on)" : "";
  if (flag.default === undefined || flag.default === "") return "";
  return ` (default: ${flag.default})`;
}

function entry(left: string, meaning: string, width: number): string {
  const indent = " ".repeat(MEANING_COLUMN);
  const lines = wrap(meaning, width - MEANING_COLUMN);
  const fits = left.length < MEANING_COLUMN - 1;
  const first = fits ? left.padEnd(MEANING_COLUMN) + lines.shift() : left;
  return [first, ...lines.map((line) => indent + line)].join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > width) lines.push(word);
    else lines.splice(-1, 1, longer);
  }
  return lines;
}
