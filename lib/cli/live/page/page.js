/**
 * The live page: receives the run's events and passes them to the charts and tiles.
 *
 * @module
 */
import { AttentionMap } from "./attention.js";
import { LineChart } from "./chart.js";
import { count, duration, loss, rate } from "./format.js";
import { explainTerms } from "./help.js";
import { html } from "./svg.js";

const part = (id) => document.getElementById(id);
const show = (id, text) => part(id).textContent = text;

const lossChart = new LineChart(part("loss-chart"), {
  title: "Loss",
  yLabel: "nats per token",
  height: 280,
  format: loss,
  curves: [
    { name: "mean training", className: "first", noisy: true },
    { name: "validation", className: "second", dotted: true },
  ],
});
const rateChart = new LineChart(part("rate-chart"), {
  title: "Learning rate",
  yLabel: "step size",
  height: 150,
  zero: true,
  format: rate,
  axis: rate,
  curves: [{ name: "", className: "first" }],
});
const speedChart = new LineChart(part("speed-chart"), {
  title: "Speed",
  yLabel: "tokens per second",
  height: 150,
  zero: true,
  format: count,
  curves: [{ name: "", className: "first", noisy: true }],
});
const charts = [lossChart, rateChart, speedChart];
const attention = new AttentionMap(part("attention"));

let run;
let latestLoss;

const HANDLERS = {
  run(facts) {
    run = facts;
    latestLoss = undefined;
    for (const id of ["left", "loss", "batch", "validation", "rate", "speed"]) show(id, "–");
    const writesTexts = facts.layers > 0; // a classifier shows neither attention nor samples
    lossChart.yLabel = writesTexts ? "nats per token" : "nats per text";
    for (const chart of charts) chart.clear();
    for (const id of ["attention", "sample"]) part(id).hidden = !writesTexts;
    if (writesTexts) attention.begin(facts);
    show("folder", facts.folder);
    part("facts").replaceChildren(...facts.lines.flatMap((line) => [html("span", {}, line), " "]));
    part("progress").setAttribute("aria-valuemax", facts.steps);
    part("play").querySelector("a").href = "/play";
    part("play").hidden = !facts.plays;
    setStatus("training", "training");
    showProgress(facts.firstStep);
  },
  progress({ step, secondsLeft }) {
    showProgress(step);
    show("left", secondsLeft === undefined ? "–" : duration(secondsLeft));
  },
  training(points) {
    lossChart.add(0, points.map(([step, value]) => [step, value]));
    rateChart.add(0, points.map(([step, , value]) => [step, value]));
    speedChart.add(0, points.map(([step, , , value]) => [step, value]));
    const [step, value, learningRate, speed, batch = value] = points.at(-1);
    latestLoss = value;
    show("loss", loss(value));
    show("batch", loss(batch));
    show("rate", rate(learningRate));
    show("speed", count(speed));
    showProgress(step);
  },
  validation(points) {
    lossChart.add(1, points);
    show("validation", loss(points.at(-1)[1]));
  },
  sample({ step, text }) {
    document.querySelector("pre").textContent = text;
    show("sample-step", `after step ${count(step)}`);
  },
  attention(weights) {
    attention.show(weights);
  },
  end({ ending, reason }) {
    events.close();
    show("left", "–");
    setStatus(ending, ending);
    if (reason) show("reason", reason);
    part("reason").hidden = !reason;
    part("play").hidden = true; // its server has ended, too
    show("place", run?.folder ?? "");
    // A page opens models that write texts.
    part("after").hidden = !(run?.layers > 0) || run.isAdapter || ending === "failed";
    document.title = `${ending} · ${document.title}`;
  },
};

function showProgress(step) {
  const share = 100 * step / run.steps;
  show("step", `${count(step)} / ${count(run.steps)}`);
  part("progress").setAttribute("aria-valuenow", step);
  part("progress").firstElementChild.style.width = `${share}%`;
  const parts = [
    `${Math.floor(share)}%`,
    ...latestLoss ? [`loss ${latestLoss.toFixed(3)}`] : [],
    "Folio",
  ];
  document.title = parts.join(" · ");
}

function setStatus(state, text) {
  part("status").dataset.state = state;
  show("status", text);
}

explainTerms(document);
part("copy").addEventListener("click", async () => {
  const command = part("after").querySelector("code");
  try {
    await navigator.clipboard.writeText(command.textContent);
    show("copy", "Copied");
  } catch { // the browser does not allow it, or, away from this machine, has no clipboard
    getSelection().selectAllChildren(command);
    show("copy", "Selected");
  }
});
const events = new EventSource("/events");
for (const [name, handle] of Object.entries(HANDLERS)) {
  events.addEventListener(name, ({ data }) => handle(JSON.parse(data)));
}
events.addEventListener("open", () => setStatus("waiting", run ? "training" : "getting ready"));
events.addEventListener("error", () => setStatus("lost", "connection lost, trying again"));
