"""Names for models, the local Hugging Face cache, and files that only stand for a checkpoint's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import CheckpointError
from engine.model.hub import cache_folder, model_folder, model_name
from engine.model.loader import model_path
from tests.engine.model.checkpoints import save_checkpoint
from tests.engine.model.forward import load

VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$HOME/hf"},
        {"XDG_CACHE_HOME": "/x"},
        {"HUGGINGFACE_HUB_CACHE": "~/old"},
        {"HF_HUB_CACHE": "~/new", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf"},
        {"HF_HOME": "/hf", "XDG_CACHE_HOME": "/x"},
    ],
    ids=str,
)
def test_the_cache_is_where_huggingface_hub_has_it(given: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    theirs = subprocess.run(
        [sys.executable, "-c", "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"],
        env={**kept, **given}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(cache_folder(given)) == theirs.stdout.strip()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two snapshots of acme/tiny, the older one being main."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--acme--tiny"
    for name in ("7b71", "99aa"):
        save_checkpoint(repository / "snapshots" / name, "llama")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("7b71")
    return tmp_path


def test_a_cached_model_is_found_by_its_name_and_called_by_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = cache / "models--acme--tiny" / "snapshots" / "7b71"
    for name in ("acme/tiny", "models--acme--tiny", str(cache / "models--acme--tiny")):
        assert model_path(name) == wanted
    assert load("acme/tiny").name == "acme/tiny"
    assert load(wanted).name == "acme/tiny"
    monkeypatch.chdir(wanted)
    assert load(".").name == "acme/tiny"


def test_without_refs_the_snapshot_used_last_is_taken(cache: Path) -> None:
    repository = cache / "models--acme--tiny"
    (repository / "refs" / "main").unlink()
    os.utime(repository / "snapshots" / "99aa", (2e9, 2e9))
    assert model_folder("acme/tiny") == repository / "snapshots" / "99aa"


def test_a_model_that_is_not_cached_is_said_not_fetched(cache: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        model_path("acme/other")
    assert str(caught.value) == (
        f"There is no folder acme/other, and no model of that name in the Hugging Face cache {cache}; "
        "nothing is downloaded."
    )


def test_a_folder_has_its_own_name_also_as_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spec").mkdir()
    monkeypatch.chdir(tmp_path / "spec")
    assert model_name(".") == "spec"
    assert model_name("../spec/") == "spec"


def test_a_hidden_file_beside_the_weights_is_no_weight(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "m", "llama")
    (folder / "._model.safetensors").write_bytes(b"\x00\x05\x16\x07" + b"\0" * 4000)
    assert load(folder).config.layers == 3


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_git_lfs_pointer_is_called_one(tmp_path: Path, name: str) -> None:
    folder = save_checkpoint(tmp_path / "m", "llama")
    (folder / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12\n")
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder / name} is a Git-LFS pointer, not the file itself: run `git lfs pull` where it was cloned."
    )


@pytest.mark.parametrize("wrap", ["_orig_mod.{}", "module.{}", "module._orig_mod.{}", "layers"])
def test_a_model_saved_from_within_its_wrapper_loads(tmp_path: Path, wrap: str) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    plain = save_checkpoint(tmp_path / "m", "llama")
    wanted = load(plain).decoder.layers[1].qkv.bytes
    tensors = load_file(plain / "model.safetensors")
    first = tensors["model.layers.1.mlp.down_proj.weight"]
    if wrap == "layers":
        wrapped = {name.replace("layers.1.", "layers.1._orig_mod."): tensor for name, tensor in tensors.items()}
    else:
        wrapped = {wrap.format(name): tensor for name, tensor in tensors.items()}
    save_file(wrapped, plain / "model.safetensors")
    from engine.model.checkpoint import open_checkpoint

    read = open_checkpoint(plain).tensor("model.layers.1.mlp.down_proj.weight", *first.shape)
    assert torch.equal(read, first)
    assert load(plain).decoder.layers[1].qkv.bytes == wanted
