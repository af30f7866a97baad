/**
 * A training command with `--live`, as a real process whose page is there while it runs.
 *
 * @module
 */
import { command, type Finished, scratchFolder, TINY } from "./command.ts";

/** A command that trains, and its page. */
export interface LiveCommand {
  /** The page's address. */
  readonly url: string;
  /** The process. */
  readonly child: Deno.ChildProcess;
  /** What it left behind, when it has ended. */
  readonly finished: Promise<Finished>;
}

/** Starts `train` on the scratch folder's text with a page on a free port, and waits until that is there. */
export async function startLive(folder: string, args: readonly string[]): Promise<LiveCommand> {
  const base = ["--dataset", "text.txt", ...TINY, "--live-port", "0"];
  const child = command("train", [...base, ...args], folder);
  const url = Promise.withResolvers<string>();
  const out = collect(child.stdout, (text) => {
    const found = /^live +(http:\S+)$/m.exec(text);
    if (found) url.resolve(found[1]);
  });
  const err = collect(child.stderr);
  const finished = Promise.all([child.status, out, err]).then(([{ code }, out, err]) => {
    url.reject(new Error(`the command ended without a page: ${err}`));
    return { code, out, err };
  });
  return { url: await url.promise, child, finished };
}

/** A scratch folder and a command with a page in it, ended with it. */
export async function liveRun(
  args: readonly string[],
): Promise<LiveCommand & AsyncDisposable & { readonly path: string }> {
  const folder = await scratchFolder();
  const started = await startLive(folder.path, args);
  return {
    ...started,
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      try {
        started.child.kill("SIGKILL");
      } catch {
        // it has ended
      }
      await started.finished;
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  onText: (text: string) => void = () => {},
): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) onText(text += decoder.decode(bytes, { stream: true }));
  return text;
}
