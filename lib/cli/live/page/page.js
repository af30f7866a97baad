/**
 * The page of a run that trains: passes the run's events to its panel, and its checkpoints to the
 * playground, which its server makes. Both go on without the server.
 *
 * @module
 */
import { count } from "./format.js";
import { explainTerms } from "./help.js";
import { RunPanel } from "./run_panel.js";

const part = (id) => document.getElementById(id);
const panel = new RunPanel();
/** The part that plays: loaded with the first run that has one. */
let playground;
/** What the note says: the step that is open, why none is, and why the server does not answer. */
let saved, trouble, gone;

const HANDLERS = {
  run(facts) {
    panel.receive("run", facts);
    part("after").hidden = true;
    saved = trouble = gone = undefined;
    if (facts.plays) loadPlayground().catch(() => {}); // said when there is a checkpoint
    showNote();
  },
  async checkpoint({ step, files, reason }) {
    const { folder } = panel.run;
    trouble = reason;
    try {
      if (files) (await loadPlayground()).offer({ name: folder, step, files });
      if (files) saved = step;
    } catch ({ message }) {
      trouble = message;
    }
    showNote();
  },
  end(ending) {
    events.close();
    panel.receive("end", ending);
    document.title = `${ending.ending} · ${document.title}`;
    const { folder, plays } = panel.run ?? {};
    if (!plays) return;
    part("place").textContent = folder;
    part("after").hidden = ending.ending === "failed";
    gone = `The run has ended; its files are in ${folder}.`;
    showNote();
  },
};

/** Says where the playground is, and what the page does without its server. */
function showNote() {
  if (!panel.run?.plays) return;
  const notes = [];
  if (gone) {
    const kept = saved === undefined
      ? "This page keeps what it shows."
      : `Until it is closed, this page goes on with the checkpoint of step ${count(saved)}.`;
    notes.push(gone, kept);
  }
  if (trouble) notes.push(`No playground: ${trouble}`);
  else if (!gone && saved === undefined) {
    notes.push("The playground appears with the first checkpoint.");
  }
  part("run-note").textContent = notes.join(" ");
  part("run-note").hidden = notes.length === 0;
}

/** Loads the playground; its server says why there is none. */
function loadPlayground() {
  playground ??= (async () => {
    const engine = await fetch("/engine.js");
    const text = await engine.text();
    if (!engine.ok) throw new Error(text);
    const { Playground } = await import("/playground.js");
    return new Playground(text);
  })();
  playground.catch(() => playground = undefined); // the next checkpoint tries again
  return playground;
}

explainTerms(document);
part("run").hidden = false;
part("copy").addEventListener("click", async () => {
  const command = part("after").querySelector("code");
  try {
    await navigator.clipboard.writeText(command.textContent);
    part("copy").textContent = "Copied";
  } catch { // the browser does not allow it, or, away from this machine, has no clipboard
    getSelection().selectAllChildren(command);
    part("copy").textContent = "Selected";
  }
});

const events = new EventSource("/events");
for (const name of ["progress", "training", "validation", "sample", "attention"]) {
  events.addEventListener(name, ({ data }) => {
    panel.receive(name, JSON.parse(data));
    document.title = panel.title;
  });
}
for (const [name, handle] of Object.entries(HANDLERS)) {
  events.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
}
events.addEventListener("open", () => {
  panel.setStatus("waiting", panel.run ? "training" : "getting ready");
});
events.addEventListener("error", () => {
  panel.setStatus("lost", "connection lost, trying again");
  gone = "The run does not answer: it was ended, or is out of reach.";
  showNote();
});
