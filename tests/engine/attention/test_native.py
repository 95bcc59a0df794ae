"""The C back end: where it can run, in which precision, and that a step's preparation serves all layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.attention.build import make_attention
from engine.attention.native import FEW_ROWS, decodes
from engine.attention.reference import reference_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch, Span
from engine.core.settings import RequestSpec, RunSpec, Switches
from engine.decode.capabilities import unavailable_switches
from engine.model.config import ModelConfig
from engine.model.loader import LoadedModel
from kernels.cpu import library
from kernels.cpu.attention import BatchAttention
from tests.engine.drive import drive

CACHES = ("none", "contiguous", "paged")
runs = pytest.mark.skipif(library.unavailable() is not None, reason=f"no C kernels: {library.unavailable()}")


@runs
def test_it_is_offered_on_a_cpu_in_precisions_that_it_has() -> None:
    assert "attention=native" not in unavailable_switches("cpu", has_draft=True)
    assert "attention=native" not in unavailable_switches("cpu", has_draft=True, dtype=torch.bfloat16)
    half = unavailable_switches("cpu", has_draft=True, dtype=torch.float16)["attention=native"]
    assert half == "The C kernels compute in float32 and bfloat16, not in float16."


def test_elsewhere_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "on a CPU" in unavailable_switches("cuda", has_draft=True)["attention=native"]
    monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
    assert unavailable_switches("cpu", has_draft=True)["attention=native"] == "There is no C compiler."


def test_few_rows_over_a_past_decode_and_all_others_prefill() -> None:
    assert decodes(Span(0, 7, 8, 0), 100)
    assert decodes(Span(0, 7, 23, 0), 3)  # verification of 15 drafts
    assert decodes(Span(0, 0, 1, 0), 128)
    assert not decodes(Span(0, 0, 5, 0), 1)  # a prompt
    assert not decodes(Span(0, 7, 7 + FEW_ROWS + 1, 0), 1)


@runs
@pytest.mark.parametrize("kv", CACHES)
def test_spans_are_cut_once_a_step(tiny_model: LoadedModel, kv: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = BatchAttention.__init__

    def counted(self: BatchAttention, spans: Any, *rest: Any) -> None:
        made.append(len(spans))
        make(self, spans, *rest)

    monkeypatch.setattr(BatchAttention, "__init__", counted)
    switches = Switches(attention="native", kv=kv, graphs=False)
    drive(tiny_model, RunSpec((RequestSpec("abc", 4, ignore_eos=True),), switches))
    assert made == [1] * 4  # of two layers each


@runs
@pytest.mark.parametrize("kv", CACHES)
@pytest.mark.parametrize("rows", [1, 9, 70])
def test_bfloat16_stays_close_to_the_reference(kv: Any, rows: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig("x", 1, 48, 6, 2, 24, 8, 50, 128)
    cache = make_cache(Switches(kv=kv), config, torch.device("cpu"), torch.bfloat16)
    cache.admit(0, 80)
    batch = Batch.of([(0, 0, [1] * rows)])
    view = cache.begin(batch)
    q, k, v = (torch.randn(rows, heads, 24).bfloat16() for heads in (6, 2, 2))
    view.write(0, k, v)
    out = make_attention("native", config)(q, view, 0, batch)
    true = reference_attention(q.double(), k.double().transpose(0, 1), v.double().transpose(0, 1))
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.double(), true, atol=1e-2 * float(true.abs().max()))
