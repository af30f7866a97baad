"""Tiny models of published families with random weights, and what transformers computes with them.

    python3 reference.py make [NAME ...]      writes NAME/{config.json, model.safetensors, expected.json}
    python3 reference.py check NAME FOLDER    opens FOLDER, a saved model, and compares it with NAME/expected.json

Needs torch and transformers 5.18. Weights are random numbers rounded to 16 bits, computed with in 32.
"""

import json
import math
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from pretrained_reference import gradients, pack, uniform  # noqa: E402

torch.set_num_threads(1)
VOCAB, CONTEXT = 67, 80
SIZES = dict(vocab_size=VOCAB, max_position_embeddings=CONTEXT, hidden_size=32, intermediate_size=48,
             num_hidden_layers=2, num_attention_heads=4, bos_token_id=1, eos_token_id=2, pad_token_id=0)
GEMMA2 = dict(num_key_value_heads=2, head_dim=12, query_pre_attn_scalar=9, sliding_window=7)
GPT = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4)

FAMILIES = {
    "smollm2": ("llama", dict(SIZES, num_key_value_heads=2, tie_word_embeddings=True, rope_theta=100000.0)),
    "mistral": ("mistral", dict(SIZES, num_key_value_heads=2, sliding_window=9, rope_theta=1000000.0)),
    "qwen2": ("qwen2", dict(SIZES, num_key_value_heads=2, use_sliding_window=True, max_window_layers=1,
                            sliding_window=7)),
    "qwen3": ("qwen3", dict(SIZES, num_key_value_heads=2, head_dim=12, rope_theta=1000000.0, use_sliding_window=True,
                            max_window_layers=1, sliding_window=9)),
    "smollm3": ("smollm3", dict(SIZES, num_key_value_heads=2, no_rope_layer_interval=2, attention_bias=True)),
    "gemma": ("gemma", dict(SIZES, num_key_value_heads=1, head_dim=12)),
    "gemma2": ("gemma2", dict(SIZES, **GEMMA2, attn_logit_softcapping=3.0, final_logit_softcapping=4.0)),
    "gemma3": ("gemma3_text", dict(SIZES, **GEMMA2, num_hidden_layers=3, sliding_window_pattern=3,
                                   rope_scaling={"rope_type": "linear", "factor": 4.0})),
    "phi": ("phi", dict(SIZES, partial_rotary_factor=0.5, num_key_value_heads=4)),
    "phi3": ("phi3", dict(SIZES, num_key_value_heads=2, sliding_window=9, resid_pdrop=0.1)),
    "phi3_longrope": ("phi3", dict(SIZES, max_position_embeddings=4 * CONTEXT, rope_scaling={
        "type": "longrope", "short_factor": [1.0, 1.25, 1.5, 2.0], "long_factor": [1.0, 3.0, 5.0, 9.0]},
        original_max_position_embeddings=CONTEXT)),
    "yarn": ("qwen2", dict(SIZES, num_key_value_heads=2, rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": CONTEXT // 4})),
    "gpt_neox": ("gpt_neox", dict(SIZES, rotary_pct=0.25)),
    "gpt_neox_sequential": ("gpt_neox", dict(SIZES, rotary_pct=1.0, use_parallel_residual=False)),
    "gptj": ("gptj", dict(GPT, rotary_dim=4, n_inner=48)),
    "opt": ("opt", dict(SIZES, ffn_dim=48, word_embed_proj_dim=32)),
    "persimmon": ("persimmon", dict(SIZES, partial_rotary_factor=0.5)),
    "bloom": ("bloom", dict(vocab_size=VOCAB, hidden_size=36, n_layer=2, n_head=6, seq_length=CONTEXT)),
}


def stir(model, seed):
    """Weights that make every part count: no gain 1, no bias 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            near = 1 if name.endswith("weight") and float(parameter.detach().mean()) > 0.5 else 0
            values = near + 0.2 * values
        else:
            table = 0.08 if model.config.model_type.startswith("gemma") else 0.4
            values = values * (table if "emb" in name or "wte" in name else 0.25)
        parameter.data.copy_(values.half().float())


def ids_of(name, batch, time):
    return torch.tensor(((uniform(name, batch * time) + 0.5) * VOCAB).astype(int)).view(batch, time)


def make(name):
    kind, fields = FAMILIES[name]
    config = transformers.AutoConfig.for_model(kind, **fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().float()
    ids, targets = ids_of("inputs", 2, 20), ids_of("targets", 2, 20)
    for seed in range(40):
        stir(model, seed)
        greedy, gap = write_greedily(model, ids[:1, :8])
        if gap > 2e-3 and len(set(greedy)) > 4:
            break
    folder = HERE / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    logits = model(ids).logits
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), targets.reshape(-1))
    stored = load_file(folder / "model.safetensors")
    save_file({key: value.half() for key, value in stored.items()}, folder / "model.safetensors", {"format": "pt"})
    reference = gradients(loss, dict(model.named_parameters()))
    if "embed_out.weight" in stored:  # GPT-NeoX's head in the file
        reference["embed_out.weight"] = reference.pop("lm_head.weight")
    print(name, "seed", seed, "loss", loss.item(), "smallest gap", gap, "largest logit", logits.abs().max().item())
    (folder / "expected.json").write_text(json.dumps({
        "inputs": ids.tolist(), "targets": targets.tolist(), "logits": pack(logits.detach()), "loss": loss.item(),
        "gradients": reference, "greedy": greedy,
    }))


def write_greedily(model, text):
    """64 tokens, and the smallest distance of the two largest logits on the way."""
    gap, start = math.inf, text.shape[1]
    with torch.no_grad():
        for _ in range(64):
            top = model(text).logits[0, -1].topk(2)
            gap = min(gap, float(top.values[0] - top.values[1]))
            text = torch.cat((text, top.indices[None, :1]), 1)
    return text[0, start:].tolist(), gap


def check(name, folder):
    expected = json.loads((HERE / name / "expected.json").read_text())
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        logits = model.eval()(torch.tensor(expected["inputs"])).logits
    difference = max(abs(float(a) - b) for a, b in zip(logits.flatten(), unpack(expected["logits"])))
    print(name, type(model).__name__, "largest difference", difference)
    assert difference < 1e-5


def unpack(text):
    import base64
    import numpy
    return numpy.frombuffer(base64.b64decode(text), "<f4").tolist()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        for name in sys.argv[2:] or FAMILIES:
            make(name)
    else:
        for name, folder in zip(sys.argv[2::2], sys.argv[3::2]):
            check(name, folder)
