/**
 * `deno task train --live` as a real process, over real HTTP: what viewers see, and what they
 * cannot disturb.
 */
import assert from "node:assert/strict";
import { runByUrl, serveTree } from "./support/by_url.ts";
import { line, losses, run, scratchFolder, TINY } from "./support/command.ts";
import { liveRun, startLive } from "./support/live_run.ts";
import { openEvents, type ServerEvent, serverEvents } from "./support/server_events.ts";

const LONG = line("--steps 100000 --eval-every 20 --log-every 1 --checkpoint-every 0 --out run");

/** The points of a kind in some events. */
function pointsOf(events: readonly ServerEvent[], name: string): number[][] {
  return events.flatMap((event) => event.name === name ? event.data : []);
}

/** Reads events until a condition holds for what was read. */
async function readUntil(
  url: string,
  enough: (events: readonly ServerEvent[]) => boolean,
): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of serverEvents(`${url}events`)) {
    events.push(event);
    if (enough(events)) break;
  }
  return events;
}

const has = (name: string) => (events: readonly ServerEvent[]) =>
  events.some((event) => event.name === name);

Deno.test("train --live: a viewer sees curves, sample and attention; a late one the whole history; Ctrl-C ends the page", async () => {
  await using live = await liveRun(LONG);
  const { url } = live;
  const early = await readUntil(url, (events) => {
    return ["training", "validation", "sample", "attention"].every((name) => has(name)(events));
  });
  const facts = early.find(({ name }) => name === "run")!.data;
  assert.deepEqual([facts.folder, facts.steps, facts.layers, facts.heads], ["run", 100000, 1, 2]);
  assert.equal(facts.tokens.length, 16);
  assert.match(facts.lines.join(), /cpu.*7,\d\d\d tokens to train on.*1 layer, 2 heads, width 32/);
  const sample = early.find(({ name }) => name === "sample")!.data;
  assert.ok(sample.text.length > 20 && sample.step >= 1, JSON.stringify(sample));
  checkAttention(early.find(({ name }) => name === "attention")!.data.weights, 2, 16);

  const late = await readUntil(url, has("validation"));
  const steps = pointsOf(late, "training").map(([step]) => step);
  assert.ok(steps[0] === 1 && steps.length >= 20);
  assert.ok(steps.every((step, index) => index === 0 || step > steps[index - 1]));
  for (const [, loss, rate, speed, batchLoss] of pointsOf(late, "training")) {
    assert.ok(loss > 0 && loss < 5 && rate > 0 && speed > 0);
    assert.equal(loss, batchLoss); // a line for each step
  }
  assert.deepEqual(pointsOf(late, "validation").map(([step]) => step)[0], 20);

  const rest = Array.fromAsync(await openEvents(`${url}events`));
  live.child.kill("SIGINT");
  const { code, out } = await live.finished;
  assert.equal(code, 130);
  assert.match(out, /stopped after step \d+/);
  assert.deepEqual((await rest).at(-1), { name: "end", data: { ending: "stopped" } });
  const written = await losses(`${live.path}/run`);
  for (const [step, loss] of pointsOf(await rest, "training")) {
    assert.equal(loss, written.get(step));
  }
});

/** Bytes of rows of a lower triangle, each a distribution. */
function checkAttention(base64: string, maps: number, size: number): void {
  const weights = Uint8Array.fromBase64(base64);
  assert.equal(weights.length, maps * size * size);
  for (let row = 0; row < maps * size; row++) {
    const bytes = [...weights.subarray(row * size, (row + 1) * size)];
    assert.ok(bytes.slice(row % size + 1).every((byte) => byte === 0), `row ${row}: ${bytes}`);
    const sum = bytes.reduce((a, b) => a + b) / 255;
    assert.ok(Math.abs(sum - 1) < 0.04, `row ${row} sums to ${sum}`);
  }
}

Deno.test("train --live: viewers, even one that never reads, change no bit of the run, which ends as ever", async () => {
  const args = line("--steps 300 --eval-every 100 --log-every 1 --dropout 0.1 --out run");
  await using live = await liveRun(args, true);
  const { hostname, port } = new URL(live.url);
  using dead = await Deno.connect({ hostname, port: Number(port) });
  const asked = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  await dead.write(new TextEncoder().encode(asked));
  const open = () => openEvents(`${live.url}events`);
  const viewers = (await Promise.all([open(), open(), open()])).map((it) => Array.fromAsync(it));
  await live.go();
  const closed = await readUntil(live.url, has("training"));
  assert.ok(closed.length > 0);
  const { code, err } = await live.finished;
  assert.equal(code, 0, err);
  for (const viewer of viewers) {
    const events = await viewer;
    assert.deepEqual(events.at(-1), { name: "end", data: { ending: "finished" } });
    assert.equal(pointsOf(events, "training").at(-1)![0], 300);
    assert.equal(pointsOf(events, "validation").at(-1)![0], 300);
    assert.equal(events.findLast(({ name }) => name === "attention")!.data.step, 300);
  }
  await using plain = await scratchFolder();
  const alone = await run("train", ["--dataset", "text.txt", ...TINY, ...args], plain.path);
  assert.equal(alone.code, 0, alone.err);
  assert.deepEqual(await losses(`${live.path}/run`), await losses(`${plain.path}/run`));
  const weights = (path: string) => Deno.readFile(`${path}/run/model.safetensors`);
  assert.deepEqual(await weights(live.path), await weights(plain.path));
});

Deno.test("train --live: a run that diverges says so on the page", async () => {
  await using live = await liveRun(
    line("--steps 100000 --log-every 1 --learning-rate 1e25 --warmup-steps 300 --clip 0"),
    true,
  );
  const stream = await openEvents(`${live.url}events`);
  await live.go();
  const events = await Array.fromAsync(stream);
  const { ending, reason } = events.at(-1)!.data;
  assert.equal(ending, "failed");
  assert.match(reason, /became (NaN|Infinity) at step \d+/);
  assert.equal((await live.finished).code, 2);
});

Deno.test("train --live: a port in use is one line and exit code 2, before anything is written", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await using folder = await scratchFolder();
  const args = ["--dataset", "text.txt", ...TINY, "--out", "run", "--live", "--live-port"];
  const { code, out, err } = await run("train", [...args, `${port}`], folder.path);
  assert.equal(code, 2, err);
  assert.equal(out, "");
  assert.match(
    err,
    new RegExp(`^error: [^\\n]*port ${port} of 127.0.0.1: it is in use[^\\n]*\\n$`),
  );
  assert.deepEqual((await Array.fromAsync(Deno.readDir(folder.path))).length, 1);
});

Deno.test("train --live: a resumed run shows the earlier steps", async () => {
  await using folder = await scratchFolder();
  const args = ["--dataset", "text.txt", ...TINY, ...line("--log-every 1 --out run")];
  const first = await run("train", [...args, ...line("--steps 30 --eval-every 10")], folder.path);
  assert.equal(first.code, 0, first.err);
  await using more = await startLive(folder.path, line("--resume --out run --steps 100000"));
  const events = await readUntil(more.url, (events) => {
    const count = (name: string) => pointsOf(events, name).length;
    return count("training") > 30 && count("validation") >= 3;
  });
  assert.equal(events[0].data.firstStep, 30);
  const steps = pointsOf(events, "training").map(([step]) => step);
  assert.deepEqual(steps.slice(0, 31), Array.from({ length: 31 }, (_, i) => i + 1));
  const validation = pointsOf(events, "validation").map(([step]) => step);
  assert.deepEqual(validation.slice(0, 3), [10, 20, 30]);
  more.child.kill("SIGINT");
  assert.equal((await more.finished).code, 130);
});

Deno.test("train --live works by URL", async () => {
  await using tree = await serveTree();
  await using folder = await scratchFolder();
  const permissions = ["--allow-read", "--allow-write", "--allow-net=127.0.0.1"];
  const args = ["--dataset", "text.txt", ...TINY, ...line("--steps 5 --live-port 0 --out run")];
  const options = { permissions, cwd: folder.path };
  const { code, stdout, stderr } = await runByUrl(tree, "scripts/train.ts", args, options);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^live {5}http:/m);
  assert.ok(tree.requests.includes("lib/cli/live/page/page.html"));
});
