"""Checkpoints that someone made to hang, kill or fool the program, from a good one with one thing changed."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CheckpointError
from tests.engine.model.forward import load

Header = dict[str, Any]


def refusal(folder: Path | str) -> str:
    """The one sentence with which loading `folder` is refused: a line that can be read and sent on, and status 2."""
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert len(sentence) < 1500
    assert caught.value.exit_status == 2
    return sentence


def edit_header(folder: Path, change: Callable[[Header], Any], name: str = "model.safetensors") -> None:
    """Change what the header of a folder's weights says, not the weights."""
    file = folder / name
    raw = file.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header)
    write_header(file, json.dumps(header).encode(), raw[8 + length :])


def write_header(file: Path, header: bytes, weights: bytes) -> None:
    """A safetensors file of that header, as it is, and those bytes of weights."""
    file.write_bytes(struct.pack("<Q", len(header)) + header + weights)


def edit_json(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file in place; one that is not there is empty."""
    value = json.loads(file.read_text()) if file.exists() else {}
    change(value)
    file.write_text(json.dumps(value))
