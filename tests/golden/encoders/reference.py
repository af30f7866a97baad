"""Golden values of small encoders, computed by Hugging Face's transformers (5.18, PyTorch) in float64.

    python tests/golden/encoders/reference.py && deno fmt tests/golden/encoders

Weights are not stored: each number is a function of its tensor's name and its index, as in
../pretrained_reference.py. Configurations are written as transformers saves them.
"""

import json
import pathlib
import sys

import torch
import transformers as t

FOLDER = pathlib.Path(__file__).parent
sys.path.append(str(FOLDER.parent))
from pretrained_reference import gradients, ids_of, pack, weight  # noqa: E402

SIZES = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 80}
BERT = SIZES | {"max_position_embeddings": 16, "attn_implementation": "eager"}
LABELS = {0: "entailment", 1: "neutral", 2: "contradiction"}

CONFIGS = {
    "roberta": t.RobertaConfig(**BERT | {"max_position_embeddings": 18, "layer_norm_eps": 1e-5, "type_vocab_size": 1}),
    "xlm_roberta": t.XLMRobertaConfig(**BERT | {"max_position_embeddings": 19, "pad_token_id": 2, "type_vocab_size": 1}),
    "albert": t.AlbertConfig(**BERT | {"num_hidden_layers": 4, "num_hidden_groups": 2, "embedding_size": 16}),
    "modernbert": t.ModernBertConfig(**BERT | {
        "num_hidden_layers": 4, "attn_implementation": "sdpa", "local_attention": 6, "global_attn_every_n_layers": 3, "classifier_pooling": "mean",
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2,
    }),
}
EXISTING = {
    "bert": t.BertConfig(**BERT),
    "distilbert": t.DistilBertConfig(
        vocab_size=61, dim=32, n_layers=2, n_heads=4, hidden_dim=80, max_position_embeddings=16, attn_implementation="eager"
    ),
}


def filled(model):
    """The model in float64, and its parameters by the names that its file has."""
    model = model.double().eval()
    weights = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(name, tuple(parameter.shape)))
            weights[name] = parameter
    return model, weights


def saved(model):
    return json.loads(model.config.to_json_string(use_diff=False)) | {"architectures": [type(model).__name__]}


def batch(name, pad):
    """Three sequences of 12, 5 and 1 tokens; no token inside them is the padding's."""
    lengths = torch.tensor([12, 5, 1])
    mask = torch.arange(12)[None, :] < lengths[:, None]
    ids = 3 + ids_of(f"{name} inputs", 3, 12, 58)
    return torch.where(mask, ids, pad), mask.long(), lengths


def classifier(name, config):
    config.id2label = LABELS
    model, weights = filled(t.AutoModelForSequenceClassification.from_config(config))
    ids, mask, lengths = batch(name, config.pad_token_id)
    labels = torch.tensor([0, 1, 2])
    inputs = {"input_ids": ids, "attention_mask": mask}
    types = torch.zeros_like(ids)
    if getattr(config, "type_vocab_size", 0) > 1:
        types = (torch.arange(12)[None, :] >= torch.tensor([[6], [3], [1]])).long() * mask
        inputs["token_type_ids"] = types
    hidden = model.base_model(**inputs).last_hidden_state
    output = model(**inputs, labels=labels)
    print(name, "loss", float(output.loss), output.logits.tolist())
    return {
        "config": saved(model), "shapes": {name: list(parameter.shape) for name, parameter in weights.items()},
        "inputs": ids.tolist(), "types": types.tolist(), "lengths": lengths.tolist(), "labels": labels.tolist(),
        "hidden": pack(hidden.detach()), "logits": pack(output.logits.detach()), "loss": float(output.loss),
        "gradients": gradients(output.loss, weights),
    }


def write(name, content):
    (FOLDER / f"{name}.json").write_text(json.dumps(content))


def main():
    for name, config in CONFIGS.items():
        write(name, classifier(name, config))


if __name__ == "__main__":
    main()
