/**
 * Lesson 0: meet a trained language model: prompts, seeds, temperature. Beginner, no code task;
 * about 15 minutes.
 *
 *     deno task lesson 0
 *     deno task lesson 0 --prompt "JULIET:" --temperature 1 --seed 3
 *     deno task lesson 0 --model gpt2
 *
 * From an empty folder, where the model of the lesson is downloaded as well:
 *
 *     deno run --allow-read --allow-write --allow-net https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/00_meet_a_model.ts
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

import {
  integer,
  Lesson,
  type LessonPage,
  number,
  runSample,
  SHIPPED_RUN,
  text,
  userInput,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import {
  modelFigure,
  nextTokenFigure,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  loadPretrained,
  topNextTokens,
  UserError,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

export const lesson = new Lesson(
  {
    number: 0,
    title: "Meet a model",
    level: "beginner",
    minutes: 15,
    tasks: 0,
    url: import.meta.url,
    flags: {
      prompt: text("ROMEO:\nI ", "what the text begins with"),
      seed: integer(1, "seed of the first sample", { min: 0, max: 2 ** 32 - 1 }),
      temperature: number(0.6, "temperature of your own sample", { min: 0 }),
      model: text(undefined, "also sample this model: a folder, an address or a name on the hub", {
        placeholder: "MODEL",
        shownDefault: "",
      }),
    },
  },
  async (page, { prompt, seed, temperature, model: place }) => {
    page.section("What a language model is");
    page.say(`
      You give a language model some text, the prompt. It answers one question: what comes next? It
      gives every possible next piece of text a probability. One piece is drawn, appended to the
      text, and the question is asked again. That is all, and with a large model it is enough to
      write, translate, and answer questions.

      Some words that all lessons use. A token is one of those pieces: here a single character, in
      larger models a word or a part of one. The vocabulary is the list of all tokens. The model
      is a neural network: a long chain of additions and multiplications, which turns the tokens so
      far, as numbers, into the probabilities of the next one. The parameters are the numbers with
      which it multiplies and adds; training has changed them step by step until the model predicted
      its training text well. How badly it predicts is called the loss: 0 would be a perfect
      prediction.
    `);
    page.say(`
      NLP and LLM are not the same. NLP, natural language processing, is the whole field of making
      computers work with human language. It is older than neural networks: spelling checkers,
      search engines and translators with hand-written rules are NLP. An LLM, a large language
      model, is one tool of that field: a network with billions of parameters that was trained to
      predict the next token of very much text. Since about 2020 that one tool does most tasks for
      which NLP had a method each. Small models like the one below work in the same way, and you
      can look at every number in them.
    `);

    page.section("A model that somebody else has trained");
    const { model, tokenizer } = await loadPretrained(SHIPPED_RUN);
    const { layers, heads, width, contextLength } = model.config;
    page.say(`
      This model ships with Folio, which trained it on the plays of Shakespeare (1.1 MB of text) in
      some minutes. It has ${model.parameterCount.toLocaleString("en")} parameters and a vocabulary
      of ${tokenizer.vocabSize} characters, and sees the last ${contextLength} of them. Inside are
      ${layers} layers: the text passes through them one after another. Each layer has ${heads}
      attention heads, which decide what earlier text matters now (lesson 1), and each character is
      a list of ${width} numbers on its way (lesson 5 says where the list comes from). A network of
      such layers is called a transformer; GPT means generative pretrained transformer.
    `);
    await page.save("model", modelFigure());
    page.say(`
      Loading a model and writing text takes two lines. runSample prints the prompt in one color and
      what the model wrote in another:
        const { model, tokenizer } = await loadPretrained(SHIPPED_RUN);
        await runSample(model, tokenizer, { prompt, seed: ${seed} });
    `);
    const first = await userInput(() =>
      runSample(model, tokenizer, { prompt, seed, output: page.output })
    );
    page.say(`
      The words are mostly English, the form is that of a play, and the meaning is missing: this
      model is nearly two thousand times smaller than GPT-2 large, a well-known model of 2019, and a
      million times smaller than the models behind chat programs.
    `);

    page.section("Why does the text change each time?");
    page.say(`
      Discuss, before you read on: the model is the same and the prompt is the same. Where could a
      difference come from?
    `);
    const other = (seed + 1) % 2 ** 32;
    page.say(`The next token is drawn, as with dice. Here is seed ${other}:`);
    await runSample(model, tokenizer, { prompt, seed: other, output: page.output });
    page.say(`And seed ${seed} again:`);
    const again = await runSample(model, tokenizer, { prompt, seed, output: page.output });
    page.say(`
      The seed is the number from which all draws follow. The same seed gives the same text
      (${again === first ? "letter by letter, as you see" : "but it did not: please report that"}).
      Without a seed, runSample takes a random one.
    `);

    page.section("Temperature");
    page.say(`
      Before each draw the temperature changes the probabilities. At 0 the most probable token is
      always taken (greedy). Below 1, probable tokens become more probable still. At 1 the
      probabilities stay as the model gave them. Above 1, improbable ones get their chance:
    `);
    for (const degree of [0, 0.6, 1.5]) {
      page.say(`temperature ${degree}:`);
      const options = { prompt, seed, temperature: degree, output: page.output };
      await runSample(model, tokenizer, options);
    }
    const ids = tokenizer.encode(prompt);
    const next = await topNextTokens(model, ids, { k: tokenizer.vocabSize });
    const bars = next.map(({ id, probability }) => ({ token: tokenizer.token(id), probability }));
    await page.save(
      "next",
      nextTokenFigure(bars, {
        prompt,
        temperatures: [0.3, 0.6, 1.5],
        topP: 0.9,
        count: 12,
        title: "The next character, at three temperatures",
      }),
    );
    page.say(`
      The figure has the model's probabilities for the character after the prompt. The dashed line
      belongs to top-p: only the most probable tokens that together reach 0.9 may be drawn, so that
      nonsense from the long tail is never taken.
    `);

    page.section("Line by line");
    page.say(`
      What runSample does, and what its options mean:
        tokenizer.encode(prompt)      text becomes ids: the numbers of its tokens
        seed: 1                       from which all draws follow; default: a random one
        temperature: 0.6              see above; default 0.6
        topP: 0.9                     keep the most probable tokens that sum to this
        maxNewTokens: 64              the most tokens to write
        tokenizer.decode(ids)         ids become text again
    `);
    page.table([
      ["text", JSON.stringify(prompt)],
      ["tokens", [...ids].slice(0, 10).map((id) => JSON.stringify(tokenizer.token(id))).join(" ")],
      ["ids", [...ids].slice(0, 10).join(" ")],
    ]);
    page.say(`
      Code for other libraries often sets five more things, which Folio does for you. The attention
      mask marks which tokens are text and which are padding: the prompts of a batch, which are
      computed together, are filled up to the same length (lesson 5). The padding id is the token
      used for filling up; GPT models have none and use their end token. top_k = 0 means that top-k,
      a cut after the k most probable tokens, is off. do_sample = False is temperature 0 here. And
      the end token ends a text: generation stops there.

      deno task sample has all this as flags, and more: top-k, a minimum length, a penalty for
      repetition, words that end the text. --help lists them:
        deno task sample data/models/shakespeare --prompt "JULIET:" --top-k 5
    `);

    page.section("Your own sample");
    page.say(`Your flags: --prompt, --seed ${seed}, --temperature ${temperature}.`);
    await runSample(model, tokenizer, {
      prompt,
      seed,
      temperature,
      maxNewTokens: 200,
      output: page.output,
    });

    page.section("The same with a published model");
    page.say(`
      Hugging Face is a company with a website, huggingface.co, where people publish trained models,
      data sets and the programs around them. It is for models what GitHub is for code: each model
      has a name such as openai-community/gpt2, a page that describes it, and files that anybody can
      download. The files are the parameters (model.safetensors), the sizes (config.json) and the
      tokenizer (tokenizer.json). Its library transformers, in Python, reads and writes them; Folio
      reads and writes the same files, so models can go both ways. The website is called the hub.

      GPT-2 was published by OpenAI in 2019 (124 million parameters, 0.5 GB), GPT-Neo 125M by
      EleutherAI in 2021. Both are downloaded once and then kept:
        deno task lesson 0 --model openai-community/gpt2 --prompt "The meaning of life is"
        deno task lesson 0 --model EleutherAI/gpt-neo-125m --prompt "The meaning of life is"
      Both only continue a text. The models behind chat programs began in the same way and were then
      fine-tuned: trained a little further, for example on questions with good answers. Lesson 11
      fine-tunes a small model, and sets its texts before and after side by side.
    `);
    if (place !== undefined) await showPublished(page, place, { prompt, seed, temperature });

    page.section("Try it");
    page.say(`
      Alone or in a group. Each needs one line, deno task lesson 0 with the flags named:
        1. --prompt "JULIET:" and a prompt in today's English. Which does the model continue better,
           and why?
        2. --temperature 0. Run it twice with different seeds. What do you expect?
        3. --temperature 3. At which temperature do real words end?
        4. Whose text is it? Discuss: may a model write in the style of a living author?
      Then go on with lesson 1, which opens the model's most important part: attention.
    `);
    page.section("What you know now");
    page.say(`
      A language model gives each possible next token a probability; a text is drawn token by token.
      The seed fixes the draws, the temperature sharpens or flattens the probabilities. Further
      reading: "The Illustrated GPT-2" by Jay Alammar, and the pages of the models on
      huggingface.co.
    `);
  },
);

/** Samples a model that the reader names; without a network it says what to do instead. */
async function showPublished(
  page: LessonPage,
  place: string,
  options: { prompt: string; seed: number; temperature: number },
): Promise<void> {
  try {
    const { model, tokenizer } = await loadPretrained(place);
    page.say(`${place} has ${model.parameterCount.toLocaleString("en")} parameters:`);
    await runSample(model, tokenizer, { ...options, output: page.output });
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof Deno.errors.NotCapable)) throw error;
    page.say(`
      ${place} could not be loaded: ${error.message}. Three ways to go on:
        a folder     download the model's files elsewhere, and give their folder as --model
        a mirror     set HF_ENDPOINT to the address of another hub, and run the lesson again
        this model   everything above works without a network, and so do all other lessons
    `);
  }
}

if (import.meta.main) await lesson.run(Deno.args);
