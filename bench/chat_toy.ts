/**
 * A toy of masked fine-tuning on conversations: the user names someone who sees another one, and
 * the assistant is to say what the other one does. A model of the small language, which ends every
 * sentence with what its subject does, learns it by LoRA from packed rows in which only the
 * assistant's turns count; right answers to new questions are counted before and after.
 *
 *     deno run -A bench/chat_toy.ts
 *
 * @module
 */
import { SMALL_LANGUAGE_WORDS, smallLanguage } from "../lib/lesson/mod.ts";
import {
  AdamW,
  attachLora,
  Batches,
  type ChatMessage,
  chatText,
  DocumentBatches,
  encodeDocuments,
  generate,
  GPT,
  openDevice,
  parseTokenizer,
  Random,
  Trainer,
  warmupDecay,
} from "../mod.ts";

const STEPS = { base: 500, chat: 700 };

const device = await openDevice();
console.log(`device   ${device.description}`);
const started = performance.now();

/** One id for each word; the roles and the end of a turn are special tokens. */
const text = smallLanguage(1000, 1);
const words = [...new Set(text.split(/\s+/).filter(Boolean))].sort();
const special = ["<|user|>", "<|assistant|>", "<|end|>"];
const vocab = Object.fromEntries([...words, ...special].map((word, id) => [word, id]));
const tokenizer = await parseTokenizer(
  JSON.stringify({
    added_tokens: special.map((content) => ({ id: vocab[content], content, special: true })),
    pre_tokenizer: { type: "WhitespaceSplit" },
    model: { type: "WordLevel", vocab, unk_token: "." },
  }),
  {
    config: JSON.stringify({
      eos_token: "<|end|>",
      chat_template:
        "{% for m in messages %}<|{{ m.role }}|> {{ m.content }} {{ eos_token }}{% endfor %}" +
        "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    }),
  },
);

/** What each kind does. */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  royal: ["wears a crown", "rules the land", "sits on a throne"],
  worker: ["sells fresh bread", "works all day", "counts the coins"],
  animal: ["eats green grass", "sleeps in the barn", "drinks from the river"],
};
const KINDS = Object.keys(ENDS);
const random = new Random(11);
const oneOf = <Item>(items: readonly Item[]) => items[random.integer(items.length)];

/** A question, and the kind of the one who is seen. */
function question(): { text: string; kind: string } {
  const [kind, other] = [oneOf(KINDS), oneOf(KINDS)];
  const [seen, subject] = [kind, other].map((each) => oneOf(SMALL_LANGUAGE_WORDS[each]));
  return { text: `the ${subject} who ${oneOf(["sees", "hears", "likes"])} the ${seen}`, kind };
}

const model = new GPT({
  vocabSize: tokenizer.vocabSize,
  contextLength: 48,
  layers: 2,
  heads: 4,
  width: 48,
});
const base = new Trainer(model, new AdamW(model.parameters(), { beta2: 0.99 }), {
  learningRate: warmupDecay({ learningRate: 6e-3, warmupSteps: 25, steps: STEPS.base }),
});
await train(
  base,
  new Batches(tokenizer.encode(text), { batchSize: 16, contextLength: 24 }),
  STEPS.base,
);

const conversations = Array.from({ length: 2000 }, () => {
  const { text: content, kind } = question();
  const messages: ChatMessage[] = [
    { role: "user", content },
    { role: "assistant", content: oneOf(ENDS[kind]) },
  ];
  return { messages };
});
const documents = await encodeDocuments(tokenizer, conversations);
const batches = new DocumentBatches(documents, { batchSize: 8, contextLength: 48, pack: true });
const questions = Array.from({ length: 300 }, question);

const before = await reward(1);
const adapter = attachLora(model, { rank: 8, alpha: 16, modules: "all-linear" });
const chat = new Trainer(model, new AdamW(adapter.parameters(), { weightDecay: 0, clip: 1 }), {
  learningRate: warmupDecay({ learningRate: 1e-2, warmupSteps: 40, steps: STEPS.chat }),
});
await train(chat, batches, STEPS.chat);
const after = await reward(1);
adapter.enabled = false;
const again = await reward(1);

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(
  `texts    ${documents.length} conversations; ${percent(learnedShare())} of tokens learned`,
);
console.log(
  `reward   ${percent(before)} before, ${percent(after)} after, ${percent(again)} of the base`,
);
console.log(`time     ${((performance.now() - started) / 1000).toFixed(1)} s`);
device.close();

async function train(
  trainer: Trainer,
  batches: Batches | DocumentBatches,
  steps: number,
): Promise<void> {
  for (let step = 0; step < steps; step++) {
    trainer.step(batches);
    if (trainer.figuresDue) await trainer.figures();
  }
}

/** The share of questions whose whole answer is something that the one who is seen does. */
async function reward(seed: number): Promise<number> {
  const prompts = await Promise.all(
    questions.map(async ({ text: content }) =>
      tokenizer.encode(await chatText(tokenizer, [{ role: "user", content }]))
    ),
  );
  const options = { tokenizer, maxNewTokens: 8, temperature: 1, seed, stop: ["."] };
  const found = await generate(model, prompts, { ...options, endToken: [vocab["<|end|>"]] });
  const right = found.filter(({ text }, i) => ENDS[questions[i].kind].includes(text!.trim()));
  return right.length / questions.length;
}

function learnedShare(): number {
  let [learned, all] = [0, 0];
  for (let i = 0; i < batches.batchesPerEpoch; i++) {
    const { targets } = batches.next();
    all += targets.length;
    learned += targets.filter((target) => target >= 0).length;
  }
  return learned / all;
}
