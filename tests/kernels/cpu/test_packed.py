"""Products with quantised weights against float64 of what the package gguf makes of the same bytes."""

from __future__ import annotations

import pytest
import torch

from kernels.cpu.kinds import BLOCKS, StoredRows
from kernels.cpu.packed import PackedRows, packed_linear, packed_linear_reference, unpacked, unpacked_reference
from kernels.errors import KernelUnavailableError
from tests.kernels.cpu.quantised_cases import bound, stored_rows, true_weights
from tests.kernels.step_cases import random

KINDS = sorted(BLOCKS)
of_each_kind = pytest.mark.parametrize("kind", KINDS)
SHAPES = ((1, 256), (3, 512), (16, 768), (17, 256), (50, 1280), (130, 2560))


@of_each_kind
def test_weights_are_unpacked_to_the_very_numbers_of_gguf(kind: str) -> None:
    stored = stored_rows(kind, 37, 768)
    assert torch.equal(unpacked(stored).double(), true_weights(stored))
    assert torch.equal(unpacked_reference(stored).double(), true_weights(stored))


@of_each_kind
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_are_those_of_float64(kind: str, shape: tuple[int, int]) -> None:
    out, channels = shape
    stored = stored_rows(kind, out, channels)
    packed, weights = PackedRows(stored), true_weights(stored)
    bias = random((out,), torch.float32, "cpu", 2)
    for rows in (1, 2, 3, 4, 5, 7, 33, 70):
        x, residual = random((rows, channels), torch.float32, "cpu", 3), random((rows, out), torch.float32, "cpu", 4)
        true, most = x.double() @ weights.t(), bound(x, weights)
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert ((packed_linear(x, packed).double() - true).abs() <= most).all()
            added = packed_linear(x, packed, bias, residual).double() - true - bias.double() - residual.double()
            assert (added.abs() <= most + 1e-6 * (1 + true.abs())).all()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_rows_of_a_single_block_and_of_an_odd_number_of_them(kind: str) -> None:
    for channels in (32, 96, 224):
        stored = stored_rows(kind, 19, channels)
        x, weights = random((5, channels), torch.float32, "cpu", 1), true_weights(stored)
        assert (
            (packed_linear(x, PackedRows(stored)).double() - x.double() @ weights.t()).abs() <= bound(x, weights)
        ).all()


@of_each_kind
def test_a_row_does_not_depend_on_the_rows_beside_it_or_on_the_threads(kind: str) -> None:
    packed, x = PackedRows(stored_rows(kind, 97, 512)), random((70, 512), torch.float32, "cpu", 2)
    torch.set_num_threads(2)
    together = packed_linear(x, packed)
    for rows in (1, 2, 3, 5):
        assert torch.equal(packed_linear(x[:rows], packed), together[:rows])
    torch.set_num_threads(1)
    assert torch.equal(packed_linear(x, packed), together)


@of_each_kind
def test_products_in_bfloat16(kind: str) -> None:
    stored = stored_rows(kind, 20, 512)
    x, residual = random((3, 512), torch.bfloat16, "cpu", 1), random((3, 20), torch.bfloat16, "cpu", 2)
    true = packed_linear_reference(x.double(), stored, None, residual.double())
    y = packed_linear(x, PackedRows(stored), None, residual)
    assert y.dtype is torch.bfloat16
    assert ((y.double() - true).abs() <= bound(x, true_weights(stored)) + true.abs() / 256).all()


def test_weights_take_the_memory_that_they_take_in_the_file() -> None:
    for kind in KINDS:
        stored = stored_rows(kind, 64, 1024)
        assert PackedRows(stored).nbytes == stored.nbytes


def test_extreme_rows() -> None:
    """Zeros, one large number beside small ones, and what is not finite, which is not hidden."""
    stored = stored_rows("Q4_0", 16, 64)
    packed, weights = PackedRows(stored), true_weights(stored)
    assert torch.equal(packed_linear(torch.zeros(2, 64), packed), torch.zeros(2, 16))
    x = torch.full((1, 64), 1e-3)
    x[0, 5] = 1e4
    assert ((packed_linear(x, packed).double() - x.double() @ weights.t()).abs() <= bound(x, weights)).all()
    tiny = torch.full((1, 64), 1e-38)
    assert packed_linear(tiny, packed).abs().max() < 1e-35
    for value in (torch.inf, -torch.inf, torch.nan):
        x[0, 40] = value
        assert not packed_linear(x, packed).isfinite().any()


def test_what_does_not_fit_is_refused() -> None:
    stored = stored_rows("Q8_0", 8, 64)
    packed, x = PackedRows(stored), torch.zeros(1, 64)
    with pytest.raises(ValueError, match="do not fit"):
        packed_linear(torch.zeros(1, 32), packed)
    with pytest.raises(ValueError, match="does not fit"):
        packed_linear(x, packed, torch.zeros(7))
    with pytest.raises(ValueError, match="do not fit"):
        packed_linear(x, packed, torch.zeros(8, dtype=torch.bfloat16))
    with pytest.raises(KernelUnavailableError, match="not written for"):
        packed_linear(x.double(), packed)
    with pytest.raises(ValueError, match="no rows of 48 weights"):
        StoredRows("Q8_0", 48, torch.zeros(1, 51, dtype=torch.uint8))
