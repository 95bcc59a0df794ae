"""Written files, as the format's own package reads them; which kind each tensor gets."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from engine.gguf.header import read_header
from engine.gguf.kept_metadata import kept_metadata
from engine.gguf.mix import Target, kind_of, planned
from engine.gguf.quantising import quantised
from engine.gguf.write import Planned, encoded, header, write_tensor
from tests.engine.gguf.files import write_gguf

VALUES = {
    "general.architecture": "llama", "general.name": "naïve 模型", "llama.block_count": 3, "llama.rope.freq_base": 1e4,
    "tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.tokens": ["a", "Ġb", "中", ""],
    "tokenizer.ggml.token_type": np.array([1, 3, 6, 1], "<i4"), "tokenizer.ggml.scores": np.array([0, -1.5], "<f4"),
    "gemma3.attention.sliding_window_pattern": np.array([True, False]),
}  # fmt: skip


def written(path: Path, tensors: dict[str, np.ndarray], kind: str) -> Path:
    plan = [Planned(name, kind if one.ndim > 1 else "F32", one.shape) for name, one in tensors.items()]
    with path.open("wb") as stream:
        stream.write(header({key: encoded(value) for key, value in VALUES.items()}, plan))
        for one in plan:
            rows = tensors[one.name].reshape(-1, one.shape[-1])
            write_tensor(stream, one, [quantised(row[None], one.kind).data for row in rows])
    return path


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q6_K"])
def test_the_formats_own_package_reads_what_was_written(tmp_path: Path, kind: str) -> None:
    draw = np.random.default_rng(1)
    tensors = {
        "token_embd.weight": draw.standard_normal((7, 256), np.float32),
        "blk.0.attn_norm.weight": draw.standard_normal(5, np.float32),  # the next tensor must be filled up to
        "blk.0.ffn_up.weight": draw.standard_normal((3, 512), np.float32),
    }
    reader = gguf.GGUFReader(written(tmp_path / "a.gguf", tensors, kind))
    for key, value in VALUES.items():
        told = reader.fields[key].contents()
        assert np.array_equal(told, value) if isinstance(value, np.ndarray) else told == pytest.approx(value)
    assert [one.name for one in reader.tensors] == list(tensors)
    for one in reader.tensors:
        original = tensors[one.name]
        assert one.shape.tolist() == list(original.shape[::-1])
        unpacked = gguf.quants.dequantize(one.data, one.tensor_type)
        assert unpacked.reshape(original.shape) == pytest.approx(original, abs=0.3)
    del reader


def test_kept_metadata_is_what_it_was_to_the_byte(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", {"token_embd.weight": np.ones((2, 32), np.float32)}, "Q8_0")
    with path.open("rb") as stream:
        kept = kept_metadata(stream, path, read_header(stream, path))
    assert kept == {key: encoded(value) for key, value in VALUES.items()}


def test_keys_that_tell_how_a_file_is_written_are_not_kept(tmp_path: Path) -> None:
    values = {"general.alignment": 32, "general.file_type": 1, "split.no": 0, "llama.x": 5, "llama.y": [1.5, 2.5]}
    path = write_gguf(tmp_path / "a.gguf", values, {"a": np.ones((2, 32))})
    with path.open("rb") as stream:
        kept = kept_metadata(stream, path, read_header(stream, path))
    assert kept.keys() == {"general.architecture", "llama.x", "llama.y"}


@pytest.mark.parametrize(
    ("name", "shape", "kinds"),
    [
        ("blk.0.ffn_up.weight", (8, 256), ("Q8_0", "Q4_0", "Q4_K")),
        ("blk.0.ffn_up.weight", (8, 96), ("Q8_0", "Q4_0", "Q5_0")),
        ("blk.0.ffn_up.weight", (8, 100), ("F16", "F16", "F16")),
        ("output.weight", (8, 256), ("Q8_0", "Q6_K", "Q6_K")),
        ("output.weight", (8, 96), ("Q8_0", "Q8_0", "Q8_0")),
        ("token_embd.weight", (8, 256), ("Q8_0", "Q4_0", "Q4_K")),
        ("blk.0.attn_norm.weight", (256,), ("F32", "F32", "F32")),
        ("blk.0.attn_q.bias", (256,), ("F32", "F32", "F32")),
        ("position_embd.weight", (8, 256), ("F32", "F32", "F32")),
        ("rope_freqs.weight", (32,), ("F32", "F32", "F32")),
    ],
)
def test_each_tensor_gets_the_kind_that_llama_cpp_gives_it(
    name: str, shape: tuple[int, ...], kinds: tuple[str, str, str]
) -> None:
    targets: tuple[Target, ...] = ("q8_0", "q4_0", "q4_k")
    assert tuple(kind_of(name, shape, to, tied=False) for to in targets) == kinds


def test_an_embedding_that_is_also_the_head_gets_the_heads_kind() -> None:
    assert planned({"token_embd.weight": (8, 256)}, "q4_k")[0].kind == "Q6_K"
    assert planned({"token_embd.weight": (8, 256), "output.weight": (8, 256)}, "q4_k")[0].kind == "Q4_K"
