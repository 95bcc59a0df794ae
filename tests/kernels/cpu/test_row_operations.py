"""Norm, rotation and SwiGLU for the few rows of a step on a CPU, against float64."""

from __future__ import annotations

import pytest
import torch

from kernels.cpu.row_operations import rms_norm, rotate_, swiglu
from kernels.errors import KernelUnavailableError
from kernels.rmsnorm import rms_norm_reference
from kernels.swiglu import swiglu_reference
from tests.kernels.step_cases import BOUNDS, HEAD_DIMS, WIDTHS, assert_close, random

ROWS = (1, 3, 40)
EPS = 1e-5
dtypes = pytest.mark.parametrize("dtype", BOUNDS, ids=str)


@dtypes
@pytest.mark.parametrize("width", WIDTHS)
def test_rms_norm(width: int, dtype: torch.dtype) -> None:
    weight = random((width,), dtype, "cpu", 1)
    for rows in ROWS:
        x = random((rows, width), dtype, "cpu", 2) * 5
        got = rms_norm(weight, EPS)(x)
        assert got.dtype == dtype
        assert_close(got, rms_norm_reference(x.double(), weight.double(), EPS), dtype)


@dtypes
def test_a_norm_with_a_weight_a_head_reads_a_slice(dtype: torch.dtype) -> None:
    weight = random((5, 24), dtype, "cpu", 1)
    for rows in ROWS:
        x = random((rows, 8, 24), dtype, "cpu", 2)[:, :5]
        true = rms_norm_reference(x.double(), weight.double(), EPS)
        assert_close(rms_norm(weight, EPS)(x), true, dtype)
        assert_close(rms_norm(weight, EPS)(x.transpose(1, 2).contiguous().transpose(1, 2)), true, dtype)


@dtypes
@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_rotation_turns_the_heads_it_is_given_and_no_others(head_dim: int, dtype: torch.dtype) -> None:
    for rows in ROWS:
        qkv = random((rows, 6, head_dim), dtype, "cpu", 1)
        before = qkv.clone()
        angle = random((rows, 1, head_dim // 2), torch.float32, "cpu", 2).double() * 9
        rotation = torch.polar(torch.ones_like(angle), angle)
        rotate_(qkv, rotation.to(torch.complex64), 4)
        pairs = torch.view_as_complex(before[:, :4].double().reshape(rows, 4, -1, 2))
        assert_close(qkv[:, :4], torch.view_as_real(pairs * rotation).view(rows, 4, head_dim), dtype)
        assert torch.equal(qkv[:, 4:], before[:, 4:])


@dtypes
@pytest.mark.parametrize("width", WIDTHS)
def test_swiglu(width: int, dtype: torch.dtype) -> None:
    for rows in ROWS:
        wide = random((rows, 2 * width), dtype, "cpu", 1) * 8
        got = swiglu(wide)
        assert got.dtype == dtype
        assert_close(got, swiglu_reference(wide.double()), dtype)


def test_swiglu_of_the_extremes() -> None:
    gate = torch.linspace(-200, 200, 40_001)
    got = swiglu(torch.cat([gate, torch.ones_like(gate)]).unsqueeze(0))[0].double()
    true = torch.nn.functional.silu(gate.double())
    assert bool(((got - true).abs() <= 1e-6 * true.abs() + 1e-30).all())
    ends = swiglu(torch.tensor([[torch.inf, torch.nan, 1.0, 1.0]]))[0]
    assert ends[0] == torch.inf
    assert ends[1].isnan()


def test_what_does_not_fit_is_refused() -> None:
    norm, turn = rms_norm(torch.zeros(4), EPS), torch.zeros(2, 1, 4, dtype=torch.complex64)
    for wrong in (torch.zeros(2, 8), torch.zeros(2, 4).half(), torch.zeros(2, 1, 4)):
        with pytest.raises(ValueError, match="does not fit x"):
            norm(wrong)
    with pytest.raises(ValueError, match="a rotation"):
        rotate_(torch.zeros(2, 3, 8), turn[..., :3], 2)
    with pytest.raises(ValueError, match="a rotation"):
        rotate_(torch.zeros(2, 3, 8), turn, 4)
    with pytest.raises(ValueError, match="one after another"):
        rotate_(torch.zeros(2, 8, 3).transpose(1, 2), turn, 2)
    with pytest.raises(ValueError, match="side by side"):
        swiglu(torch.zeros(2, 7))
    with pytest.raises(KernelUnavailableError, match=r"swiglu was not written for torch\.float16"):
        swiglu(torch.zeros(1, 8).half())
