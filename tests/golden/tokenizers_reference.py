"""What the libraries `tokenizers` and `sentencepiece` make of lines: the oracle of tests/reference_tokenizers.ts.

    python3 tests/golden/tokenizers_reference.py < REQUEST > ANSWER

The request is a JSON object: "lines", "files", the paths of tokenizer.json and .model files, and "ids", lists to
decode (or null). The answer has a line of JSON for each file: {"error"} if it is refused, otherwise "load" (seconds),
"rows" (a line's ids without and with special tokens, the text decoded from the first and from the second without
special tokens; null if the line is refused), "offsets" (of the ids with special tokens, in UTF-16 units) and "decoded"
(the ids, or random ones, their text, and that without special tokens).
"""

import json
import random
import sys
import time

from tokenizers import Tokenizer


def attempt(function):
    try:
        return function()
    except BaseException:  # the library panics if it is at its wits' end
        return None


def sentencepiece_answer(path, lines, ids):
    from sentencepiece import SentencePieceProcessor

    start = time.time()
    model = SentencePieceProcessor(model_file=path)
    load = time.time() - start
    begin = [model.bos_id()] if model.bos_id() >= 0 else []

    def row(line):
        plain = model.encode(line)
        return [plain, begin + plain, None, model.decode(plain)]

    ids = ids or random_ids(model.vocab_size())
    return {
        "load": load,
        "rows": [row(line) for line in lines],
        "offsets": [None for _ in lines],
        "decoded": [[each, None, attempt(lambda: model.decode(each))] for each in ids],
    }


def random_ids(size):
    source = random.Random(7)
    return [[source.randrange(size) for _ in range(source.randrange(1, 30))] for _ in range(200)]


def answer(path, lines, ids):
    if path.endswith(".model"):
        return sentencepiece_answer(path, lines, ids)
    start = time.time()
    try:
        tokenizer = Tokenizer.from_file(path)
    except BaseException as error:
        return {"error": str(error)[:200]}
    load = time.time() - start
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def decode(ids, skip):
        return attempt(lambda: tokenizer.decode(ids, skip_special_tokens=skip))

    def row(line):
        plain = attempt(lambda: tokenizer.encode(line, add_special_tokens=False))
        whole = attempt(lambda: tokenizer.encode(line, add_special_tokens=True))
        if plain is None or whole is None:
            return None
        return [plain.ids, whole.ids, decode(plain.ids, False), decode(whole.ids, True)]

    def offsets(line):
        whole = attempt(lambda: tokenizer.encode(line, add_special_tokens=True))
        if whole is None:
            return None
        units = [0]
        for character in line:
            units.append(units[-1] + (2 if ord(character) > 0xFFFF else 1))
        return [units[min(place, len(line))] for span in whole.offsets for place in span]

    ids = ids or random_ids(max(tokenizer.get_vocab().values()) + 3)
    return {
        "load": load,
        "rows": [row(line) for line in lines],
        "offsets": [offsets(line) for line in lines],
        "decoded": [[each, decode(each, False), decode(each, True)] for each in ids],
    }


request = json.load(sys.stdin)
for path in request["files"]:
    print(json.dumps(answer(path, request["lines"], request["ids"])), flush=True)
