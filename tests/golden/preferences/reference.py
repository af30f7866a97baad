"""DPO's loss, rewards and derivatives, and distillation's loss, in float64.

    python3 tests/golden/preferences/reference.py && deno fmt tests/golden      writes expected.json

Versions: torch 2.13, transformers 5.18. The reference model (and the student) is ../families/qwen3, the policy (and
the teacher) the same with every parameter times 1.05 in float32. The loss is TRL 1.13's for loss_type "sigmoid",
-logsigmoid(beta * ((chosen - ref_chosen) - (rejected - ref_rejected))), with log-probabilities summed over the
tokens of a completion, and rewards beta * (policy - reference).
"""

import json
import pathlib

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

FOLDER = pathlib.Path(__file__).parent
BETA = 0.3
TEMPERATURE = 2.0
WEIGHT = 0.7

PAIRS = [
    {"prompt": [3, 14, 15], "chosen": [9, 2, 6, 5, 0], "rejected": [3, 5, 0]},
    {"prompt": [8], "chosen": [9, 7, 0], "rejected": [9, 3, 2, 3, 8, 4, 0]},
    {"prompt": [6, 2, 6, 4, 3], "chosen": [3, 8, 0], "rejected": [3, 2, 0]},
]
IDS = [[2, 7, 1, 8, 2, 8, 1, 8], [1, 4, 1, 4, 2, 1, 3, 5]]
TARGETS = [[7, 1, 8, 2, 8, 1, 8, 2], [-100, -100, 4, 2, 1, 3, 5, -100]]


def load(factor):
    model = AutoModelForCausalLM.from_pretrained(FOLDER.parent / "families" / "qwen3", dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor)
    return model.double().eval()


def log_probability(model, prompt, completion):
    logits = model(torch.tensor([prompt + completion[:-1]])).logits[0, len(prompt) - 1 :]
    return F.log_softmax(logits, -1).gather(-1, torch.tensor(completion)[:, None]).sum()


def preferences(policy, reference):
    of = lambda model, kind: torch.stack([log_probability(model, pair["prompt"], pair[kind]) for pair in PAIRS])
    chosen, rejected = of(policy, "chosen"), of(policy, "rejected")
    with torch.no_grad():
        ref_chosen, ref_rejected = of(reference, "chosen"), of(reference, "rejected")
    delta = (chosen - ref_chosen) - (rejected - ref_rejected)
    loss = -F.logsigmoid(BETA * delta).mean()
    loss.backward()
    return {
        "beta": BETA,
        "pairs": PAIRS,
        "chosen": chosen.tolist(),
        "rejected": rejected.tolist(),
        "reference_chosen": ref_chosen.tolist(),
        "reference_rejected": ref_rejected.tolist(),
        "chosen_rewards": (BETA * (chosen - ref_chosen)).tolist(),
        "rejected_rewards": (BETA * (rejected - ref_rejected)).tolist(),
        "loss": loss.item(),
        "norm_gradient": policy.model.norm.weight.grad.tolist(),
        "gradient_norm": sum(p.grad.square().sum() for p in policy.parameters()).sqrt().item(),
    }


def distillation(student, teacher):
    ids, targets = torch.tensor(IDS), torch.tensor(TARGETS)
    counts = targets.flatten() != -100
    logits = student(ids).logits.flatten(0, 1)
    with torch.no_grad():
        aims = teacher(ids).logits.flatten(0, 1)
    own = F.cross_entropy(logits[counts], targets.flatten()[counts])
    soft = F.kl_div(
        F.log_softmax(logits[counts] / TEMPERATURE, -1),
        F.log_softmax(aims[counts] / TEMPERATURE, -1),
        log_target=True,
        reduction="batchmean",
    )
    loss = (1 - WEIGHT) * own + WEIGHT * TEMPERATURE**2 * soft
    loss.backward()
    return {
        "temperature": TEMPERATURE,
        "weight": WEIGHT,
        "ids": IDS,
        "targets": TARGETS,
        "cross_entropy": own.item(),
        "divergence": soft.item(),
        "loss": loss.item(),
        "norm_gradient": student.model.norm.weight.grad.tolist(),
        "gradient_norm": sum(p.grad.square().sum() for p in student.parameters()).sqrt().item(),
    }


expected = {
    "preferences": preferences(load(1.05), load(1)),
    "distillation": distillation(load(1), load(1.05)),
}
(FOLDER / "expected.json").write_text(json.dumps(expected))
