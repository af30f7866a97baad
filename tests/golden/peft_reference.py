"""Adapters that Python's PEFT made, on the small models of pretrained_reference.py, and their logits in float64.

    python3 tests/golden/peft_reference.py && deno fmt tests/golden      writes peft.json
    python3 tests/golden/peft_reference.py MODEL ADAPTER LOGITS          compares an adapter that Folio saved

Versions: torch 2.13, transformers 5.18, peft 0.21. As for the models' weights, every number of an adapter is a
function of its tensor's name and its index; only the configuration that PEFT wrote, shapes and logits are stored.
The second form opens a model and an adapter that Folio saved; LOGITS is JSON with ids, logits and merged logits.
"""

import base64
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

FOLDER = pathlib.Path(__file__).parent
M32 = np.uint64(0xFFFFFFFF)

ADAPTERS = {
    "gpt2": dict(r=3, lora_alpha=6, target_modules=["c_attn", "mlp.c_proj"], bias="lora_only"),
    "gpt_neo": dict(r=2, lora_alpha=5, use_rslora=True),
    "llama": dict(r=2, lora_alpha=8, target_modules="all-linear", rank_pattern={"down_proj": 4}),
}


def uniform(name, count):
    """As in pretrained_reference.py."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    x = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(h)) & M32
    x = (x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B) & M32
    x = (x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35) & M32
    return ((x ^ (x >> np.uint64(16))) >> np.uint64(24)).astype(np.float64) / 256 - 0.5


def weight(name, shape):
    values = uniform(name, int(np.prod(shape))).reshape(tuple(shape))
    norm = "ln_" in name or "norm" in name.lower()
    if norm and name.endswith("weight"):
        values = 1 + np.floor(64 * values) / 64
    return torch.tensor(values, dtype=torch.float32)


def base_model(golden, folder):
    config = dict(golden["config"])
    (folder / "config.json").write_text(json.dumps(config))
    state = {name: weight(name, shape) for name, shape in golden["shapes"].items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits_of(model, ids):
    with torch.no_grad():
        return model.double()(torch.tensor(ids)).logits.numpy()


def make(name):
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        model = base_model(golden, folder)
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **ADAPTERS[name]))
        adapted.save_pretrained(folder / "adapter")
        stored = load_file(folder / "adapter" / "adapter_model.safetensors")
        numbers = {key: weight(key, tensor.shape) for key, tensor in stored.items()}
        save_file(numbers, folder / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = name
        again = PeftModel.from_pretrained(base_model(golden, folder), folder / "adapter").eval()
        logits = logits_of(again, golden["inputs"])
        merged = logits_of(again.merge_and_unload(), golden["inputs"])
        assert np.abs(logits - merged).max() < 1e-9
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    return {
        "config": config,
        "shapes": {key: list(tensor.shape) for key, tensor in stored.items()},
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
    }


def compare(model, adapter, logits):
    expected = json.loads(pathlib.Path(logits).read_text())
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    adapted = PeftModel.from_pretrained(base, adapter).eval()
    own = logits_of(adapted, expected["ids"])
    print("largest difference of logits", np.abs(own - np.array(expected["logits"])).max())
    merged = logits_of(adapted.merge_and_unload(), expected["ids"])
    print("after merge_and_unload      ", np.abs(merged - np.array(expected["merged"])).max())


if len(sys.argv) > 1:
    compare(*sys.argv[1:])
else:
    (FOLDER / "peft.json").write_text(json.dumps({name: make(name) for name in ADAPTERS}))
