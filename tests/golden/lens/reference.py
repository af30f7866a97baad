"""What transformers and plain PyTorch (float64) find at the hook points of two small models, and the analyses of lib/lens.

    python3 tests/golden/lens/reference.py && deno fmt tests/golden/lens

Weights are those of ../gpt2.json and ../llama.json, functions of their names (../pretrained_reference.py). A value at a
point is its norm and its product with a fixed direction, which depend on every element.
"""

import json
import pathlib
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from pretrained_reference import uniform, weight  # noqa: E402

torch.set_default_dtype(torch.float64)
CLEAN, CORRUPTED = [3, 14, 15, 9, 26, 14, 15], [3, 14, 15, 35, 26, 14, 15]
IDS = [CLEAN, [2, 7, 18, 28, 18, 28, 4]]
CORRECT, WRONG = 9, 35
KINDS = {"gpt2": (GPT2Config, GPT2LMHeadModel), "llama": (LlamaConfig, LlamaForCausalLM)}


def fingerprint(name, value):
    flat = value.detach().double().flatten()
    return [float(flat.norm()), float(flat @ torch.tensor(uniform(name, flat.numel())))]


def load(kind):
    golden = json.loads((FOLDER.parent / f"{kind}.json").read_text())
    make_config, make_model = KINDS[kind]
    model = make_model(make_config(**golden["config"], attn_implementation="eager")).double().eval()
    weights = {name: weight(name, shape).detach() for name, shape in golden["shapes"].items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    return model


class Parts:
    """The modules of either kind of model by the same names."""

    def __init__(self, model):
        self.model, self.config = model, model.config
        self.is_gpt2 = hasattr(model, "transformer")
        body = model.transformer if self.is_gpt2 else model.model
        self.embed = body.wte if self.is_gpt2 else body.embed_tokens
        self.blocks = body.h if self.is_gpt2 else body.layers
        self.final = body.ln_f if self.is_gpt2 else body.norm
        self.heads = self.config.num_attention_heads
        self.kv = getattr(self.config, "num_key_value_heads", self.heads)
        self.size = self.config.hidden_size // self.heads
        self.rotary = None if self.is_gpt2 else body.rotary_emb
        self.positions = body.wpe if self.is_gpt2 else None

    def of(self, block):
        if self.is_gpt2:
            return block.ln_1, block.attn, block.attn.c_proj, block.ln_2, block.mlp, block.mlp.c_proj
        return block.input_layernorm, block.self_attn, block.self_attn.o_proj, block.post_attention_layernorm, block.mlp, block.mlp.down_proj

    def output(self, block):
        """W_O of each head, [H,D,C]."""
        projection = self.of(block)[2].weight
        matrix = projection if self.is_gpt2 else projection.T
        return matrix.reshape(self.heads, self.size, -1)

    def split(self, rows, heads):
        return rows.view(*rows.shape[:2], heads, self.size)

    def qkv_weights(self, block):
        """[C,H,D], [C,Hkv,D], [C,Hkv,D]."""
        attention, width = self.of(block)[1], self.config.hidden_size
        if self.is_gpt2:
            matrices = attention.c_attn.weight.split(width, 1)
        else:
            matrices = [m.weight.T for m in (attention.q_proj, attention.k_proj, attention.v_proj)]
        return [m.reshape(width, -1, self.size) for m in matrices]


def capture(parts, ids):
    """Values at the points of one pass, under TransformerLens's names."""
    found, handles = {}, []
    keep = lambda name, index=None: lambda module, args, out: found.__setitem__(name, out if index is None else out[index])
    keep_input = lambda name: lambda module, args: found.__setitem__(name, args[0])
    hook = lambda module, fn: handles.append(module.register_forward_hook(fn))
    hook_input = lambda module, fn: handles.append(module.register_forward_pre_hook(fn))
    hook(parts.embed, keep("hook_embed"))
    for i, block in enumerate(parts.blocks):
        name = f"blocks.{i}."
        ln1, attention, out, ln2, mlp, down = parts.of(block)
        hook_input(block, keep_input(name + "hook_resid_pre"))
        hook(ln1, keep(name + "ln1.hook_normalized"))
        hook(attention, keep(name + "attn.hook_pattern", 1))
        hook_input(out, keep_input(name + "z"))
        hook(out, keep(name + "hook_attn_out"))
        hook_input(ln2, keep_input(name + "hook_resid_mid"))
        hook(ln2, keep(name + "ln2.hook_normalized"))
        if parts.is_gpt2:
            hook(attention.c_attn, keep(name + "qkv"))
            hook(mlp.c_fc, keep(name + "mlp.hook_pre"))
        else:
            for letter in "qkv":
                hook(getattr(attention, f"{letter}_proj"), keep(f"{name}rows_{letter}"))
            hook(mlp.gate_proj, keep(name + "mlp.hook_pre"))
            hook(mlp.up_proj, keep(name + "mlp.hook_pre_linear"))
        hook_input(down, keep_input(name + "mlp.hook_post"))
        hook(down, keep(name + "hook_mlp_out"))
        hook(block, lambda module, args, out, name=name: found.__setitem__(name + "hook_resid_post", out[0] if isinstance(out, tuple) else out))
    hook(parts.final, keep("ln_final.hook_normalized"))
    found["logits"] = parts.model(torch.tensor(ids), output_attentions=True).logits
    for handle in handles:
        handle.remove()
    complete(parts, found, ids)
    return found


def complete(parts, found, ids):
    """The values that no module of transformers returns."""
    time = len(ids[0])
    hidden = torch.ones(time, time).triu(1).bool()
    if parts.positions is not None:
        found["hook_pos_embed"] = parts.positions.weight[:time].expand(len(ids), -1, -1)
    for i, block in enumerate(parts.blocks):
        name = f"blocks.{i}."
        if parts.is_gpt2:
            rows = found.pop(name + "qkv").split(parts.config.hidden_size, 2)
        else:
            rows = [found.pop(f"{name}rows_{letter}") for letter in "qkv"]
        q, k, v = (parts.split(x, heads) for x, heads in zip(rows, (parts.heads, parts.kv, parts.kv)))
        found[name + "attn.hook_q"], found[name + "attn.hook_k"], found[name + "attn.hook_v"] = q, k, v
        if parts.rotary is not None:
            cos, sin = parts.rotary(q, torch.arange(time)[None])
            q, k = (x.transpose(1, 2) for x in apply_rotary_pos_emb(q.transpose(1, 2), k.transpose(1, 2), cos, sin))
            found[name + "attn.hook_rot_q"], found[name + "attn.hook_rot_k"] = q, k
        keys = repeat_kv(k.transpose(1, 2), parts.heads // parts.kv)
        scores = q.transpose(1, 2) @ keys.transpose(2, 3) / parts.size**0.5
        found[name + "attn.hook_attn_scores"] = scores.masked_fill(hidden, 0)  # compared without the hidden keys
        z = parts.split(found.pop(name + "z"), parts.heads)
        found[name + "attn.hook_z"] = z
        found[name + "attn.hook_result"] = torch.einsum("bthd,hdc->bthc", z, parts.output(block))
        norms = [(name + "ln1", name + "hook_resid_pre"), (name + "ln2", name + "hook_resid_mid")]
        if i == len(parts.blocks) - 1:
            norms.append(("ln_final", name + "hook_resid_post"))
        for norm, resid in norms:
            x = found[resid]
            x = x - x.mean(-1, keepdim=True) if parts.is_gpt2 else x
            epsilon = parts.config.layer_norm_epsilon if parts.is_gpt2 else parts.config.rms_norm_eps
            found[f"{norm}.hook_scale"] = (x.square().mean(-1, keepdim=True) + epsilon).sqrt()


def metric(logits):
    return (logits[:, -1, CORRECT] - logits[:, -1, WRONG]).mean()


def run_replaced(parts, module, value_of, ids, output=False):
    """The metric of a pass in which a module's input (or output) is replaced."""
    if output:
        handle = module.register_forward_hook(lambda m, args, out: value_of(out))
    else:
        handle = module.register_forward_pre_hook(lambda m, args: (value_of(args[0]), *args[1:]))
    result = metric(parts.model(torch.tensor(ids)).logits)
    handle.remove()
    return float(result)


def patching(parts):
    clean, corrupted = capture(parts, [CLEAN]), capture(parts, [CORRUPTED])
    ends = [float(metric(run["logits"])) for run in (clean, corrupted)]
    share = lambda m: (m - ends[1]) / (ends[0] - ends[1])
    places, heads = [], []
    for i, block in enumerate(parts.blocks):
        for t in range(len(CLEAN)):
            def at_place(x):
                x = x.clone()
                x[:, t] = clean[f"blocks.{i}.hook_resid_pre"][:, t]
                return x
            places.append(share(run_replaced(parts, block, at_place, [CORRUPTED])))
        for h in range(parts.heads):
            def at_head(x):
                x = parts.split(x, parts.heads).clone()
                x[:, :, h] = clean[f"blocks.{i}.attn.hook_z"][:, :, h]
                return x.flatten(2)
            heads.append(share(run_replaced(parts, parts.of(block)[2], at_head, [CORRUPTED])))
    return {"clean": ends[0], "corrupted": ends[1], "places": places, "heads": heads}


def attribution_patching(parts):
    clean, corrupted = capture(parts, [CLEAN]), capture(parts, [CORRUPTED])
    points = [corrupted[f"blocks.{i}.hook_resid_pre"] for i in range(len(parts.blocks))]
    gradients = torch.autograd.grad(metric(corrupted["logits"]), points)
    difference = float((metric(clean["logits"]) - metric(corrupted["logits"])).detach())
    moved = [clean[f"blocks.{i}.hook_resid_pre"] - x for i, x in enumerate(points)]
    return [float(x) / difference for m, g in zip(moved, gradients) for x in (m * g).sum(-1)[0]]


def ablation(parts):
    zero, mean = [], []
    cache = capture(parts, IDS)
    for i, block in enumerate(parts.blocks):
        average = cache[f"blocks.{i}.attn.hook_z"].mean((0, 1))
        for h in range(parts.heads):
            for scores, value in ((zero, 0), (mean, average[h])):
                def ablated(x):
                    x = parts.split(x, parts.heads).clone()
                    x[:, :, h] = value
                    return x.flatten(2)
                scores.append(run_replaced(parts, parts.of(block)[2], ablated, IDS))
    return {"zero": zero, "mean": mean}


def path_patching(parts):
    """Heads of layer 0 to the logits by the residual stream alone: later attention and feed-forwards as in the corrupted pass."""
    clean, corrupted = capture(parts, [CLEAN]), capture(parts, [CORRUPTED])
    ends = [float(metric(run["logits"])) for run in (clean, corrupted)]
    last = len(parts.blocks) - 1
    moved = clean["blocks.0.attn.hook_result"] - corrupted["blocks.0.attn.hook_result"]
    shares = []
    for h in range(parts.heads):
        stream = corrupted[f"blocks.{last}.hook_resid_post"] + moved[:, :, h]
        m = float(metric(parts.model.lm_head(parts.final(stream))))
        shares.append((m - ends[1]) / (ends[0] - ends[1]))
    return shares


def logit_attribution(parts):
    run = capture(parts, [CLEAN])
    head = parts.model.lm_head.weight
    direction, last = head[CORRECT] - head[WRONG], len(parts.blocks) - 1
    final = run[f"blocks.{last}.hook_resid_post"][0, -1]
    center = (lambda x: x - x.mean(-1, keepdim=True)) if parts.is_gpt2 else (lambda x: x)
    epsilon = parts.config.layer_norm_epsilon if parts.is_gpt2 else parts.config.rms_norm_eps
    scale = (center(final).square().mean() + epsilon).sqrt()
    value = lambda x: float((center(x) / scale * parts.final.weight) @ direction)
    values = {"embed": value(run["hook_embed"][0, -1])}
    if parts.positions is not None:
        values["pos_embed"] = value(run["hook_pos_embed"][0, -1])
    for i in range(last + 1):
        for h in range(parts.heads):
            values[f"{i}.head{h}"] = value(run[f"blocks.{i}.attn.hook_result"][0, -1, h])
        values[f"{i}.mlp"] = value(run[f"blocks.{i}.hook_mlp_out"][0, -1])
    return {"total": float(metric(run["logits"])), "parts": values}


def lens(parts):
    run, last = capture(parts, IDS), len(parts.blocks) - 1
    names = [f"blocks.{i}.hook_resid_pre" for i in range(last + 1)] + [f"blocks.{last}.hook_resid_post"]
    result = {}
    for name in names:
        p = parts.model.lm_head(parts.final(run[name])).softmax(-1)
        best = p.max(-1)
        result[name] = {
            "ids": best.indices.tolist(),
            "probabilities": best.values.tolist(),
            "next": [[float(p[b, t, row[t + 1]]) for t in range(len(row) - 1)] for b, row in enumerate(IDS)],
        }
    return result


def head_scores(parts):
    run, result = capture(parts, IDS), {"previous": [], "duplicate": [], "induction": []}
    copies = lambda row, t: [s for s in range(t) if row[s] == row[t]]
    keys = {
        "previous": lambda row, t: [t - 1] if t else [],
        "duplicate": copies,
        "induction": lambda row, t: [s + 1 for s in copies(row, t)],
    }
    for i in range(len(parts.blocks)):
        pattern = run[f"blocks.{i}.attn.hook_pattern"]
        for kind, of in keys.items():
            places = [(b, t, of(row, t)) for b, row in enumerate(IDS) for t in range(len(row)) if of(row, t)]
            result[kind].append([float(sum(pattern[b, h, t, s].sum() for b, t, s in places) / len(places)) for h in range(parts.heads)])
    return result


def circuits(parts):
    def head(i, h):
        q, k, v = parts.qkv_weights(parts.blocks[i])
        shared = h * parts.kv // parts.heads
        return q[:, h] @ k[:, shared].T, v[:, shared] @ parts.output(parts.blocks[i])[h]
    score = lambda a, b: float((a @ b).norm() / a.norm() / b.norm())
    pairs = [(head(0, a), head(1, b)) for a in range(parts.heads) for b in range(parts.heads)]
    qk, ov = head(1, 2)
    return {
        "qk": fingerprint("qk", qk),
        "ov": fingerprint("ov", ov),
        "singular": torch.linalg.svdvals(ov)[: parts.size].tolist(),
        "query": [score(a[1], b[0]) for a, b in pairs],
        "key": [score(a[1], b[0].T) for a, b in pairs],
        "value": [score(a[1], b[1]) for a, b in pairs],
    }


def steering(parts):
    point = "blocks.1.hook_resid_pre"
    vectors = [capture(parts, [row])[point][0, -1] for row in IDS]
    return fingerprint("steering", vectors[0] - vectors[1])


def probe():
    x = torch.tensor(uniform("probe", 60 * 5)).view(60, 5)
    labels = (x[:, 0] + x[:, 1] * x[:, 2] > 0.1).long() + (x[:, 3] > 0.3).long()
    w, b = torch.zeros(3, 5, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([w, b], max_iter=1000, tolerance_grad=1e-12, line_search_fn="strong_wolfe")
    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ w.T + b, labels) + 0.01 / 2 * w.square().sum()
        loss.backward()
        return loss
    optimizer.step(closure)
    return {"labels": labels.tolist(), "weights": w.detach().flatten().tolist()}


def sparse():
    """Losses and gradients of a sparse autoencoder whose weights are functions of their names."""
    x, result = torch.tensor(uniform("probe", 60 * 5)).view(60, 5), {}
    for kind, k, l1 in (("k", 3, 0.0), ("l1", 0, 0.1)):
        sizes = {"encoder": (5, 12), "bias": (12,), "decoder": (12, 5), "center": (5,)}
        w = {name: torch.tensor(uniform(name, int(torch.tensor(shape).prod()))).view(shape).requires_grad_() for name, shape in sizes.items()}
        f = ((x - w["center"]) @ w["encoder"] + w["bias"]).relu()
        if k:
            f = f * (f >= f.topk(k).values[:, -1:])
        loss = (f @ w["decoder"] + w["center"] - x).square().sum(-1).mean() + l1 * (f * w["decoder"].norm(dim=1)).sum(-1).mean()
        loss.backward()
        result[kind] = {"loss": float(loss.detach()), "gradients": {name: fingerprint(name, t.grad) for name, t in w.items()}}
    return result


def main():
    for kind in KINDS:
        parts = Parts(load(kind))
        with torch.no_grad():
            result = {
                "ids": IDS,
                "study": {"clean": CLEAN, "corrupted": CORRUPTED, "correct": CORRECT, "wrong": WRONG},
                "points": {name: fingerprint(name, value) for name, value in capture(parts, IDS).items()},
                "patching": patching(parts),
                "pathPatching": path_patching(parts),
                "ablation": ablation(parts),
                "attribution": logit_attribution(parts),
                "lens": lens(parts),
                "headScores": head_scores(parts),
                "circuits": circuits(parts),
                "steering": steering(parts),
            }
        result["attributionPatching"] = attribution_patching(parts)
        (FOLDER / f"{kind}.json").write_text(json.dumps(result))
    (FOLDER / "probe.json").write_text(json.dumps({**probe(), "sparse": sparse()}))


main()
