/** Conversations: the template's text, and the command as a real process. */
import assert from "node:assert/strict";
import { Conversation } from "../scripts/chat/conversation.ts";
import { savePretrained } from "../lib/hub/pretrained_files.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { BYTE_TOKENS } from "../lib/text/byte_alphabet.ts";
import { chatText } from "../lib/text/chat_template.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { parseTokenizer } from "../lib/text/parse_tokenizer.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { forEachDevice, sharedDevice } from "./support/devices.ts";
import { scratchFolder } from "./support/command.ts";
import { fileURLToPath } from "node:url";

const TEMPLATE =
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
const SPECIAL = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"];

const files = {
  json: JSON.stringify({
    added_tokens: SPECIAL.map((content, i) => ({ id: 256 + i, content, special: true })),
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(BYTE_TOKENS.map((token, id) => [token, id])),
      merges: [],
    },
  }),
  config: JSON.stringify({ chat_template: TEMPLATE, eos_token: "<|end|>" }),
};

function makeModel(contextLength: number): GPT {
  return new GPT({ vocabSize: 260, contextLength, layers: 1, heads: 2, width: 16 });
}

Deno.test("a conversation becomes the template's text, and one id for each special token", async () => {
  const tokenizer = await parseTokenizer(files.json, { config: files.config });
  const text = await chatText(tokenizer, [
    { role: "system", content: "be kind" },
    { role: "user", content: "hi" },
  ]);
  assert.equal(text, "<|system|>be kind<|end|><|user|>hi<|end|><|assistant|>");
  const ids = [...tokenizer.encode(text)];
  assert.deepEqual(ids.filter((id) => id >= 256), [259, 256, 257, 256, 258]);
  assert.equal(tokenizer.endId, 256);
  const other = await parseTokenizer(files.json, {
    config: files.config,
    chatTemplate: "{{ messages[0].content }}!",
  });
  assert.equal(await chatText(other, [{ role: "user", content: "hi" }]), "hi!");
});

Deno.test("what has no template, or a broken one, is refused", async () => {
  const plain = CharacterTokenizer.fromText("abc");
  await assert.rejects(chatText(plain, []), /no chat template/);
  const broken = await parseTokenizer(files.json, {
    config: files.config,
    chatTemplate: "{% for %}",
  });
  await assert.rejects(chatText(broken, []), /^SyntaxError: chat template: /);
});

forEachDevice("turns are answered, streamed, and forgotten when they are too many", async () => {
  const tokenizer = await parseTokenizer(files.json, { config: files.config });
  const opened = { model: makeModel(64), tokenizer, endTokens: [256] };
  const conversation = new Conversation(opened, { maxNewTokens: 8, seed: 3 });
  const say = async (content: string, write: (piece: string) => void) =>
    await conversation.answer(await conversation.ask(content), write);
  for (let turn = 0; turn < 4; turn++) {
    let written = "";
    const answer = await say(`turn ${turn}`, (piece) => written += piece);
    assert.equal(written, answer);
  }
  assert.ok(conversation.forgotten > 0);
  await assert.rejects(say("x".repeat(80), () => {}), /does not fit.*holds 64/);
  await say("again", () => {});
  assert.throws(
    () =>
      new Conversation({ ...opened, tokenizer: CharacterTokenizer.fromText("a") }, {
        maxNewTokens: 1,
      }),
    /no chat template.*deno task sample/,
  );
});

/** The command, talking to the model in a folder. */
function start(folder: string, ...args: string[]) {
  const script = fileURLToPath(new URL("../scripts/chat.ts", import.meta.url));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--no-lock", script, folder, "--device", "cpu", ...args],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What the command writes for these lines. */
async function talk(folder: string, input: string, ...args: string[]) {
  const child = start(folder, ...args);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

forEachDevice("deno task chat answers each line until /quit", async ({ kind }) => {
  if (kind !== "cpu") return;
  await using folder = await scratchFolder();
  const path = `${folder.path}/model`;
  await savePretrained(path, { model: makeModel(64), endTokens: [256] });
  await Deno.writeTextFile(`${path}/tokenizer.json`, files.json);
  const without = await talk(path, "hi\n");
  assert.equal(without.code, 2);
  assert.match(without.err, /no chat template/);
  await Deno.writeTextFile(`${path}/tokenizer_config.json`, files.config);
  const args = ["--max-new-tokens", "6", "--seed", "4", "--top-k", "20"];
  const first = await talk(path, "hi\n\nho\n/quit\nnever\n", ...args);
  assert.equal(first.code, 0, first.err);
  assert.ok(first.out.split("\n").length >= 3);
  assert.deepEqual(await talk(path, "hi\n\nho\n", ...args), first);
});

Deno.test("Ctrl-C cuts an answer off, and the conversation goes on", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/model`;
  useDevice(await sharedDevice("cpu-1"));
  await savePretrained(path, { model: makeModel(16384), endTokens: [256] });
  await Deno.writeTextFile(`${path}/tokenizer.json`, files.json);
  await Deno.writeTextFile(`${path}/tokenizer_config.json`, files.config);
  const child = start(path, ..."--temperature 0 --max-new-tokens 16000".split(" "));
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  const type = (text: string) => writer.write(new TextEncoder().encode(text));
  /** What is written up to a line's end, or the first piece. */
  const read = async (whole: boolean) => {
    let text = "";
    do {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    } while (whole && !text.endsWith("\n"));
    return text;
  };
  for (let turn = 0; turn < 2; turn++) {
    await type("hi\n");
    let answer = await read(false);
    child.kill("SIGINT");
    answer += answer.endsWith("\n") ? "" : await read(true);
    assert.ok(answer.length > 1 && answer.length < 8000, `${answer.length}`);
  }
  await type("/quit\n");
  await writer.close();
  assert.equal(await read(true), "");
  assert.equal((await child.status).code, 0);
  await reader.cancel();
  await child.stderr.cancel();
});

Deno.test("Ctrl-C ends the command while a template or an encoding runs", async () => {
  await using folder = await scratchFolder();
  const path = `${folder.path}/model`;
  useDevice(await sharedDevice("cpu-1"));
  await savePretrained(path, { model: makeModel(64), endTokens: [256] });
  await Deno.writeTextFile(`${path}/tokenizer.json`, files.json);
  const loop = "{% for i in range(4000) %}{% for j in range(4000) %}{% endfor %}{% endfor %}";
  const config = JSON.stringify({ chat_template: `${loop}${TEMPLATE}` });
  await Deno.writeTextFile(`${path}/tokenizer_config.json`, config);
  const child = start(path);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("hi\n"));
  await new Promise((resolve) => setTimeout(resolve, 3000)); // the command starts in less
  child.kill("SIGINT");
  assert.equal((await child.status).signal, "SIGINT"); // the loop would end in a message
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
});
