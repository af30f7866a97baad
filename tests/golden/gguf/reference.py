"""Tiny GGUF files of the families that open, and what transformers computes with their weights.

    python3 reference.py

Needs torch, transformers 5.18 and gguf 0.19. Writes NAME.gguf, types.gguf and expected.json. A model with random
weights is written with llama.cpp's names and layouts and quantized; the weights that gguf dequantizes are then put into
the same model, whose logits and greedy text are expected. Where transformers reads such files itself, its logits must
be the same; it is given the configuration, because it ignores some fields of the file (soft-caps, head sizes, scalings).
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers
from gguf.quants import dequantize, quantize

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "families"))
sys.path.insert(0, str(HERE.parent))
from pretrained_reference import pack  # noqa: E402
from reference import ids_of, stir, write_greedily  # noqa: E402

VOCAB, CONTEXT = 320, 80
SIZES = dict(vocab_size=VOCAB, max_position_embeddings=CONTEXT, hidden_size=32, intermediate_size=64,
             num_hidden_layers=2, num_attention_heads=4, bos_token_id=1, eos_token_id=2, pad_token_id=0)
GEMMA = dict(num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16, sliding_window=7)
Q = gguf.GGMLQuantizationType

# name: architecture, model_type, fields, type of matrices, pre-tokenizer (None: SentencePiece)
MODELS = {
    "llama": ("llama", "llama", dict(SIZES, num_key_value_heads=2, rope_theta=50000.0), Q.Q8_0, None),
    "llama3": ("llama", "llama", dict(SIZES, num_key_value_heads=2, tie_word_embeddings=True, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16}), Q.F16, "llama-bpe"),
    "mistral": ("llama", "mistral", dict(SIZES, num_key_value_heads=2, sliding_window=9), Q.Q5_1, None),
    "qwen2": ("qwen2", "qwen2", dict(SIZES, num_key_value_heads=2, rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 20}), Q.Q4_0, "qwen2"),
    "qwen3": ("qwen3", "qwen3", dict(SIZES, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True), Q.Q5_0,
              "qwen2"),
    "smollm3": ("smollm3", "smollm3", dict(SIZES, num_hidden_layers=4, num_key_value_heads=2), Q.Q4_0, "smollm"),
    "gemma": ("gemma", "gemma", dict(SIZES, num_key_value_heads=1, head_dim=16), Q.BF16, None),
    "gemma2": ("gemma2", "gemma2", dict(SIZES, **GEMMA, attn_logit_softcapping=3.0, final_logit_softcapping=4.0),
               Q.Q8_0, None),
    "gemma3": ("gemma3", "gemma3_text", dict(SIZES, **GEMMA, num_hidden_layers=6, rope_scaling={
        "rope_type": "linear", "factor": 4.0}), Q.Q4_1, None),
    "phi3": ("phi3", "phi3", dict(SIZES, sliding_window=9), Q.Q8_0, None),
    "phi3_longrope": ("phi3", "phi3", dict(SIZES, max_position_embeddings=4 * CONTEXT, rope_scaling={
        "type": "longrope", "short_factor": [1.0, 1.25, 1.5, 2.0], "long_factor": [1.0, 3.0, 5.0, 9.0]},
        original_max_position_embeddings=CONTEXT), Q.F16, None),
    "gpt2": ("gpt2", "gpt2", dict(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4,
                                  bos_token_id=1, eos_token_id=2), Q.Q4_0, "gpt-2"),
}
# Blocks of 256 numbers: gguf cannot make them, so the stored bytes are random, as those of types.gguf.
K_QUANTS = dict(SIZES, hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_key_value_heads=1,
                tie_word_embeddings=True)
MODELS["k_quants"] = ("llama", "llama", K_QUANTS, Q.Q4_K, None)
K_TYPES = {"token_embd": Q.Q6_K, "attn_v": Q.Q6_K, "attn_output": Q.Q5_K, "ffn_down": Q.Q6_K}
HALVES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2],
          Q.Q6_K: [208]}
READ_BY_TRANSFORMERS = {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt2"}

BLOCK = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
         "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "self_attn.qkv_proj": "attn_qkv",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "mlp.gate_up_proj": "ffn_up", "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv",
         "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
SANDWICH = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
            "post_feedforward_layernorm": "post_ffw_norm"}
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
           "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}


def gguf_name(name, architecture):
    module, kind = name.rsplit(".", 1)
    if module in OUTSIDE:
        return f"{OUTSIDE[module]}.{kind}"
    _, _, layer, part = module.split(".", 3)
    table = {**BLOCK, **(SANDWICH if architecture in ("gemma2", "gemma3") else {})}
    return f"blk.{layer}.{table[part]}.{kind}"


def permute(weights, heads):
    """convert_hf_to_gguf.py's LlamaModel.permute."""
    shape = weights.shape
    return weights.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(weights, heads):
    shape = weights.shape
    return weights.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def layouts(name, architecture, config):
    """How a tensor is written, and the way back."""
    if architecture in ("llama", "smollm3") and ("q_proj" in name or "k_proj" in name):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        return (lambda w: permute(w, heads)), (lambda w: unpermute(w, heads))
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return (lambda w: w + 1), (lambda w: w - 1)
    if architecture == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return (lambda w: w.T.copy()), (lambda w: w.T.copy())
    return (lambda w: w), (lambda w: w)


def byte_alphabet():
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) if b in kept else chr(256 + [c for c in range(256) if c not in kept].index(b)) for b in range(256)]


def byte_pairs():
    """Three control tokens, the bytes, merges, a user's token and rows without a token."""
    tokens = ["<pad>", "<s>", "</s>", *byte_alphabet()]
    merges, kinds = [], [3, 3, 3] + [1] * 256
    for word in ["\u0120t", "he", "in", "\u0120a", "\u0120the", "\u0120in", "ing", "re", "on", "12", "123", "\u010a\u010a",
                 "er", "\u0120th", "\u0120\u0120"]:
        cut = next(i for i in range(1, len(word)) if word[:i] in tokens and word[i:] in tokens) \
            if any(word[:i] in tokens and word[i:] in tokens for i in range(1, len(word))) else None
        if cut is None:
            continue
        merges.append(f"{word[:cut]} {word[cut:]}")
        tokens.append(word)
        kinds.append(1)
    tokens.append("<user>")
    kinds.append(4)
    while len(tokens) < VOCAB:
        tokens.append(f"[PAD{len(tokens)}]")
        kinds.append(5)
    return tokens, kinds, merges


def pieces(spaces):
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    kinds = [2, 3, 3] + [6] * 256
    for piece in ["\u2581t", "he", "in", "\u2581a", "\u2581the", "ing", "re", "on", "\u2581\u2581", *"abdefghilnorst\u2581\u00e9,.12"]:
        tokens.append(piece)
        kinds.append(1)
    scores = [0.0] * 259 + [-float(i) for i in range(len(tokens) - 259)]
    tokens.append("<user>")
    kinds.append(4)
    scores.append(0.0)
    while len(tokens) < VOCAB:
        tokens.append(f"[PAD{len(tokens)}]")
        kinds.append(5)
        scores.append(-1000.0)
    return tokens, kinds, scores


def write_metadata(writer, architecture, config, pre, factors):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if architecture == "gpt2":
        writer.add_feed_forward_length(4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        write_llama_metadata(writer, architecture, config)
    if pre is None:
        gemma = architecture.startswith("gemma")
        tokens, kinds, scores = pieces(not gemma)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types(kinds)
        writer.add_unk_token_id(0)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(not gemma)
    else:
        tokens, kinds, merges = byte_pairs()
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges(merges)
        writer.add_pad_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}<s>{{ message.content }}</s>{% endfor %}")
    for name, values in factors.items():
        writer.add_tensor(f"{name}.weight", np.array(values, np.float32))


def write_llama_metadata(writer, architecture, config):
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head)
    rope = config.rope_parameters
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(rope["rope_theta"])
    if head * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if getattr(config, "sliding_window", None) and config.model_type != "qwen2":
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if rope["rope_type"] in ("linear", "yarn"):
        kind = gguf.RopeScalingType.LINEAR if rope["rope_type"] == "linear" else gguf.RopeScalingType.YARN
        writer.add_rope_scaling_type(kind)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] in ("longrope", "yarn"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "longrope":
        scale = config.max_position_embeddings / rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(
            float(np.sqrt(1 + np.log(scale) / np.log(rope["original_max_position_embeddings"]))))


def rope_factors(model, config):
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        return {"rope_factors_short": rope["short_factor"], "rope_factors_long": rope["long_factor"]}
    if rope.get("rope_type") == "llama3":
        scaled = model.model.rotary_emb.inv_freq
        plain = rope["rope_theta"] ** (-torch.arange(0, len(scaled) * 2, 2).float() / (len(scaled) * 2))
        return {"rope_freqs": (plain / scaled).tolist()}
    return {}


def random_blocks(random, shape, type_, scale):
    """Stored rows of a matrix whose bytes are random, but for the scales of the blocks."""
    block, size = gguf.GGML_QUANT_SIZES[type_]
    stored = random.integers(0, 256, (shape[0] * shape[1] // block, size), dtype=np.uint8)
    for i, at in enumerate(HALVES.get(type_, [])):
        stored[:, at:at + 2] = np.resize(np.roll(scale, i), len(stored)).view(np.uint8).reshape(-1, 2)
    return stored.reshape(shape[0], -1)


def k_quants(random, name, shape):
    """Scales and minima of a size that leaves the numbers around zero, and some hundredths large."""
    type_ = K_TYPES.get(name.split(".")[-2], Q.Q4_K)
    if type_ == Q.Q6_K:
        return type_, random_blocks(random, shape, type_, np.array([8e-5, -6e-5, 9e-5], np.float16))
    # d · scale · q - m · minimum, with scales and minima of 6 bits
    stored = random_blocks(random, shape, type_, np.array([3e-4], np.float16))
    high = 7.5 if type_ == Q.Q4_K else 15.5
    halves = stored.reshape(-1, gguf.GGML_QUANT_SIZES[type_][1])
    halves[:, 2:4] = np.array([3e-4 * high], np.float16).view(np.uint8)
    return type_, stored


def make(name):
    for seed in range(1, 40):
        result = make_with(name, seed)
        if result.pop("gap") > 2e-3 and len(set(result["greedy"])) > 4:
            return result


def make_with(name, seed):
    architecture, kind, fields, qtype, pre = MODELS[name]
    config = transformers.AutoConfig.for_model(kind, **fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
    ids = ids_of("inputs", 2, 20) * 4 % VOCAB
    stir(model, seed)
    path = HERE / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    write_metadata(writer, architecture, config, pre, rope_factors(model, config))
    state, random = model.state_dict(), np.random.default_rng(seed)
    tied = config.tie_word_embeddings
    for key, value in state.items():
        if key == "lm_head.weight" and tied:
            continue
        there, back = layouts(key, architecture, config)
        numbers = there(value.numpy().astype(np.float32))
        type_ = qtype if numbers.ndim == 2 else Q.F32
        if type_ == Q.Q4_K:
            type_, stored = k_quants(random, gguf_name(key, architecture), numbers.shape)
        else:
            stored = quantize(np.ascontiguousarray(numbers), type_)
        writer.add_tensor(gguf_name(key, architecture), stored, raw_dtype=type_)
        state[key] = torch.from_numpy(np.array(back(dequantize(stored, type_)), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if tied:
        state["lm_head.weight"] = state["transformer.wte.weight" if kind == "gpt2" else "model.embed_tokens.weight"]
    model.load_state_dict(state)
    with torch.no_grad():
        logits = model(ids).logits
    greedy, gap = write_greedily(model, ids[:1, :8])
    print(name, path.stat().st_size, "bytes, smallest gap", gap)
    if name in READ_BY_TRANSFORMERS:
        other = transformers.AutoModelForCausalLM.from_pretrained(
            HERE, gguf_file=path.name, config=config, attn_implementation="eager", dtype=torch.float32)
        with torch.no_grad():
            print("  transformers differs by", float((other.eval()(ids).logits - logits).abs().max()))
    return {"inputs": ids.tolist(), "logits": pack(logits[:, 9::10]), "greedy": greedy, "gap": gap}


TEXTS = ["the rain in the inn", " on  a thing\n\nre 1234 é", "<s>he</s> the<user> there,\tzoo 北"]


def tokens_of(name):
    """Of Llama's and Mistral's SentencePiece, transformers 5 puts no space before a text with one; of Phi-3's it does."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(HERE, gguf_file=f"{name}.gguf")
    return [tokenizer(text).input_ids for text in TEXTS]


def make_types():
    """Two rows of random blocks of each type that opens, and their numbers."""
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
    numbers = {}
    for type_ in (Q.F32, Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q4_K, Q.Q5_K, Q.Q6_K):
        block, size = gguf.GGML_QUANT_SIZES[type_]
        columns = max(block, 64)
        stored = random_blocks(random, (2, columns), type_, np.array([0.0123, -0.00257, 1.5e-6, 0.4], np.float16))
        if type_ in (Q.F32, Q.F16, Q.BF16):
            stored = quantize(random.standard_normal((2, columns), np.float32), type_)
        writer.add_tensor(type_.name, stored, raw_dtype=type_)
        numbers[type_.name] = pack(torch.from_numpy(np.ascontiguousarray(dequantize(stored, type_), np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return numbers


if __name__ == "__main__":
    names = sys.argv[1:] or list(MODELS)
    models = {name: make(name) for name in names}
    tokens = {}
    for name in [name for name in names if name in {"llama3", "qwen2", "gpt2", "gemma2", "phi3"}]:
        tokens[name] = tokens_of(name)
    if len(sys.argv) == 1:
        (HERE / "expected.json").write_text(json.dumps(
            {"texts": TEXTS, "types": make_types(), "models": models, "tokens": tokens}))
