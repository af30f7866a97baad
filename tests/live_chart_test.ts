/** The live page's server: what a viewer receives, early, late or slow, and what it refuses. */
import assert from "node:assert/strict";
import { Feed } from "../lib/cli/live/feed.ts";
import { History } from "../lib/cli/live/history.ts";
import { LiveChart } from "../lib/cli/live/live_chart.ts";
import type { RunFacts, TrainingPoint } from "../lib/cli/live/messages.ts";
import { UserError } from "../lib/errors.ts";
import { parseEvents, type ServerEvent, serverEvents } from "./support/server_events.ts";

const RUN: RunFacts = {
  folder: "runs/<b>bold</b>",
  lines: ["cpu"],
  steps: 100,
  firstStep: 0,
  layers: 1,
  heads: 2,
  tokens: ["a", "\n", "b"],
};

const point = (step: number): TrainingPoint => [step, 4 / step, 1e-3, 9000];

function names(events: readonly ServerEvent[]): string[] {
  return events.map(({ name }) => name);
}

Deno.test("live history: its length is bounded, the newest points are all there, the oldest is kept", () => {
  const history = new History<TrainingPoint>(100);
  for (let step = 1; step <= 100_000; step++) history.add(point(step));
  const points = history.after(-1);
  assert.ok(points.length <= 100, `${points.length} points`);
  assert.deepEqual(points.map(([step]) => step).slice(-2), [99_999, 100_000]);
  assert.equal(points[0][0], 1);
  assert.deepEqual(history.after(99_999), [point(100_000)]);
  assert.deepEqual(history.after(100_000), []);
  assert.throws(() => new History(1), RangeError);
});

Deno.test("live feed: a late viewer receives the whole history, the latest of what is replaced, the end last", async () => {
  const feed = new Feed();
  feed.update([{ kind: "run", run: RUN }, { kind: "progress", step: 1 }]);
  for (let step = 1; step <= 50; step++) {
    feed.update([
      { kind: "training", points: [point(step)] },
      { kind: "sample", step, text: `${step}` },
    ]);
  }
  feed.update([{ kind: "validation", points: [[50, 2]] }, { kind: "end", ending: "finished" }]);
  const events = await Array.fromAsync(parseEvents(feed.open()));
  assert.deepEqual(names(events), ["run", "progress", "sample", "training", "validation", "end"]);
  assert.deepEqual(events[0].data, RUN);
  assert.deepEqual(events[2].data, { step: 50, text: "50" });
  assert.equal(events[3].data.length, 50);
  assert.deepEqual(events[3].data[49], point(50));
  assert.equal(feed.viewers, 0);
});

Deno.test("live feed: each viewer receives what is new to it, once", async () => {
  const feed = new Feed();
  const told = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
    const { value } = await reader.read();
    const events = await Array.fromAsync(parseEvents(new Blob([value!.slice()]).stream()));
    return events.flatMap(({ name, data }) => name === "training" ? data : [name])
      .map((item) => Array.isArray(item) ? item[0] : item);
  };
  feed.update([{ kind: "run", run: RUN }, { kind: "training", points: [point(1), point(2)] }]);
  const [quick, slow] = [feed.open().getReader(), feed.open().getReader()];
  assert.deepEqual(await told(quick), ["run", 1, 2]);
  const next = told(quick); // waits for news
  feed.update([{ kind: "training", points: [point(3)] }]);
  assert.deepEqual(await next, [3]);
  feed.update([{ kind: "training", points: [point(4)] }, { kind: "progress", step: 4 }]);
  feed.update([{ kind: "progress", step: 5 }]);
  assert.deepEqual(await told(quick), ["progress", 4]);
  assert.deepEqual(await told(slow), ["run", "progress", 1, 2, 3, 4]);
  assert.equal(feed.viewers, 2);
  const waiting = quick.read();
  await quick.cancel();
  assert.equal((await waiting).done, true);
  assert.equal(feed.viewers, 1);
  await slow.cancel();
  assert.equal(feed.viewers, 0);
});

Deno.test("live feed: a viewer that waits many times leaves no listener behind", async () => {
  const { addEventListener, removeEventListener } = AbortSignal.prototype;
  let [waits, listeners] = [0, 0];
  AbortSignal.prototype.addEventListener = function (...args: [string, EventListener]) {
    waits++;
    listeners++;
    return addEventListener.apply(this, args);
  };
  AbortSignal.prototype.removeEventListener = function (...args: [string, EventListener]) {
    listeners--;
    return removeEventListener.apply(this, args);
  };
  try {
    const feed = new Feed();
    const reader = feed.open().getReader();
    for (let step = 1; step <= 20; step++) {
      const read = reader.read();
      await new Promise((resolve) => setTimeout(resolve)); // the viewer waits by now
      feed.update([{ kind: "progress", step }]);
      await read;
    }
    await reader.cancel();
    assert.deepEqual({ waits, listeners }, { waits: 20, listeners: 0 });
  } finally {
    Object.assign(AbortSignal.prototype, { addEventListener, removeEventListener });
  }
});

Deno.test("live chart: updates reach every viewer, and the streams end with the run", async () => {
  const chart = await LiveChart.open(0);
  assert.match(chart.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal(chart.viewers, 0);
  chart.send({ kind: "run", run: RUN });
  const viewers = [1, 2, 3].map(() => Array.fromAsync(serverEvents(`${chart.url}events`)));
  await until(() => chart.viewers === 3);
  for (let step = 1; step <= 20; step++) chart.send({ kind: "training", points: [point(step)] });
  const weights = Uint8Array.of(255, 0, 0, 128, 127, 0, 85, 85, 85);
  chart.send({ kind: "attention", step: 20, weights });
  chart.send({ kind: "end", ending: "failed", reason: "the loss became NaN" });
  await chart.close();
  for (const events of await Promise.all(viewers)) {
    const points = events.flatMap(({ name, data }) => name === "training" ? data : []);
    assert.deepEqual(points, Array.from({ length: 20 }, (_, i) => point(i + 1)));
    const attention = events.find(({ name }) => name === "attention")!.data;
    assert.deepEqual(Uint8Array.fromBase64(attention.weights), weights);
    const end = { name: "end", data: { ending: "failed", reason: "the loss became NaN" } };
    assert.deepEqual(events.at(-1), end);
  }
  await chart.close(); // a second time does nothing
});

Deno.test("live chart: a viewer that never reads delays neither the others nor the end", async () => {
  const chart = await LiveChart.open(0);
  chart.send({ kind: "run", run: RUN });
  using dead = await request(chart, "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  await until(() => chart.viewers === 1);
  const events = Array.fromAsync(serverEvents(`${chart.url}events`));
  await until(() => chart.viewers === 2); // one that arrives after the end would be rejected
  const weights = new Uint8Array(800_000); // twelve of them are more than a socket takes
  const steps = Array.from({ length: 12 }, (_, i) => i + 1);
  for (const step of steps) {
    chart.send({ kind: "attention", step, weights });
    await new Promise((resolve) => setTimeout(resolve, 20)); // a message each
  }
  chart.send({ kind: "end", ending: "stopped" });
  await chart.close();
  const seen = (await events).filter(({ name }) => name === "attention");
  assert.equal(seen.at(-1)!.data.step, 12);
  assert.equal((await events).at(-1)!.name, "end");
  assert.ok(dead);
});

Deno.test("live chart: a page that is closed is forgotten", async () => {
  const chart = await LiveChart.open(0);
  chart.send({ kind: "run", run: RUN });
  for await (const { name } of serverEvents(`${chart.url}events`)) {
    assert.equal(name, "run");
    assert.equal(chart.viewers, 1);
    break;
  }
  await until(() => chart.viewers === 0);
  await chart.close();
});

Deno.test("live chart: it answers only GET, only to this machine's names, and serves only its own files", async () => {
  const chart = await LiveChart.open(0);
  const status = async (head: string) => {
    using connection = await request(chart, `${head}\r\nConnection: close\r\n\r\n`);
    const text = await new Response(connection.readable).text();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
  };
  assert.equal(await status("GET / HTTP/1.1\r\nHost: 127.0.0.1"), 200);
  assert.equal(await status("GET / HTTP/1.1\r\nHost: localhost:9999"), 200);
  for (const host of ["example.com", "127.0.0.1.example.com", "localhost.example.com:80", ""]) {
    for (const path of ["/", "/events", "/page.js"]) {
      assert.equal(await status(`GET ${path} HTTP/1.1\r\nHost: ${host}`), 403, host);
    }
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const head = `${method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0`;
    assert.equal(await status(head), 405, method);
  }
  for (const path of ["/../deno.json", "/%2e%2e/deno.json", "/worker.ts", "//etc/passwd", "/x"]) {
    assert.equal(await status(`GET ${path} HTTP/1.1\r\nHost: localhost`), 404, path);
  }
  await chart.close();
});

Deno.test("live chart: the page needs no other server, and may not be framed", async () => {
  const chart = await LiveChart.open(0);
  const page = await fetch(chart.url);
  const policy = page.headers.get("content-security-policy")!;
  assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /https?:|\*|unsafe-inline|'unsafe-eval/);
  const html = await page.text();
  const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  const scripts = new Set(paths.filter((path) => !/^(data:|#)/.test(path)));
  assert.deepEqual([...scripts].sort(), ["/page.css", "/page.js"]);
  for (const path of scripts) {
    const file = await fetch(new URL(path, chart.url));
    assert.equal(file.status, 200, path);
    for (const [, name] of (await file.text()).matchAll(/from "\.(\/\w+\.js)"/g)) scripts.add(name);
  }
  assert.ok(scripts.size > 3);
  await chart.close();
});

Deno.test("live chart: a port that cannot be opened is a user's error", async () => {
  const chart = await LiveChart.open(0);
  const port = Number(new URL(chart.url).port);
  await assert.rejects(LiveChart.open(port), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(
      error.message,
      new RegExp(`port ${port} of 127.0.0.1: it is in use; .*--live-port`),
    );
    return true;
  });
  await chart.close();
  const again = await LiveChart.open(port); // and the port is free afterwards
  await again.close();
});

/** A connection that has sent a request and read nothing. */
async function request(chart: LiveChart, text: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(chart.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
