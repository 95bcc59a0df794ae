"""The Triton back end, in the interpreter: what it prepares once a step, and where it can run."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from engine.attention.build import make_attention
from engine.attention.reference import reference_attention
from engine.attention.triton import decodes
from engine.cache.build import make_cache
from engine.core.batch import Batch, Span
from engine.core.settings import RequestSpec, RunSpec, Switches
from engine.decode.capabilities import unavailable_switches
from engine.model.config import ModelConfig
from engine.model.loader import LoadedModel
from kernels.kv import ContiguousKV
from tests.engine.attention.stepping import CACHES, attended, kernels_of
from tests.engine.drive import drive


def test_few_rows_over_a_past_decode_and_all_others_prefill() -> None:
    assert decodes(Span(0, 7, 8, 0), 8)
    assert decodes(Span(0, 7, 12, 0), 8)  # verification of 4 drafts
    assert decodes(Span(0, 0, 1, 0), 128)
    assert not decodes(Span(0, 0, 5, 0), 1)  # a prompt
    assert not decodes(Span(0, 7, 7 + 9, 0), 8)  # more than a tile


@pytest.mark.parametrize("kv", CACHES)
def test_where_things_lie_is_worked_out_once_a_step(
    tiny_model: LoadedModel, kv: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    make = torch.tensor

    def counted(data: Any, **kwargs: Any) -> torch.Tensor:
        if kwargs.get("dtype") is torch.int32:
            made.append(len(data))
        return make(data, **kwargs)

    monkeypatch.setattr(torch, "tensor", counted)
    run = RunSpec((RequestSpec("abc", 4, ignore_eos=True),), Switches(attention="triton", kv=kv))
    assert len(kernels_of(drive(tiny_model, run))) == len(made) == 4  # of two layers each


def test_addresses_are_those_of_the_tensors_and_are_sent_again_only_for_other_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memories = [torch.randn(3, 2, 2, capacity, 8) for capacity in (5, 9)]
    for layer, made in enumerate(ContiguousKV.layers_of(memories)):
        plain = ContiguousKV.of([m[layer, 0] for m in memories], [m[layer, 1] for m in memories])
        assert torch.equal(made.places, plain.places)
        assert replace(made, places=plain.places) == plain
    calls: list[int] = []
    layers_of = ContiguousKV.layers_of
    monkeypatch.setattr(ContiguousKV, "layers_of", lambda found: calls.append(len(found)) or layers_of(found))
    steps = [(0, 0, [1, 2])], [(0, 2, [1])], [(0, 3, [1])], [(0, 4, [1]), (1, 0, [1])]
    attended("triton", "contiguous", steps)
    assert calls == [1, 2]


def test_without_a_gpu_it_is_offered_in_the_interpreter_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "attention=triton" not in unavailable_switches("cpu", has_draft=True)
    assert "attention=triton" not in unavailable_switches("cuda", has_draft=True)
    monkeypatch.setattr("engine.decode.capabilities.find_spec", lambda name: None)
    assert unavailable_switches("cuda", has_draft=True)["attention=triton"].startswith("The package triton is not")
    for value in ("0", ""):
        monkeypatch.setenv("TRITON_INTERPRET", value)
        reason = unavailable_switches("cpu", has_draft=True)["attention=triton"]
        assert reason.startswith("The Triton kernels need a CUDA device;")


def test_lower_precision_stays_close_to_the_reference() -> None:
    torch.manual_seed(0)
    config = ModelConfig("x", 1, 48, 6, 2, 24, 8, 50, 128)
    for dtype, (kind, rows) in product((torch.bfloat16, torch.float16), (("paged", 9), ("contiguous", 1))):
        cache = make_cache(Switches(kv=kind), config, torch.device("cpu"), dtype)  # type: ignore[arg-type]
        cache.admit(0, 20)
        batch = Batch.of([(0, 0, [1] * rows)])
        kv = cache.begin(batch)
        k, v, q = torch.randn(rows, 2, 24).to(dtype), torch.randn(rows, 2, 24).to(dtype), torch.randn(rows, 6, 24)
        kv.write(0, k, v)
        out = make_attention("triton", config)(q.to(dtype), kv, 0, batch)
        true = reference_attention(q.to(dtype).double(), k.double().transpose(0, 1), v.double().transpose(0, 1))
        assert out.dtype == dtype
        assert torch.allclose(out.double(), true, atol=1e-2 * float(true.abs().max()))
