"""The attention kernels, compiled, over the whole grid: `TRITON_INTERPRET=0 python -m pytest tests/gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.attention.build import make_attention
from engine.core.batch import Batch
from engine.core.kv_cache import commit_batch
from engine.core.settings import LoadSpec
from engine.core.timing import NoTimer
from engine.model.loader import LoadedModel, load_model
from kernels.decode_attention import DecodeWorkspace, decode_attention
from kernels.device import INTERPRETED
from kernels.prefill_attention import prefill_reference
from tests.engine.model.checkpoints import save_checkpoint
from tests.engine.model.forward import cache_of
from tests.kernels.attention_cases import (
    BOUNDS,
    Case,
    check,
    decode_grid,
    make_inputs,
    prefill_grid,
    relative,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available() or INTERPRETED, reason="needs a CUDA device, and TRITON_INTERPRET=0"
    ),
]


@pytest.mark.parametrize("case", prefill_grid(), ids=str)
def test_prefill_is_the_formula(case: Case) -> None:
    check(case, "cuda", "prefill")


@pytest.mark.parametrize("case", decode_grid(), ids=str)
def test_decode_is_the_formula(case: Case) -> None:
    check(case, "cuda", "decode")


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
def test_long_contexts(dtype: torch.dtype) -> None:
    check(Case(((3000, 700), (2049, 2049)), (8, 2), 128, 16, None, dtype), "cuda", "prefill")
    check(Case(((9000, 1), (4097, 5)), (8, 2), 128, 16, None, dtype), "cuda", "decode")


def test_a_captured_graph_serves_every_length_below_its_bucket() -> None:
    inputs = make_inputs(Case(((400, 1), (333, 1)), (4, 2), 64), "cuda")
    out, workspace = torch.empty_like(inputs.q), DecodeWorkspace.of(4, inputs.q)

    def step() -> None:
        decode_attention(inputs.q, inputs.kv, inputs.starts, inputs.lengths, max_rows=1, max_length=512, splits=4,
                         out=out, workspace=workspace)  # fmt: skip

    step()  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    for length in (400, 17, 1, 0):
        inputs.lengths[0] = length
        out.fill_(torch.nan)
        graph.replay()
        sequences = [
            (k[:, :n].double().cpu(), v[:, :n].double().cpu())
            for (k, v), n in zip(inputs.sequences, (length, 333), strict=True)
        ]
        true, _ = prefill_reference(inputs.q.double().cpu(), sequences, [0, 1, 2])
        assert relative(out, true) <= 1e-5


@pytest.mark.parametrize("kind", ["llama-multi-query", "mistral-window", "qwen3", "gpt2"])
def test_tokens_are_those_of_the_reference(kind: str, tmp_path: Path) -> None:
    spec = LoadSpec(str(save_checkpoint(tmp_path, kind)), device="cuda", dtype="float32")
    model = load_model(spec, lambda stage, fraction: None)
    plain = greedy_on_gpu(model, "none", "reference")
    for kv in ("none", "contiguous", "paged"):
        assert greedy_on_gpu(model, kv, "triton") == plain


def greedy_on_gpu(model: LoadedModel, kv: str, name: str) -> list[int]:
    """24 tokens after a prompt of 40, one request."""
    cache, attention, tokens = cache_of(model, kv), make_attention(name, model.config), list(range(3, 43))
    while len(tokens) < 64:
        first = cache.length(0)
        batch = Batch.of([(0, first, tokens[first:])], device="cuda")
        logits = model.decoder.forward(batch, cache.begin(batch), attention, NoTimer())
        commit_batch(cache, batch)
        tokens.append(int(logits[0].argmax()))
    return tokens
