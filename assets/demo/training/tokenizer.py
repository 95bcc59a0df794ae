"""The byte-level BPE tokenizer that target and draft share: trained once, written as two ordinary files."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"
"""The only special token: it begins a text, ends a text and pads a batch."""


def train_tokenizer(stories: list[str], vocabulary: int, context: int, folder: Path) -> Tokenizer:
    """Learn `vocabulary` entries (the 256 bytes and `<|endoftext|>`, id 0, included) from `stories` and save them.

    `folder` receives `tokenizer.json` and `tokenizer_config.json`. Encoding adds no BOS: what a text begins with is the
    caller's choice. `context` is the longest sequence, in tokens, that the models take.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Paragraphs, not stories: the trainer caches a word's merges, and shorter inputs spread better over its threads.
    tokenizer.train_from_iterator((line + "\n" for story in stories for line in story.split("\n")), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "unk_token": None,
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read `tokenizer.json` from a checkpoint folder."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))
