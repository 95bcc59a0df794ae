"""The facts of a recorder as a session's meta."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from engine.serving.recorder.recorded_facts import cache_itemsize, meta_of
from engine.serving.recorder.recorder_wire import Facts, Frames, Hello
from engine.session.kv_shape import kv_shape_of

RECORDED = Path(__file__).parents[1] / "recorded" / "drafts.frames"


@pytest.fixture
def facts() -> Facts:
    hello = next(Frames().feed(RECORDED.read_bytes()))
    assert isinstance(hello, Hello)
    return hello.facts


def test_a_real_server_is_told_as_its_checkpoint_says(facts: Facts) -> None:
    meta = meta_of(facts)
    model = json.loads(meta["model_config"])
    assert (meta["model"], meta["dtype"], json.loads(meta["versions"])) == ("demo", "float32", {"vllm": "0.32.0"})
    assert model == {
        "architecture": "LlamaForCausalLM", "layers": 8, "hidden": 256, "heads": 8, "kv_heads": 4, "head_dim": 32,
        "ffn": 688, "vocab": 4096, "max_positions": 1024, "itemsize": 4,
    }  # fmt: skip
    shape = kv_shape_of(model)
    assert shape is not None
    assert shape.total_bytes(32) == facts.block_bytes


def test_what_is_not_known_is_left_out() -> None:
    assert meta_of(Facts()) == {"model_config": "{}"}


@pytest.mark.parametrize("change", [{"block_bytes": 100_001}, {"kv_heads": None}, {"groups": []}, {"block_group": -1}])
def test_an_element_of_no_whole_size_is_not_told(change: dict[str, object], facts: Facts) -> None:
    assert cache_itemsize(facts) == 4
    assert cache_itemsize(msgspec.structs.replace(facts, **change)) is None


def test_texts_are_one_line_without_hidden_characters() -> None:
    meta = meta_of(Facts(model="/a/b\n\u202ec", device_name="x\x00"))
    assert meta["model"] == "b\\n\\u202ec"
    assert meta["device_name"] == "x\\x00"
