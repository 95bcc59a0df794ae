"""Each way in which a model folder can be wrong ends in one sentence that names what is wrong."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import CheckpointError
from engine.model.checkpoint import open_checkpoint
from tests.engine.model.checkpoints import copy_of, edit_config, save_checkpoint
from tests.engine.model.forward import load


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("good") / "model", "llama")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("sharded") / "model", "llama", max_shard_size="60KB")


def refusal(folder: Path) -> str:
    """The one sentence with which loading `folder` is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert caught.value.exit_status == 2
    return sentence


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == f"There is no folder {tmp_path / 'nowhere'}."


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert "is a file; a model is a folder" in refusal(tmp_path / "model.bin")


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    assert "has no config.json" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "\x80"])
def test_a_config_that_is_no_json_object(good: Path, tmp_path: Path, text: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    assert "config.json" in refusal(folder)


def test_an_unsupported_architecture_is_named_with_what_is_supported(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_config(folder, lambda config: config.update(architectures=["MambaForCausalLM"]))
    assert refusal(folder) == (
        "The architecture MambaForCausalLM is not supported; supported are GPT2LMHeadModel, Gemma3ForCausalLM, "
        "LlamaForCausalLM, MistralForCausalLM, Phi3ForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM."
    )
    edit_config(folder, lambda config: config.pop("architectures"))
    assert refusal(folder).startswith("config.json names no architecture; supported are GPT2LMHeadModel, ")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden_size": None}, "config.json should give hidden_size as a whole number above 0, not None."),
        ({"num_attention_heads": -1}, "config.json should give num_attention_heads as a whole number above 0, not -1."),
        (
            {"num_key_value_heads": 4},
            "config.json gives 6 attention heads, which 4 key/value heads cannot be shared among.",
        ),
        ({"head_dim": 7}, "config.json gives a head_dim of 7; rotary positions need an even one."),
        ({"rope_parameters": {"rope_type": "yarn"}}, "The rope scaling 'yarn' is not supported; supported are "),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "Rotating only a part of each head"),
        ({"hidden_act": "relu6"}, "The activation 'relu6' is not supported; supported are "),
        ({"quantization_config": {"quant_method": "gptq"}}, "The weights are quantised (gptq); only "),
        ({"quantization_config": "int4"}, "config.json should give quantization_config as an object, not 'int4'."),
        (
            {"num_key_value_heads": "two"},
            "config.json should give num_key_value_heads as a whole number above 0, not 'two'.",
        ),
        ({"num_hidden_layers": True}, "config.json should give num_hidden_layers as a whole number above 0, not True."),
        ({"max_position_embeddings": 10**30}, "config.json should give max_position_embeddings as a whole number"),
        ({"rms_norm_eps": [1]}, "config.json should give rms_norm_eps as a number above 0, not [1]."),
        ({"attention_bias": "yes"}, "config.json should give attention_bias as true or false, not 'yes'."),
        ({"hidden_act": ["silu"]}, "config.json should give hidden_act as a text, not ['silu']."),
        ({"rope_parameters": "linear"}, "config.json should give rope_parameters as an object, not 'linear'."),
        (
            {"rope_parameters": {"rope_type": "linear", "factor": None, "rope_theta": "high"}},
            "config.json should give rope_theta as a number above 0, not 'high'.",
        ),
        (
            {"rope_parameters": {"rope_type": "linear", "factor": float("nan")}},
            "config.json should give factor as a number above 0, not nan.",
        ),
        ({"eos_token_id": {}}, "config.json should give eos_token_id as a token id or a list of them, not {}."),
        ({"bos_token_id": "<s>"}, "config.json should give bos_token_id as a token id or a list of them, not '<s>'."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_config_that_cannot_be_run(good: Path, tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_config(folder, lambda config: config.update(change))
    assert refusal(folder).startswith(sentence)


def test_values_that_are_null_are_those_that_are_not_there(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    names = ("head_dim", "rope_scaling", "quantization_config", "attention_bias", "rms_norm_eps", "eos_token_id")
    edit_config(folder, lambda config: config.update(dict.fromkeys(names)))
    assert load(folder).config.head_dim == 8


def test_a_token_id_that_is_none_names_its_file(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "generation_config.json").write_text('{"eos_token_id": "</s>"}')
    assert refusal(folder).startswith("generation_config.json should give eos_token_id as a token id or a list of them")


def test_a_missing_tensor_is_named(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    change_tensors(folder, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    assert refusal(folder) == f"The checkpoint {folder} lacks the tensor 'model.layers.1.mlp.up_proj.weight'."


def test_a_misshaped_tensor_is_named_with_both_shapes(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    change_tensors(folder, lambda tensors: tensors.update({"model.norm.weight": torch.ones(47)}))
    assert refusal(folder) == (
        "The tensor 'model.norm.weight' in model.safetensors has the shape [47], but config.json asks for [48]."
    )


def test_a_tensor_of_another_type_is_named(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    change_tensors(folder, lambda tensors: tensors.update({"model.norm.weight": torch.ones(48, dtype=torch.int8)}))
    assert "'model.norm.weight' in model.safetensors is stored as I8" in refusal(folder)


def test_truncated_weights_name_the_first_tensor_that_is_cut(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    raw = file.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    name = "model.layers.2.self_attn.q_proj.weight"
    file.write_bytes(raw[: 8 + length + header[name]["data_offsets"][0] + 10])
    sentence = refusal(folder)
    assert sentence.startswith(f"{file} is truncated: the tensor ")
    assert f"'{name}'" in sentence
    assert sentence.endswith("fetch it again.")


@pytest.mark.parametrize("keep", [0, 5, 100])
def test_weights_cut_in_their_header(good: Path, tmp_path: Path, keep: int) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert str(file) in refusal(folder)


def test_weights_that_are_something_else(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "model.safetensors").write_bytes(b"<!DOCTYPE html><html><body>Not found</body></html>\n" * 3)
    assert "is not a safetensors file" in refusal(folder)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 12) + b'{"a": [1,2]}')
    assert "has a broken safetensors header" in refusal(folder)


def test_pickled_weights_are_refused_and_no_weights_too(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == f"{folder} has no *.safetensors file."
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    assert "holds pickled weights only" in refusal(folder)


def test_a_missing_shard_is_named_with_a_tensor_it_holds(sharded: Path, tmp_path: Path) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.unlink()
    assert refusal(folder).startswith(f"{shard} is missing; the index says that it holds 'model.")


def test_an_index_without_a_map(sharded: Path, tmp_path: Path) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert refusal(folder).endswith("model.safetensors.index.json has no weight_map.")


def test_a_missing_tokenizer(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "tokenizer.json").write_text("{}")
    assert f"{folder / 'tokenizer.json'} cannot be read: " in refusal(folder)
    (folder / "tokenizer.json").unlink()
    assert refusal(folder) == f"{folder} has no tokenizer.json."
    (folder / "tokenizer.model").touch()
    assert refusal(folder) == f"{folder} has no tokenizer.json (a tokenizer.model alone cannot be read)."


def test_a_tensor_is_mapped_and_goes_with_its_last_user(good: Path) -> None:
    checkpoint = open_checkpoint(good)
    file = str(good / "model.safetensors")
    assert file not in Path("/proc/self/maps").read_text()
    tensor = checkpoint.tensor("model.norm.weight", 48)
    assert torch.equal(tensor, load_file(file)["model.norm.weight"])
    assert file in Path("/proc/self/maps").read_text()
    del tensor
    assert file not in Path("/proc/self/maps").read_text()
