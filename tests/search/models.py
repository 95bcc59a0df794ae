"""The tiny random models that cases run on, made once a process, of families whose attention differs."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM

from engine.core.settings import LoadSpec
from engine.model.loader import LoadedModel, load_model
from tests.engine.model.checkpoints import VOCAB, save_checkpoint

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz .,\n0123456789"
PIECES: Final = ("the", "he", " a", "ing", "st", "ab", "abc", "\n\n", "o w", "é", "中", "ä")
SPECIAL: Final = ("<pad>", "<s>", "</s>")
BOS: Final = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A family, how long its context is, how far its draft's weights are from its own, and the draft's context."""

    kind: str
    context: int
    noise: float
    draft_context: int


SHAPES: Final = {
    "grouped": Shape("llama-tied", 192, 0.01, 192),
    "window": Shape("mistral-window", 160, 0.003, 160),
    "head-norms": Shape("qwen3", 48, 0.01, 48),
    "windows": Shape("gemma3", 128, 0.02, 40),
}
"""Grouped queries with tied embeddings; a sliding window; norms of heads, with a short context; windows in some layers,
with a draft whose context is shorter than its target's."""


@cache
def pair(name: str) -> tuple[LoadedModel, LoadedModel]:
    """The target of a shape and its draft, in float32 on the CPU."""
    shape = SHAPES[name]
    with tempfile.TemporaryDirectory(prefix="decodescope-search-") as folder:
        target, draft = Path(folder, "target"), Path(folder, "draft")
        save_checkpoint(target, shape.kind, {"max_position_embeddings": shape.context})
        save_tokenizer(target)
        shutil.copytree(target, draft)
        disturb(draft, shape.noise, shape.draft_context)
        return load(target), load(draft)


def load(folder: Path) -> LoadedModel:
    """A checkpoint in float32 on the CPU."""
    return load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)


def disturb(folder: Path, amount: float, context: int) -> None:
    """Add noise of `amount` to a checkpoint's weights, and let it be of another context."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(amount * torch.randn_like(weight))
    model.config.max_position_embeddings = context
    model.save_pretrained(folder)


def save_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer of `VOCAB` tokens: letters, pieces of words, and bytes that are part of a character."""
    alphabet = bytes_to_chars()

    def written(text: bytes) -> str:
        return "".join(alphabet[byte] for byte in text)

    parts = dict.fromkeys(bytes([byte]) for text in (LETTERS, "é中ä") for byte in text.encode())
    parts |= dict.fromkeys(text.encode() for text in PIECES)
    vocabulary = {name: index for index, name in enumerate(SPECIAL)}
    vocabulary |= {written(part): index for index, part in enumerate(parts, len(SPECIAL))}
    spare = (byte for byte in range(0xF0, 0x9F, -1) if bytes([byte]) not in parts)
    vocabulary |= {alphabet[next(spare)]: index for index in range(len(vocabulary), VOCAB)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))


def bytes_to_chars() -> list[str]:
    """The character that a byte-level vocabulary writes for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(0x100)]
