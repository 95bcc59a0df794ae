"""Headers of safetensors files and indexes that lie: about lengths, places, shapes, and where files are."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.model.checkpoint import open_checkpoint
from tests.engine.model.checkpoints import copy_of, edit_config, save_checkpoint
from tests.engine.model.forward import load
from tests.engine.model.hostile import Header, edit_header, edit_json, refusal, write_header

Q = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("good") / "m", "llama")


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("sharded") / "m", "llama", max_shard_size="60KB")


@pytest.mark.parametrize("length", [0, 100 * 2**20 + 1, 2**40, 2**63, 2**64 - 1])
def test_a_header_longer_than_any_is_none(good: Path, tmp_path: Path, length: int) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", length) + file.read_bytes()[8:])
    assert refusal(folder) == f"{file} is not a safetensors file."


def test_a_header_longer_than_its_file_is_cut(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", 90 * 2**20) + file.read_bytes()[8:])
    assert "is truncated: it ends inside its header" in refusal(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 200_000, b'{"a":' * 50_000, b"[]", b"{}" + b"\0" * 5, b'{"a":5}', b'{"a":{"dtype":"F32"}}',
        b'{"\\ud800":{}}',
    ],
    ids=["deep", "deep object", "list", "zeros", "number", "lacking", "surrogate"],
)  # fmt: skip
def test_a_header_that_is_no_header_is_broken(good: Path, tmp_path: Path, header: bytes) -> None:
    folder = copy_of(good, tmp_path / "m")
    write_header(folder / "model.safetensors", header, b"")
    assert "has a broken safetensors header" in refusal(folder)


def test_a_header_of_many_values_is_refused_before_it_is_read(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    write_header(folder / "model.safetensors", b'{"a":{}' + b',"a":{}' * 2_000_000 + b"}", b"")
    assert "holds more than 2,000,000 values" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("data_offsets", [4, 0], "has the offsets 4 and 0"),
        ("data_offsets", [-4, 9212], "has the offsets -4 and 9212"),
        ("data_offsets", ["0", "9216"], "is not described by"),
        ("data_offsets", [0, 1, 2], "is not described by"),
        ("shape", [-48, -48], "has the shape [-48, -48]"),
        ("shape", [0, 48], "has the shape [0, 48] in F32, but 9216 bytes"),
        ("shape", [2**31, 2**31], "has the shape [2147483648, 2147483648] in F32, but 9216 bytes"),
        ("shape", [2**62] * 60, "has the shape [4611686018427387904, "),
        ("shape", [1] * 65, "has the shape [1, 1, "),
        ("shape", [None, 48], "is not described by"),
        ("shape", "48", "is not described by"),
        ("dtype", "F64", "has the shape [48, 48] in F64, but 9216 bytes"),
        ("dtype", ["F32"], "is not described by"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_tensor_that_cannot_be_is_named(good: Path, tmp_path: Path, name: str, value: Any, why: str) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_header(folder, lambda header: header[Q].update({name: value}))
    sentence = refusal(folder)
    assert f"has a broken safetensors header: the tensor '{Q}' {why}" in sentence


@pytest.mark.parametrize("name", ["data_offsets", "shape"])
@pytest.mark.parametrize("value", [[2**63, 2**63 + 9216], [2**64, 2**64 + 9216], [10**400, 10**400 + 9216]])
def test_numbers_beyond_any_file_are_refused(good: Path, tmp_path: Path, name: str, value: list[int]) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_header(folder, lambda header: header[Q].update({name: value}))
    assert str(folder / "model.safetensors") in refusal(folder)


def test_a_dtype_that_nobody_knows_is_named_in_a_line(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_header(folder, lambda header: header[Q].update(dtype="F99\n\x1b[31m"))
    assert r"is stored as F99\n\x1b[31m; only F32, BF16, F16 can be read" in refusal(folder)


def test_a_name_with_line_ends_and_colours_is_escaped(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")

    def rename(header: Header) -> None:
        header["a\n\x1b[31m" + "x" * 10_000] = {**header.pop(Q), "shape": [1]}

    edit_header(folder, rename)
    assert r"'a\n\x1b[31mxxxx" in refusal(folder)


def test_tensors_that_overlap_are_refused(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    k = Q.replace("q_proj", "k_proj")

    def overlap(header: Header) -> None:
        header[k]["data_offsets"] = [offset - 4 for offset in header[k]["data_offsets"]]

    edit_header(folder, overlap)
    assert "begins inside another" in refusal(folder)


def test_a_name_that_stands_twice_is_refused(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    raw = file.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    twice = json.dumps({"model.norm.weight": {"dtype": "F32", "shape": [48], "data_offsets": [0, 192]}}).encode()
    write_header(file, raw[8 : 8 + length].rstrip()[:-1] + b"," + twice[1:], raw[8 + length :])
    assert "has a broken safetensors header" in refusal(folder)


def test_bytes_that_belong_to_no_tensor_are_refused(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0" * 1000)
    assert "has a broken safetensors header: it tells of " in refusal(folder)


@pytest.mark.parametrize("spaces", [1, 2, 3])
def test_tensors_behind_a_header_of_any_length_are_read(good: Path, tmp_path: Path, spaces: int) -> None:
    folder = copy_of(good, tmp_path / "m")
    file = folder / "model.safetensors"
    raw = file.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    write_header(file, raw[8 : 8 + length] + b" " * spaces, raw[8 + length :])
    wanted, own = open_checkpoint(good), open_checkpoint(folder)
    for name, entry in wanted.entries.items():
        assert torch.equal(own.tensor(name, *entry.shape), wanted.tensor(name, *entry.shape))


def test_many_small_tensors_take_no_more_than_their_number(good: Path, tmp_path: Path) -> None:
    """The header was read anew for every tensor that was loaded."""
    folder = copy_of(good, tmp_path / "m")
    nothing = {f"x{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(50_000)}
    edit_header(folder, lambda header: header.update(nothing))
    assert load(folder).config.layers == 3


@pytest.mark.parametrize(
    "name",
    [
        "../m/model.safetensors", "/etc/passwd", "/dev/zero", "..", ".", "", "a/../../x", "..\\x", "C:\\x", "a\0b",
        5, None, [], {},
    ],
    ids=ascii,
)  # fmt: skip
def test_an_index_leads_nowhere_else(sharded: Path, tmp_path: Path, name: Any) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    edit_json(folder / "model.safetensors.index.json", lambda index: index["weight_map"].update({Q: name}))
    sentence = refusal(folder)
    assert sentence.startswith(f"{folder / 'model.safetensors.index.json'} has the tensor '{Q}' in ")
    assert sentence.endswith("which names no file of this folder.")


@pytest.mark.parametrize("name", ["a\nb\x1b[31m", "x" * 5000, "\ud800"], ids=ascii)
def test_a_shard_that_is_not_there_is_named_in_a_line(sharded: Path, tmp_path: Path, name: str) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    edit_json(folder / "model.safetensors.index.json", lambda index: index["weight_map"].update({Q: name}))
    assert len(refusal(folder)) < 600
    assert f"is missing; the index says that it holds '{Q}' and others." in refusal(folder)


@pytest.mark.parametrize("value", [[], "x", 5, None, {}], ids=repr)
def test_an_index_whose_map_is_none(sharded: Path, tmp_path: Path, value: Any) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    edit_json(folder / "model.safetensors.index.json", lambda index: index.update(weight_map=value))
    assert refusal(folder).endswith("model.safetensors.index.json has no weight_map.")


def test_a_tensor_in_two_shards_is_the_one_that_the_index_names(sharded: Path, tmp_path: Path) -> None:
    folder = copy_of(sharded, tmp_path / "m")
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    (folder / "zz.safetensors").write_bytes((folder / index[Q]).read_bytes())
    other = next(name for name in index if index[name] == index[Q] and name != Q)
    edit_json(
        folder / "model.safetensors.index.json", lambda index: index["weight_map"].update({other: "zz.safetensors"})
    )
    entries = open_checkpoint(folder).entries
    assert (entries[Q].file.name, entries[other].file.name) == (index[Q], "zz.safetensors")
    (folder / "model.safetensors.index.json").unlink()
    assert f"{folder} holds the tensor " in refusal(folder)
    assert " twice, in " in refusal(folder)


def test_the_whole_model_counts_before_what_stands_beside_it(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    (folder / "model.fp16.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert {entry.file.name for entry in open_checkpoint(folder).entries.values()} == {"model.safetensors"}


def test_weights_that_are_shorter_than_when_their_header_was_read(good: Path, tmp_path: Path) -> None:
    from engine.errors import CheckpointError

    folder = copy_of(good, tmp_path / "m")
    checkpoint = open_checkpoint(folder)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be mapped: "):
        checkpoint.tensor(Q, 48, 48)


def test_more_layers_in_the_weights_than_asked_for_are_left(good: Path, tmp_path: Path) -> None:
    folder = copy_of(good, tmp_path / "m")
    edit_config(folder, lambda config: config.update(num_hidden_layers=2, layer_types=None))
    assert load(folder).config.layers == 2
