/**
 * A training command with `--live`, as a real process whose page is there while it runs.
 *
 * @module
 */
import { command, type Finished, scratchFolder, TINY } from "./command.ts";

/** A command that trains, and its page; killed at the end of the scope if it still runs. */
export interface LiveCommand extends AsyncDisposable {
  /** The page's address. */
  readonly url: string;
  /** The process. */
  readonly child: Deno.ChildProcess;
  /** Lets a run that is held go. */
  go(): Promise<void>;
  /** What it left behind, when it has ended. */
  readonly finished: Promise<Finished>;
}

/**
 * Starts `train` on the scratch folder's text with a page on a free port, and waits until that is
 * there. With `held` the text is what `go` passes on, so that nothing is trained before.
 */
export async function startLive(
  folder: string,
  args: readonly string[],
  held = false,
): Promise<LiveCommand> {
  const base = ["--dataset", held ? "-" : "text.txt", ...TINY, "--live-port", "0"];
  const child = command("train", [...base, ...args], folder, {}, held ? "piped" : "null");
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
  const end = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await finished;
  };
  const go = async () => {
    const text = await Deno.readFile(`${folder}/text.txt`);
    await new Blob([text]).stream().pipeTo(child.stdin);
  };
  return { url: await url.promise, child, go, finished, [Symbol.asyncDispose]: end };
}

/** A scratch folder and a command with a page in it. */
export async function liveRun(
  args: readonly string[],
  held = false,
): Promise<LiveCommand & { readonly path: string }> {
  const folder = await scratchFolder();
  const live = await startLive(folder.path, args, held);
  const end = async () => {
    await live[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  return { ...live, path: folder.path, [Symbol.asyncDispose]: end };
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
