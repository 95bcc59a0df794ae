"""A byte-level tokenizer for random checkpoints, as GGUF files can hold one."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tests.engine.model.checkpoints import VOCAB

SPECIAL = ("<pad>", "<s>", "</s>")


def save_bpe(folder: Path) -> None:
    """Write one of VOCAB tokens in place of the folder's own: three special ones, then printable characters."""
    tokens = [*SPECIAL, *(chr(code) for code in range(33, 33 + VOCAB - len(SPECIAL)))]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
