/**
 * MPNet's files: a RoBERTa without token types, with a bias of the attention scores.
 *
 * Source: Song et al., arXiv 2004.09297; `MPNetConfig` of github.com/huggingface/transformers,
 * whose defaults are used here.
 *
 * @module
 */
import { roberta } from "./bert_format.ts";
import type { EncoderFormat } from "./encoder_format.ts";

const { outside, block, heads } = roberta.names;
const { token_types: _, ...tables } = outside;

/** `"model_type": "mpnet"`. */
export const mpnet: EncoderFormat = {
  ...roberta,
  className: "MPNet",
  encoder(fields) {
    // transformers computes with these numbers, whatever the file says.
    fields.only("pad_token_id", 1);
    fields.only("relative_attention_num_buckets", 32);
    const vocabSize = fields.wholeNumber("vocab_size", 30527);
    return { ...roberta.encoder(fields), vocabSize, tokenTypes: 0, relativeBuckets: 32 };
  },
  write(config, ends) {
    const { type_vocab_size: _, ...fields } = roberta.write(config, ends);
    return { ...fields, model_type: "mpnet", relative_attention_num_buckets: 32 };
  },
  names: {
    root: "mpnet.",
    outside: { ...tables, "relative_positions.table": "encoder.relative_attention_bias" },
    blocks: "encoder.layer",
    block: {
      ...block,
      "attention.query": "attention.attn.q",
      "attention.key": "attention.attn.k",
      "attention.value": "attention.attn.v",
      "attention.projection": "attention.attn.o",
      "norm1.norm": "attention.LayerNorm",
    },
    heads,
    unread: /^(mpnet\.)?pooler\.|^(lm_head|classifier|qa_outputs)\./,
  },
};
