"""What stands in place of a checkpoint's files: pipes, devices, a gigabyte of zeros, JSON that no parser survives."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.model.files import CONFIG_BYTES
from tests.engine.model.checkpoints import copy_of, save_checkpoint
from tests.engine.model.forward import load
from tests.engine.model.hostile import edit_json, refusal

FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "model.safetensors", "model.safetensors.index.json",
)  # fmt: skip
OF_JSON = ("config.json", "generation_config.json", "tokenizer_config.json", "model.safetensors.index.json")

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("good") / "m", "llama")


def socket_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)  # a socket's path may have about 100 characters only
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(file.name)


@posix
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("a named pipe", lambda file, _: os.mkfifo(file)),
        ("a device", lambda file, _: file.symlink_to("/dev/zero")),
        ("a device", lambda file, _: file.symlink_to("/dev/null")),
        ("a socket", socket_at),
        ("a folder", lambda file, _: file.mkdir()),
    ],
    ids=["pipe", "zero", "null", "socket", "folder"],
)
def test_what_is_no_file_is_said_to_be_none(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str,
    make: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:  # fmt: skip
    folder = copy_of(good, tmp_path / "m")
    (folder / name).unlink(missing_ok=True)
    make(folder / name, monkeypatch)
    assert refusal(folder) == f"{folder / name} is {what}, not a file."


@posix
def test_a_pipe_that_an_index_names_is_not_waited_for(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    os.mkfifo(folder / "pipe.safetensors")
    edit_json(folder / "model.safetensors.index.json", lambda index: index.update(weight_map={"a": "pipe.safetensors"}))
    assert refusal(folder) == f"{folder / 'pipe.safetensors'} is a named pipe, not a file."


@pytest.mark.parametrize("name", [file for file in FILES if file != "model.safetensors"])
def test_a_gigabyte_is_refused_by_its_size(good: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    with (folder / name).open("wb") as file:
        file.truncate(2**30)
    assert f"{folder / name} has 1,024 MiB; such a file is read up to " in refusal(folder)


def test_weights_of_zeros_are_none(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(2**30)
    assert "is not a safetensors file" in refusal(folder)


@pytest.mark.parametrize("name", OF_JSON)
@pytest.mark.parametrize("text", ["[" * 200_000 + "]" * 200_000, '{"a":' * 50_000 + "1" + "}" * 50_000])
def test_deep_json_is_refused(good: Path, tmp_path: Path, name: str, text: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / name).write_text(text)
    assert refusal(folder) == f"{folder / name} is nested too deeply to be read."


@pytest.mark.parametrize("name", OF_JSON)
def test_json_of_many_values_is_refused_before_it_is_read(good: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / name).write_text('{"a":[' + "{}," * 5_000_000 + "1]}")  # 14 MiB, and 380 in memory
    assert refusal(folder) == f"{folder / name} holds more than 2,000,000 values, which no checkpoint's does."
    assert (folder / name).stat().st_size < CONFIG_BYTES


@pytest.mark.parametrize("name", OF_JSON)
def test_a_number_that_python_does_not_read_is_no_json(good: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / name).write_text('{"num_hidden_layers": ' + "9" * 6000 + "}")
    assert refusal(folder).startswith(f"{folder / name} is not valid JSON: ")


def test_a_template_in_another_encoding_is_said_to_be(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "chat_template.jinja").write_bytes(b"{{ a }} \xf8\xff")
    assert refusal(folder) == (
        f"{folder / 'chat_template.jinja'} is not a text in UTF-8: byte 8 cannot be read as such."
    )


@posix
def test_a_link_to_itself_is_nothing(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    for name in ("generation_config.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name)
    assert load(folder).config.layers == 3


@posix
def test_links_into_a_cache_are_followed(good: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "7b71"
    snapshot.mkdir(parents=True)
    copy_of(good, blobs)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    assert load(snapshot).config.layers == 3


@pytest.mark.parametrize("name", ["n" * 5000, "a\nb", "~nobody-of-this-name/m", "a/../../b", "\x1b[31m"])
def test_a_name_of_any_kind_is_looked_for_and_not_found(name: str) -> None:
    assert refusal(name).startswith("There is no folder ")


@posix
def test_a_folder_that_is_no_utf8_has_a_name_that_can_be_sent(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"m\xff\n")
    try:
        copy_of(good, folder)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert load(folder).name == r"m\udcff\n"
