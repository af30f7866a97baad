/**
 * Lesson 7: training a language model, and seeing whether it learns or memorizes. Advanced, one
 * code task; about 30 minutes.
 *
 *     deno task lesson 7
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/07_training.ts
 *
 * The run in this lesson takes seconds. The practical's full run, on all of Shakespeare, is `deno
 * task train --preset practical`.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is copied as a single file, which finds Folio by its address

import {
  expectMatch,
  integer,
  Lesson,
  notWritten,
  smallLanguage,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/lesson/mod.ts";
import { lossFigure } from "https://raw.githubusercontent.com/folio-deno/folio/main/lib/plot/mod.ts";
import {
  AdamW,
  Batches,
  gather,
  Generator,
  GPT,
  logSoftmax,
  mul,
  PRESETS,
  splitCorpus,
  sum,
  type Tensor,
  tensor,
  Trainer,
  trainingLoop,
  WordTokenizer,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * The code task: logits [T,V] and the id that should come at each of the T places → the mean loss,
 * in nats, as a tensor of one number.
 */
function sequenceLoss(logits: Tensor, targets: number[], padding: number): Tensor {
  // 1. log-probabilities [T,V]: logSoftmax(logits).
  // 2. Of each row the one at its target: gather(x, indices) picks along the last axis, with
  //    indices i32 [T,1]: tensor(Int32Array.from(targets), { shape: [targets.length, 1] }).
  // 3. Where the target is the padding it must not count: multiply by a mask [T,1] of 0 and 1.
  // 4. The loss is −(the sum) / (how many count): mul(sum(…), -1 / count).
  // Throw a RangeError when nothing counts, or the loss would be 0/0.
  return notWritten(logits, targets, padding, logSoftmax, gather, mul, sum, tensor);
}

export const lesson = new Lesson(
  {
    number: 7,
    title: "Training, and memorizing",
    level: "advanced",
    minutes: 30,
    tasks: 1,
    url: import.meta.url,
    flags: {
      steps: integer(300, "updates", { min: 1 }),
      sentences: integer(120, "sentences of the corpus", { min: 1 }),
    },
  },
  async (page, { steps, sentences }) => {
    page.section("What is learned from");
    const text = smallLanguage(sentences, 1);
    const tokenizer = WordTokenizer.fromText(text, { unknown: "<unk>" });
    const { train, validation } = splitCorpus(tokenizer.encode(text), {
      validationFraction: 0.2,
    });
    page.say(`
      The corpus is ${sentences} sentences of a small invented language: ${train.length} words to learn from, and ${validation.length} held out, which
      the model never trains on. The vocabulary has ${tokenizer.vocabSize} words. From each text two rows are cut: what the model reads, and
      the same one word later, which is what it should say at each place.
    `);
    const windows = { batchSize: 8, contextLength: 24, seed: 1 };
    const batches = new Batches(train, { ...windows, order: "epochs" });
    const example = new Batches(train, windows).next();
    const [inputs, targets] = [example.inputs.slice(0, 10), example.targets.slice(0, 10)];
    page.table([
      ["reads", tokenizer.decode(inputs)],
      ["should say", tokenizer.decode(targets)],
      ["ids", inputs.join(" ")],
      ["targets", targets.join(" ")],
    ]);
    page.say(`
      A batch is ${windows.batchSize} such rows of ${windows.contextLength} words. The corpus holds ${batches.batchesPerEpoch} batches, so that
      ${steps} steps read it ${
      (steps / batches.batchesPerEpoch).toFixed(0)
    } times. Where a corpus is too small for its batches, Folio says so:
    `);
    try {
      new Batches(train.subarray(0, 500), { ...windows, minimumBatches: 10 });
    } catch (error) {
      page.say((error as Error).message);
    }

    page.section("The loss");
    page.say(`
      At each place the model gives a probability to every word. The loss is −ln of the one it gave to the word that came, averaged over all places
      that are not padding: 0 for a model that is always sure and right, ln V for one that guesses blindly, here ln ${tokenizer.vocabSize} = ${
      Math.log(tokenizer.vocabSize).toFixed(3)
    }.
    `);
    const loss = await page.task({
      name: "sequenceLoss",
      stub: sequenceLoss,
      answer: sequenceLossAnswer,
      test: async (sequenceLoss) => {
        const logits = tensor([[0, 0, 0], [1, 2, 3], [9, 0, 0]]);
        await expectMatch(sequenceLoss(logits, [1, 2, 1], 0), 3.5022, {
          what: "the loss of three words",
        });
        await expectMatch(sequenceLoss(logits, [0, 2, 0], 0), 0.4076, {
          what: "the loss with two words of padding",
        });
        await expectMatch(throws(() => sequenceLoss(logits, [0, 0, 0], 0)), true, {
          what: "a batch of nothing but padding throws an error",
        });
      },
    });
    const even = await loss(
      tensor(new Float32Array(2 * tokenizer.vocabSize), { shape: [2, tokenizer.vocabSize] }),
      [1, 2],
      0,
    ).item();
    page.say(`For even logits it gives ${even.toFixed(3)}, as it should.`);

    page.section("Training");
    const { model: choices, beta1, beta2, learningRate } = PRESETS.practical;
    const model = new GPT({
      ...choices,
      vocabSize: tokenizer.vocabSize,
      contextLength: windows.contextLength,
      layers: 1,
      heads: 4,
      width: 64,
      hidden: 128,
    });
    page.say(`
      The model is the decoder of lesson 6 as the practical has it: one block, sinusoidal positions, a norm after each half, a head of its own;
      ${
      model.parameterCount.toLocaleString("en")
    } parameters. Each step: read a batch, compute the loss, compute for every parameter in which direction the
      loss falls, and go a little that way (Adam, learning rate ${learningRate}).
    `);
    const optimizer = new AdamW(model.parameters(), { beta1, beta2, weightDecay: 0, clip: 0 });
    const trainer = new Trainer(model, optimizer, { learningRate });
    const curve: { step: number; loss: number }[] = [];
    const heldOut: { step: number; loss: number }[] = [];
    let speed = 0; // words a second, lately
    const rows: (string | number)[][] = [[
      "step",
      "training loss",
      "held-out loss",
      "tokens a second",
    ]];
    const every = Math.max(1, Math.floor(steps / 10));
    const loop = {
      steps,
      logEvery: Math.max(1, Math.floor(steps / 60)),
      evalEvery: every,
      evalBatches: 4,
      finalBatches: 4,
    };
    const held = new Batches(validation, { ...windows, seed: 2 });
    heldOut.push({ step: 0, loss: await trainer.evaluate(held, 4) });
    for await (const event of trainingLoop(trainer, batches, { ...loop, heldOut: held })) {
      if (event.kind === "figures") {
        curve.push({ step: event.step, loss: event.meanLoss });
        speed = event.tokensPerSecond;
      } else if (event.kind === "validation") {
        heldOut.push({ step: event.step, loss: event.validationLoss });
        rows.push([
          String(event.step),
          curve.at(-1)?.loss ?? NaN,
          event.validationLoss,
          Math.round(speed),
        ]);
      }
    }
    page.table(rows);
    await page.save(
      "loss",
      lossFigure([{ label: "", train: curve, validation: heldOut }], {
        title: "Loss on what is learned, and on what is held out",
      }),
    );

    page.section("Learning or memorizing?");
    page.say(`
      The grammar of this language draws its words at random, and its randomness comes to 0.76 nats a word: on sentences that it has not seen, no
      model can get lower. A training loss below that is learned by heart. That is where the two curves part: the held-out loss falls as long as the
      model learns the language, and rises when it learns the ${sentences} sentences instead. Who shows the training loss alone hides it.
      More text helps most: try --sentences 5000. Fewer parameters, dropout and weight decay help, too, or stop when the held-out loss is lowest.
    `);
    const lowest = heldOut.reduce((best, point) => point.loss < best.loss ? point : best);
    page.say(
      `Here it was lowest at step ${lowest.step}, with ${
        lowest.loss.toFixed(3)
      }; at the end it is ${heldOut.at(-1)!.loss.toFixed(3)}.`,
    );
    const generator = new Generator(model);
    const written: number[] = [];
    const start = tokenizer.encode("the queen");
    for await (
      const token of generator.generate(start, { maxNewTokens: 20, temperature: 0.8, seed: 3 })
    ) written.push(token);
    page.say(`The model now writes: ${tokenizer.decode([...start, ...written])}`);

    page.section("The practical's full run");
    page.say(`
      The same on all of Shakespeare: 25,670 words, 6,729,670 parameters, 3,500 steps. Its training loss begins at 10.65 and ends below 0.25, and its
      held-out loss rises from early on: it knows the plays by heart. It takes some minutes, and draws the curve beside the practical's own:
        deno task train --preset practical --out runs/practical
        deno task sample runs/practical --prompt "ROMEO:"
    `);
  },
);

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    // A stub that is not written yet should say so.
    if ((error as Error).name === "NotWritten") throw error;
    return true;
  }
}

// The answer. Try first.

function sequenceLossAnswer(logits: Tensor, targets: number[], padding: number): Tensor {
  const shape = [targets.length, 1];
  const counts = targets.filter((target) => target !== padding).length;
  if (counts === 0) throw new RangeError("sequenceLoss: every target is padding");
  const picked = gather(logSoftmax(logits), tensor(Int32Array.from(targets), { shape }));
  const mask = tensor(targets.map((target) => target === padding ? 0 : 1), { shape });
  return mul(sum(mul(picked, mask)), -1 / counts);
}

if (import.meta.main) await lesson.run(Deno.args);
