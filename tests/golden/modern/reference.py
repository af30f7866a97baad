"""Numbers of PyTorch for the options of GPT and for Muon: see README.md beside this file."""
import json
import math
import torch
import torch.nn.functional as F

torch.manual_seed(0)
V, T, C, H, HIDDEN, L, CAP = 13, 6, 16, 2, 64, 2, 5.0
D = C // H


def wave(shape, index, scale):
    """scale·sin(1.7·i + 0.3·index) for each element i, as the test computes it, too."""
    n = math.prod(shape)
    values = [scale * math.sin(1.7 * i + 0.3 * index) for i in range(n)]
    return torch.tensor(values, dtype=torch.float64).float().view(shape)


def model():
    names = {"transformer.wte.weight": (V, C), "transformer.wve.1.weight": (V, C)}
    for i in range(L):
        at = f"transformer.h.{i}"
        names |= {f"{at}.attn.c_attn.weight": (C, 3 * C), f"{at}.attn.c_proj.weight": (C, C)}
        names |= {f"{at}.mlp.c_fc.weight": (C, HIDDEN), f"{at}.mlp.c_proj.weight": (HIDDEN, C)}
    names["lm_head.weight"] = (V, C)
    return {n: wave(s, i, 0.4).requires_grad_() for i, (n, s) in enumerate(names.items())}


def rms(x):
    return F.rms_norm(x, (x.shape[-1],), eps=1e-5)


def rotate(x):
    half = D // 2
    angle = torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


def logits(p, ids):
    x = p["transformer.wte.weight"][ids]
    heads = lambda rows: rows.view(*rows.shape[:2], H, D).transpose(1, 2)
    for i in range(L):
        at = f"transformer.h.{i}"
        q, k, v = (rms(x) @ p[f"{at}.attn.c_attn.weight"]).split(C, -1)
        if i == 1:
            v = v + p["transformer.wve.1.weight"][ids]
        q, k = rotate(rms(heads(q))), rotate(rms(heads(k)))
        y = F.scaled_dot_product_attention(q, k, heads(v), is_causal=True)
        x = x + y.transpose(1, 2).reshape(x.shape) @ p[f"{at}.attn.c_proj.weight"]
        inner = F.relu(rms(x) @ p[f"{at}.mlp.c_fc.weight"]).square()
        x = x + inner @ p[f"{at}.mlp.c_proj.weight"]
    return CAP * torch.tanh(rms(x) @ p["lm_head.weight"].T / CAP)


def digits(values):
    return [float(f"{value:.7g}") for value in values]


p = model()
ids = torch.arange(2 * T).view(2, T) * 5 % V
targets = (ids + 3) % V
out = logits(p, ids)
loss = F.cross_entropy(out.view(-1, V), targets.view(-1))
loss.backward()
along = {n: (t.grad.flatten() @ torch.cos(0.9 * torch.arange(t.numel()))).item() for n, t in p.items()}
result = {
    "logits": digits(out.flatten().tolist()),
    "loss": loss.item(),
    "gradients": {n: digits([t.grad.norm().item(), along[n]]) for n, t in p.items()},
}
json.dump(result, open("tests/golden/modern/gpt.json", "w"), indent=1)


JORDAN = [(3.4445, -4.7750, 2.0315)] * 5
# Amsel et al., arXiv 2505.16932, algorithm 1: each divided for singular values up to 1.01.
POLAR_EXPRESS = [
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
]
POLAR_EXPRESS = [(a / 1.01, b / 1.01**3, c / 1.01**5) for a, b, c in POLAR_EXPRESS]


def orthogonal(update, quintics):
    """torch.optim.Muon's quintic iteration, in float32 instead of bfloat16."""
    x = update.T if update.shape[0] > update.shape[1] else update
    x = x / x.norm().clamp(min=1e-7)
    for a, b, c in quintics:
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if update.shape[0] > update.shape[1] else x


SHAPES = [(6, 10), (10, 6), (8, 8), (20, 37)]
RATES, MOMENTUM, DECAY = [0.02, 0.05, 0.01], 0.9, 0.1


def muon(quintics):
    parameters = [wave(shape, i, 1.0) for i, shape in enumerate(SHAPES)]
    buffers = [torch.zeros(shape) for shape in SHAPES]
    for step, rate in enumerate(RATES):
        for i, (w, m) in enumerate(zip(parameters, buffers)):
            # Two waves of different lengths, so that no gradient is of rank 2.
            g = wave(w.shape, 10 * step + i, 1.0) * wave(w.shape, i, 3.0).sin().exp()
            m.lerp_(g, 1 - MOMENTUM)
            update = g.lerp(m, MOMENTUM)
            # Folio's matrices are [inputs, outputs], PyTorch's [outputs, inputs].
            scale = max(1, w.shape[1] / w.shape[0]) ** 0.5
            w.mul_(1 - rate * DECAY).add_(orthogonal(update, quintics), alpha=-rate * scale)
    return [digits(w.flatten().tolist()) for w in parameters]


result = {"parameters": muon(JORDAN), "polarExpress": muon(POLAR_EXPRESS)}
json.dump(result, open("tests/golden/modern/muon.json", "w"), separators=(",", ":"))

# An average of weights: AveragedModel with the mean of the first steps, then an exponential one.
model = torch.nn.Linear(3, 2)
with torch.no_grad():
    model.weight.copy_(wave((2, 3), 0, 1.0))
    model.bias.copy_(wave((2,), 1, 1.0))
AVERAGE = 0.75
mean = torch.optim.swa_utils.AveragedModel(
    model, avg_fn=lambda old, new, n: old + (new - old) * max(1 - AVERAGE, 1 / (n.item() + 1))
)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0)
steps = []
for step in range(7):
    model.weight.grad = wave((2, 3), step, 1.0)
    model.bias.grad = wave((2,), step + 1, 1.0)
    optimizer.step()
    mean.update_parameters(model)
    both = [*mean.module.weight.flatten().tolist(), *mean.module.bias.tolist()]
    steps.append(digits(both))
result = {"decay": AVERAGE, "averages": steps, "last": digits([*model.weight.flatten().tolist(), *model.bias.tolist()])}
json.dump(result, open("tests/golden/modern/average.json", "w"), separators=(",", ":"))
