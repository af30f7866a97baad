import assert from "node:assert/strict";
import { colored, withoutControls } from "../lib/cli/output.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../lib/cli/numbers.ts";
import { DownloadProgress, TrainingProgress } from "../lib/cli/progress.ts";
import { printSample, SamplePrinter } from "../lib/cli/print_sample.ts";
import { RecordedOutput } from "./support/recorded_output.ts";

const figures = { loss: 1.8234, validationLoss: 1.9, tokensPerSecond: 84_123 };

Deno.test("elsewhere than on a terminal each report is a plain line", () => {
  const output = new RecordedOutput();
  let now = 0;
  const progress = new TrainingProgress(2000, { output, now: () => now });
  for (let step = 1; step <= 100; step++) progress.advance(step);
  now = 5000;
  progress.report({ step: 100, loss: 2.5, tokensPerSecond: 950 });
  progress.report({ step: 200, validationLoss: 2.25 });
  progress.report({ step: 300, loss: 2 });
  progress.note("saved runs/a");
  progress.finish();
  assert.deepEqual(output.written.split("\n"), [
    "step  100/2000  loss 2.5000  950 tokens/s  1m35s left",
    "step  200/2000  validation 2.2500  45s left",
    "step  300/2000  loss 2.0000  28s left  lowest 2.0000  highest 2.5000",
    "saved runs/a",
    "",
  ]);
});

Deno.test("on a terminal the bar shows the latest figures on one line", () => {
  const output = new RecordedOutput({ isTerminal: true, columns: 120 });
  let now = 0;
  const progress = new TrainingProgress(2000, { output, now: () => now });
  now = 1000;
  progress.report({ step: 500, ...figures });
  assert.equal(
    output.screen.at(-1),
    `step  500/2000  ${"━".repeat(8)}${
      "─".repeat(22)
    }  loss 1.8234  validation 1.9000  84.1k tokens/s  3s left`,
  );
  now = 4000;
  progress.advance(2000);
  progress.finish();
  const last = output.screen.at(-2)!;
  const start = `step 2000/2000  ${"━".repeat(30)}  loss 1.8234`;
  assert.equal(last, `${start}  validation 1.9000  84.1k tokens/s`);
  assert.equal(output.screen.length, 2);
});

Deno.test("the bar is redrawn at most ten times a second", () => {
  const output = new RecordedOutput({ isTerminal: true });
  let now = 0;
  const progress = new TrainingProgress(1000, { output, now: () => now });
  for (let step = 1; step <= 1000; step++) {
    now = step;
    progress.advance(step);
  }
  assert.equal(output.written.split("\r\x1b[K").length - 1, 10);
});

Deno.test("no line is as wide as the terminal, however narrow it is", () => {
  for (let columns = 1; columns < 130; columns++) {
    const output = new RecordedOutput({ isTerminal: true, columns });
    const progress = new TrainingProgress(2000, { output, now: () => 1000 });
    progress.report({ step: 500, ...figures });
    const [line] = output.screen;
    assert(line.length < Math.max(columns, 2), `${columns} columns: ${line.length} characters`);
    if (columns > 15) assert(line.startsWith("step  500/2000"));
  }
});

Deno.test("a note is printed above the bar, which stays", () => {
  const output = new RecordedOutput({ isTerminal: true });
  const progress = new TrainingProgress(10, { output, now: () => 0 });
  progress.advance(5);
  progress.note("saved runs/a");
  assert.equal(output.screen[0], "saved runs/a");
  assert(output.screen[1].startsWith("step  5/10"));
});

Deno.test("a resumed run counts its time from the step at which it resumed", () => {
  const output = new RecordedOutput();
  let now = 0;
  const progress = new TrainingProgress(100, { output, now: () => now, firstStep: 50 });
  now = 10_000;
  progress.report({ step: 60 });
  assert.equal(output.written, "step  60/100  40s left\n");
});

Deno.test("a download shows bytes and rate on a terminal, two lines elsewhere", () => {
  let now = 0;
  const terminal = new RecordedOutput({ isTerminal: true });
  const bar = new DownloadProgress("tiny", 2_000_000, { output: terminal, now: () => now });
  now = 500;
  bar.update(1_000_000);
  assert.match(terminal.screen[0], /^tiny {2}━+─+ {2}1\.00 MB of 2\.00 MB {2}2\.00 MB\/s$/);
  now = 1000;
  bar.update(2_000_000);
  bar.finish();
  assert.deepEqual(terminal.screen, ["fetched tiny: 2,000,000 bytes in 1s", ""]);

  const plain = new RecordedOutput();
  const lines = new DownloadProgress("a\x1b[2Jb", undefined, { output: plain, now: () => now });
  lines.update(10);
  lines.finish();
  const expected = ["fetching a�[2Jb", "fetched a�[2Jb: 10 bytes in 0s", ""];
  assert.deepEqual(plain.written.split("\n"), expected);
});

Deno.test("a sample is magenta then blue, or plain", () => {
  const terminal = new RecordedOutput({ isTerminal: true, color: true });
  printSample("To be", ", or\nnot", terminal);
  assert.equal(terminal.written, "\x1b[35mTo be\x1b[0m\x1b[34m, or\nnot\x1b[0m\n");
  const plain = new RecordedOutput();
  printSample("To be", ", or\nnot", plain);
  assert.equal(plain.written, "To be, or\nnot\n");
});

Deno.test("a streamed sample reads as a whole one", () => {
  const output = new RecordedOutput();
  const printer = new SamplePrinter("", output);
  for (const piece of ["a", "", "b\tc"]) printer.write(piece);
  printer.finish();
  assert.equal(output.written, "ab\tc\n");
});

Deno.test("text of unknown origin cannot steer the terminal", () => {
  assert.equal(withoutControls("a\x1b[31mb\x07\r\n\tc\x9b"), "a�[31mb��\n\tc�");
  assert.equal(colored("x", "red", new RecordedOutput()), "x");
  for (const isTerminal of [true, false]) {
    const output = new RecordedOutput({ isTerminal });
    const shown = isTerminal ? "a\ufffd[2J\ufffdb\n" : "a\x1b[2J\rb\n";
    printSample("a\x1b[2J", "\rb", output);
    new TrainingProgress(5, { output }).note("a\x1b[2J\rb");
    assert.equal(output.written, shown + shown);
  }
});

Deno.test("numbers are formatted for people", () => {
  assert.deepEqual([0, 999, 1000, 1115394].map(formatCount), ["0", "999", "1,000", "1,115,394"]);
  const rates = [0, 12.4, 999.4, 999.6, 84123, 99950, 999_600, 2.5e9];
  const expected = ["0", "12", "999", "1.00k", "84.1k", "100k", "1.00M", "2.50G"];
  assert.deepEqual(rates.map(formatRate), expected);
  assert.deepEqual([12, 1115394, 3e15].map(formatBytes), ["12 B", "1.12 MB", "3000 TB"]);
  const durations = [0.2, 42, 59.6, 185, 3599, 3720, 90000];
  const spoken = ["0s", "42s", "1m00s", "3m05s", "59m59s", "1h02m", "25h00m"];
  assert.deepEqual(durations.map(formatDuration), spoken);
});
