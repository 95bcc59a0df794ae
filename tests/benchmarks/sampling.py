"""Drawing and describing a step's tokens: µs a row in C, and with PyTorch's operations, which sort, in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import product
from time import perf_counter_ns
from typing import Any, Final

import torch

from engine.core.sampling import Sampling
from engine.errors import UnavailableError
from engine.sampling import native, sampler
from engine.sampling.sampler import ALTERNATIVES
from kernels.cpu import library

VOCABS: Final = {"demo": 4096, "SmolLM2": 49_152, "0.49 B shape": 151_936}
ROWS: Final = (1, 16)
SETTINGS: Final = {
    "greedy": Sampling(),
    "temperature": Sampling(0.8),
    "top-p 0.95": Sampling(0.8, top_p=0.95),
    "top-k 40": Sampling(0.8, top_k=40),
    "all": Sampling(0.8, top_k=40, top_p=0.95, min_p=0.05),
    "top-p 0.95, hot": Sampling(2.5, top_p=0.95),
}
SPREAD: Final = 3.5
"""The standard deviation of the logits: with it, top-p 0.95 at 0.8 leaves some hundred tokens of 49 152."""
ROUNDS: Final = 7
CALLS: Final = 10
"""Of the C way, in a round; PyTorch's has one."""


def run() -> list[dict[str, Any]]:
    """One row for each vocabulary, number of rows and setting, with all alternatives; medians and least of all rounds.

    Raises UnavailableError where this machine has no C kernels.
    """
    if reason := library.unavailable():
        raise UnavailableError(reason)
    return [_row(name, rows, setting) for name, rows, setting in product(VOCABS, ROWS, SETTINGS)]


@torch.inference_mode()
def _row(name: str, rows: int, setting: str) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    logits = SPREAD * torch.randn(rows, VOCABS[name], generator=generator)
    params, uniforms = [SETTINGS[setting]] * rows, torch.rand(rows, generator=generator).tolist()

    def in_c() -> list[int]:
        return [one.token_id for one in native.drawn(logits, params, uniforms, ALTERNATIVES)]

    def in_pytorch() -> list[int]:
        return [one.token_id for one in sampler.choices(sampler.sample(logits, params, uniforms, ALTERNATIVES))]

    same = in_c() == in_pytorch()
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(ROUNDS):
        fast += [_us(in_c) / rows for _ in range(CALLS)]
        slow.append(_us(in_pytorch) / rows)
    return {
        "vocabulary": f"{name} ({VOCABS[name]})",
        "rows": rows,
        "setting": setting,
        "C": round(statistics.median(fast), 1),
        "least": round(min(fast), 1),
        "PyTorch": round(statistics.median(slow), 1),
        "its least": round(min(slow), 1),
        "same tokens": same,
    }


def _us(call: Callable[[], object]) -> float:
    since_ns = perf_counter_ns()
    call()
    return (perf_counter_ns() - since_ns) / 1e3
