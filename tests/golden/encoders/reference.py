"""Golden values of small encoders, computed by Hugging Face's transformers (5.18, PyTorch) in float64.

    python tests/golden/encoders/reference.py [NAME of a classifier] && deno fmt tests/golden/encoders
    python tests/golden/encoders/reference.py check KIND/NAME FOLDER ...

The second form opens folders that Folio saved from the values of NAME and compares what they compute.

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
from pretrained_reference import gradients, ids_of, pack, unpack, weight  # noqa: E402

SIZES = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 80}
BERT = SIZES | {"max_position_embeddings": 16, "attn_implementation": "eager"}
LABELS = {0: "entailment", 1: "neutral", 2: "contradiction"}

CONFIGS = {
    "roberta": t.RobertaConfig(**BERT | {"max_position_embeddings": 18, "layer_norm_eps": 1e-5, "type_vocab_size": 1}),
    "xlm_roberta": t.XLMRobertaConfig(**BERT | {"max_position_embeddings": 19, "pad_token_id": 2, "type_vocab_size": 1}),
    "mpnet": t.MPNetConfig(**BERT | {"max_position_embeddings": 18}),
    "albert": t.AlbertConfig(**BERT | {"num_hidden_layers": 4, "num_hidden_groups": 2, "embedding_size": 16}),
    "modernbert": t.ModernBertConfig(**BERT | {
        "num_hidden_layers": 4, "attn_implementation": "sdpa", "local_attention": 6, "global_attn_every_n_layers": 3, "classifier_pooling": "mean",
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2,
    }),
}


MASKED = {
    "modernbert": lambda: t.ModernBertConfig(**BERT | {
        "attn_implementation": "sdpa", "classifier_bias": True, "norm_bias": True, "mlp_bias": True,
        "attention_bias": True, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2,
    }),
    "albert": lambda: t.AlbertConfig(**BERT | {"embedding_size": 16}),
    "roberta": lambda: t.RobertaConfig(**BERT | {"max_position_embeddings": 18, "hidden_act": "relu"}),
    "bert": lambda: t.BertConfig(**BERT | {"hidden_act": "relu"}),
    "distilbert": lambda: t.DistilBertConfig(
        vocab_size=61, dim=32, n_layers=2, n_heads=4, hidden_dim=80, max_position_embeddings=16, attn_implementation="eager"
    ),
}
T5 = {"vocab_size": 61, "d_model": 32, "d_kv": 6, "d_ff": 56, "num_heads": 4, "num_layers": 2, "decoder_start_token_id": 0}
BART = {
    "vocab_size": 61, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 80, "decoder_ffn_dim": 80, "max_position_embeddings": 80,
    "forced_eos_token_id": None, "attn_implementation": "eager",
}
TRANSFORMERS = {
    "t5": t.T5Config(**T5, num_decoder_layers=3, relative_attention_num_buckets=8, relative_attention_max_distance=20),
    "flan_t5": t.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "bart": t.BartConfig(**BART, scale_embedding=True),
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
    print(name, "loss", float(output.loss.detach()), output.logits.tolist())
    return {
        "config": saved(model), "shapes": {name: list(parameter.shape) for name, parameter in weights.items()},
        "inputs": ids.tolist(), "types": types.tolist(), "lengths": lengths.tolist(), "labels": labels.tolist(),
        "hidden": pack(hidden.detach()), "logits": pack(output.logits.detach()), "loss": float(output.loss),
        "gradients": gradients(output.loss, weights),
    }


def masked(name, config):
    """The logits of the first token of each row, and the loss of some masked tokens."""
    model, weights = filled(t.AutoModelForMaskedLM.from_config(config))
    ids, mask, lengths = batch(name, config.pad_token_id)
    targets = torch.where(ids % 5 == 0, ids_of(f"{name} targets", 3, 12, 61), -100)
    targets = torch.where(mask.bool(), targets, -100)
    output = model(input_ids=ids, attention_mask=mask, labels=targets)
    print(name, "masked loss", float(output.loss.detach()), int((targets >= 0).sum()))
    return {
        "config": saved(model), "shapes": {name: list(parameter.shape) for name, parameter in weights.items()},
        "inputs": ids.tolist(), "lengths": lengths.tolist(), "targets": targets.tolist(),
        "logits": pack(output.logits.detach()[:, 0]), "loss": float(output.loss.detach()),
        "gradients": gradients(output.loss, weights),
    }


def greedy(model, config, ids, mask):
    """64 tokens by greedy search, which no end token ends, and the smallest gap between the two likeliest."""
    target, gap = torch.full((len(ids), 1), config.decoder_start_token_id), float("inf")
    for _ in range(64):
        top = model(input_ids=ids, attention_mask=mask, decoder_input_ids=target).logits[:, -1].topk(2)
        gap = min(gap, float((top.values[:, 0] - top.values[:, 1]).min()))
        target = torch.cat((target, top.indices[:, :1]), 1)
    return target[:, 1:].tolist(), gap


def filled_transformer(config):
    model = t.AutoModelForSeq2SeqLM.from_config(config)
    if config.model_type == "t5" and not config.scale_decoder_outputs:  # as transformers leaves a file's own head
        model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
    return filled(model)


def encoder_decoder(name, config):
    untied = config.model_type == "t5" and not config.scale_decoder_outputs
    model, weights = filled_transformer(config)
    ids, mask, lengths = batch(name, config.pad_token_id)
    target = 3 + ids_of(f"{name} target", 3, 10, 58)
    next_ids = 3 + ids_of(f"{name} next", 3, 10, 58)
    next_ids[1, 6:] = -100
    output = model(input_ids=ids, attention_mask=mask, decoder_input_ids=target, labels=next_ids)
    content = {
        "config": saved(model) | {"tie_word_embeddings": not untied},
        "shapes": {name: list(parameter.shape) for name, parameter in weights.items()},
        "inputs": ids.tolist(), "lengths": lengths.tolist(), "target": target.tolist(), "next": next_ids.tolist(),
        "encoded": pack(output.encoder_last_hidden_state.detach()), "logits": pack(output.logits.detach()),
        "loss": float(output.loss.detach()), "gradients": gradients(output.loss, weights),
    }
    with torch.no_grad():
        content["greedy"], gap = greedy(model, config, ids, mask)
    print(name, "loss", content["loss"], "smallest gap", gap, [len(set(row)) for row in content["greedy"]])
    return content


ENDS = {"t5": 18, "flan_t5": 6, "bart": 33}
SETTINGS = [
    {"max_length": 20, "min_length": 12, "no_repeat_ngram_size": 2, "eos_token_id": "END"},
    {"max_length": 16, "num_beams": 3, "length_penalty": 0.5, "no_repeat_ngram_size": 2, "eos_token_id": "END"},
    {"max_length": 14, "num_beams": 4, "length_penalty": 2.0, "min_length": 6, "early_stopping": True,
     "no_repeat_ngram_size": 3, "forced_bos_token_id": 7, "forced_eos_token_id": "END", "eos_token_id": "END"},
    {"max_length": 14, "num_beams": 4, "forced_bos_token_id": 7, "forced_eos_token_id": "END", "eos_token_id": "END"},
    {"max_new_tokens": 9, "num_beams": 2, "early_stopping": "never", "repetition_penalty": 1.4, "eos_token_id": "END"},
]


def generated():
    """What `generate` writes with the settings of a generation_config.json, without special tokens around it."""
    content = {}
    for name, end in ENDS.items():
        config = TRANSFORMERS[name]
        model, _ = filled_transformer(config)
        ids, _, lengths = batch(name, config.pad_token_id)
        content[name] = []
        for settings in SETTINGS:
            settings = {key: end if value == "END" else value for key, value in settings.items()}
            own = {"do_sample": False, "use_cache": False} | settings
            start = [config.decoder_start_token_id] + ([own["forced_bos_token_id"]] if "forced_bos_token_id" in own else [])
            texts = []
            for row, length in zip(ids[:2], lengths):
                model.generation_config = t.GenerationConfig(
                    decoder_start_token_id=config.decoder_start_token_id, pad_token_id=config.pad_token_id, **own)
                text = model.generate(row[None, :length])[0].tolist()
                assert text[:len(start)] == start, text
                text = text[len(start):]
                texts.append(text[:text.index(end)] if end in text else text)
            content[name].append({"settings": settings, "targets": texts})
            print(name, settings, texts)
    return content


def buckets():
    """T5's ranges of distances: for encoder and decoder, number of ranges and longest distance."""
    attention = t.models.t5.modeling_t5.T5Attention
    distance = torch.cat((torch.arange(-140, 141), torch.tensor([-9999, -500, -499, -250, 250, 499, 500, 9999])))
    cases = [(both, count, most) for both in (True, False) for count, most in ((32, 128), (8, 20), (32, 500))]
    ranges = [
        [both, count, most, attention._relative_position_bucket(distance, both, count, most).tolist()]
        for both, count, most in cases
    ]
    return {"distances": distance.tolist(), "ranges": ranges}


CLASSES = {
    "encoder": t.AutoModel, "classifier": t.AutoModelForSequenceClassification,
    "masked": t.AutoModelForMaskedLM, "encoder_decoder": t.AutoModelForSeq2SeqLM,
}


def check(kind, name, folder):
    """Asserts that the model in the folder computes the golden values, without a missing or unexpected tensor."""
    golden = json.loads((FOLDER / f"{name}.json").read_text() if (FOLDER / f"{name}.json").exists()
                        else (FOLDER.parent / f"{name}.json").read_text())
    model, info = CLASSES[kind].from_pretrained(folder, dtype=torch.float64, output_loading_info=True)
    missing = [key for key in info["missing_keys"] if "pooler" not in key or kind != "encoder"]
    assert not missing and not info["unexpected_keys"], (missing, info["unexpected_keys"])
    ids, lengths = torch.tensor(golden["inputs"]), torch.tensor(golden["lengths"])
    mask = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
    inputs = {"input_ids": ids, "attention_mask": mask.long()}
    if getattr(model.config, "type_vocab_size", 0) > 1 and "types" in golden:
        inputs["token_type_ids"] = torch.tensor(golden["types"])
    if kind == "encoder_decoder":
        inputs["decoder_input_ids"] = torch.tensor(golden["target"])
    with torch.no_grad():
        output = model.eval()(**inputs)
    if kind == "encoder":
        values, expected = output.last_hidden_state[mask], unpack(golden["hidden"], (*ids.shape, -1))[mask]
    else:
        values = output.logits[:, 0] if kind == "masked" else output.logits
        expected = unpack(golden["logits"], values.shape)
    difference = float((values - expected).abs().max())
    print(f"{name:24} {type(model).__name__:38} largest difference {difference:.1e}")
    assert difference < 1e-5


def write(name, content):
    (FOLDER / f"{name}.json").write_text(json.dumps(content))


def main():
    if sys.argv[1:2] == ["check"]:
        for name, folder in zip(sys.argv[2::2], sys.argv[3::2]):
            check(*name.split("/"), folder)
        return
    for name, config in CONFIGS.items():
        if len(sys.argv) == 1 or name in sys.argv:
            write(name, classifier(name, config))
    if len(sys.argv) > 1:
        return
    for name, config in MASKED.items():
        write(f"{name}_masked", masked(name, config()))
    for name, config in TRANSFORMERS.items():
        write(name, encoder_decoder(name, config))
    write("buckets", buckets())
    write("generated", generated())


if __name__ == "__main__":
    main()
