import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { UserError } from "../lib/errors.ts";
import { integer } from "../lib/cli/flags.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { RecordedOutput } from "./support/recorded_output.ts";

const command = { name: "demo", summary: "Shows.", flags: { steps: integer(1, "steps") } };

/** Runs a main function under a recorded host; the code is undefined if exit was not called. */
async function run(main: () => void | Promise<void>, args: string[] = []) {
  const [stdout, stderr] = [new RecordedOutput(), new RecordedOutput()];
  let code: number | undefined;
  await runScript(command, main, { args, stdout, stderr, exit: (value) => code = value });
  return { code, stdout: stdout.written, stderr: stderr.written };
}

/** Starts a program that imports modules of lib/cli, in a separate process. */
function spawn(source: string): Deno.ChildProcess {
  const module = (name: string) => JSON.stringify(import.meta.resolve(`../lib/cli/${name}.ts`));
  const code = source.replaceAll("RUN_MODULE", module("run"))
    .replaceAll("INTERRUPT_MODULE", module("interrupt"));
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", "--allow-import=localhost", url],
    cwd: fileURLToPath(new URL("../", import.meta.url)),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("a main function that returns ends normally", async () => {
  assert.deepEqual(await run(() => {}), { code: undefined, stdout: "", stderr: "" });
});

Deno.test("a user's mistake is one line and exit code 2", async () => {
  const thrown = await run(() => {
    throw new UserError("heads 3 do not divide\n  width 128");
  });
  const stderr = "error: heads 3 do not divide width 128\n";
  assert.deepEqual(thrown, { code: 2, stdout: "", stderr });
  const unknown = await run(() => {}, ["--stesp", "3"]);
  const message = "error: unknown flag --stesp; did you mean --steps?\n";
  assert.deepEqual(unknown, { code: 2, stdout: "", stderr: message });
});

Deno.test("a refusal of the operating system is one line and exit code 2", async () => {
  const { code, stderr } = await run(async () => {
    await Deno.readTextFile("no/such/file");
  });
  assert.equal(code, 2);
  assert.match(stderr, /^error: No such file.*no\/such\/file'\n$/);
});

Deno.test("a bug keeps its stack and is exit code 1", async () => {
  const { code, stderr } = await run(() => {
    throw new TypeError("matmul: inner sizes differ");
  });
  assert.equal(code, 1);
  assert.match(stderr, /^error: TypeError: matmul: inner sizes differ\n +at .*cli_run_test/);
});

Deno.test("a closed pipe is silent", async () => {
  const result = await run(() => {
    throw new Deno.errors.BrokenPipe("Broken pipe");
  });
  assert.deepEqual(result, { code: 141, stdout: "", stderr: "" });
});

Deno.test("--help prints and does not call main", async () => {
  const { code, stdout } = await run(() => assert.fail("called"), ["--help"]);
  assert.equal(code, undefined);
  assert.match(stdout, /Usage: demo \[flags\]/);
});

Deno.test("userInput turns what the library throws for bad input into a user's mistake", async () => {
  for (const Kind of [TypeError, RangeError, SyntaxError]) {
    const action = () => {
      throw new Kind("bad");
    };
    await assert.rejects(userInput(action), (error) => {
      return error instanceof UserError && error.message === "bad" && error.cause instanceof Kind;
    });
  }
  const other = new ReferenceError("bug");
  await assert.rejects(userInput(() => Promise.reject(other)), (error) => error === other);
  assert.equal(await userInput(() => 3), 3);
});

Deno.test({
  name:
    "the first Ctrl-C aborts a signal, one right after it is the same, a later one ends busy work",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const child = spawn(`
      import { Interrupt } from INTERRUPT_MODULE;
      const interrupt = new Interrupt();
      interrupt.signal.addEventListener("abort", () => {
        console.log("saving", interrupt.exitCode);
        setTimeout(() => { for (;;); }, 700); // a computation that hears nothing
      });
      console.log("ready");
      setTimeout(() => Deno.exit(9), 60_000);
    `);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader.read()).value, "ready\n");
    child.kill("SIGINT");
    assert.equal((await reader.read()).value, "saving 130\n");
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill("SIGINT");
    const { code } = await child.status;
    await reader.cancel();
    await child.stderr.cancel();
    assert.equal(code, 130);
  },
});

Deno.test({
  name: "nohup protects from SIGHUP although an Interrupt listens to it",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const log = await Deno.makeTempFile();
    const module = JSON.stringify(import.meta.resolve("../lib/cli/interrupt.ts"));
    const code = `import { Interrupt } from ${module};
      const { signal } = new Interrupt(["SIGHUP"]);
      console.log("ready");
      setTimeout(() => Deno.exit(signal.aborted ? 1 : 7), 1000);`;
    const url = `data:application/typescript,${encodeURIComponent(code)}`;
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec nohup "$@" > "$LOG"', "sh", Deno.execPath(), "run", "--quiet", url],
      env: { LOG: log },
      stdin: "null",
      stderr: "null",
    }).spawn();
    while (await Deno.readTextFile(log) !== "ready\n") {
      await new Promise((go) => setTimeout(go, 10));
    }
    child.kill("SIGHUP");
    assert.equal((await child.status).code, 7);
    await Deno.remove(log);
  },
});

Deno.test("a disposed Interrupt no longer listens", async () => {
  const child = spawn(`
    import { Interrupt } from INTERRUPT_MODULE;
    { using interrupt = new Interrupt(); }
    console.log("done");
  `);
  const { code, stdout } = await child.output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "done\n");
});

Deno.test("a script whose reader leaves ends silently", async () => {
  const child = spawn(`
    import { runScript } from RUN_MODULE;
    import { print } from ${JSON.stringify(new URL("../lib/cli/output.ts", import.meta.url).href)};
    await runScript({ name: "x", summary: "", flags: {} }, () => {
      for (;;) print("a line");
    });
  `);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assert.deepEqual({ code, stderr }, { code: 141, stderr: "" });
});
