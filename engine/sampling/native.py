"""Tokens drawn, described and verified in C on a CPU: what `sampler` and `speculation` do, without sorting rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from torch import Tensor

from engine.core.sampling import FILTERS, Sampling
from engine.sampling.sampler import Choice
from engine.sampling.speculation import DraftTest, Verdict
from kernels.cpu import library, sampling
from kernels.cpu.sampling import Proposed, Wanted

UNKNOWN: Final = tuple(one for one in FILTERS if one.name not in sampling.FILTERS)
"""Filters that the C code was not taught; rows that use one are drawn by PyTorch."""


def serves(logits: Tensor, params: Iterable[Sampling] = ()) -> bool:
    """Whether logits float32 [R, vocab] can be drawn from with these settings in C."""
    return (
        logits.is_cpu
        and library.unavailable() is None
        and not (UNKNOWN and any(one.used_by(p) for one in UNKNOWN for p in params))
    )


def drawn(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float], alternatives: int) -> list[Choice]:
    """One drawn token per row, described."""
    wanted = [_wanted(row, p, u) for row, (p, u) in enumerate(zip(params, uniforms, strict=True))]
    return [Choice(*one) for one in sampling.sample(logits, wanted, alternatives)]


def described(logits: Tensor, rows: Sequence[int], tokens: Sequence[int], alternatives: int) -> list[Choice]:
    """How likely each of `tokens` was in its row."""
    wanted = [Wanted(row, token) for row, token in zip(rows, tokens, strict=True)]
    return [Choice(*one) for one in sampling.sample(logits, wanted, alternatives)]


def drafted(logits: Tensor, params: Sequence[Sampling], uniforms: Sequence[float]) -> tuple[list[int], Tensor]:
    """One drawn token per row, and the distributions that they were drawn from, float64 [R, vocab]."""
    return sampling.draw(logits, [_wanted(row, p, u) for row, (p, u) in enumerate(zip(params, uniforms, strict=True))])


def verify(logits: Tensor, tests: Sequence[DraftTest]) -> list[Verdict]:
    """Test each proposal against the target's logits, 1 + len(drafts) rows a proposal, in order."""
    proposals: list[Proposed] = []
    first = 0
    for test in tests:
        drafts = test.proposal.tokens
        rows = [_wanted(first + i, test.sampling, test.uniforms[i], draft) for i, draft in enumerate(drafts)]
        rows.append(_wanted(first + len(drafts), test.sampling, test.uniforms[-1]))
        proposals.append(Proposed(rows, test.proposal.probs))
        first += len(rows)
    return [
        Verdict([*test.proposal.tokens[:accepted], token], accepted)
        for test, (accepted, token) in zip(tests, sampling.verify(logits, proposals), strict=True)
    ]


def _wanted(row: int, p: Sampling, uniform: float, token: int = -1) -> Wanted:
    return Wanted(row, token, 0.0 if p.greedy else p.temperature, uniform, p.min_p, p.top_k, p.top_p)
