"""Tokenizer files that their makers publish in another form, as `transformers` and `tokenizers` write them.

    python3 tests/golden/published_tokenizers.py ALBERT_MODEL CLIP_MERGES FOLDER

ALBERT_MODEL is ALBERT's SentencePiece model (30k-clean.model), CLIP_MERGES OpenAI's bpe_simple_vocab_16e6.txt.gz. Writes
FOLDER/{albert,clip,words}/tokenizer.json, the last by the recipe of robot-test/dummy-tokenizer-wordlevel, and CLIP's
vocab.json and merges.txt. Needs `transformers`, `tokenizers` and `sentencepiece`.
"""

import gzip
import json
import os
import shutil
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

CLIP_TOKENS = 49408


def folder_of(folder, name, config):
    path = f"{folder}/{name}"
    os.makedirs(path, exist_ok=True)
    with open(f"{path}/tokenizer_config.json", "w", encoding="utf-8") as target:
        json.dump(config, target)
    return path


def albert(model, folder):
    path = folder_of(folder, "albert", {"tokenizer_class": "AlbertTokenizer", "do_lower_case": True})
    shutil.copy(model, f"{path}/spiece.model")
    AutoTokenizer.from_pretrained(path)._tokenizer.save(f"{path}/tokenizer.json")


def clip(merges, folder):
    path = folder_of(folder, "clip", {"tokenizer_class": "CLIPTokenizer"})
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]
    with gzip.open(merges, "rt", encoding="utf-8") as source:
        lines = source.read().split("\n")[1:CLIP_TOKENS - 2 * 256 - 2 + 1]
    tokens = characters + [f"{each}</w>" for each in characters] + ["".join(line.split()) for line in lines]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    with open(f"{path}/vocab.json", "w", encoding="utf-8") as target:
        json.dump({token: id for id, token in enumerate(tokens)}, target)
    with open(f"{path}/merges.txt", "w", encoding="utf-8") as target:
        target.write("#version: 0.2\n" + "\n".join(lines) + "\n")
    AutoTokenizer.from_pretrained(path)._tokenizer.save(f"{path}/tokenizer.json")


def words(folder):
    path = folder_of(folder, "words", {})
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer.train_from_iterator([
        ["This is the first sentence.", "This is the second one."],
        ["This sentence (contains #) over symbols and numbers 12 3.", "But not this one."],
    ], trainer=trainers.WordLevelTrainer(vocab_size=100, special_tokens=special))
    tokenizer.save(f"{path}/tokenizer.json")


model, merges, target = sys.argv[1:]
albert(model, target)
clip(merges, target)
words(target)
