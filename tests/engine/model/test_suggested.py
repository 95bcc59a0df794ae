"""What a checkpoint suggests is read as transformers reads it, said, and offered; it is never applied by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from engine.host.model_facts import model_meta
from engine.model.suggested import suggested_sampling
from tests.engine.scripted import load_scripted, save_scripted


@pytest.mark.parametrize(
    ("generation", "suggested"),
    [
        ({}, {}),
        ({"temperature": 0.7}, {}),
        ({"do_sample": False, "top_p": 0.9}, {}),
        ({"do_sample": True}, {"temperature": 1.0}),
        ({"do_sample": True, "temperature": 1.0, "top_k": 64, "top_p": 0.95},
         {"temperature": 1, "top_k": 64, "top_p": 0.95}),
        ({"do_sample": True, "temperature": 0.6, "top_k": 0, "top_p": 1.0, "min_p": 0.05},
         {"temperature": 0.6, "min_p": 0.05}),
        ({"do_sample": True, "temperature": "hot", "top_k": True, "top_p": -1}, {"temperature": 1.0}),
    ],
)  # fmt: skip
def test_it_is_read_as_transformers_reads_it(generation: dict[str, Any], suggested: dict[str, float]) -> None:
    assert suggested_sampling(generation) == suggested
    if all(isinstance(value, int | float) and value >= 0 for value in generation.values()):
        theirs = GenerationConfig(**generation)
        assert bool(suggested) == bool(theirs.do_sample)
        for name, value in suggested.items():
            assert (getattr(theirs, name) if name in generation else 1.0) == value


def test_the_model_tells_it(tmp_path: Path) -> None:
    folder = save_scripted(tmp_path / "model", "a b c a")
    assert model_meta(load_scripted(folder))["suggested_sampling"] == ""
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "top_k": 64, "eos_token_id": 1}))
    told = model_meta(load_scripted(folder))["suggested_sampling"]
    assert json.loads(told) == {"temperature": 1.0, "top_k": 64}


def test_a_value_that_sampling_refuses_is_passed_over_and_the_others_stay() -> None:
    assert suggested_sampling({"do_sample": True, "top_k": 20, "top_p": 0.0}) == {"temperature": 1.0, "top_k": 20}
