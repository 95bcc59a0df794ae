"""Changes that follow others may find nothing to change; the first one must."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.engine.gguf.models import save_models
from tests.fuzz import gguf, models
from tests.fuzz.cases import one_more


def nothing_there() -> str:
    raise IndexError("Cannot choose from an empty sequence")


def test_a_change_that_no_longer_finds_what_it_looks_for_is_none() -> None:
    done = ["no tables"]
    one_more(done, nothing_there, (OSError,))
    one_more(done, lambda: "bytes damaged", (OSError,))
    assert done == ["no tables", "(no change)", "bytes damaged"]


def test_a_first_change_that_finds_nothing_is_a_fault_of_the_search() -> None:
    done: list[str] = []
    with pytest.raises(IndexError):
        one_more(done, nothing_there, (OSError,))
    one_more(done, nothing_there, (IndexError,))
    assert done == ["(no change)"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"])
def test_a_pipe_that_an_earlier_change_left_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    change = {
        "config.json": models.config, "tokenizer.json": models.tokenizer, "model.safetensors": models.weights,
        "model.safetensors.index.json": models.index,
    }[name]  # fmt: skip
    with pytest.raises(OSError, match=f"{name} is no ordinary file"):
        change(random.Random(1), tmp_path)


def test_a_gguf_file_that_is_taken_apart_and_put_together_is_the_same(tmp_path: Path) -> None:
    save_models(tmp_path)
    for path in sorted(tmp_path.glob("*.gguf")):
        assert gguf.put_together(gguf.take_apart(path.read_bytes())) == path.read_bytes()
