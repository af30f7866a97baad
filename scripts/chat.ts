/**
 * Talks to a model whose tokenizer has a chat template.
 *
 *     deno task chat HuggingFaceTB/SmolLM2-135M-Instruct
 *
 * @module
 */
import { integer, text } from "../lib/cli/flags.ts";
import { Conversation } from "../lib/cli/generate/conversation.ts";
import { choiceFlags, choiceOptions, deviceFlags } from "../lib/cli/generate/flags.ts";
import { inputLines } from "../lib/cli/generate/lines.ts";
import { openModel } from "../lib/cli/generate/open_model.ts";
import { colored, stderr, stdout, withoutControls } from "../lib/cli/output.ts";
import { onInterrupt, runScript } from "../lib/cli/run.ts";
import { openDevice, UserError } from "../mod.ts";

const flags = {
  system: text(undefined, "said to the model before everything else", { shownDefault: "" }),
  maxNewTokens: integer(512, "most tokens of an answer", { min: 1 }),
  ...choiceFlags,
  ...deviceFlags,
};

const command = {
  name: "deno task chat",
  summary:
    "Talks to a model whose tokenizer has a chat template. Ctrl-C cuts an answer off; /quit, or Ctrl-C at the prompt, ends.",
  flags,
  positionals: { name: "MODEL", meaning: "folder, address or hub name", min: 1, max: 1 },
  examples: [
    ["deno task chat ./model --temperature 0.6", "a model in a folder"],
    ['deno task chat ./model --system "Answer in verse."', "with an instruction for all turns"],
  ] as const,
};

await runScript(command, async ({ flags, positionals: [location] }) => {
  const device = await openDevice(flags);
  const opened = await openModel(location, flags);
  const { system, maxNewTokens } = flags;
  const conversation = new Conversation(opened, {
    ...choiceOptions(flags),
    ...{ system, maxNewTokens },
  });
  const ask = () => stdout.isTerminal && stdout.write("> ");
  ask();
  for await (const line of inputLines()) {
    if (line.trim() === "/quit") break;
    if (line.trim() !== "") await answer(conversation, line);
    ask();
  }
  device.close();
});

/** Shows the answer to a line; what cannot be answered is said, and the conversation goes on. */
async function answer(conversation: Conversation, line: string): Promise<void> {
  const cut = new AbortController();
  using _interrupt = onInterrupt(() => cut.abort());
  const { forgotten } = conversation;
  const write = (piece: string) => {
    if (piece !== "") stdout.write(colored(withoutControls(piece), "blue", stdout));
  };
  try {
    await conversation.say(line, write, cut.signal);
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
