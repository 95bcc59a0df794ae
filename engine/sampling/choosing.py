"""Draws, descriptions and distributions by the fastest way there is: in C on a CPU, else with PyTorch's operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.core.sampling import Sampling
from engine.core.timing import PhaseTimer
from engine.sampling import native, sampler
from engine.sampling.sampler import Choice


def drawn(
    logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float], alternatives: int, timer: PhaseTimer
) -> list[Choice]:
    """One token per row of logits float32 [R, vocab], drawn and described (`sampler.sample`).

    The timer's phase ends before the wait for the device.
    """
    if native.serves(logits, params):
        return native.drawn(logits, params, uniforms, alternatives)
    sampled = sampler.sample(logits, params, uniforms, alternatives)
    timer.pause()
    return sampler.choices(sampled)


def described(
    logits: Tensor, rows: Sequence[int], tokens: Sequence[int], alternatives: int, timer: PhaseTimer
) -> list[Choice]:
    """How likely each of `tokens` was in its row of logits float32 [R, vocab] (`sampler.describe`).

    The timer's phase ends before the wait for the device.
    """
    if native.serves(logits):
        return native.described(logits, rows, tokens, alternatives)
    of_tokens = sampler.describe(logits[rows], torch.tensor(tokens, device=logits.device), alternatives)
    timer.pause()
    return sampler.choices(of_tokens)


def distribution(logits: Tensor, params: Sequence[Sampling]) -> Tensor:
    """The distribution a token is drawn from: float64 [R, vocab] (`sampler.distribution`)."""
    if native.serves(logits, params):
        return native.distribution(logits, params)
    return sampler.distribution(logits, params)
