/**
 * Talks to a model whose tokenizer has a chat template.
 *
 *     deno task chat HuggingFaceTB/SmolLM2-135M-Instruct
 *
 * @module
 */
import { deviceOptions } from "../lib/cli/device_flags.ts";
import { integer, text } from "../lib/cli/flags.ts";
import { Interrupt } from "../lib/cli/interrupt.ts";
import { colored, printable, stderr, stdout } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { openDevice, UserError } from "../mod.ts";
import { Conversation } from "./chat/conversation.ts";
import { inputLines } from "./chat/input_lines.ts";
import { modelFlags, samplingFlags, samplingOptions } from "./generation/flags.ts";
import { openModel } from "./generation/open_model.ts";

const flags = {
  system: text(undefined, "instruction that precedes all turns", { shownDefault: "" }),
  maxNewTokens: integer(512, "maximum number of tokens of an answer", { min: 1 }),
  ...samplingFlags,
  ...modelFlags,
};

const command = {
  name: "deno task chat",
  summary: "Talks to a model whose tokenizer has a chat template. Ctrl-C cuts an answer off; " +
    "/quit, or Ctrl-C before an answer, ends.",
  flags,
  positionals: {
    name: "MODEL",
    meaning: "folder of a model, address, or name on the hub",
    min: 1,
    max: 1,
  },
  examples: [
    ["deno task chat ./model --temperature 0.6", "a model in a folder"],
    ['deno task chat ./model --system "Answer in verse."', "with an instruction for all turns"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [location] }) => {
  const device = await openDevice(deviceOptions(flags));
  const opened = await openModel(location, flags);
  const { system, maxNewTokens } = flags;
  const options = { ...samplingOptions(flags, opened.sampling), system, maxNewTokens };
  const conversation = new Conversation(opened, options);
  const showPrompt = () => stdout.isTerminal && stdout.write("> ");
  showPrompt();
  for await (const line of inputLines()) {
    if (line.trim() === "/quit") break;
    if (line.trim() !== "") await answer(conversation, line);
    showPrompt();
  }
  device.close();
});

/** Prints the answer to a line, or why there is none; the conversation continues either way. */
async function answer(conversation: Conversation, line: string): Promise<void> {
  const { forgotten } = conversation;
  const write = (piece: string) => {
    if (piece !== "") stdout.write(colored(printable(piece, stdout), "blue", stdout));
  };
  try {
    const ids = await conversation.ask(line); // not interruptible: here Ctrl-C ends the command
    using interrupt = new Interrupt();
    await conversation.answer(ids, write, interrupt.signal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    stderr.write(`${error.message}\n`);
    return;
  }
  stdout.write("\n");
  if (conversation.forgotten > forgotten) {
    stderr.write("(the conversation outgrew the context: its first turns are forgotten)\n");
  }
}
