"""Products on the tile unit against float64: odd numbers of rows, one thread and several."""

from __future__ import annotations

import pytest
import torch

from kernels.cpu import library, tiled_linear
from kernels.cpu.streamed_linear import streamed_linear_reference
from kernels.cpu.tiled_linear import MOST_ROWS, tiled, unavailable
from kernels.errors import KernelUnavailableError
from tests.kernels.step_cases import assert_close, random

HALF = torch.bfloat16
WEIGHT = torch.zeros(16, 32, dtype=HALF)
tiles = pytest.mark.skipif(unavailable(WEIGHT, HALF) is not None, reason=f"{unavailable(WEIGHT, HALF)}")


@tiles
@pytest.mark.parametrize("shape", [(16, 32), (48, 64), (1152, 896), (896, 4864)], ids=str)
def test_products_are_those_of_float64(shape: tuple[int, int]) -> None:
    out, channels = shape
    weight, bias = random(shape, HALF, "cpu", 1), random((out,), HALF, "cpu", 2)
    multiply, plain = tiled(weight, bias), tiled(weight, None)
    for rows in (1, 5, 15, 16, 17, 33, 50, MOST_ROWS):
        x, residual = random((rows, channels), HALF, "cpu", 3), random((rows, out), HALF, "cpu", 4)
        true = streamed_linear_reference(x.double(), weight.double(), bias.double(), residual.double())
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert_close(multiply(x, residual), true, HALF)
        assert_close(plain(x), streamed_linear_reference(x.double(), weight.double()), HALF)


@tiles
def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    weight, x = random((96, 256), HALF, "cpu", 1), random((40, 256), HALF, "cpu", 2)
    multiply = tiled(weight, None)
    for rows in (1, 7, 20):
        assert torch.equal(multiply(x[:rows]), multiply(x)[:rows])


@tiles
def test_rows_that_stand_apart_are_read_where_they_are() -> None:
    wide, weight = random((6, 128), HALF, "cpu", 1), random((16, 64), HALF, "cpu", 2)
    multiply = tiled(weight, None)
    assert torch.equal(multiply(wide[:, 64:]), multiply(wide[:, 64:].contiguous()))


@tiles
def test_what_does_not_fit_is_refused() -> None:
    multiply = tiled(WEIGHT, None)
    for wrong in (torch.zeros(5, 64, dtype=HALF), torch.zeros(5, 32), torch.zeros(MOST_ROWS + 1, 32, dtype=HALF)):
        with pytest.raises(ValueError, match="does not fit"):
            multiply(wrong)
    with pytest.raises(ValueError, match="a residual"):
        multiply(torch.zeros(5, 32, dtype=HALF), torch.zeros(5, 15, dtype=HALF))
    with pytest.raises(ValueError, match="its bias"):
        tiled(WEIGHT, torch.zeros(16))


def test_why_a_weight_cannot_be_multiplied_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        unavailable(WEIGHT.float(), HALF)
        == "there is no kernel for torch.float32 weights and torch.bfloat16 activations"
    )
    assert unavailable(WEIGHT.to("meta"), HALF) == "it runs on a CPU, not on meta"
    assert unavailable(torch.zeros(17, 32, dtype=HALF), HALF) == "(17, 32) is no multiple of [16, 32]"
    with pytest.raises(KernelUnavailableError, match=r"cannot be multiplied in tiles: \(16, 33\) is no multiple"):
        tiled(torch.zeros(16, 33, dtype=HALF), None)
    monkeypatch.setattr(tiled_linear, "_allowed", lambda: False)
    assert unavailable(WEIGHT, HALF) == "the processor or the system has no tiles"
    monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
    assert unavailable(WEIGHT, HALF) == "There is no C compiler."
