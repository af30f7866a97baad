"""Adapters that Python's PEFT made, on the small models of pretrained_reference.py, and their logits in float64.

    python3 tests/golden/peft_reference.py && deno fmt tests/golden      writes peft.json, peft_classifiers.json, peft_prompts.json
    python3 tests/golden/peft_reference.py MODEL ADAPTER LOGITS          compares an adapter that Folio saved

Versions: torch 2.13, transformers 5.18, peft 0.21. As for the models' weights, every number of an adapter is a
function of its tensor's name and its index; only the configuration that PEFT wrote, shapes and logits are stored.
The second form opens a model and an adapter that Folio saved; LOGITS is JSON with ids, logits and merged logits,
for a classifier also with lengths and labels, the number of its classes.
"""

import base64
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

FOLDER = pathlib.Path(__file__).parent
M32 = np.uint64(0xFFFFFFFF)

ADAPTERS = {
    "gpt2": dict(r=3, lora_alpha=6, target_modules=["c_attn", "mlp.c_proj"], bias="lora_only"),
    "gpt_neo": dict(r=2, lora_alpha=5, use_rslora=True),
    "llama": dict(r=2, lora_alpha=8, target_modules="all-linear", rank_pattern={"down_proj": 4}),
}

CLASSIFIERS = {
    "bert": dict(r=2, lora_alpha=4, modules_to_save=["pooler"]),
    "distilbert": dict(r=2, lora_alpha=6, target_modules=["q_lin", "v_lin", "ffn.lin1"]),
}

PROMPTS = {
    "gpt2": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "llama": PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
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


def base_model(golden, folder, kind=AutoModelForCausalLM):
    config = dict(golden["config"])
    (folder / "config.json").write_text(json.dumps(config))
    state = {name: weight(name, shape) for name, shape in golden["shapes"].items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return kind.from_pretrained(folder, dtype=torch.float32).eval()


def logits_of(model, batch):
    ids = torch.tensor(batch.get("ids", batch.get("inputs")))
    extra = {}
    if "lengths" in batch:
        extra["attention_mask"] = torch.arange(ids.shape[1])[None] < torch.tensor(batch["lengths"])[:, None]
    if model.config.model_type == "bert" and "types" in batch:
        extra["token_type_ids"] = torch.tensor(batch["types"])
    with torch.no_grad():
        return model.double()(ids, **extra).logits.numpy()


def make(name, options, kind=AutoModelForCausalLM, task="CAUSAL_LM"):
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        model = base_model(golden, folder, kind)
        adapted = get_peft_model(model, LoraConfig(task_type=task, **options))
        adapted.save_pretrained(folder / "adapter")
        stored = load_file(folder / "adapter" / "adapter_model.safetensors")
        numbers = {key: weight(key, tensor.shape) for key, tensor in stored.items()}
        save_file(numbers, folder / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = name
        again = PeftModel.from_pretrained(base_model(golden, folder, kind), folder / "adapter").eval()
        logits = logits_of(again, golden)
        merged = logits_of(again.merge_and_unload(), golden)
        assert np.abs(logits - merged).max() < 1e-9
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    return {
        "config": config,
        "shapes": {key: list(tensor.shape) for key, tensor in stored.items()},
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
    }


def make_prompt(name, options):
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        get_peft_model(base_model(golden, folder), options).save_pretrained(folder / "adapter")
        key, shape = "prompt_embeddings", shape_in(folder / "adapter")
        save_file({key: weight(key, shape)}, folder / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})
        config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = name
        again = PeftModel.from_pretrained(base_model(golden, folder), folder / "adapter").eval()
        ids = torch.tensor(golden["inputs"])[:, :12]
        with torch.no_grad():
            logits = again.double()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -12:].numpy()
    return {
        "config": config,
        "shape": list(shape),
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
    }


def shape_in(folder):
    (tensor,) = load_file(folder / "adapter_model.safetensors").values()
    return tensor.shape


def compare(model, adapter, logits):
    expected = json.loads(pathlib.Path(logits).read_text())
    if "labels" in expected:
        base = AutoModelForSequenceClassification.from_pretrained(
            model, num_labels=expected["labels"], dtype=torch.float32, pad_token_id=expected.get("padding")
        )
    else:
        base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base.eval(), adapter).eval()
    own = logits_of(adapted, expected)
    print("largest difference of logits", np.abs(own - np.array(expected["logits"])).max())
    if "merged" not in expected:
        return
    merged = logits_of(adapted.merge_and_unload(), expected)
    print("after merge_and_unload      ", np.abs(merged - np.array(expected["merged"])).max())


if len(sys.argv) > 1:
    compare(*sys.argv[1:])
else:
    causal = {name: make(name, options) for name, options in ADAPTERS.items()}
    (FOLDER / "peft.json").write_text(json.dumps(causal))
    prompts = {name: make_prompt(name, options) for name, options in PROMPTS.items()}
    (FOLDER / "peft_prompts.json").write_text(json.dumps(prompts))
    kind = AutoModelForSequenceClassification
    classifiers = {name: make(name, options, kind, "SEQ_CLS") for name, options in CLASSIFIERS.items()}
    (FOLDER / "peft_classifiers.json").write_text(json.dumps(classifiers))
