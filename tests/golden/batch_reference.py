"""Rows that the library `tokenizers` makes of texts and pairs: tests/golden/encoded_batches.json.

    python3 tests/golden/batch_reference.py > tests/golden/encoded_batches.json

Post-processors × settings of truncation and padding over a small WordLevel model: ids, token types, sequences, masks.
"""

import json

from tokenizers import Tokenizer

WORDS = {"[C]": 0, "[S]": 1, "[U]": 2, "[P]": 3, **{f"{letter}{i}": i + start for letter, start in (("a", 10), ("b", 30)) for i in range(12)}}
SPECIAL = {"[C]": {"id": "[C]", "ids": [0], "tokens": ["[C]"]}, "[S]": {"id": "[S]", "ids": [1, 1], "tokens": ["[S]", "[S]"]}}


def special(name, kind):
    return {"SpecialToken": {"id": name, "type_id": kind}}


def text(name, kind):
    return {"Sequence": {"id": name, "type_id": kind}}


PROCESSORS = {
    "none": None,
    "bert": {"type": "BertProcessing", "cls": ["[C]", 0], "sep": ["[S]", 1]},
    "roberta": {"type": "RobertaProcessing", "cls": ["[C]", 0], "sep": ["[S]", 1], "trim_offsets": True, "add_prefix_space": True},
    "roberta without a setting": {"type": "RobertaProcessing", "cls": ["[C]", 0], "sep": ["[S]", 1]},
    "template": {"type": "TemplateProcessing", "single": [text("A", 2), special("[S]", 3)],
                 "pair": [special("[C]", 4), text("A", 1), special("[S]", 5), text("B", 0)], "special_tokens": SPECIAL},
}
TEXTS = [["a0 a1 a2 a3 a4 a5 a6"], ["a0 a1 a2 a3 a4 a5 a6", "b0 b1 b2 b3 b4 b5 b6 b7 b8"], ["a1 a2", "b0 b1 b2 b3 b4 b5 b6 b7 b8"],
         ["a0 a1 a2 a3 a4 a5 a6", "b0"], [""]]
# truncation, truncationSide, maxLength, stride, addSpecialTokens, padding, paddingSide, padToMultipleOf
SETTINGS = [
    ["longest_first", "right", 9, 1, True, "longest", "right", 1],
    ["longest_first", "left", 9, 2, False, "max_length", "left", 1],
    ["only_second", "right", 14, 2, True, "longest", "left", 8],
    ["only_first", "left", 12, 1, True, False, "right", 1],
    ["longest_first", "right", 6, 1, True, "max_length", "right", 4],
    ["longest_first", "left", 5, 0, True, False, "right", 1],
]


def rows(processor, texts, setting):
    strategy, side, length, stride, add, padding, padding_side, multiple = setting
    model = {"type": "WordLevel", "vocab": WORDS, "unk_token": "[U]"}
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "decoder": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": processor, "model": model}))
    # `encode` of a tokenizer that truncates stops after `length` tokens of each text and loses the rest: encode before.
    encodings = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    tokenizer.enable_truncation(length, stride=stride, strategy=strategy, direction=side)
    if padding:
        tokenizer.enable_padding(direction=padding_side, pad_id=3, pad_token="[P]", length=length if padding == "max_length" else None,
                                 pad_to_multiple_of=multiple if multiple > 1 else None)
    try:
        encoding = tokenizer.post_process(*encodings, add_special_tokens=add)
    except BaseException:
        return None
    # In further rows texts that were encoded alone keep the type of `single`.
    types = encoding.type_ids if add and processor is not None else None
    return {"types": types, "rows": [[row.ids, "".join(map(str, row.attention_mask))] for row in [encoding, *encoding.overflowing]]}


print(json.dumps({"words": WORDS, "processors": PROCESSORS, "cases": [
    {"processor": name, "texts": texts, "setting": setting, "answer": rows(processor, texts, setting)}
    for name, processor in PROCESSORS.items() for texts in TEXTS for setting in SETTINGS
]}))
