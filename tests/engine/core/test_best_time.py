"""The shortest of some runs: how many runs there are."""

from __future__ import annotations

import pytest
import torch

from engine.core.best_time import best_s


@pytest.mark.parametrize(("seconds", "least", "most", "runs"), [(1e9, 1, 3, 3), (1e9, 5, 3, 5), (0.0, 2, 30, 2)])
def test_as_many_runs_as_are_asked_for(seconds: float, least: int, most: int, runs: int) -> None:
    done: list[int] = []
    assert best_s(lambda: done.append(1), torch.device("cpu"), seconds, least, most) >= 0
    assert len(done) == runs
