"""Asks llama.cpp for the tokens of test texts, and records them: `python -m tests.engine.gguf.ask_llama_cpp PYTHON`.

PYTHON is an interpreter with llama-cpp-python. The vocabularies are trained here on the licence and the texts below, so
that they hold words of several scripts; their merges are recorded too, as a later trainer might find others.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from engine.gguf.pre_tokenizers import KINDS
from tests.engine.gguf.vocabularies import ANSWERS, CONTROL, PIECE_CONTROL, USER_DEFINED, save, variants

ROOT: Final = Path(__file__).parents[3]
TEXTS: Final = [
    "def f(x):\n    return x ** 2  # twice\n\n\nclass A:\n\tpass\n",
    "1234567 3.14 1,000 0x1F ١٢٣ ⅷ½",
    "Привет, мир! Ёлка",
    "你好，世界。测试：１２３！",
    "こんにちは世界 カタカナ",
    "안녕하세요 세계",
    "مرحبا بالعالم ۱۲",
    "नमस्ते क्षि สวัสดี",
    "👍🏽👨‍👩‍👧 ☺️",
    "a  b   c    d\n\n\n e\t\tf\r\n\r\ng  \n  \n",
    "I'm you're HE'LL don'T we'Ve 's're",
    "<|im_start|>user\nHello<|im_end|>\n<|end|>  the<s> the</s>  <mark> the <unk>x",
    "<tool>x <tool>  \t<|endoftext|>",
    "camelCaseWord HTTPServer ÀÉÎ ßẞ ﬁ",
    "   ",
    "\n",
    " \n \n",
    "$100 €5 +3 <=> ^~|`!?...",
    "\u00a0a\u2003b\u0085c\u3000d\u2028e \u3000。",
    "a\u0301e\u0308 \u200bz\u200d\ufeff",
    "http://example.com/a?b=c&d//e#f",
    "ab.,!?…。，、।۔،cd (e) ///\n",
    "ſtraſſe K Å Ω ▁▁ x",
    "we'store 'lled   123  45   6\n\n\nx",
    "the the  the   the of the License, and shall",
]
ASK: Final = """
import json, sys
from llama_cpp import Llama
asked = json.load(sys.stdin)
answers = {}
for name, file in asked["files"].items():
    model = Llama(file, vocab_only=True, verbose=False)
    answers[name] = {
        bos: [model.tokenize(text.encode(), add_bos=bos == "around", special=True) for text in asked["texts"]]
        for bos in ("alone", "around")
    }
json.dump(answers, sys.stdout)
"""


def main(python: str) -> None:
    """Train, ask, and write the file."""
    corpus = [*TEXTS, *TEXTS, *(ROOT / "LICENSE").read_text().splitlines()[:30]]
    recorded = {"texts": TEXTS, "merges": merges_of(corpus, True), "pieces": merges_of(corpus, False)}
    kinds = [names[0] or "default" for names in KINDS]
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: str(save(Path(folder, f"{index}.gguf"), metadata))
            for index, (name, metadata) in enumerate(variants(recorded, kinds).items())
        }
        asked = json.dumps({"files": files, "texts": TEXTS})
        answered = subprocess.run([python, "-c", ASK], input=asked, stdout=subprocess.PIPE, text=True, check=True)
    recorded["answers"] = json.loads(answered.stdout)
    lines = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True, separators=(',', ':'))}"
        for key, value in recorded.items()
    )
    ANSWERS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def merges_of(corpus: list[str], of_bytes: bool) -> list[list[str]]:
    """The merges of a vocabulary trained on these texts, over bytes, or over characters with ▁ for spaces.

    They go across words: only so it matters where a kind of pre-tokenizer cuts.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        if of_bytes
        else pre_tokenizers.Metaspace(split=False)
    )
    trainer = trainers.BpeTrainer(vocab_size=1500, show_progress=False, max_token_length=6)
    special = {*CONTROL, *USER_DEFINED, *PIECE_CONTROL, "<mark>"}
    tokenizer.train_from_iterator(corpus, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [merge for merge in merges if "".join(merge) not in special][:900]


if __name__ == "__main__":
    main(sys.argv[1])
