"""Tokens drawn and described in C on a CPU: what `engine.sampling.sampler` does, without passes over sorted rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

from engine.core.sampling import FILTERS, Sampling
from engine.sampling.sampler import Choice
from kernels.cpu import library, sampling
from kernels.cpu.sampling import Wanted

UNKNOWN: Final = tuple(one for one in FILTERS if one.name not in sampling.FILTERS)
"""Filters that the C code was not taught; rows that use one are drawn by PyTorch."""


def serves(logits: Tensor, params: Iterable[Sampling] = ()) -> bool:
    """Whether logits [R, vocab] can be drawn from with these settings in C."""
    return (
        logits.dtype is torch.float32
        and library.serves(logits.device, logits.dtype)
        and not any(one.used_by(p) for one in UNKNOWN for p in params)
    )


def drawn(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float], alternatives: int) -> list[Choice]:
    """One drawn token per row, described."""
    wanted = [_wanted(row, p, u) for row, (p, u) in enumerate(zip(params, uniforms, strict=True))]
    return [Choice(*one) for one in sampling.sample(logits, wanted, alternatives)]


def described(logits: Tensor, rows: Sequence[int], tokens: Sequence[int], alternatives: int) -> list[Choice]:
    """How likely each of `tokens` was in its row."""
    wanted = [Wanted(row, token) for row, token in zip(rows, tokens, strict=True)]
    return [Choice(*one) for one in sampling.sample(logits, wanted, alternatives)]


def distribution(logits: Tensor, params: Sequence[Sampling]) -> Tensor:
    """The distribution a token of each row is drawn from: float64 [R, vocab]."""
    return sampling.distribution(logits, [_wanted(row, p, 0.0) for row, p in enumerate(params)])


def _wanted(row: int, p: Sampling, uniform: float) -> Wanted:
    return Wanted(row, -1, 0.0 if p.greedy else p.temperature, uniform, p.min_p, p.top_k, p.top_p)
