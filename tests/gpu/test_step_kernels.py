"""Norm, rotation and SwiGLU, compiled, over the whole grid: `TRITON_INTERPRET=0 python -m pytest tests/gpu`."""

from __future__ import annotations

import pytest
import torch

from kernels.device import INTERPRETED
from tests.kernels.step_cases import GRID, ROPE_GRID, check_heads_norm, check_rms_norm, check_rope, check_swiglu

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available() or INTERPRETED, reason="needs a CUDA device, and TRITON_INTERPRET=0"
    ),
]


@pytest.mark.parametrize(("rows", "width", "dtype"), GRID)
def test_norms_and_swiglu(rows: int, width: int, dtype: torch.dtype) -> None:
    check_rms_norm(rows, width, dtype, "cuda")
    check_heads_norm(rows, 3, width, dtype, "cuda")
    check_swiglu(rows, width, dtype, "cuda")


@pytest.mark.parametrize(("rows", "heads", "head_dim", "dtype"), ROPE_GRID)
def test_rotation_and_write(rows: int, heads: tuple[int, int], head_dim: int, dtype: torch.dtype) -> None:
    check_rope(rows, heads, head_dim, dtype, "cuda")
