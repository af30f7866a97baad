"""What `transformers` 5 makes of folders with a SentencePiece model and no tokenizer.json.

    python3 tests/golden/sentence_piece_reference.py TEXT > tests/golden/sentence_piece_folders.json

TEXT is a text to train small models from, such as Tiny Shakespeare. The answer has, for each folder, its files, and the
ids that AutoTokenizer gives to lines with special tokens, and the added tokens. Needs `transformers`, `tokenizers`,
`sentencepiece` and `protobuf`.
"""

import base64
import json
import os
import sys
import tempfile

import sentencepiece
from transformers import AutoTokenizer

MORE = ["x = 1234 + 5678", "na\u00efve caf\u00e9 \ufb01ne \u2167 \u00bd", "\u65e5\u672c\u8a9e", "def f(x):\n    return x"]
LINES = [
    "", " ", "Before we proceed any further, hear me speak.", "  two  spaces\t\ttabs \n lines ", "x = 1234 + 5678",
    "na\u00efve caf\u00e9 \ufb01ne \u2167 \u00bd", "\u65e5\u672c\u8a9e \U0001F642\u200d \u0416", "<s>x</s> <unk> <pad>", "a\u2581b",
    "<extra_id_0>and <extra_id_1>", "[INST] who [/INST]", "<mask> <start_of_turn>user\n\n\n", "tell<|im_start|>me [X]",
    "``Caf\u00c9'' (x-y).  [MASK]  [CLS]", "<mask_1>a <mask_2> <unk_2><unk_102> deu_Latn en_XX de_DE", "\uff36\uff21 \u0130I\u0307  ",
]
BYTE_PAIRS = dict(model_type="bpe", vocab_size=380, byte_fallback=True, normalization_rule_name="identity",
                  remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True)
UNIGRAM = dict(model_type="unigram", vocab_size=200, hard_vocab_limit=False)
MODELS = {
    "llama": BYTE_PAIRS,
    "mistral": {**BYTE_PAIRS, "control_symbols": ["[INST]", "[/INST]"]},
    "gemma": {**BYTE_PAIRS, "add_dummy_prefix": False, "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3,
              "eos_piece": "<eos>", "bos_piece": "<bos>",
              "user_defined_symbols": ["<mask>", "<start_of_turn>", "\n", "\n\n", "\u2581\u2581"]},
    "t5": {**UNIGRAM, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "xlmr": UNIGRAM,
    "albert": {**UNIGRAM, "pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "bos_piece": "[CLS]", "eos_piece": "[SEP]",
               "control_symbols": ["[MASK]"], "user_defined_symbols": ["(", ")", "-", "."]},
    "xlnet": {**UNIGRAM, "control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"],
              "user_defined_symbols": ["(", ")", "-", "."]},
    "pegasus": {**UNIGRAM, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "mbart": UNIGRAM,
    "nllb": {"model_type": "bpe", "vocab_size": 300},
}


def added(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, **flags}


LLAMA = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}
# Name: model, its file, tokenizer_config.json, special_tokens_map.json, added_tokens.json.
FOLDERS = {
    "llama": ("llama", "tokenizer.model", {**LLAMA, "unk_token": {"__type": "AddedToken", **added("<unk>", normalized=True)}}),
    "llama with further tokens": ("llama", "tokenizer.model", {**LLAMA, "pad_token": "<pad>", "add_eos_token": True},
                                  {"pad_token": "<pad>", "additional_special_tokens": ["[X]"]},
                                  {"<pad>": 380, "<|im_start|>": 381, "[X]": 382}),
    "llama without a space before": ("gemma", "tokenizer.model", {**LLAMA, "add_prefix_space": False, "bos_token": "<bos>", "eos_token": "<eos>"}),
    "mistral": ("mistral", "tokenizer.model", {**LLAMA, "legacy": True, "pad_token": None}),
    "mistral with a token that has no id": ("mistral", "tokenizer.model", {
        "tokenizer_class": "LlamaTokenizerFast", "pad_token": "[PAD]", "additional_special_tokens": ["<unk>"]}),
    "gemma": ("gemma", "tokenizer.model", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}),
    "gemma that lists its tokens": ("gemma", "tokenizer.model", {
        "tokenizer_class": "GemmaTokenizer", "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"],
        "added_tokens_decoder": {"0": added("<pad>", special=True), "4": added("<mask>", special=False)}},
        {"pad_token": "ignored"}),
    "t5": ("t5", "spiece.model", {"tokenizer_class": "T5Tokenizer", "model_max_length": 512}),
    "t5 with three sentinels": ("t5", "spiece.model", {"tokenizer_class": "T5Tokenizer", "extra_ids": 3}, None, {"[X]": 203}),
    "xlm-roberta": ("xlmr", "sentencepiece.bpe.model", {
        "tokenizer_class": "XLMRobertaTokenizer", "mask_token": {"__type": "AddedToken", **added("<mask>", lstrip=True)}}),
    "camembert": ("xlmr", "sentencepiece.bpe.model", {"tokenizer_class": "CamembertTokenizer", "model_max_length": 512}),
    "camembert with further tokens": ("xlmr", "sentencepiece.bpe.model", {
        "tokenizer_class": "CamembertTokenizer", "additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"]},
        {"mask_token": {"__type": "AddedToken", **added("<mask>", normalized=True)}}, {"[X]": 205}),
    "albert": ("albert", "spiece.model", {"tokenizer_class": "AlbertTokenizer", "model_max_length": 512}),
    "albert with case and accents": ("albert", "spiece.model", {
        "tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True,
        "mask_token": {"__type": "AddedToken", **added("[MASK]", lstrip=True)}}, None, {"[X]": 200}),
    "xlnet": ("xlnet", "spiece.model", {"tokenizer_class": "XLNetTokenizer"}),
    "xlnet with further tokens": ("xlnet", "spiece.model", {
        "tokenizer_class": "XLNetTokenizer", "do_lower_case": True, "additional_special_tokens": ["<eop>", "<eod>", "[X]"]}),
    "pegasus": ("pegasus", "spiece.model", {"tokenizer_class": "PegasusTokenizer"}),
    "pegasus with its tokens": ("pegasus", "spiece.model", {
        "tokenizer_class": "PegasusTokenizer", "mask_token": "<mask_2>", "mask_token_sent": "<mask_1>", "offset": 103,
        "additional_special_tokens": ["<mask_1>", *(f"<unk_{i}>" for i in range(2, 103))]}),
    "pegasus without sentences' mask": ("pegasus", "spiece.model", {
        "tokenizer_class": "PegasusTokenizer", "mask_token": "[MASK]", "mask_token_sent": None, "offset": 5}),
    "mbart": ("mbart", "sentencepiece.bpe.model", {"tokenizer_class": "MBartTokenizer"}),
    "mbart from German": ("mbart", "sentencepiece.bpe.model", {
        "tokenizer_class": "MBartTokenizer", "src_lang": "de_DE", "additional_special_tokens": ["[X]"]}),
    "nllb": ("nllb", "sentencepiece.bpe.model", {
        "tokenizer_class": "NllbTokenizer", "additional_special_tokens": ["eng_Latn", "deu_Latn"]}),
    "nllb from German": ("nllb", "sentencepiece.bpe.model", {
        "tokenizer_class": "NllbTokenizer", "src_lang": "deu_Latn", "legacy_behaviour": True,
        "extra_special_tokens": ["eng_Latn", "deu_Latn"]}, None, {"[X]": 301}),
}


def train(text, folder):
    corpus = f"{folder}/corpus.txt"
    with open(text, encoding="utf-8") as source, open(corpus, "w", encoding="utf-8") as target:
        target.write(source.read()[:100_000] + "\n" + "\n".join(MORE * 20))
    rules = f"{folder}/rules.tsv"
    with open(rules, "w", encoding="utf-8") as target:
        target.write("FB01\t66 69\n2167\t56 49 49 49\nBD\t31 2F 32\nC9\tE9\n41\t61\n9\t20\nA\t20\n3000\t20\n")
    for name, options in MODELS.items():
        rule = {} if "normalization_rule_name" in options else {"normalization_rule_tsv": rules}
        sentencepiece.SentencePieceTrainer.train(
            input=corpus, model_prefix=f"{folder}/{name}", minloglevel=2, num_threads=1, **rule, **options)


def answer(work, model, file, config, special=None, added_tokens=None):
    folder = tempfile.mkdtemp(dir=work)
    with open(f"{work}/{model}.model", "rb") as source:
        content = source.read()
    with open(f"{folder}/{file}", "wb") as target:
        target.write(content)
    files = {"tokenizer_config.json": config, "special_tokens_map.json": special, "added_tokens.json": added_tokens}
    files = {name: value for name, value in files.items() if value is not None}
    for name, value in files.items():
        with open(f"{folder}/{name}", "w", encoding="utf-8") as target:
            json.dump(value, target)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer._tokenizer
    rows = []
    for line in LINES:
        ids = backend.encode(line).ids
        rows.append([line, ids, backend.decode(ids, skip_special_tokens=True)])
    tokens = [[token["id"], token["content"], token["special"]] for token in json.loads(backend.to_str())["added_tokens"]]
    return {"model": model, "file": file, "files": files, "rows": rows, "added": tokens, "end": tokenizer.eos_token_id}


with tempfile.TemporaryDirectory() as work:
    train(sys.argv[1], work)
    models = {name: base64.b64encode(open(f"{work}/{name}.model", "rb").read()).decode() for name in MODELS}
    folders = {name: answer(work, *folder) for name, folder in FOLDERS.items()}
    json.dump({"models": models, "folders": folders}, sys.stdout, ensure_ascii=True)
