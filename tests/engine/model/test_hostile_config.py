"""Numbers of a config.json that ask for any amount of memory or time: each is held against the tensors there are."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.model import loader
from tests.engine.model.checkpoints import copy_of, edit_config, save_checkpoint
from tests.engine.model.forward import load
from tests.engine.model.hostile import refusal

MOST = 2**31 - 1


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ("llama", "qwen2-window", "gemma3", "gpt2", "llama-llama3-rope")
    return {name: save_checkpoint(tmp_path_factory.mktemp("good") / name, name) for name in names}


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(loader, "build_decoder", build)


def changed(source: Path, folder: Path, **values: Any) -> Path:
    copy_of(source, folder)
    edit_config(folder, lambda config: config.update(values))
    return folder


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("llama", "num_hidden_layers"), ("qwen2-window", "num_hidden_layers"), ("gemma3", "num_hidden_layers"),
        ("gpt2", "n_layer"),
    ],
)  # fmt: skip
def test_layers_beyond_those_in_the_weights_are_refused_at_once(
    kinds: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    folder = changed(kinds[kind], tmp_path / "m", **{name: MOST, "layer_types": None})
    begin = time.process_time()
    assert refusal(folder) == (
        f"config.json asks for 2147483647 layers ({name}), but the weights of the checkpoint hold 3."
    )
    assert time.process_time() - begin < 2.0  # it took 25 s and 5 GB


@pytest.mark.usefixtures("nothing_is_built")
def test_a_layer_with_a_large_number_is_one_layer(kinds: dict[str, Path], tmp_path: Path) -> None:
    folder = changed(kinds["llama"], tmp_path / "m", num_hidden_layers=MOST)
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "model.layers.2147483646.x": torch.ones(1)}, folder / "model.safetensors")
    assert refusal(folder).endswith("hold 3.")


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("value", [MOST, 2**24, 100_000])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("llama", name) for name in (
            "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "vocab_size",
        )),
        *(("gpt2", name) for name in ("n_embd", "n_head", "n_inner", "n_positions", "vocab_size")),
        *(("gemma3", name) for name in ("hidden_size", "head_dim", "vocab_size", "intermediate_size")),
    ],
)  # fmt: skip
def test_a_size_that_the_tensors_do_not_have_is_refused(
    kinds: dict[str, Path], tmp_path: Path, kind: str, name: str, value: int
) -> None:
    refusal(changed(kinds[kind], tmp_path / "m", **{name: value}))


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("value", [10**400, -(10**400), 2**70, "12", 12.0, True, [3], {"a": {"b": None}}, -1, 0])
@pytest.mark.parametrize("name", ["num_hidden_layers", "hidden_size", "max_position_embeddings", "vocab_size"])
def test_a_size_that_is_no_number_is_named(kinds: dict[str, Path], tmp_path: Path, name: str, value: object) -> None:
    folder = changed(kinds["llama"], tmp_path / "m", **{name: value})
    assert refusal(folder).startswith(f"config.json should give {name} as a whole number above 0, not ")


@pytest.mark.parametrize("value", [10**400, -1, 0, float("nan"), float("inf"), "1", [], True, 1e-320, 1e300])
@pytest.mark.parametrize("name", ["rms_norm_eps", "rope_theta"])
def test_a_number_that_is_none_or_beyond_all_use_is_named(
    kinds: dict[str, Path], tmp_path: Path, name: str, value: object
) -> None:
    folder = changed(kinds["llama"], tmp_path / "m", rope_parameters=None, **{name: value})
    assert refusal(folder).startswith(f"config.json should give {name} as a number ")


@pytest.mark.parametrize("value", [10**400, -8, 0, float("nan"), float("inf"), "8", [8.0], True, 1e-300, 1e300])
@pytest.mark.parametrize("name", ["factor", "low_freq_factor", "high_freq_factor", "rope_theta"])
def test_a_number_of_the_rotations_likewise(kinds: dict[str, Path], tmp_path: Path, name: str, value: object) -> None:
    folder = copy_of(kinds["llama-llama3-rope"], tmp_path / "m")
    edit_config(folder, lambda config: config["rope_parameters"].update({name: value}))
    assert refusal(folder).startswith(f"config.json should give {name} as a number ")


def test_rotations_that_scale_nothing_in_between_are_refused(kinds: dict[str, Path], tmp_path: Path) -> None:
    folder = copy_of(kinds["llama-llama3-rope"], tmp_path / "m")
    edit_config(folder, lambda config: config["rope_parameters"].update(low_freq_factor=4.0, high_freq_factor=4.0))
    assert refusal(folder) == "config.json gives 4.0 as low_freq_factor, which must be below high_freq_factor, 4.0."


def test_one_rotation_for_all_layers_of_gemma_is_refused(kinds: dict[str, Path], tmp_path: Path) -> None:
    flat = {"rope_type": "default", "rope_theta": 10000.0}
    assert refusal(changed(kinds["gemma3"], tmp_path / "m", rope_parameters=flat)) == (
        "config.json should give Gemma's rope_parameters as full_attention and sliding_attention, "
        "not {'rope_type': 'default', 'rope_theta': 10000.0}."
    )


@pytest.mark.parametrize("value", [{}, [], 7, ["bfloat16"]])
@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
def test_a_dtype_that_is_no_word_is_named(kinds: dict[str, Path], tmp_path: Path, name: str, value: object) -> None:
    folder = changed(kinds["llama"], tmp_path / "m", dtype=None, torch_dtype=None)
    edit_config(folder, lambda config: config.update({name: value}))
    assert refusal(folder).startswith(f"config.json should give {name} as a text, not ")


@pytest.mark.parametrize("value", [["\ud800"], "\ud800", 5, {}, [None], [["LlamaForCausalLM"]], ["\n\x1b[31m"]])
def test_an_architecture_of_any_kind_is_refused_in_a_line(
    kinds: dict[str, Path], tmp_path: Path, value: object
) -> None:
    sentence = refusal(changed(kinds["llama"], tmp_path / "m", architectures=value))
    assert "architecture" in sentence
    sentence.encode()


def test_a_long_value_is_quoted_in_200_characters(kinds: dict[str, Path], tmp_path: Path) -> None:
    sentence = refusal(changed(kinds["llama"], tmp_path / "m", num_hidden_layers="x\n" * 100_000))
    assert len(sentence) < 300
    sentence = refusal(changed(kinds["llama"], tmp_path / "n", quantization_config={"quant_method": "\n" * 10**6}))
    assert len(sentence) < 400


def wide(folder: Path, heads: int, head_dim: int) -> Path:
    """A model whose projections really have so many rows, of 32 numbers each."""
    channels, hidden = heads * head_dim, 48
    tensors = load_file(folder / "model.safetensors")
    for layer in range(3):
        prefix = f"model.layers.{layer}.self_attn."
        for name in "qkv":
            tensors[f"{prefix}{name}_proj.weight"] = torch.zeros(channels, hidden, dtype=torch.bfloat16)
        tensors[f"{prefix}o_proj.weight"] = torch.zeros(hidden, channels, dtype=torch.bfloat16)
    save_file(tensors, folder / "model.safetensors")
    edit_config(
        folder,
        lambda config: config.update(num_attention_heads=heads, num_key_value_heads=heads, head_dim=head_dim),
    )
    return folder


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize(("heads", "head_dim"), [(1, 8192), (8192, 2), (256, 2048)])
def test_heads_that_would_take_thousands_of_times_their_weights_are_refused(
    kinds: dict[str, Path], tmp_path: Path, heads: int, head_dim: int
) -> None:
    sentence = refusal(wide(copy_of(kinds["llama"], tmp_path / "m"), heads, head_dim))
    assert "can be run" in sentence


@pytest.mark.parametrize("value", [-1, 2**31, 2**70, [2**31, -1], 97, [True][:0]])
def test_ids_for_beginning_and_end_that_no_text_can_have_are_none(
    kinds: dict[str, Path], tmp_path: Path, value: object
) -> None:
    folder = changed(kinds["llama"], tmp_path / "m", bos_token_id=value, eos_token_id=value, pad_token_id=value)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = load(folder)
    assert (model.tokenizer.bos_token_id, model.tokenizer.eos_token_ids) == (None, frozenset())
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": value, "eos_token_id": value}))
    model = load(folder)
    assert (model.tokenizer.bos_token_id, model.tokenizer.eos_token_ids) == (None, frozenset())


@pytest.mark.parametrize("value", [10**400, 2**70, float("inf"), float("nan"), "1", [], -1, 1e300])
@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "min_p"])
def test_a_suggestion_that_cannot_be_followed_is_none(
    kinds: dict[str, Path], tmp_path: Path, name: str, value: object
) -> None:
    folder = copy_of(kinds["llama"], tmp_path / "m")
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, name: value}))
    assert load(folder).suggested == {"temperature": 1.0}


def test_what_nobody_foresaw_is_one_sentence_with_its_place(
    kinds: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a\nb\ud800")

    monkeypatch.setattr(loader, "check_sizes", fail)
    sentence = refusal(kinds["llama"])
    assert sentence.startswith(f"The checkpoint {kinds['llama']} could not be understood: ")
    assert "(KeyError in test_hostile_config.py, line " in sentence
