/**
 * Analyses on every kind of model: sweeps against one pass at a time with an edit, the logit lens
 * against the model's own predictions, and what cannot be is refused with its reason.
 */
import assert from "node:assert/strict";
import { ablationScores } from "../lib/lens/ablation_scores.ts";
import { attributionPatching } from "../lib/lens/attribution_patching.ts";
import { compositionScores, ovCircuit } from "../lib/lens/circuits.ts";
import { directLogitAttribution } from "../lib/lens/direct_logit_attribution.ts";
import { headScores } from "../lib/lens/head_scores.ts";
import { logitLens } from "../lib/lens/logit_lens.ts";
import { logitDifference, type Metric } from "../lib/lens/metrics.ts";
import { type LensInput, type LensModel, runModel } from "../lib/lens/model_parts.ts";
import { patchingScores } from "../lib/lens/patching_scores.ts";
import { pathPatching } from "../lib/lens/path_patching.ts";
import { probeScores } from "../lib/lens/probe_scores.ts";
import { runWithCache } from "../lib/lens/run_with_cache.ts";
import { steeringVector } from "../lib/lens/steering_vector.ts";
import { tunedLens } from "../lib/lens/tuned_lens.ts";
import { type Hooks, withHooks } from "../lib/lens/with_hooks.ts";
import { Encoder } from "../lib/nn/encoder.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { MaskedLanguageModel } from "../lib/nn/masked_language_model.ts";
import { SequenceClassifier } from "../lib/nn/sequence_classifier.ts";
import { TextClassifier } from "../lib/nn/text_classifier.ts";
import { Transformer } from "../lib/nn/transformer.ts";
import { softmax } from "../lib/ops/softmax.ts";
import { sum } from "../lib/ops/reduce.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/tensor/scope.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const SIZES = { width: 16, heads: 2, layers: 2, contextLength: 8 };
const ONE = { vocabSize: 9, ...SIZES };
const TWO = { sourceVocabSize: 9, targetVocabSize: 9, ...SIZES, decoderLayers: 3 };
const PRE = { normPlacement: "pre", norm: "rms", bias: false } as const;
const LABELS = { labels: ["a", "b"] };

/** Models, and what the names of their points begin with. */
const KINDS: Record<string, readonly [prefix: string, make: () => LensModel]> = {
  "post-norm GPT": ["", () => new GPT({ ...ONE, normPlacement: "post" })],
  "classifier on a GPT": ["", () => new TextClassifier(new GPT(ONE), LABELS)],
  "encoder": ["", () => new Encoder(ONE)],
  "BERT": ["encoder.", () => new MaskedLanguageModel(ONE)],
  "ModernBERT": ["encoder.", () => new MaskedLanguageModel({ ...ONE, ...PRE, firstNorm: false })],
  "classifier": [
    "encoder.",
    () => new SequenceClassifier({ ...ONE, ...LABELS, poolerActivation: "tanh" }),
  ],
  "T5": ["decoder.", () => new Transformer({ ...TWO, ...PRE, positions: "relative" })],
  "BART": [
    "decoder.",
    () => new Transformer({ ...TWO, positions: "learned", embeddingNorm: true }),
  ],
};

function made(kind: string): LensModel {
  const model = KINDS[kind][1]();
  const random = new Random(7);
  for (const [name, parameter] of model.namedParameters()) {
    const isGain = /norm|ln_/.test(name) && name.endsWith("weight");
    parameter.write(random.normals(parameter.size, 0.3).map((x) => isGain ? 1 + x : x));
  }
  return model;
}

const CLEAN = [1, 2, 3, 4, 5];
const CORRUPTED = [1, 2, 7, 4, 5];

function inputOf(model: LensModel, target: number[]): LensInput {
  return model instanceof Transformer ? { source: [[6, 7, 8]], target: [target] } : [target];
}

/** A number of the model's value: of logits a difference, of vectors their first numbers. */
function metricOf(model: LensModel): Metric {
  return model instanceof Encoder ? sum : logitDifference({ correct: 0, wrong: 1 });
}

async function measured(model: LensModel, input: LensInput, hooks: Hooks = {}): Promise<number> {
  const metric = metricOf(model);
  const value = withHooks(
    model,
    hooks,
    () => scope(() => metric(runModel("test", model, input)).view([1])),
  );
  return (await value.data())[0];
}

forEachDevice(
  "sweeps of every kind of model are passes with one edit each",
  async () => {
    for (const [kind, [prefix]] of Object.entries(KINDS)) {
      const model = made(kind);
      const metric = metricOf(model);
      const layers = prefix === "decoder." ? 3 : 2;
      const [clean, corrupted] = [CLEAN, CORRUPTED].map((ids) => inputOf(model, ids));
      const study = { clean, corrupted, metric };
      const point = (layer: number, name: string) => `${prefix}blocks.${layer}.${name}`;

      const ablated = await ablationScores(model, clean, metric);
      assert.deepEqual(ablated.shape, [layers, 2], kind);
      assertClose([ablated.plain], [await measured(model, clean)], 1e-4, kind);
      const hooks = { [point(1, "attn.hook_z")]: { zero: true, head: 1 } } as const;
      assertClose([ablated.values[3]], [await measured(model, clean, hooks)], 1e-4, kind);

      const ends = [await measured(model, clean), await measured(model, corrupted)];
      const places = await patchingScores(model, study);
      assert.deepEqual(places.shape, [layers, 5], kind);
      assertClose([places.clean, places.corrupted], ends, 1e-4, kind);
      const { cache } = runWithCache(model, clean);
      const name = point(1, "hook_resid_pre");
      const patched = { [name]: { patch: cache.get(name), place: 2 } };
      const share = (await measured(model, corrupted, patched) - ends[1]) / (ends[0] - ends[1]);
      assertClose([places.values[7]], [share], 1e-3, `${kind}: patching`);
      assertClose([places.values[2]], [1], 1e-3, `${kind}: the token that differs`);

      const options = { point: "hook_resid_pre", by: ["place"], steps: 64 } as const;
      const { values } = await attributionPatching(model, study, options);
      const total = values.slice(0, 5).reduce((sum, x) => sum + x, 0);
      assertClose([total], [1], 0.02, `${kind}: the shares of the embeddings are complete`);
    }
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "both sides of an encoder–decoder can be swept",
  async () => {
    const model = made("T5");
    const metric = metricOf(model);
    const [clean, corrupted] = [[6, 7, 8], [6, 2, 8]].map((source) => ({
      source: [source],
      target: [CLEAN],
    }));
    const study = { clean, corrupted, metric };
    const { shape, values } = await patchingScores(model, study, { side: "encoder" });
    assert.deepEqual(shape, [2, 3]);
    assertClose([values[1]], [1], 1e-3, "the token that differs");
    const crossed = { point: "cross_attn.hook_z", by: ["head"] } as const;
    assert.deepEqual((await patchingScores(model, study, crossed)).shape, [3, 2]);
    const paths = await pathPatching(model, { ...study, ...other(CORRUPTED) });
    const direct = await pathPatching(model, { ...study, ...other(CORRUPTED) }, {
      receivers: "decoder.blocks.0.cross_attn.hook_q",
    });
    assert.deepEqual([paths.shape, direct.shape], [[3, 2], [3, 2]]);
    assert(paths.values.some((x) => Math.abs(x) > 1e-3), "no path from a head to the logits");
    assertClose(direct.values.slice(2), [0, 0, 0, 0], 1e-4, "later heads reach no earlier query");
    assert(Math.abs(direct.values[0]) > 1e-5);
    const { previous } = await headScores(model, { side: "encoder", length: 8, batch: 2 });
    assert.deepEqual([previous.length, previous[0].length], [2, 2]);
    const towards = [{ source: [1, 2], target: [3] }], from = [{ source: [1, 5], target: [3] }];
    const names = "encoder.blocks.1.hook_resid_pre";
    const steering = steeringVector(model, { towards, from, point: names });
    const [a, b] = await Promise.all([towards, from].map(async ([text]) => {
      const [row] = await runWithCache(model, text, { names }).cache.get(names).toArray<
        number[][][]
      >();
      return row[1];
    }));
    assertClose(await steering.data(), a.map((x, i) => x - b[i]), 1e-5, "steering");

    function other(target: number[]) {
      return { corrupted: { source: [[6, 7, 8]], target: [target] } };
    }
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "the logit lens after the last layer is the model",
  async () => {
    for (const kind of ["post-norm GPT", "BERT", "ModernBERT", "T5", "BART"]) {
      const model = made(kind) as GPT | MaskedLanguageModel | Transformer;
      const input = inputOf(model, CLEAN);
      const lens = await logitLens(model, input, { k: 1 });
      assert.equal(lens.length, kind === "T5" || kind === "BART" ? 4 : 3);
      const own = scope(() => softmax(runModel("test", model, input)));
      const [rows] = await own.toArray<number[][][]>();
      const { top, next } = lens.at(-1)!;
      assertClose(
        top[0].map(([{ probability }]) => probability),
        rows.map((row) => Math.max(...row)),
        1e-4,
        kind,
      );
      const isMasked = model instanceof MaskedLanguageModel;
      const expected = isMasked
        ? CLEAN.map((id, t) => rows[t][id])
        : CLEAN.slice(1).map((id, t) => rows[t][id]);
      assertClose(next[0], expected, 1e-4, kind);
      assert.notDeepEqual(lens[0].next, next, kind);
    }
    const bert = made("BERT") as MaskedLanguageModel;
    const rows = Array.from({ length: 6 }, (_, i) => [i, 1, 2, 3, 8 - i]);
    const { translate } = await tunedLens(bert, rows, { steps: 60, batch: 16 });
    const [plain, tuned] = [
      await logitLens(bert, rows),
      await logitLens(bert, rows, { translate }),
    ];
    assert.notDeepEqual(plain[0].next, tuned[0].next);
    assert.deepEqual(plain[2].next, tuned[2].next);
  },
  false,
  ["cpu-2"],
);

forEachDevice(
  "probes read a token where it stands, and shuffled labels nowhere",
  async () => {
    const random = new Random(4);
    const texts = Array.from({ length: 120 }, () => [0, 0, 0].map(() => random.integer(9)));
    const labels = texts.map(([, second]) => second < 5 ? 0 : 1);
    for (const kind of ["BERT", "post-norm GPT", "T5"]) {
      const model = made(kind);
      const input = model instanceof Transformer ? { source: texts, target: texts } : texts;
      const { axes, shape, values, control } = await probeScores(model, input, { labels });
      assert.deepEqual([axes, shape], [["layer", "place"], [kind === "T5" ? 4 : 3, 3]]);
      assert.equal(values[1], 1, kind);
      assert(values[0] < 0.8 && values[2] < 0.8, `${kind}: another token, ${values}`);
      assert(control[1] < 0.8, `${kind}: shuffled labels, ${control}`);
    }
    const few = made("BERT");
    const short = () => probeScores(few, [[1], [2]], { labels: [0, 1] });
    await assert.rejects(short(), /expected eight texts or more, got 2/);
    await assert.rejects(probeScores(few, texts, { labels: [0] }), /a label for each of 120 texts/);
  },
  false,
  ["cpu-2"],
);

Deno.test("analyses that a model does not allow say why", async () => {
  const [t5, encoder, bert] = ["T5", "encoder", "BERT"].map(made);
  const cases: [() => unknown, RegExp][] = [
    [
      () => directLogitAttribution(bert as never, [1], { correct: 1 }),
      /^directLogitAttribution: expected a GPT, whose logits are a sum/,
    ],
    [
      () => ovCircuit(t5 as never, { layer: 0, head: 0 }),
      /^ovCircuit: expected a GPT, whose heads/,
    ],
    [
      () => compositionScores(t5 as never, { kind: "key", layers: [0, 1] }),
      /^compositionScores: expected a GPT, whose heads/,
    ],
    [
      () => logitLens(encoder as never, [1]),
      /^logitLens: expected a model that predicts tokens \(GPT, MaskedLanguageModel, Transformer\)/,
    ],
    [() => tunedLens(encoder as never, [1]), /^tunedLens: expected a model that predicts tokens/],
    [() => headScores({} as never), /^headScores: expected a model, got/],
    [
      () => headScores(encoder, { side: "decoder" }),
      /^headScores: side is for encoder–decoders, encoder or decoder, got "decoder"$/,
    ],
    [
      () => headScores(t5, { side: "middle" as never }),
      /^headScores: side is for encoder–decoders, encoder or decoder, got "middle"$/,
    ],
    [
      () => ablationScores(t5, [1], sum),
      /^ablationScores: an encoder–decoder reads \{ source, target \}/,
    ],
    [
      () =>
        patchingScores(t5, {
          clean: { source: [1], target: [1] },
          corrupted: { source: [1, 2], target: [1] },
          metric: sum,
        }),
      /^patchingScores: expected texts of one shape, got \[1,1\] and \[1,2\]$/,
    ],
    [
      () => attributionPatching(bert, { clean: [1], corrupted: [2], metric: sum }, { steps: 0 }),
      /^attributionPatching: steps/,
    ],
  ];
  for (const [act, message] of cases) {
    await assert.rejects(async () => await act(), { message });
  }
});
