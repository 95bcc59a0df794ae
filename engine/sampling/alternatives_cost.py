"""What recording the likeliest alternatives of each drawn token costs, in ns."""

from __future__ import annotations

from functools import cache
from time import perf_counter_ns
from typing import Final

import torch
from torch import Tensor

from engine.core.timing import NoTimer
from engine.sampling.choosing import described

REPEATS: Final = 7
ROWS: Final = 8
"""Rows of the larger of the two timed batches (the other has 1); other costs lie on the line through both."""


def alternatives_ns(device: torch.device, vocab: int, alternatives: int, rows: int) -> float:
    """How much longer describing `rows` drawn tokens takes with their alternatives, ns; 0 without any.

    The difference is too small to be measured within a step, so it is timed beforehand, once a process.
    """
    if not alternatives or not rows:
        return 0.0
    one, more = _prices(device, vocab, alternatives)
    return max(0.0, one + (more - one) * (rows - 1) / (ROWS - 1))


@cache
def _prices(device: torch.device, vocab: int, alternatives: int) -> tuple[float, float]:
    """The additional time for one row, and for `ROWS` rows, ns."""
    one, more = (_price_ns(torch.randn(rows, vocab, device=device), alternatives) for rows in (1, ROWS))
    return one, more


@torch.inference_mode()
def _price_ns(logits: Tensor, alternatives: int) -> float:
    """The median difference of pairs of calls, one with alternatives and one without, ns."""
    rows, tokens, timer = range(len(logits)), [0] * len(logits), NoTimer()

    def timed(count: int) -> int:
        start_ns = perf_counter_ns()
        described(logits, rows, tokens, count, timer)
        return perf_counter_ns() - start_ns

    for count in (alternatives, 0):  # the first call of each takes longer
        timed(count)
    differences = sorted(timed(alternatives) - timed(0) for _ in range(REPEATS))
    return max(0.0, float(differences[REPEATS // 2]))
