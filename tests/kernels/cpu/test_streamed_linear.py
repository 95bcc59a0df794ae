"""Streamed products against float64: every dtype, odd numbers of rows and columns, one thread and several."""

from __future__ import annotations

import pytest
import torch

from kernels.cpu import library
from kernels.cpu.streamed_linear import PAIRS, streamed, streamed_linear, streamed_linear_reference, unavailable
from kernels.errors import KernelUnavailableError
from tests.kernels.step_cases import assert_close, random

ROWS = (1, 2, 3, 4, 5, 7, 64, 70, 130)
SHAPES = ((1, 32), (3, 64), (7, 96), (10, 32), (130, 896), (896, 4864))
ORDERED = sorted(PAIRS, key=str)


@pytest.mark.parametrize(("weight_dtype", "dtype"), ORDERED, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products_are_those_of_float64(weight_dtype: torch.dtype, dtype: torch.dtype, shape: tuple[int, int]) -> None:
    out, channels = shape
    weight, bias = random(shape, weight_dtype, "cpu", 1), random((out,), dtype, "cpu", 2)
    for rows in ROWS if out < 896 else (1, 5):
        x, residual = random((rows, channels), dtype, "cpu", 3), random((rows, out), dtype, "cpu", 4)
        true = streamed_linear_reference(x.double(), weight.double(), bias.double(), residual.double())
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert_close(streamed_linear(x, weight, bias, residual), true, dtype)
        plain = streamed_linear_reference(x.double(), weight.double())
        assert_close(streamed_linear(x, weight), plain, dtype)


@pytest.mark.parametrize(("weight_dtype", "dtype"), ORDERED, ids=str)
def test_a_row_does_not_depend_on_the_rows_beside_it_or_on_the_threads(
    weight_dtype: torch.dtype, dtype: torch.dtype
) -> None:
    weight, x = random((97, 256), weight_dtype, "cpu", 1), random((70, 256), dtype, "cpu", 2)
    torch.set_num_threads(2)
    together = streamed_linear(x, weight)
    for rows in (1, 2, 3, 5):
        assert torch.equal(streamed_linear(x[:rows], weight), together[:rows])
    torch.set_num_threads(1)
    assert torch.equal(streamed_linear(x, weight), together)


def test_bfloat16_weights_are_widened_exactly() -> None:
    weight, x = random((64, 96), torch.bfloat16, "cpu", 1), torch.eye(96)
    assert torch.equal(streamed_linear(x, weight), weight.float().t())


def test_results_round_to_the_nearest_even_bfloat16_and_keep_what_is_no_number() -> None:
    x = torch.zeros(1, 32, dtype=torch.bfloat16)
    x[0, :2] = torch.tensor([1.0, 1.0])
    weight = torch.zeros(5, 32, dtype=torch.bfloat16)
    weight[:, 0] = torch.tensor([1.0, 1.0078125, -1.0, torch.inf, torch.nan])
    weight[:, 1] = torch.tensor([2.0**-8, 2.0**-8, -(2.0**-8), 1.0, 1.0])
    y = streamed_linear(x, weight)[0]
    assert y[:4].tolist() == [1.0, 1.015625, -1.0, torch.inf]  # ties go to the even neighbour, up or down
    assert y[4].isnan()


def test_rows_that_stand_apart_are_read_where_they_are() -> None:
    wide, weight = random((3, 128), torch.float32, "cpu", 1), random((8, 64), torch.float32, "cpu", 2)
    assert torch.equal(streamed_linear(wide[:, 64:], weight), streamed_linear(wide[:, 64:].contiguous(), weight))


def test_what_does_not_fit_is_refused() -> None:
    weight, x = torch.zeros(8, 64), torch.zeros(1, 64)
    multiply = streamed(weight, None, torch.float32)
    with pytest.raises(ValueError, match=r"x \(1, 32\) .* does not fit"):
        multiply(torch.zeros(1, 32))
    with pytest.raises(ValueError, match=r"of torch\.float16 does not fit"):
        multiply(x.half())
    with pytest.raises(ValueError, match="a residual"):
        multiply(x, torch.zeros(2, 8))
    with pytest.raises(ValueError, match="must be contiguous"):
        streamed(torch.zeros(64, 64).t(), None, torch.float32)
    with pytest.raises(ValueError, match="its bias"):
        streamed(weight, torch.zeros(7), torch.float32)
    with pytest.raises(KernelUnavailableError, match=r"no kernel for torch\.float64 weights"):
        streamed_linear(torch.zeros(1, 40, dtype=torch.float64), torch.zeros(2, 40, dtype=torch.float64))


def test_why_a_weight_cannot_be_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.zeros(8, 64)
    assert unavailable(weight, torch.float32) is None
    assert unavailable(weight.bfloat16(), torch.float32) is None
    assert (
        unavailable(weight, torch.bfloat16)
        == "there is no kernel for torch.float32 weights and torch.bfloat16 activations"
    )
    assert unavailable(weight.to("meta"), torch.float32) == "it runs on a CPU, not on meta"
    monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
    assert unavailable(weight, torch.float32) == "There is no C compiler."
