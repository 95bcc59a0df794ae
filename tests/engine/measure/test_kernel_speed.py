"""The cases of `bench --suite kernels`: both ways of an operation do the same, and a row says what was counted."""

from __future__ import annotations

import pytest
import torch

from engine.measure.ceilings import Ceilings
from engine.measure.cpu_cases import QUANTISED, packed_case, product_case, row_cases
from engine.measure.kernel_case import Case
from engine.measure.kernel_speed import row_of
from engine.measure.triton_cases import Sizes, cases
from kernels.cpu import library
from kernels.cpu.streamed_linear import PAIRS

TINY = Sizes((1, 3), 24, 40, 4, 2, 8, 20, ((2, 32),))


@pytest.mark.parametrize("case", list(cases(TINY, torch.device("cpu"), torch.float32, True)), ids=lambda c: c.kernel)
def test_the_peer_computes_what_the_kernel_computes(case: Case) -> None:
    assert case.ours is not None
    ours, theirs = case.ours(), case.theirs()
    if isinstance(ours, tuple):  # the norm, and the sum that goes on
        ours = ours[0]
    if ours is None:
        assert case.kernel == "rope_kv_write"  # works in place; tests/kernels compares it
        return
    assert isinstance(ours, torch.Tensor)
    assert isinstance(theirs, torch.Tensor)
    other = theirs.squeeze(2) if case.kernel == "decode_attention" else theirs
    other = other[0].transpose(0, 1) if case.kernel == "prefill_attention" else other
    assert torch.allclose(ours, other, atol=1e-5)


@pytest.mark.skipif(library.unavailable() is not None, reason="needs the C kernels")
def test_the_c_kernels_compute_what_their_peers_compute() -> None:
    made = [product_case((24, 64), rows, *dtypes) for dtypes in PAIRS for rows in (1, 5)]
    made += [packed_case((24, 64), rows, kind) for kind in QUANTISED for rows in (1, 5)]
    for case in (*made, *row_cases(3, 64, 40, 4, 2, 8)):
        assert case.ours is not None
        ours, theirs = case.ours(), case.theirs()
        if case.kernel == "rotate":
            continue  # works in place; tests/kernels/cpu compares it
        assert isinstance(ours, torch.Tensor)
        assert isinstance(theirs, torch.Tensor)
        assert ours.dtype == theirs.dtype
        # A quantised product rounds x to 1/16256 of the largest of 32 numbers.
        most = 2e-3 if case.kernel == "packed_linear" else 1e-4 if ours.dtype == torch.float32 else 0.2
        assert torch.allclose(ours.float(), theirs.float(), atol=most)


def test_a_row_is_arithmetic_on_its_times() -> None:
    case = Case("k", "1 × 1", 3_000_000, 1000, None, lambda: None, "peer")
    row = row_of(case, Ceilings(1e9, 1e9), torch.empty(8, dtype=torch.int8))
    assert row["bytes_per_s"] == pytest.approx(3_000_000 / row["time_s"])
    assert row["share"] == pytest.approx(3e-3 / row["time_s"])
    assert (row["bound"], row["measured"], row["against_peer"]) == ("memory", "peer", None)
    low, high = row["quartiles_s"]
    assert low <= row["time_s"] <= high
    row = row_of(case, Ceilings(1e9, 1e3), torch.empty(8, dtype=torch.int8))
    assert row["bound"] == "compute"
