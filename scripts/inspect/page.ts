/**
 * A report as one web page: light and dark, figures inline, no request to any server.
 *
 * @module
 */
import { escape } from "../../lib/plot/markup.ts";
import type { Figure } from "../../lib/plot/mod.ts";

/** Follows the reader's theme; what is too wide scrolls within its own box. */
const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --muted: #656d76; --page: #ffffff; --line: #d8dee4;
  --active: #f2a65a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --muted: #9aa4af; --page: #15181d; --line: #343b44; --active: #97480c; }
}
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2rem; }
p { max-width: 44rem; } .muted { color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
figure svg { display: block; }
.example { font: 14px/1.6 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  margin: 0.3rem 0; max-width: none; }
.active { background: color-mix(in srgb, var(--active) var(--strength), transparent);
  border-radius: 3px; }
.token { font: 14px/1.6 ui-monospace, monospace; white-space: pre; border: 1px solid var(--line);
  border-radius: 3px; padding: 0 0.3em; }
.dark { display: none; }
@media (prefers-color-scheme: dark) { .light { display: none; } .dark { display: block; } }
`;

/** A part of a report. */
export interface Section {
  /** Its heading. */
  readonly title: string;
  /** What it shows and how to read it. */
  readonly text: string;
  /** Its figures. */
  readonly figures: readonly Figure[];
  /** Markup below the figures. Default: none. */
  readonly html?: string;
}

/** The page of a report. */
export async function page(
  { title, facts, sections }: {
    title: string;
    facts: readonly (readonly [name: string, value: string])[];
    sections: readonly Section[];
  },
): Promise<string> {
  const body = [
    `<h1>${escape(title)}</h1>`,
    `<dl>${
      facts.map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`).join("")
    }</dl>`,
  ];
  for (const { title, text, figures, html } of sections) {
    body.push(`<h2>${escape(title)}</h2>`, `<p>${escape(text)}</p>`);
    for (const figure of figures) {
      const [light, dark] = [await figure.toSVG("light"), await figure.toSVG("dark")];
      body.push(
        `<figure tabindex="0"><div class="light">${light}</div><div class="dark">${dark}</div></figure>`,
      );
    }
    if (html) body.push(html);
  }
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body><main>
${body.join("\n")}
</main></body>
</html>
`;
}
