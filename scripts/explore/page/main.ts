/**
 * The page as one file: a model inside or elsewhere, and the history of its run.
 *
 * @module
 */
import { explainTerms } from "../../../lib/cli/live/page/help.js";
import { RunPanel } from "../../../lib/cli/live/page/run_panel.js";
import { part } from "./parts.ts";
import { Playground } from "./playground.ts";
import type { Source } from "./protocol.ts";

const source: Source = JSON.parse(part("source").textContent!);
explainTerms(document);
part("name").textContent = source.name;
document.title = `${source.name} · Folio`;
if (source.history) showHistory(source.history);
new Playground(part("engine").textContent!).offer(source);

/** Shows the run below the playground, which is what a finished run is opened for. */
function showHistory(events: NonNullable<Source["history"]>): void {
  part("playground").after(part("run"));
  const panel = new RunPanel();
  for (const [name, data] of events) panel.receive(name, data);
}
