"""What the process that quantises a model is asked, and what it answers. Imports no torch."""

from __future__ import annotations

import msgspec

from engine.gguf.mix import Target


class Asked(msgspec.Struct, frozen=True):
    """Quantise `model` (as `record --model` names it, or a GGUF file) into the new file `path`."""

    model: str
    to: Target
    path: str


class Progress(msgspec.Struct, frozen=True, tag=True):
    """So many of the model's weights are written, so many there are; 0 of 0 while the model is opened."""

    done: int
    weights: int


class Kept(msgspec.Struct, frozen=True):
    """How many tensors of the file are of a kind, and their bytes."""

    kind: str
    tensors: int
    bytes: int


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The file is complete."""

    kinds: list[Kept]
    weights: int
    bytes: int
    source_bytes: int
    seconds: float
    notes: list[str] = []
    """What of the model the file cannot say, a sentence each."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The file could not be written: one sentence, and whether what was asked for is at fault."""

    sentence: str
    wrong_input: bool


Answer = Progress | Finished | Failed
