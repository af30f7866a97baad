/**
 * Lesson 7: train a language model, and see whether it learns or memorizes. Advanced, one code
 * task; about 30 minutes.
 *
 *     deno task lesson 7
 *     deno run --allow-read --allow-write https://raw.githubusercontent.com/folio-deno/folio/main/scripts/lessons/07_training.ts
 *
 * The run in this lesson takes seconds. The practical's full run, on all of Shakespeare, is `deno
 * task train --preset practical`.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- a lesson is one file and imports Folio by URL

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
  tanh,
  type Tensor,
  tensor,
  Trainer,
  trainingLoop,
  valueAndGrad,
  WordTokenizer,
} from "https://raw.githubusercontent.com/folio-deno/folio/main/mod.ts";

/**
 * The code task: logits [T,V] and the correct next id at each of the T positions → the mean loss in
 * nats, as a tensor of one number.
 */
function sequenceLoss(logits: Tensor, targets: number[], padding: number): Tensor {
  // 1. log-probabilities [T,V]: logSoftmax(logits).
  // 2. The log-probability of each row's target: gather(x, indices) picks along the last axis, with
  //    indices i32 [T,1]: tensor(Int32Array.from(targets), { shape: [targets.length, 1] }).
  // 3. A target that is padding must not count: multiply by a mask [T,1] of 0 and 1.
  // 4. The loss is −(the sum) / (the number of targets that count): mul(sum(…), -1 / count).
  // Throw a RangeError if no target counts; otherwise the loss would be 0/0.
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
      sentences: integer(120, "sentences of the corpus", { min: 30 }),
    },
  },
  async (page, { steps, sentences }) => {
    page.section("The training data");
    const text = smallLanguage(sentences, 1);
    const tokenizer = WordTokenizer.fromText(text, { unknown: "<unk>" });
    const { train, validation } = splitCorpus(tokenizer.encode(text), {
      validationFraction: 0.2,
    });
    page.say(`
      The corpus is ${sentences} sentences of a small invented language: ${train.length} words to
      learn from, and ${validation.length} held out, on which the model never trains. The vocabulary
      has ${tokenizer.vocabSize} words. Each example is two rows of a text: the input, and the same
      text one word later, which has the correct next word at each position.
    `);
    const windows = { batchSize: 8, contextLength: 24, seed: 1 };
    const batches = new Batches(train, { ...windows, order: "epochs" });
    const example = new Batches(train, windows).next();
    const [inputs, targets] = [example.inputs.slice(0, 10), example.targets.slice(0, 10)];
    page.table([
      ["input", tokenizer.decode(inputs)],
      ["target", tokenizer.decode(targets)],
      ["input ids", inputs.join(" ")],
      ["target ids", targets.join(" ")],
    ]);
    page.say(`
      A batch is ${windows.batchSize} such rows of ${windows.contextLength} words. The corpus has
      ${batches.batchesPerEpoch} batches, so ${steps} steps read it
      ${(steps / batches.batchesPerEpoch).toFixed(0)} times. If a corpus is too small for its
      batches, Folio reports it:
    `);
    try {
      new Batches(train.subarray(0, 500), { ...windows, minimumBatches: 10 });
    } catch (error) {
      page.say((error as Error).message);
    }

    page.section("The loss");
    page.say(`
      At each position the model gives a probability to every word. The loss is −ln of the
      probability of the correct next word, averaged over all positions that are not padding: 0 for
      a model that is always sure and right, ln V for a random guess, here ln ${tokenizer.vocabSize}
      = ${Math.log(tokenizer.vocabSize).toFixed(3)}.
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
          what: "a batch of padding only throws an error",
        });
      },
    });
    const even = await loss(
      tensor(new Float32Array(2 * tokenizer.vocabSize), { shape: [2, tokenizer.vocabSize] }),
      [1, 2],
      0,
    ).item();
    page.say(`For equal logits it is ${even.toFixed(3)}, as expected.`);

    page.section("Gradients, and the chain rule");
    page.say(`
      How should a parameter change so that the loss falls? Its derivative says so: by how much the
      loss changes when this one parameter grows a little, divided by how much it grew. The list of
      the derivatives of all parameters is the gradient. Take a model of one parameter w, which
      predicts tanh(w · x), and the loss (prediction − target)²:
        u = w · x          du/dw = x
        p = tanh(u)        dp/du = 1 − p²
        loss = (p − t)²    dloss/dp = 2 (p − t)
      The chain rule multiplies the derivatives along the way: dloss/dw = 2 (p − t) · (1 − p²) · x. A
      large model is the same with more steps. Folio notes every operation while it computes the loss
      (the tape), and then walks back along it, multiplying (backpropagation). For w = 0.5, x = 2,
      t = 0:
    `);
    const w = tensor([0.5]);
    const smallLoss = () => {
      const p = tanh(mul(w, 2));
      return sum(mul(p, p));
    };
    const { value, gradients: [slope] } = valueAndGrad(smallLoss, [w]);
    const at = (w: number) => Math.tanh(2 * w) ** 2;
    const p = Math.tanh(1);
    page.table([
      ["loss", await value.item()],
      ["derivative, by Folio's tape", (await slope.data())[0]],
      ["by the chain rule, by hand", 2 * p * (1 - p * p) * 2],
      ["by trying: (loss(w + 0.001) − loss(w − 0.001)) / 0.002", (at(0.501) - at(0.499)) / 0.002],
    ]);
    page.say(`
      It is positive: the loss grows with w, so w must shrink. One step of gradient descent is w −
      learning rate · derivative.
    `);

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
      The model is the decoder of lesson 6 with the practical's choices: one block, sinusoidal
      positions, a norm after each half (post-norm), an untied head;
      ${model.parameterCount.toLocaleString("en")} parameters. Each step reads a batch, computes the
      loss and its gradient (for every parameter the direction in which the loss grows), and changes
      the parameters a little in the opposite direction (Adam, learning rate ${learningRate}).
    `);
    const optimizer = new AdamW(model.parameters(), { beta1, beta2, weightDecay: 0, clip: 0 });
    const trainer = new Trainer(model, optimizer, { learningRate });
    const curve: { step: number; loss: number }[] = [];
    const heldOut: { step: number; loss: number }[] = [];
    let speed = 0; // words per second, recently
    const rows: (string | number)[][] = [[
      "step",
      "training loss",
      "held-out loss",
      "tokens per second",
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
    const losses = curve.map(({ loss }) => loss);
    page.table([
      ["training loss", ""],
      ["highest", Math.max(...losses)],
      ["lowest", Math.min(...losses)],
      ["at the end", losses.at(-1) ?? NaN],
    ]);
    await page.save(
      "loss",
      lossFigure([{ label: "", train: curve, validation: heldOut }], {
        title: "Loss on the training text and on the held-out text",
      }),
    );

    page.section("Learning or memorizing?");
    page.say(`
      The words of this language are drawn at random by a grammar, whose entropy is 0.76 nats per
      word: on new sentences no model can reach a lower loss. A lower training loss means that the
      model has memorized the text. Then the two curves separate: the held-out loss falls as long as
      the model learns the language, and rises when it memorizes the ${sentences} sentences instead.
      The training loss alone does not show this. More text helps most: try --sentences 5000. Fewer
      parameters, dropout and weight decay help, too, and so does stopping when the held-out loss is
      lowest.
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
      The same on all of Tiny Shakespeare: 25,670 words, 6,729,670 parameters, 3,500 steps. Its
      training loss starts near 10.65 and ends below 0.25, and its held-out loss soon rises: it
      memorizes the plays. The run took 53 minutes on 2 busy cores with a system BLAS (deno task
      train:native), and its figure also shows the practical's own curves:
        deno task train --preset practical --out runs/practical
        deno task sample runs/practical --prompt "ROMEO:"
    `);

    page.section("Try it");
    page.say(`
      Each is one flag; predict the two curves first:
        deno task lesson 7 --sentences 5000             much more text
        deno task lesson 7 --sentences 30 --steps 600   very little text
      Discuss: a company reports a very low training loss. What do you ask? Who wrote the texts that
      large models train on, and were they asked?
    `);

    page.section("What you know now");
    page.say(`
      Training repeats four steps: a batch, the loss, the gradient, a small change. The held-out loss
      shows whether a model learns or memorizes. Further reading: "micrograd" by Andrej Karpathy,
      the chain rule in 100 lines; Kingma and Ba, "Adam" (2014); Kaplan and others, "Scaling Laws for
      Neural Language Models" (2020).
    `);
  },
);

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    // A stub that is not written yet is reported as such.
    if ((error as Error).name === "NotWritten") throw error;
    return true;
  }
}

// The answer. Try first.

function sequenceLossAnswer(logits: Tensor, targets: number[], padding: number): Tensor {
  const shape = [targets.length, 1];
  const counts = targets.filter((target) => target !== padding).length;
  if (counts === 0) throw new RangeError("sequenceLoss: every target is padding");
  // [T,V] → [T,1]: of each row, the log-probability of the correct next id.
  const picked = gather(logSoftmax(logits), tensor(Int32Array.from(targets), { shape }));
  // A row of padding is multiplied by 0, and is not counted in the mean either.
  const mask = tensor(targets.map((target) => target === padding ? 0 : 1), { shape });
  return mul(sum(mul(picked, mask)), -1 / counts);
}

if (import.meta.main) await lesson.run(Deno.args);
