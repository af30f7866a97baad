/**
 * What is guessed wrong about files, texts and figures: each ends in one line that says what to do.
 */
import assert from "node:assert/strict";
import {
  AdamW,
  CharacterTokenizer,
  chatText,
  classify,
  generate,
  GPT,
  loadClassifier,
  loadCorpus,
  loadModelConfig,
  loadOptimizerState,
  loadPreparedCorpus,
  loadPretrained,
  loadTokenFile,
  loadTokenizer,
  loadWordVectors,
  openingTokens,
  parseLabeledTexts,
  parseTokenizer,
  parseWordVectors,
  prepareCorpus,
  saveCheckpoint,
  savePretrained,
  saveTokenFile,
  saveTokenizer,
  splitCorpus,
  trainBytePair,
  useDevice,
  WordTokenizer,
  WordVectors,
} from "../mod.ts";
import { expectMatch } from "../lib/lesson/mod.ts";
import {
  attentionFigure,
  attentionGridFigure,
  confusionFigure,
  embeddingFigure,
  learningRateFigure,
  lossFigure,
  maskFigure,
  nextTokenFigure,
  parseMetrics,
  positionsFigure,
  principalComponents,
  seedsFigure,
  umap,
} from "../lib/plot/mod.ts";
import { BytePairTokenizer } from "../lib/text/byte_pair_tokenizer.ts";
import { sharedDevice } from "./support/devices.ts";
import { scratchFolder } from "./support/command.ts";

// deno-lint-ignore no-explicit-any -- arguments that TypeScript refuses, as `deno run` passes them
type Any = any;

const device = await sharedDevice("cpu-1");
useDevice(device);
const tokenizer = CharacterTokenizer.fromText("to be or not to be");
const { vocabSize } = tokenizer;
const model = new GPT({ vocabSize, contextLength: 4, layers: 1, heads: 1, width: 4 });
const optimizer = new AdamW(model.parameters());
const wait = Promise.resolve(tokenizer) as Any;
const vectors = new WordVectors(["a", "b"], Float32Array.of(1, 0, 0, 1));
const checkpoint = { model, optimizer, tokenizer };
const weights = [[1, 0], [0.5, 0.5]];
const queries = ["to", "be"];
const none = "/no/such/folder";

/** [the guess, what the message holds] */
const GUESSES: Record<string, [() => unknown, string]> = {
  "new CharacterTokenizer(text)": [
    () => new CharacterTokenizer("to be" as Any),
    'CharacterTokenizer: expected a list of characters, got "to be"; use CharacterTokenizer.fromText(text)',
  ],
  "new WordTokenizer(text)": [
    () => new WordTokenizer("to be" as Any),
    'WordTokenizer: expected a list of words, got "to be"; use WordTokenizer.fromText(text)',
  ],
  "new BytePairTokenizer(text)": [
    () => new BytePairTokenizer("to be" as Any),
    'got "to be"; use trainBytePair(text, { vocabSize })',
  ],
  "fromText of a promise": [
    () => CharacterTokenizer.fromText(Promise.resolve("a") as Any),
    "CharacterTokenizer.fromText: expected a text, got a promise; await it first",
  ],
  "fromText, mistyped option": [
    () => WordTokenizer.fromText("to be", { unknwon: "<unk>" } as Any),
    "WordTokenizer.fromText: unknown option 'unknwon'; did you mean 'unknown'?",
  ],
  "trainBytePair, vocab_size": [
    () => trainBytePair("to be", { vocab_size: 270 } as Any),
    "trainBytePair: unknown option 'vocab_size'; did you mean 'vocabSize'?",
  ],
  "encode of a list": [
    () => tokenizer.encode(["to", "be"] as Any),
    "encode: expected a text, got an array of 2; encodeBatch takes several",
  ],
  "encode, mistyped option": [
    () => tokenizer.encode("to", { add_special_tokens: true } as Any),
    "encode: unknown option 'add_special_tokens'; did you mean 'addSpecialTokens'?",
  ],
  "encodeBatch of a text": [
    () => tokenizer.encodeBatch("to be" as Any),
    'encodeBatch: expected a list of texts, got "to be"',
  ],
  "encodeBatch, mistyped option": [
    () => tokenizer.encodeBatch(["to"], { max_length: 3 } as Any),
    "encodeBatch: unknown option 'max_length'; did you mean 'maxLength'?",
  ],
  "decode of a text": [
    () => tokenizer.decode("to" as Any),
    'decode: expected a list of ids, got "to"',
  ],
  "decode, mistyped option": [
    () => tokenizer.decode([1], { skip_special_tokens: true } as Any),
    "decode: unknown option 'skip_special_tokens'; did you mean 'skipSpecialTokens'?",
  ],
  "stream, mistyped option": [
    () => tokenizer.stream({ skip: true } as Any),
    "stream: unknown option 'skip'; did you mean 'skipSpecialTokens'?",
  ],
  "openingTokens of a promise": [
    () => openingTokens(wait),
    "openingTokens: expected a tokenizer, got a promise; await it first",
  ],
  "generate with a promised tokenizer": [
    () => generate(model, "to", { tokenizer: wait }),
    "generate: expected a tokenizer, got a promise; await it first",
  ],
  "chatText without a tokenizer": [
    () => chatText(undefined as Any, []),
    "chatText: expected a tokenizer, got undefined; load one with await loadTokenizer(place)",
  ],
  "chatText of a text": [
    () => chatText(tokenizer, "hi" as Any),
    'chatText: expected a list of { role, content }, got "hi"',
  ],
  "classify with a path": [
    () => classify(model as Any, none as Any, ["a"]),
    'classify: expected a tokenizer, got "/no/such/folder"; load one with await loadTokenizer(place)',
  ],
  "classify one text": [
    () => classify(model as Any, tokenizer, "a" as Any),
    'classify: expected a list of texts, got "a"',
  ],
  "savePretrained(model, folder)": [
    () => savePretrained(model as Any, "folder" as Any),
    "savePretrained: expected a path or a file: address first, got a GPT",
  ],
  "savePretrained with a promise": [
    () => savePretrained(none, Promise.resolve(model) as Any),
    "got a promise; await it first",
  ],
  "savePretrained with a promised tokenizer": [
    () => savePretrained(none, { model, tokenizer: wait }),
    "savePretrained: expected a tokenizer, got a promise; await it first",
  ],
  "savePretrained, mistyped name": [
    () => savePretrained(none, { model, tokeniser: tokenizer } as Any),
    "savePretrained: unknown option 'tokeniser'; did you mean 'tokenizer'?",
  ],
  "savePretrained to a server": [
    () => savePretrained("https://example.com/model", model),
    'savePretrained: expected a path or a file: address first, got "https://example.com/model"',
  ],
  "saveTokenizer(tokenizer, folder)": [
    () => saveTokenizer(tokenizer as Any, "folder" as Any),
    "saveTokenizer: expected a path or a file: address first, got a CharacterTokenizer",
  ],
  "saveTokenizer of a promise": [
    () => saveTokenizer(none, wait),
    "saveTokenizer: expected a tokenizer, got a promise; await it first",
  ],
  "saveCheckpoint(checkpoint)": [
    () => saveCheckpoint(checkpoint as Any, undefined as Any),
    "saveCheckpoint: expected a path or a file: address first, got an object with model, optimizer, " +
    "tokenizer",
  ],
  "loadOptimizerState, mistyped name": [
    () => loadOptimizerState(none, { model, optimiser: optimizer } as Any),
    "loadOptimizerState: unknown option 'optimiser'; did you mean 'optimizer'?",
  ],
  "prepareCorpus(text, tokenizer, folder)": [
    () => prepareCorpus("to be", tokenizer as Any),
    "prepareCorpus: expected an object of options (text, tokenizer, validationFraction), got a " +
    "CharacterTokenizer",
  ],
  "prepareCorpus with a promised tokenizer": [
    () => prepareCorpus(none, { text: "to be", tokenizer: wait }),
    "prepareCorpus: expected a tokenizer, got a promise; await it first",
  ],
  "prepareCorpus with a corpus": [
    () => prepareCorpus(none, { text: { text: "to be" } as Any, tokenizer }),
    "prepareCorpus: expected a text, got an object with text",
  ],
  "saveTokenFile(tokens, path)": [
    () => saveTokenFile(Uint16Array.of(1) as Any, "train.bin" as Any),
    "saveTokenFile: expected a path or a file: address first, got a Uint16Array of 1",
  ],
  "saveTokenFile of a list": [
    () => saveTokenFile("train.bin", [1, 2] as Any),
    "saveTokenFile: expected ids in a typed array, got an array of 2",
  ],
  "loadTokenFile, mistyped option": [
    () => loadTokenFile(none, { vocab: 3 } as Any),
    "loadTokenFile: unknown option 'vocab'; did you mean 'vocabSize'?",
  ],
  "loadPreparedCorpus of a promise": [
    () => loadPreparedCorpus(wait),
    "loadPreparedCorpus: expected a path or a file: address first, got a promise; await it first",
  ],
  "loadPretrained of an object": [
    () => loadPretrained({ model: "gpt2" } as Any),
    "loadPretrained: expected a path, an address or a name on the hub, got an object with model",
  ],
  "loadPretrained, mistyped option": [
    () => loadPretrained(none, { context: 3 } as Any),
    "loadPretrained: unknown option 'context'; did you mean 'contextLength'?",
  ],
  "loadModelConfig, an option of loadPretrained": [
    () => loadModelConfig(none, { dropout: 0 } as Any),
    "loadModelConfig: unknown option 'dropout'",
  ],
  "loadClassifier, mistyped option": [
    () => loadClassifier(none, { tokeniser: false } as Any),
    "loadClassifier: unknown option 'tokeniser'; did you mean 'tokenizer'?",
  ],
  "loadTokenizer of content": [
    () => loadTokenizer(tokenizer.toJSON() as Any),
    "loadTokenizer: expected a path, an address or a name on the hub, got an object with",
  ],
  "parseTokenizer of a path": [
    () => parseTokenizer(none),
    "; loadTokenizer reads a path or an address",
  ],
  "parseTokenizer, mistyped option": [
    () => parseTokenizer("{}", { chat_template: "" } as Any),
    "parseTokenizer: unknown option 'chat_template'; did you mean 'chatTemplate'?",
  ],
  "loadCorpus of a list": [
    () => loadCorpus(["a"] as Any),
    "loadCorpus: expected a corpus's name, a path or an address, got an array of 1",
  ],
  "loadCorpus, mistyped option": [
    () => loadCorpus(none, { onprogress: () => {} } as Any),
    "loadCorpus: unknown option 'onprogress'; did you mean 'onProgress'?",
  ],
  "splitCorpus of a text": [
    () => splitCorpus("to be" as Any),
    'splitCorpus: expected ids in a typed array, got "to be"; encode the text first',
  ],
  "splitCorpus(tokens, 0.1)": [
    () => splitCorpus(Uint16Array.of(1, 2), 0.1 as Any),
    "splitCorpus: expected an object of options (validationFraction), got 0.1",
  ],
  "parseLabeledTexts of a promise": [
    () => parseLabeledTexts(wait, "sms"),
    "parseLabeledTexts: expected a text, got a promise; await it first",
  ],
  "new WordVectors(text)": [
    () => new WordVectors("a 1 2" as Any, undefined as Any),
    "parseWordVectors reads a text, loadWordVectors a place",
  ],
  "parseWordVectors of a promise": [
    () => parseWordVectors(wait),
    "parseWordVectors: expected a text, got a promise; await it first",
  ],
  "loadWordVectors of bytes": [
    () => loadWordVectors(Uint8Array.of(1) as Any),
    "loadWordVectors: expected a path or an address, got a Uint8Array of 1",
  ],
  "lookup of a sentence": [
    () => vectors.lookup("a b" as Any),
    'lookup: expected a list of words, got "a b"; embedSentence takes a sentence',
  ],
  "nearest, mistyped option": [
    () => vectors.nearest("a", { k: 3 } as Any),
    "nearest: unknown option 'k'; its options are count",
  ],
  "lossFigure of figures": [
    () => lossFigure([{ step: 0, loss: 1 }] as Any),
    "lossFigure: expected a list of runs { label, train, validation } with losses as { step, loss }, got an object with step, loss",
  ],
  "lossFigure, mistyped option": [
    () => lossFigure([{ train: [{ step: 0, loss: 1 }] }], { smoothing: 3 } as Any),
    "lossFigure: unknown option 'smoothing'; did you mean 'smooth'?",
  ],
  "a figure of an unknown theme": [
    () => lossFigure([{ train: [{ step: 0, loss: 1 }] }], { theme: "black" as Any }),
    'figure: expected the theme light or dark, got "black"',
  ],
  "attentionFigure of a tensor": [
    () => attentionFigure(model.parameters()[0] as Any, { queries }),
    "; pass await tensor.data()",
  ],
  "attentionFigure without labels": [
    () => attentionFigure(weights, {} as Any),
    'attentionFigure: expected a list of tokens as queries, such as ["to", " be"], got undefined',
  ],
  "attentionFigure of a sentence": [
    () => attentionFigure(weights, { queries: "to be" as Any }),
    'attentionFigure: expected a list of tokens as queries, such as ["to", " be"], got "to be"',
  ],
  "attentionFigure of ids": [
    () => attentionFigure([[1, 0], [0, 1]], { queries: [5, 7] as Any }),
    'attentionFigure: expected a list of tokens as queries, such as ["to", " be"], got 5 at index 0',
  ],
  "attentionFigure, tokens": [
    () => attentionFigure(weights, { tokens: ["a"] } as Any),
    "attentionFigure: unknown option 'tokens'; did you mean 'queries'?",
  ],
  "attentionFigure of all heads": [
    () => attentionFigure(new Float32Array(16), { queries: ["a", "b"] }),
    "expected 2 rows of 2 values, got 16 values; one map of them is values.subarray(0, 4)",
  ],
  "attentionGridFigure without sizes": [
    () => attentionGridFigure(new Float32Array(4), {} as Any),
    "attentionGridFigure: layers must be a whole number from 1, got undefined",
  ],
  "maskFigure, mistyped option": [
    () => maskFigure(weights, { queries, labels: queries } as Any),
    "maskFigure: unknown option 'labels'",
  ],
  "attentionGridFigure, mistyped option": [
    () => attentionGridFigure([1], { nLayers: 1, heads: 1, queries: 1 } as Any),
    "attentionGridFigure: unknown option 'nLayers'; did you mean 'layers'?",
  ],
  "confusionFigure without labels": [
    () => confusionFigure([[1]], {} as Any),
    'confusionFigure: expected a list of class names as labels, such as ["ham", "spam"], got undefined',
  ],
  "embeddingFigure of numbers": [
    () => embeddingFigure(Float32Array.of(1, 2) as Any),
    "embeddingFigure: expected a list of points { label, x, y }, got a Float32Array of 2",
  ],
  "embeddingFigure of pairs": [
    () => embeddingFigure([[1, 2]] as Any),
    "embeddingFigure: expected a list of points { label, x, y }, got an array of 2 at index 0",
  ],
  "learningRateFigure of one curve": [
    () => learningRateFigure({ rates: [1] } as Any),
    "learningRateFigure: expected a list of curves { label, rates }, rates as numbers, got an object " +
    "with rates",
  ],
  "learningRateFigure of rates": [
    () => learningRateFigure([0.1, 0.2] as Any),
    "expected a list of curves { label, rates }, rates as numbers, got 0.1 at index 0",
  ],
  "seedsFigure of runs": [
    () => seedsFigure([[{ step: 0, loss: 1 }]] as Any),
    "seedsFigure: expected a list of settings { label, runs }, each run a list of { step, loss }, got " +
    "an array of 1",
  ],
  "seedsFigure of one run": [
    () => seedsFigure([{ runs: [{ step: 0, loss: 1 }] }] as Any),
    "each run a list of { step, loss }, got an object with runs",
  ],
  "nextTokenFigure, mistyped option": [
    () => nextTokenFigure([{ token: "a", probability: 1 }], { top_p: 0.5 } as Any),
    "nextTokenFigure: unknown option 'top_p'; did you mean 'topP'?",
  ],
  "nextTokenFigure of a promise": [
    () => nextTokenFigure(wait),
    "nextTokenFigure: expected a list of { token, probability }, token as text, got a promise; await " +
    "it first",
  ],
  "nextTokenFigure of ids": [
    () => nextTokenFigure([{ id: 1, probability: 1 }] as Any),
    "token as text, got an object with id, probability at index 0",
  ],
  "principalComponents of rows": [
    () => principalComponents([[1, 2], [3, 4]] as Any, { width: 2 }),
    "principalComponents: expected numbers, got rows; pass rows.flat()",
  ],
  "umap of rows": [
    () => umap([[1, 2], [3, 4]] as Any, { width: 2 }),
    "umap: expected numbers, got rows; pass rows.flat()",
  ],
  "positionsFigure without sizes": [
    () => positionsFigure([1, 2], {} as Any),
    "positionsFigure: expected whole numbers of rows and columns, got undefined and undefined",
  ],
  "parseMetrics of a promise": [
    () => parseMetrics(wait),
    "parseMetrics: expected a text, got a promise; await it first",
  ],
  "principalComponents, mistyped option": [
    () => principalComponents([1, 2], { dim: 2 } as Any),
    "principalComponents: unknown option 'dim'; did you mean 'width'?",
  ],
  "umap of a promise": [
    () => umap(wait, { width: 2 }),
    "umap: expected numbers and their width, got a promise; await it first and 2",
  ],
  "expectMatch, mistyped option": [
    () => expectMatch(1, 1, { tol: 1 } as Any),
    "expectMatch: unknown option 'tol'; did you mean 'tolerance'?",
  ],
};

for (const [name, [guess, message]] of Object.entries(GUESSES)) {
  Deno.test(`wrong guess: ${name}`, async () => {
    const error = await Promise.resolve().then(guess).then(() => undefined, (error) => error);
    assert(error instanceof Error, "accepted");
    assert(error.message.includes(message), error.message);
    assert(["TypeError", "RangeError", "SyntaxError"].includes(error.name), error.name);
    assert(!error.message.includes("\n"));
  });
}

Deno.test("savePretrained(folder, model) and a path for a checkpoint work", async () => {
  await using scratch = await scratchFolder();
  await savePretrained(`${scratch.path}/model`, model);
  await saveCheckpoint(`${scratch.path}/run`, checkpoint);
  assert.equal((await loadPretrained(`${scratch.path}/model`)).hasTokenizer, false);
  await savePretrained(`${scratch.path}/copy`, await loadPretrained(`${scratch.path}/model`));
  const loaded = await loadPretrained(`${scratch.path}/run`);
  await savePretrained(`${scratch.path}/again`, loaded);
  assert.equal((await loadPretrained(`${scratch.path}/again`)).tokenizer.vocabSize, vocabSize);
});
