"""GGUF files of every family, quantised here, against transformers on the weights that gguf makes of the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from torch import Tensor

from engine.core.batch import Batch
from engine.core.settings import LoadSpec
from engine.gguf.header import Header, read_header
from engine.graphs.compiled import unavailable
from engine.model.gguf_weights import needed_bytes, read_weight, shape_only, unpacked_note
from engine.model.loader import LoadedModel, load_model
from engine.model.quantise import quantise
from kernels.cpu import library
from tests.engine.gguf.files import write_gguf
from tests.engine.model.bpe import save_bpe
from tests.engine.model.checkpoints import VOCAB, reference_logits, reference_model, save_checkpoint
from tests.engine.model.forward import cache_of, run

KINDS = ("llama", "llama-tied", "llama-llama3-rope", "mistral", "qwen2", "qwen3", "gemma3", "phi3", "gpt2")
SHAPE: dict[str, float] = {
    "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "head_dim": 16, "query_pre_attn_scalar": 16,
}  # fmt: skip
"""Rows of whole blocks of 32."""
SHAPE_OF_GPT2: dict[str, float] = {"n_embd": 64, "n_inner": 96}
IDS = [3 + (7 * index) % (VOCAB - 3) for index in range(30)]


def loaded(path: Path) -> LoadedModel:
    return load_model(LoadSpec(str(path), device="cpu", dtype="float32"), lambda stage, done: None)


def logits(model: LoadedModel, attention: str) -> Tensor:
    batch = Batch.of([(0, 0, IDS)], list(range(len(IDS))))
    return run(model, cache_of(model, "paged"), attention, batch)


@pytest.mark.parametrize("kind", KINDS)
def test_a_family_in_q8_0_gives_the_logits_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "model", kind, SHAPE_OF_GPT2 if kind == "gpt2" else SHAPE)
    save_bpe(folder)
    path = tmp_path / "model.gguf"
    quantise(str(folder), "q8_0", path, lambda done, all_of: None)
    reference = reference_model(folder)
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if parameter.dim() == 2 and "wpe" not in name:
                rows = parameter.t() if ".c_" in name else parameter  # GPT-2's projections are [in, out]
                stored = quantize(rows.contiguous().numpy(), GGMLQuantizationType.Q8_0)
                rows.copy_(torch.from_numpy(dequantize(stored, GGMLQuantizationType.Q8_0)))
    theirs = reference_logits(reference, IDS)
    model = loaded(path)
    assert model.decoder.weight_kinds["Q8_0"] > 0
    for attention in ("reference", *(["compiled"] if library.unavailable() is None else [])):
        error = (logits(model, attention) - theirs).norm() / theirs.norm()
        assert error < 2e-3, attention
    assert unavailable(model.decoder) is None


def header_of(folder: Path, name: str, values: np.ndarray, kind: str) -> Header:
    """The header of a file with one tensor of a kind."""
    path = write_gguf(folder / "one.gguf", {}, {name: values}, {name: kind})
    with path.open("rb") as stream:
        return read_header(stream, path)


@pytest.mark.parametrize("kind", ["Q5_0", "Q8_0", "F16"])
def test_a_norm_of_another_kind_is_the_same_norm(kind: str, tmp_path: Path) -> None:
    """Found by the search: no program writes one, and none should fail at it later than when the file is read."""
    stored = GGMLQuantizationType[kind]
    values = torch.randn(64, generator=torch.Generator().manual_seed(1)).numpy()
    header = header_of(tmp_path, "blk.0.attn_norm.weight", values, kind)
    norm = read_weight(header, "blk.0.attn_norm.weight", 64)
    assert isinstance(norm, Tensor)
    assert norm.shape == shape_only(header, "blk.0.attn_norm.weight", 64).shape
    assert torch.equal(norm.float(), torch.from_numpy(dequantize(quantize(values, stored), stored)))


def test_a_kind_without_a_kernel_is_unpacked_and_said(tmp_path: Path) -> None:
    """TQ1_0, of which gguf can write and read the blocks, stands for all such kinds."""
    stored = GGMLQuantizationType.TQ1_0
    values = torch.randn(512, 256, generator=torch.Generator().manual_seed(1)).numpy()
    header = header_of(tmp_path, "output.weight", values, "TQ1_0")
    weight = read_weight(header, "output.weight", 512, 256)
    assert isinstance(weight, Tensor)
    assert weight.dtype is torch.float16
    assert torch.equal(weight, torch.from_numpy(dequantize(quantize(values, stored), stored)).half())
    cpu = torch.device("cpu")
    if library.unavailable() is None:
        assert unpacked_note(header, cpu, torch.float32) == (
            "Weights in TQ1_0 are unpacked to float16, as no kernel multiplies them on cpu: they take 0.2 MiB instead "
            "of 0.0 MiB."
        )
        assert needed_bytes(header, cpu, torch.float32) == weight.nbytes
    assert "are unpacked to bfloat16, as no kernel multiplies them on cuda:0" in unpacked_note(
        header, torch.device("cuda:0"), torch.bfloat16
    )
