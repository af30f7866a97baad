/**
 * The style of a lesson's page, for light and dark, narrow and wide screens, and paper.
 *
 * @module
 */

/** The style sheet. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #1f2328; --muted: #57606a; --line: #d8dee4; --panel: #f6f8fa;
  --link: #0b57d0; --prompt: #8e24aa; --written: #0b57d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15181d; --ink: #e6edf3; --muted: #9aa4af; --line: #343b44; --panel: #1c2128;
    --link: #8ab4f8; --prompt: #e0a3f0; --written: #8ab4f8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 17px/1.6 Inter, "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif;
}
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 0.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1.05rem; margin: 0 0 0.5rem; }
p { margin: 0.7rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; color: var(--muted); margin: 0; font-size: 0.9rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre, code { font: 0.85rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 0.9rem; margin: 0.8rem 0; overflow-x: auto; }
pre.sample { white-space: pre-wrap; overflow-wrap: anywhere; }
.prompt { color: var(--prompt); font-weight: 600; }
.written { color: var(--written); }
.comment { color: var(--muted); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 0.8rem 0; }
td { padding: 0.2rem 0.9rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; }
figure > div > svg { max-width: 100%; height: auto; }
.dark { display: none; }
.task { border: 1px solid var(--line); border-left: 4px solid var(--link); border-radius: 6px; padding: 0.8rem 1rem; margin: 1.2rem 0; }
summary { cursor: pointer; color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
@media (prefers-color-scheme: dark) { .light { display: none; } .dark { display: block; } }
@media (max-width: 600px) { figure > div > svg { min-width: calc(0.7 * var(--width)); } }
@media print { .light { display: block; } .dark { display: none; } }
`;
