"""A rehearsal of the full-size check in the interpreter: what runs on a GPU is this, at other sizes."""

from __future__ import annotations

import math

import pytest
import torch

from engine.measure.triton_cases import DEMO, HALF_BILLION, SEVEN_BILLION, Sizes, problems
from tests.benchmarks.random_llama import HALF_BILLION as HALF_BILLION_LLAMA
from tests.benchmarks.random_llama import SEVEN_BILLION as SEVEN_BILLION_LLAMA
from tests.benchmarks.random_llama import Shape
from tests.kernels.full_size import Distance, Row, check, check_all

CPU = torch.device("cpu")
TINY = Sizes((5,), 24, 40, 4, 2, 16, 40, ((2, 33),), verified=3)


def test_every_kernel_holds_at_tiny_sizes() -> None:
    rows = list(check_all(TINY, CPU, (torch.float32, torch.bfloat16)))
    for row in rows:
        assert row.held, row
    kernels = {problem.kernel for problem in problems(TINY, CPU, torch.float32)}
    assert kernels <= {row.kernel for row in rows}
    assert {"decode_attention: lse", "rope_kv_write: k and v in the cache", "rmsnorm + residual: total"} <= {
        row.kernel for row in rows
    }


def test_one_wrong_row_is_found() -> None:
    problem = next(one for one in problems(TINY, CPU, torch.float32) if one.kernel == "prefill_attention")
    (distance, _) = check(problem, torch.float32)
    assert distance.row(problem, torch.float32).held
    torch.manual_seed(0)
    true = torch.randn(1000, 8, dtype=torch.float64)
    wrong = true.clone()
    wrong[17] *= 1.01
    distance = Distance("out", 1e-3)
    for part in (slice(0, 500), slice(500, 1000)):
        distance.add(wrong[part], true[part])
    row = distance.row(problem, torch.float32)
    assert row.error <= row.bound < row.largest
    assert not row.held


@pytest.mark.parametrize("where", [0, 1])
def test_nan_fails_in_whichever_chunk_it_is(where: int) -> None:
    true = torch.ones(2, 4, dtype=torch.float64)
    out = true.clone()
    out[where, 2] = torch.nan
    distance = Distance("out", 1.0)
    distance.add(out[:1], true[:1])
    distance.add(out[1:], true[1:])
    problem = next(problems(TINY, CPU, torch.float32))
    row = distance.row(problem, torch.float32)
    assert math.isnan(row.error)
    assert math.isnan(row.largest)
    assert not row.held
    assert not Row("k", "1", "float32", 0.0, math.inf, 1.0).held


@pytest.mark.parametrize(("sizes", "shape"), [(SEVEN_BILLION, SEVEN_BILLION_LLAMA), (HALF_BILLION, HALF_BILLION_LLAMA)])
def test_the_sizes_are_those_of_the_models_that_are_timed(sizes: Sizes, shape: Shape) -> None:
    assert (sizes.hidden, sizes.ffn, sizes.heads, sizes.kv_heads) == (
        shape.hidden, shape.ffn, shape.heads, shape.kv_heads,
    )  # fmt: skip
    assert sizes.head_dim == shape.hidden // shape.heads


def test_the_demo_sizes_are_the_demo_models() -> None:
    import json
    from pathlib import Path

    config = json.loads((Path(__file__).parents[2] / "assets" / "demo" / "target" / "config.json").read_text())
    names = "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim"
    assert (DEMO.hidden, DEMO.ffn, DEMO.heads, DEMO.kv_heads, DEMO.head_dim) == tuple(config[name] for name in names)
