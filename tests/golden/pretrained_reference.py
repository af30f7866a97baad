"""Golden values of small models with the names and layouts of Hugging Face, by a plain PyTorch forward pass in float64.

    python3 tests/golden/pretrained_reference.py && deno fmt tests/golden

Weights are not stored: every number is a function of its tensor's name and its index (weight, below), which
tests/support/pretrained_golden.ts computes as well. Arrays are float32 in base64. PyTorch is Debian's python3-torch.

Two of the models are written as ONNX too, with their weights, as transformers.js reads them.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).parent
M32 = np.uint64(0xFFFFFFFF)


def mix(x):
    """A bijection of 32-bit words that leaves no pattern."""
    x = (x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B) & M32
    x = (x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35) & M32
    return x ^ (x >> np.uint64(16))


def name_hash(name):
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def uniform(name, count):
    """Multiples of 2^-8 in [-0.5, 0.5): exact in float32, float16 and bfloat16, as gains from them are."""
    index = np.arange(count, dtype=np.uint64)
    words = mix((index * np.uint64(2654435761) + np.uint64(name_hash(name))) & M32)
    return (words >> np.uint64(24)).astype(np.float64) / 256 - 0.5


def weight(name, shape):
    values = uniform(name, int(np.prod(shape))).reshape(shape)
    norm = "ln_" in name or "norm" in name.lower()
    if norm and name.endswith("weight"):
        values = 1 + np.floor(64 * values) / 64
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def pack(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def unpack(text, shape):
    return torch.tensor(np.frombuffer(base64.b64decode(text), "<f4").astype("<f8")).reshape(shape)


def make(shapes):
    return {name: weight(name, shape) for name, shape in shapes.items()}


def gradients(loss, weights):
    """Of each tensor: the root of its sum of squares, and its product with a fixed direction."""
    loss.backward()
    result = {}
    for name, tensor in weights.items():
        gradient = (tensor.grad if tensor.grad is not None else torch.zeros_like(tensor)).double()
        direction = torch.tensor(uniform("direction", gradient.numel()))
        result[name] = [float(gradient.norm()), float(gradient.flatten() @ direction)]
    return result


def attend(q, k, v, heads, kv_heads, scale, mask):
    """q [B,T,H*D], k and v [B,T,Hkv*D]; mask [.., T, T], True where a query sees a key."""
    batch, time, width = q.shape
    size = width // heads
    split = lambda x, n: x.view(batch, time, n, size).transpose(1, 2)
    q, k, v = split(q, heads), split(k, kv_heads), split(v, kv_heads)
    if kv_heads < heads:
        k, v = (x.repeat_interleave(heads // kv_heads, dim=1) for x in (k, v))
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, time, width)


def causal(time, window=None):
    i, j = torch.arange(time)[:, None], torch.arange(time)[None, :]
    mask = j <= i
    return mask if window is None else mask & (i - j < window)


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


# --- GPT-2 and GPT-Neo ---


def gpt_shapes(c, neo):
    width, hidden, layers = c["width"], 4 * c["width"], c["layers"]
    shapes = {"transformer.wte.weight": (c["vocab"], width), "transformer.wpe.weight": (c["context"], width)}
    turn = lambda i, o: (o, i) if neo else (i, o)
    for n in range(layers):
        at = f"transformer.h.{n}."
        for norm in ("ln_1", "ln_2"):
            shapes |= {at + norm + ".weight": (width,), at + norm + ".bias": (width,)}
        if neo:
            for part in "qkv":
                shapes[at + f"attn.attention.{part}_proj.weight"] = (width, width)
            shapes |= {at + "attn.attention.out_proj.weight": (width, width), at + "attn.attention.out_proj.bias": (width,)}
        else:
            shapes |= {at + "attn.c_attn.weight": (width, 3 * width), at + "attn.c_attn.bias": (3 * width,)}
            shapes |= {at + "attn.c_proj.weight": (width, width), at + "attn.c_proj.bias": (width,)}
        shapes |= {at + "mlp.c_fc.weight": turn(width, hidden), at + "mlp.c_fc.bias": (hidden,)}
        shapes |= {at + "mlp.c_proj.weight": turn(hidden, width), at + "mlp.c_proj.bias": (width,)}
    return shapes | {"transformer.ln_f.weight": (width,), "transformer.ln_f.bias": (width,)}


def gpt_forward(w, c, ids, neo):
    width, heads, time = c["width"], c["heads"], ids.shape[1]
    norm = lambda x, name: F.layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"], 1e-5)
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][:time]
    for n in range(c["layers"]):
        at = f"transformer.h.{n}."
        y = norm(x, at + "ln_1")
        if neo:
            q, k, v = (F.linear(y, w[at + f"attn.attention.{part}_proj.weight"]) for part in "qkv")
            window = c["window"] if n % 2 == 1 else None
            y = attend(q, k, v, heads, heads, 1.0, causal(time, window))
            y = F.linear(y, w[at + "attn.attention.out_proj.weight"], w[at + "attn.attention.out_proj.bias"])
        else:
            q, k, v = (y @ w[at + "attn.c_attn.weight"] + w[at + "attn.c_attn.bias"]).split(width, -1)
            y = attend(q, k, v, heads, heads, (width // heads) ** -0.5, causal(time))
            y = y @ w[at + "attn.c_proj.weight"] + w[at + "attn.c_proj.bias"]
        x = x + y
        y = norm(x, at + "ln_2")
        up, down = w[at + "mlp.c_fc.weight"], w[at + "mlp.c_proj.weight"]
        if neo:
            up, down = up.T, down.T
        x = x + gelu_new(y @ up + w[at + "mlp.c_fc.bias"]) @ down + w[at + "mlp.c_proj.bias"]
    return norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T


# --- Llama ---


def llama_shapes(c):
    width, hidden, size = c["width"], c["hidden"], c["width"] // c["heads"]
    shapes = {"model.embed_tokens.weight": (c["vocab"], width)}
    for n in range(c["layers"]):
        at = f"model.layers.{n}."
        shapes |= {at + "self_attn.q_proj.weight": (width, width), at + "self_attn.o_proj.weight": (width, width)}
        for part in "kv":
            shapes[at + f"self_attn.{part}_proj.weight"] = (c["kv_heads"] * size, width)
        shapes |= {at + f"mlp.{name}_proj.weight": (hidden, width) for name in ("gate", "up")}
        shapes |= {at + "mlp.down_proj.weight": (width, hidden)}
        shapes |= {at + f"{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    shapes["model.norm.weight"] = (width,)
    return shapes if c["tied"] else shapes | {"lm_head.weight": (c["vocab"], width)}


def llama3_frequencies(frequencies, scaling):
    """The frequencies of Llama 3.1 and later: slow ones divided by `factor`, those between blended."""
    result = []
    low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
    high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
    for f in frequencies.tolist():
        length = 2 * math.pi / f
        if length < high:
            result.append(f)
        elif length > low:
            result.append(f / scaling["factor"])
        else:
            blend = (scaling["original_max_position_embeddings"] / length - scaling["low_freq_factor"])
            blend /= scaling["high_freq_factor"] - scaling["low_freq_factor"]
            result.append((1 - blend) * f / scaling["factor"] + blend * f)
    return torch.tensor(result, dtype=torch.float64)


def rotate(x, heads, base, scaling=None):
    batch, time, width = x.shape
    size = width // heads
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    if scaling:
        frequencies = llama3_frequencies(frequencies, scaling)
    angles = torch.arange(time, dtype=torch.float64)[:, None] * frequencies
    cos, sin = (torch.cat((f(angles), f(angles)), -1)[:, None, :] for f in (torch.cos, torch.sin))
    x = x.view(batch, time, heads, size)
    turned = torch.cat((-x[..., size // 2:], x[..., : size // 2]), -1)
    return (x * cos + turned * sin).view(batch, time, width)


def llama_forward(w, c, ids):
    heads, kv_heads = c["heads"], c["kv_heads"]
    norm = lambda x, name: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w[name]
    x = w["model.embed_tokens.weight"][ids]
    for n in range(c["layers"]):
        at = f"model.layers.{n}."
        y = norm(x, at + "input_layernorm.weight")
        q, k, v = (F.linear(y, w[at + f"self_attn.{part}_proj.weight"]) for part in "qkv")
        q, k = (rotate(q, heads, c["base"], c.get("scaling")), rotate(k, kv_heads, c["base"], c.get("scaling")))
        y = attend(q, k, v, heads, kv_heads, (c["width"] // heads) ** -0.5, causal(ids.shape[1]))
        x = x + F.linear(y, w[at + "self_attn.o_proj.weight"])
        y = norm(x, at + "post_attention_layernorm.weight")
        gate, up = (F.linear(y, w[at + f"mlp.{name}_proj.weight"]) for name in ("gate", "up"))
        x = x + F.linear(F.silu(gate) * up, w[at + "mlp.down_proj.weight"])
    return norm(x, "model.norm.weight") @ w["model.embed_tokens.weight" if c["tied"] else "lm_head.weight"].T


# --- BERT and DistilBERT ---


def bert_shapes(c, distil):
    width, hidden = c["width"], c["hidden"]
    linear = lambda name, i, o: {name + ".weight": (o, i), name + ".bias": (o,)}
    norm = lambda name: {name + ".weight": (width,), name + ".bias": (width,)}
    root = "distilbert" if distil else "bert"
    at = root + ".embeddings."
    shapes = {at + "word_embeddings.weight": (c["vocab"], width), at + "position_embeddings.weight": (c["context"], width)}
    if not distil:
        shapes[at + "token_type_embeddings.weight"] = (2, width)
    shapes |= norm(at + "LayerNorm")
    for n in range(c["layers"]):
        names = bert_names(n, distil)
        for part in ("query", "key", "value", "out"):
            shapes |= linear(names[part], width, width)
        shapes |= norm(names["norm1"]) | linear(names["up"], width, hidden) | linear(names["down"], hidden, width)
        shapes |= norm(names["norm2"])
    shapes |= linear("pre_classifier" if distil else "bert.pooler.dense", width, width)
    return shapes | linear("classifier", width, c["labels"])


def bert_names(n, distil):
    if distil:
        at = f"distilbert.transformer.layer.{n}."
        return {"query": at + "attention.q_lin", "key": at + "attention.k_lin", "value": at + "attention.v_lin",
                "out": at + "attention.out_lin", "norm1": at + "sa_layer_norm", "up": at + "ffn.lin1",
                "down": at + "ffn.lin2", "norm2": at + "output_layer_norm"}
    at = f"bert.encoder.layer.{n}."
    return {"query": at + "attention.self.query", "key": at + "attention.self.key", "value": at + "attention.self.value",
            "out": at + "attention.output.dense", "norm1": at + "attention.output.LayerNorm",
            "up": at + "intermediate.dense", "down": at + "output.dense", "norm2": at + "output.LayerNorm"}


def bert_forward(w, c, ids, mask, types, distil):
    width, heads, time = c["width"], c["heads"], ids.shape[1]
    norm = lambda x, name: F.layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"], 1e-12)
    linear = lambda x, name: F.linear(x, w[name + ".weight"], w[name + ".bias"])
    at = ("distilbert" if distil else "bert") + ".embeddings."
    x = w[at + "word_embeddings.weight"][ids] + w[at + "position_embeddings.weight"][:time]
    if not distil:
        x = x + w[at + "token_type_embeddings.weight"][types]
    x = norm(x, at + "LayerNorm")
    for n in range(c["layers"]):
        names = bert_names(n, distil)
        q, k, v = (linear(x, names[part]) for part in ("query", "key", "value"))
        y = attend(q, k, v, heads, heads, (width // heads) ** -0.5, mask[:, None, None, :])
        x = norm(x + linear(y, names["out"]), names["norm1"])
        x = norm(x + linear(F.gelu(linear(x, names["up"])), names["down"]), names["norm2"])
    first = x[:, 0]
    pooled = torch.relu(linear(first, "pre_classifier")) if distil else torch.tanh(linear(first, "bert.pooler.dense"))
    return x, linear(pooled, "classifier")


# --- What is written ---


def ids_of(name, batch, time, vocab):
    return torch.tensor(((uniform(name, batch * time) + 0.5) * vocab).astype(np.int64)).view(batch, time)


def write(name, content):
    (FOLDER / f"{name}.json").write_text(json.dumps(content))


def decoder(name, config, c, shapes, forward):
    weights = make(shapes)
    ids, targets = (ids_of(f"{name} {what}", 2, 24, c["vocab"]) for what in ("inputs", "targets"))
    logits = forward(weights, ids)
    loss = F.cross_entropy(logits.reshape(-1, c["vocab"]), targets.reshape(-1))
    reference = gradients(loss, weights)
    with torch.no_grad():
        text, gap = ids[:1, :8], math.inf
        for _ in range(64):
            top = forward(weights, text)[0, -1].topk(2)
            gap = min(gap, float(top.values[0] - top.values[1]))
            text = torch.cat((text, top.indices[None, :1]), 1)
    print(name, "loss", float(loss), "smallest gap of greedy text", gap, "largest logit", float(logits.abs().max()))
    assert gap > 1e-3
    write(name, {
        "config": config, "shapes": {k: list(v) for k, v in shapes.items()},
        "inputs": ids.tolist(), "targets": targets.tolist(), "logits": pack(logits.detach()), "loss": float(loss),
        "gradients": reference, "greedy": text[0, 8:].tolist(),
    })


def encoder(name, config, c, distil):
    shapes = bert_shapes(c, distil)
    weights = make(shapes)
    ids = ids_of(f"{name} inputs", 3, 12, c["vocab"])
    lengths = torch.tensor([12, 5, 1])
    mask = torch.arange(12)[None, :] < lengths[:, None]
    types = (torch.arange(12)[None, :] >= torch.tensor([[6], [3], [1]])).long() * mask
    labels = torch.tensor([0, 1, c["labels"] - 1])
    ids = ids * mask
    hidden, logits = bert_forward(weights, c, ids, mask, types, distil)
    loss = F.cross_entropy(logits, labels)
    reference = gradients(loss, weights)
    print(name, "loss", float(loss), logits.tolist())
    write(name, {
        "config": config, "shapes": {k: list(v) for k, v in shapes.items()},
        "inputs": ids.tolist(), "types": types.tolist(), "lengths": lengths.tolist(), "labels": labels.tolist(),
        "hidden": pack(hidden.detach()), "logits": pack(logits.detach()), "loss": float(loss), "gradients": reference,
    })


# --- ONNX ---


class Graph(torch.nn.Module):
    """A forward pass over weights, in float32."""

    def __init__(self, shapes, forward):
        super().__init__()
        self.names = list(shapes)
        for n, (name, shape) in enumerate(shapes.items()):
            self.register_parameter(f"w{n}", torch.nn.Parameter(weight(name, shape).detach().float()))
        self.run = forward

    def forward(self, *inputs):
        return self.run({name: getattr(self, f"w{n}") for n, name in enumerate(self.names)}, *inputs)


def export(name, graph, inputs, outputs):
    """inputs: of each name, an example and what its axes are called."""
    axes = {k: {i: axis for i, axis in enumerate(v[1]) if axis} for k, v in (inputs | outputs).items()}
    torch.onnx.export(
        graph, tuple(v[0] for v in inputs.values()), str(FOLDER / f"{name}.onnx"), opset_version=14,
        input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes,
    )


def gpt2_cached(w, c, ids, attention_mask, *past):
    """Logits [B,T,V], then each layer's keys and values [B,H,P+T,D], those of before in front."""
    width, heads, (batch, time) = c["width"], c["heads"], ids.shape
    size = width // heads
    norm = lambda x, name: F.layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"], 1e-5)
    before = past[0].shape[2]
    i, j = torch.arange(time)[:, None] + before, torch.arange(before + time)[None, :]
    mask = (j <= i)[None, None] & attention_mask[:, None, None, :].bool()
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][torch.arange(time) + before]
    present = []
    for n in range(c["layers"]):
        at = f"transformer.h.{n}."
        y = norm(x, at + "ln_1")
        parts = (y @ w[at + "attn.c_attn.weight"] + w[at + "attn.c_attn.bias"]).split(width, -1)
        q, k, v = (part.view(batch, time, heads, size).transpose(1, 2) for part in parts)
        k, v = torch.cat((past[2 * n], k), 2), torch.cat((past[2 * n + 1], v), 2)
        present += [k, v]
        scores = (q @ k.transpose(-1, -2) * size ** -0.5).masked_fill(~mask, -math.inf)
        y = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, time, width)
        x = x + y @ w[at + "attn.c_proj.weight"] + w[at + "attn.c_proj.bias"]
        y = norm(x, at + "ln_2") @ w[at + "mlp.c_fc.weight"] + w[at + "mlp.c_fc.bias"]
        x = x + gelu_new(y) @ w[at + "mlp.c_proj.weight"] + w[at + "mlp.c_proj.bias"]
    return (norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T, *present)


def export_gpt2(c):
    graph = Graph(gpt_shapes(c, False), lambda w, *inputs: gpt2_cached(w, c, *inputs))
    size = c["width"] // c["heads"]
    cache = lambda length: torch.zeros(1, c["heads"], length, size)
    names = [f"{n}.{part}" for n in range(c["layers"]) for part in ("key", "value")]
    kept = {f"past_key_values.{name}": (cache(2), ("batch", None, "past")) for name in names}
    made = {f"present.{name}": (cache(5), ("batch", None, "all")) for name in names}
    ids = torch.ones(1, 3, dtype=torch.long)
    export("gpt2", graph, {
        "input_ids": (ids, ("batch", "time")),
        "attention_mask": (torch.ones(1, 5, dtype=torch.long), ("batch", "all")),
    } | kept, {"logits": (None, ("batch", "time"))} | made)


def export_distilbert(c):
    run = lambda w, ids, mask: bert_forward(w, c, ids, mask.bool(), None, True)[1]
    ids = torch.ones(2, 3, dtype=torch.long)
    export("distilbert", Graph(bert_shapes(c, True), run), {
        "input_ids": (ids, ("batch", "time")),
        "attention_mask": (ids, ("batch", "time")),
    }, {"logits": (None, ("batch",))})


def main():
    c = {"vocab": 61, "context": 80, "width": 32, "layers": 2, "heads": 4}
    decoder("gpt2", {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 61, "n_positions": 80, "n_ctx": 80,
        "n_embd": 32, "n_layer": 2, "n_head": 4, "resid_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0,
    }, c, gpt_shapes(c, False), lambda w, ids: gpt_forward(w, c, ids, False))
    export_gpt2(c)

    n = c | {"layers": 4, "window": 5}
    decoder("gpt_neo", {
        "model_type": "gpt_neo", "architectures": ["GPTNeoForCausalLM"], "vocab_size": 61, "max_position_embeddings": 80,
        "hidden_size": 32, "num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]],
        "window_size": 5, "bos_token_id": 0, "eos_token_id": 0,
    }, n, gpt_shapes(n, True), lambda w, ids: gpt_forward(w, n, ids, True))

    base = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 61, "max_position_embeddings": 80,
            "hidden_size": 32, "intermediate_size": 56, "num_attention_heads": 4, "rms_norm_eps": 1e-6,
            "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2}
    l = c | {"layers": 3, "hidden": 56, "kv_heads": 2, "tied": False, "base": 10000.0}
    decoder("llama", base | {
        "num_hidden_layers": 3, "num_key_value_heads": 2, "tie_word_embeddings": False, "rope_theta": 10000.0,
    }, l, llama_shapes(l), lambda w, ids: llama_forward(w, l, ids))

    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64}
    t = c | {"hidden": 56, "kv_heads": 1, "tied": True, "base": 500000.0, "scaling": scaling}
    decoder("llama_tied", base | {
        "num_hidden_layers": 2, "num_key_value_heads": 1, "tie_word_embeddings": True, "rope_theta": 500000.0,
        "rope_scaling": scaling,
    }, t, llama_shapes(t), lambda w, ids: llama_forward(w, t, ids))

    e = {"vocab": 61, "context": 16, "width": 32, "layers": 2, "heads": 4, "hidden": 80, "labels": 3}
    encoder("bert", {
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 61, "hidden_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 80, "hidden_act": "gelu",
        "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
        "id2label": {"0": "entailment", "1": "neutral", "2": "contradiction"},
    }, e, False)
    d = e | {"labels": 2}
    encoder("distilbert", {
        "model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"], "vocab_size": 61, "dim": 32,
        "n_layers": 2, "n_heads": 4, "hidden_dim": 80, "activation": "gelu", "max_position_embeddings": 16,
        "pad_token_id": 0, "id2label": {"0": "NEGATIVE", "1": "POSITIVE"},
    }, d, True)
    export_distilbert(d)


if __name__ == "__main__":
    main()
