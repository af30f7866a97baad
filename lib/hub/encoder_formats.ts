/**
 * The files of BERT and DistilBERT with a head for classifying sequences: `config.json`, and names
 * and layouts of weights.
 *
 * Source: `BertConfig` and `DistilBertConfig` of github.com/huggingface/transformers, whose
 * defaults are used here.
 *
 * @module
 */
import { BLOCK_OPTIONS, blockConfig, pickFields } from "../nn/block_config.ts";
import type { SequenceClassifierConfig } from "../nn/sequence_classifier.ts";
import { type ConfigFields, malformed, parseConfig, unexpected } from "./config_fields.ts";
import {
  ACTIVATIONS,
  type ArchitectureNames,
  type ParameterSource,
  readDropout,
  readLayers,
} from "./format.ts";

/** The architecture whose names and layouts a classifier's file has. */
export type EncoderArchitecture = "bert" | "distilbert";

/** The contents of a classifier's `config.json`. */
export interface PretrainedClassifierConfig {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: SequenceClassifierConfig;
}

/** An architecture's `config.json` and names. */
interface EncoderFormat extends Pick<ArchitectureNames, "source"> {
  read(fields: ConfigFields): SequenceClassifierConfig;
}

/** Folio's modules in a block → the file's. */
type BlockNames = Readonly<Record<string, string>>;

const BERT_BLOCK: BlockNames = {
  "attention.query": "attention.self.query",
  "attention.key": "attention.self.key",
  "attention.value": "attention.self.value",
  "attention.projection": "attention.output.dense",
  "norm1.norm": "attention.output.LayerNorm",
  "feedForward.c_fc": "intermediate.dense",
  "feedForward.c_proj": "output.dense",
  "norm2.norm": "output.LayerNorm",
};

const DISTILBERT_BLOCK: BlockNames = {
  "attention.query": "attention.q_lin",
  "attention.key": "attention.k_lin",
  "attention.value": "attention.v_lin",
  "attention.projection": "attention.out_lin",
  "norm1.norm": "sa_layer_norm",
  "feedForward.c_fc": "ffn.lin1",
  "feedForward.c_proj": "ffn.lin2",
  "norm2.norm": "output_layer_norm",
};

const EMBEDDINGS: BlockNames = {
  "encoder.tokens": "embeddings.word_embeddings",
  "encoder.positions": "embeddings.position_embeddings",
  "encoder.token_types": "embeddings.token_type_embeddings",
  "encoder.norm": "embeddings.LayerNorm",
};

const bert: EncoderFormat = {
  read(fields) {
    fields.only("position_embedding_type", "absolute");
    const dropout = readDropout(fields, "hidden_dropout_prob", 0.1);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 30522),
      contextLength: fields.wholeNumber("max_position_embeddings", 512),
      layers: readLayers(fields, "num_hidden_layers", 12),
      heads: fields.wholeNumber("num_attention_heads", 12),
      width: fields.wholeNumber("hidden_size", 768),
      hidden: fields.wholeNumber("intermediate_size", 3072),
      activation: fields.choice("hidden_act", ACTIVATIONS, "gelu"),
      normEpsilon: fields.number("layer_norm_eps", 1e-12),
      tokenTypes: fields.wholeNumber("type_vocab_size", 2),
      dropout,
      attentionDropout: readDropout(fields, "attention_probs_dropout_prob", 0.1),
      classifierDropout: readDropout(fields, "classifier_dropout", dropout),
      poolerActivation: "tanh",
      labels: readLabels(fields),
    };
  },
  source: (name) => sourceOf(name, "bert", "bert.encoder.layer", BERT_BLOCK, "bert.pooler.dense"),
};

const distilbert: EncoderFormat = {
  read: (fields) => ({
    vocabSize: fields.wholeNumber("vocab_size", 30522),
    contextLength: fields.wholeNumber("max_position_embeddings", 512),
    layers: readLayers(fields, "n_layers", 6),
    heads: fields.wholeNumber("n_heads", 12),
    width: fields.wholeNumber("dim", 768),
    hidden: fields.wholeNumber("hidden_dim", 3072),
    activation: fields.choice("activation", ACTIVATIONS, "gelu"),
    normEpsilon: 1e-12,
    tokenTypes: 0,
    dropout: readDropout(fields, "dropout", 0.1),
    attentionOutputDropout: 0,
    attentionDropout: readDropout(fields, "attention_dropout", 0.1),
    classifierDropout: readDropout(fields, "seq_classif_dropout", 0.2),
    poolerActivation: "relu",
    labels: readLabels(fields),
  }),
  source: (name) =>
    sourceOf(
      name,
      "distilbert",
      "distilbert.transformer.layer",
      DISTILBERT_BLOCK,
      "pre_classifier",
    ),
};

const FORMATS: Readonly<Record<EncoderArchitecture, EncoderFormat>> = { bert, distilbert };

/** An architecture's names of tensors. */
export function encoderNamesOf(architecture: EncoderArchitecture): ArchitectureNames {
  return { name: architecture, source: FORMATS[architecture].source };
}

/**
 * Reads the text of a classifier's `config.json`, untrusted.
 *
 * @throws {SyntaxError} naming the field, what was expected and what came
 */
export function readClassifierConfig(text: string): PretrainedClassifierConfig {
  const fields = parseConfig(text);
  const format = fields.choice("model_type", FORMATS, "(none)");
  const config = format.read(fields);
  try {
    blockConfig(pickFields(config, BLOCK_OPTIONS));
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  return { architecture: fields.get("model_type") as EncoderArchitecture, config };
}

const MAX_LABELS = 100_000;

/**
 * `id2label`, whose keys are 0, 1, …; without it `num_labels` names, two by default, as
 * transformers makes them.
 */
function readLabels(fields: ConfigFields): string[] {
  const table = fields.get("id2label");
  if (table === undefined) {
    const count = fields.wholeNumber("num_labels", 2);
    if (count > MAX_LABELS) throw unexpected("num_labels", `at most ${MAX_LABELS}`, count);
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  }
  const labels = typeof table === "object" ? table as Record<string, unknown> : {};
  const names = Object.keys(labels).map((_, i) => Object.hasOwn(labels, i) ? labels[i] : undefined);
  const isComplete = names.length > 0 && names.every((name) => typeof name === "string");
  if (Array.isArray(table) || !isComplete) {
    throw unexpected("id2label", 'names of classes {"0": …, "1": …, …}', table);
  }
  return names as string[];
}

function sourceOf(
  name: string,
  root: string,
  layers: string,
  block: BlockNames,
  pooler: string,
): ParameterSource {
  const dot = name.lastIndexOf(".");
  const [module, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  const inside = /^encoder\.blocks\.(\d+)\.(.+)$/.exec(module);
  const isTable = module in EMBEDDINGS;
  const isNorm = inside !== null && inside[2].startsWith("norm");
  const stored = inside
    ? `${layers}.${inside[1]}.${block[inside[2]]}`
    : isTable
    ? `${root}.${EMBEDDINGS[module]}`
    : module === "pooler"
    ? pooler
    : module;
  return {
    names: [`${stored}.${kind}`],
    transposed: kind === "weight" && !isTable && !isNorm,
  };
}
