"""The header of a GGUF file is what the format's own reader finds; a damaged one is refused in one sentence."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from engine.errors import CheckpointError
from engine.gguf.header import Header, read_header
from tests.engine.gguf.files import embedding, write_gguf

VALUES = {
    "a.text": "größer 語", "a.flag": True, "a.whole": 7, "a.real": 0.5,
    "a.texts": ["x", "", "語", "a" * 300], "a.wholes": [1, -2, 3], "a.reals": [0.25, -1.5],
}  # fmt: skip
FIXED = struct.pack("<4sIQQ", b"GGUF", 3, 0, 0)


def header_of(path: Path) -> Header:
    with path.open("rb") as stream:
        return read_header(stream, path)


def refused(tmp_path: Path, raw: bytes) -> str:
    path = tmp_path / "model.gguf"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as caught:
        header_of(path)
    return str(caught.value)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    tensors = {**embedding(), "cube": np.ones((3, 2, 64), np.float32), "norm": np.ones(5, np.float32)}
    return write_gguf(tmp_path / "model.gguf", VALUES, tensors, {"token_embd.weight": "Q4_1", "cube": "Q8_0"})


def test_it_is_what_the_formats_own_reader_finds(written: Path) -> None:
    own, header = GGUFReader(written), header_of(written)
    for key, value in VALUES.items():
        found = header.metadata[key]
        assert (found.tolist() if isinstance(found, np.ndarray) else found) == value, key
    for tensor in own.tensors:
        found = header.tensors[tensor.name]
        assert found.kind == tensor.tensor_type.name
        assert found.shape == tuple(tensor.shape.tolist())[::-1]
        assert (found.start, found.bytes) == (tensor.data_offset, tensor.n_bytes)
        assert found.file == written
    assert len(own.tensors) == len(header.tensors) == 5


def test_a_file_cut_anywhere_is_refused(written: Path, tmp_path: Path) -> None:
    raw = written.read_bytes()
    last = max(tensor.start + tensor.bytes for tensor in header_of(written).tensors.values())
    for length in [*range(0, 300, 7), *range(300, last, 97), last - 1]:
        said = refused(tmp_path, raw[:length])
        assert "truncated" in said or (length < 4 and "is not a GGUF file" in said)


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def tensor(name: bytes, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    described = struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape))
    return described + struct.pack(f"<{len(shape)}QIQ", *shape, kind, offset)


def with_counts(tensors: int, pairs: int, rest: bytes, version: int = 3) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", version, tensors, pairs) + rest + bytes(4096)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"PK\x03\x04" + bytes(100), "is not a GGUF file"),
        (with_counts(0, 0, b"", version=1), "GGUF of version 1"),
        (struct.pack(">I", 0x46554747)[::-1] + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (with_counts(2**40, 0, b""), "tells of 1099511627776 tensors"),
        (with_counts(0, 60_000, b""), "truncated"),
        (with_counts(0, 1, struct.pack("<Q", 2**62)), "truncated"),
        (with_counts(0, 1, pair(b"a", 8, struct.pack("<Q", 2**63))), "truncated"),
        (with_counts(0, 1, pair(b"a", 99, b"")), "the unknown type 99"),
        (with_counts(0, 1, pair(b"a", 9, struct.pack("<IQ", 8, 2**60))), "above 4,000,000 values"),
        (with_counts(0, 1, pair(b"a", 9, struct.pack("<IQ", 4, 3_000_000))), "truncated"),
        (with_counts(0, 1, pair(b"a", 9, struct.pack("<IQ", 9, 1))), "an array of arrays"),
        (with_counts(0, 2, 2 * pair(b"a", 0, b"\x01")), "the key 'a' twice"),
        (with_counts(0, 1, pair(b"general.alignment", 4, struct.pack("<I", 24))), "a power of two"),
        (with_counts(2, 0, 2 * tensor(b"t", (4,), 0, 0)), "the tensor 't' twice"),
        (with_counts(1, 0, tensor(b"t", (4, 1, 1, 1, 1), 0, 0)), "has 5 dimensions"),
        (with_counts(1, 0, tensor(b"t", (4,), 77, 0)), "the unknown kind 77"),
        (with_counts(1, 0, tensor(b"t", (0,), 0, 0)), "has the shape [0]"),
        (with_counts(1, 0, tensor(b"t", (33, 2), 8, 0)), "no multiple of Q8_0's 32"),
        (with_counts(1, 0, tensor(b"t", (4,), 0, 8)), "no multiple of 32"),
        (with_counts(1, 0, tensor(b"t", (4,), 0, 2**62)), "truncated"),
        (with_counts(1, 0, tensor(b"t", (2**40, 2**40), 0, 0)), "truncated"),
        (with_counts(2, 0, tensor(b"t", (64,), 0, 0) + tensor(b"u", (64,), 0, 32)), "begins inside another"),
    ],
)
def test_what_a_broken_header_says(tmp_path: Path, raw: bytes, said: str) -> None:
    assert said in refused(tmp_path, raw)


def test_a_file_of_git_lfs_names_itself(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    assert "Git-LFS" in refused(tmp_path, pointer)


def test_bytes_that_are_no_text_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(with_counts(0, 1, pair(b"a", 8, struct.pack("<Q", 3) + b"a\xffb")))
    assert header_of(path).metadata == {"a": "a\ufffdb"}


def test_a_file_that_shrinks_while_it_is_read_is_refused(written: Path) -> None:
    class Shrunk(io.BytesIO):
        def fileno(self) -> int:
            return opened.fileno()

    with written.open("rb") as opened, pytest.raises(CheckpointError, match="truncated"):
        read_header(Shrunk(written.read_bytes()[:100]), written)
