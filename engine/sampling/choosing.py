"""Draws, descriptions and tests of drafts by the fastest way there is: in C on a CPU, else by PyTorch's operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.core.sampling import Sampling
from engine.core.timing import PhaseTimer
from engine.sampling import native, sampler, speculation
from engine.sampling.sampler import Choice
from engine.sampling.speculation import DraftTest, Verdict


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


def drafted(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float]) -> tuple[list[int], Tensor]:
    """One drawn token per row, and the distributions that they were drawn from, float64 [R, vocab]."""
    if native.serves(logits, params):
        return native.drafted(logits, params, uniforms)
    probs = sampler.distribution(logits, params)
    u = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)
    return sampler.draw(probs, u).tolist(), probs


def verify(logits: Tensor, tests: Sequence[DraftTest]) -> list[Verdict]:
    """Test each proposal against the target's logits (`speculation.verify`)."""
    sampled = [test.sampling for test in tests if not test.sampling.greedy]
    if sampled and native.serves(logits, sampled):
        return native.verify(logits, tests)
    return speculation.verify(logits, tests)
