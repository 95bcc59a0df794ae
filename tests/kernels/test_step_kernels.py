"""Norm, rotation with the cache's write, and SwiGLU in Triton's interpreter: a part of the grid a GPU runs whole."""

from __future__ import annotations

import pytest
import torch

from kernels.rmsnorm import rms_norm
from kernels.rope_kv_write import rope_kv_write
from kernels.swiglu import swiglu
from tests.kernels.step_cases import GRID, ROPE_GRID, check_heads_norm, check_rms_norm, check_rope, check_swiglu


@pytest.mark.parametrize(("rows", "width", "dtype"), GRID[::3])
def test_rms_norm_with_and_without_the_residual(rows: int, width: int, dtype: torch.dtype) -> None:
    check_rms_norm(rows, width, dtype, "cpu")


@pytest.mark.parametrize(("rows", "width", "dtype"), GRID[1::5])
def test_a_norm_with_a_weight_a_head(rows: int, width: int, dtype: torch.dtype) -> None:
    check_heads_norm(rows, 3, width, dtype, "cpu")


@pytest.mark.parametrize(("rows", "width", "dtype"), GRID[2::3])
def test_swiglu(rows: int, width: int, dtype: torch.dtype) -> None:
    check_swiglu(rows, width, dtype, "cpu")


@pytest.mark.parametrize(("rows", "heads", "head_dim", "dtype"), ROPE_GRID[::9])
def test_rotation_and_write(rows: int, heads: tuple[int, int], head_dim: int, dtype: torch.dtype) -> None:
    check_rope(rows, heads, head_dim, dtype, "cpu")


def test_learned_positions_only_write() -> None:
    qkv = torch.randn(2, 4, 8)
    before, memory = qkv.clone(), torch.zeros(2, 5, 1, 8)
    rope_kv_write(qkv, None, memory[0], memory[1], torch.tensor([3, 0]), 2)
    assert torch.equal(qkv, before)
    assert torch.equal(memory[0, [3, 0], 0], before[:, 2])
    assert torch.equal(memory[1, [3, 0], 0], before[:, 3])
    assert not memory[:, [1, 2, 4]].any()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit x"):
        rms_norm(torch.zeros(2, 8), torch.zeros(4), 1e-5)
    with pytest.raises(ValueError, match="contiguous"):
        rms_norm(torch.zeros(8, 2).t(), torch.zeros(8), 1e-5)
    with pytest.raises(ValueError, match="side by side"):
        swiglu(torch.zeros(2, 7))
    with pytest.raises(ValueError, match="does not fit 3 heads"):
        rope_kv_write(torch.zeros(1, 4, 8), None, torch.zeros(2, 1, 8), torch.zeros(2, 1, 8), torch.tensor([0]), 3)
