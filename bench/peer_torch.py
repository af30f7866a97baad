"""PyTorch's program for peers.ts, with the same work as peer_folio.ts: one GPT-2, in the style of today.

usage: python peer_torch.py TEXT [--what train|generate|prompt|attention] [--compile] [--layers 4 …]

Attention is F.scaled_dot_product_attention, the update AdamW's fused one. The first 3 steps do not
count; with --compile nor do those in which torch.compile works.
"""
import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

SIZES = dict(layers=4, heads=4, width=128, context=64, batch=12, steps=40, threads=2, vocab=0)
parser = argparse.ArgumentParser()
parser.add_argument("text")
parser.add_argument("--what", default="train")
parser.add_argument("--compile", action="store_true")
for name, default in SIZES.items():
    parser.add_argument(f"--{name}", type=int, default=default)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(1)
text = open(args.text, encoding="utf8").read()
index = {c: i for i, c in enumerate(sorted(set(text)))}
LAYERS, HEADS, WIDTH, CONTEXT = args.layers, args.heads, args.width, args.context
VOCAB = args.vocab or len(index)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, cache, at):
        b, n, _ = x.shape
        parts = self.qkv(self.norm1(x)).split(WIDTH, 2)
        q, k, v = (t.view(b, n, HEADS, WIDTH // HEADS).transpose(1, 2) for t in parts)
        if cache is not None:
            for old, new in zip(cache, (k, v)):
                old[:, :, at : at + n] = new
            k, v = (old[:, :, : at + n] for old in cache)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1)
        x = x + self.proj(y.transpose(1, 2).reshape(b, n, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCAB, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks, self.norm = nn.ModuleList(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, ids, caches=None, at=0):
        x = self.tokens(ids) + self.positions(torch.arange(at, at + ids.shape[1]))
        for i, block in enumerate(self.blocks):
            x = block(x, caches[i] if caches else None, at)
        return self.norm(x if caches is None else x[:, -1:]) @ self.tokens.weight.T


def summary(times):
    times = sorted(times)
    return "min %.2f median %.2f ms" % (1e3 * times[0], 1e3 * times[len(times) // 2])


def train():
    data = torch.tensor([index[c] for c in text])
    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    forward = torch.compile(model) if args.compile else model
    times = []
    for step in range(args.steps):
        start = time.perf_counter()
        at = torch.randint(len(data) - CONTEXT - 1, (args.batch,))[:, None] + torch.arange(CONTEXT)
        loss = F.cross_entropy(forward(data[at]).view(-1, VOCAB), data[at + 1].view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        last = loss.item()
        if step >= 3:
            times.append(time.perf_counter() - start)
    print(f"torch: {summary(times)} a step, loss {last:.3f}")


def caches():
    return [torch.zeros(2, 1, HEADS, CONTEXT, WIDTH // HEADS) for _ in range(LAYERS)]


@torch.no_grad()
def generate():
    model = GPT()
    forward = torch.compile(model, dynamic=True) if args.compile else model
    times = []
    for _ in range(3):
        held, ids, at = caches(), torch.tensor([[1, 2, 3, 4]]), 0
        start = time.perf_counter()
        for _ in range(args.steps):
            logits = forward(ids, held, at)
            at += ids.shape[1]
            ids = logits.argmax(-1)
        times.append((time.perf_counter() - start) / args.steps)
    print("torch generate: %.3f ms a token" % (1e3 * min(times)))


@torch.no_grad()
def prompt():
    model = GPT()
    forward = torch.compile(model) if args.compile else model
    ids = torch.arange(512)[None] % VOCAB
    times = []
    for step in range(args.steps):
        held = caches()
        start = time.perf_counter()
        forward(ids, held, 0).argmax(-1).item()
        if step >= 1:
            times.append(time.perf_counter() - start)
    print(f"torch: {summary(times)} a prompt")


def attention():
    qkv = torch.randn(1, CONTEXT, 3 * WIDTH, requires_grad=True)

    def loss(qkv):
        parts = qkv.split(WIDTH, 2)
        heads = (t.view(1, CONTEXT, HEADS, WIDTH // HEADS).transpose(1, 2) for t in parts)
        return F.scaled_dot_product_attention(*heads, is_causal=True).sum()

    forward = torch.compile(loss) if args.compile else loss
    times = []
    for step in range(args.steps):
        start = time.perf_counter()
        qkv.grad = None
        forward(qkv).backward()
        if step >= 1:
            times.append(time.perf_counter() - start)
    print(f"torch: {summary(times)} forward and backward")


{"train": train, "generate": generate, "prompt": prompt, "attention": attention}[args.what]()
