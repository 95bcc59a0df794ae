"""Speculative decoding: a proposer guesses the next tokens, the target computes them in one pass and tests each.

The test (Leviathan et al. 2023; Chen et al. 2023) keeps the target's distribution exactly: a token x drawn from q is
accepted with probability min(1, p(x)/q(x)). The first rejected token is replaced by a draw from norm(max(p - q, 0)).
When all are accepted, the target's last row gives one more token, the bonus. p is the target's distribution after
temperature and filters. A greedy p has probability 1 on one token, so the same test accepts exactly the tokens that
greedy decoding would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.core.sampling import Sampling
from engine.core.scheduled_chunk import Proposal
from engine.sampling.sampler import distribution, draw, likeliest


@dataclass(frozen=True, slots=True)
class DraftTest:
    """One request's proposal, and uniform numbers: one to test each draft, and one for the draw after them."""

    sampling: Sampling
    proposal: Proposal
    uniforms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tokens a request gets: `accepted` drafts, then one drawn from the target."""

    tokens: list[int]
    accepted: int


def verify(logits: Tensor, tests: Sequence[DraftTest]) -> list[Verdict]:
    """Test each proposal against the target's logits, float32 [R, vocab]: 1 + len(drafts) rows a proposal, in order."""
    if all(test.sampling.greedy for test in tests):
        return _verify_greedy(logits, tests)
    firsts: list[int] = []
    params: list[Sampling] = []
    for test in tests:
        firsts.append(len(params))
        params += [test.sampling] * (1 + len(test.proposal.tokens))
    p = distribution(logits, params)  # [R, V]
    accepted = _count_accepted(p, tests, firsts)
    last = [first + count for first, count in zip(firsts, accepted, strict=True)]
    final = p[last]  # [T, V]
    for index, (test, count) in enumerate(zip(tests, accepted, strict=True)):
        if count < len(test.proposal.tokens):
            final[index] = residual(final[index], test.proposal, count)
    u = torch.tensor([test.uniforms[-1] for test in tests], dtype=torch.float64, device=logits.device)
    drawn = draw(final, u).tolist()
    return [
        Verdict([*test.proposal.tokens[:count], token], count)
        for test, count, token in zip(tests, accepted, drawn, strict=True)
    ]


def residual(p: Tensor, proposal: Proposal, index: int) -> Tensor:
    """max(p - q, 0), not normalised: p is [vocab], q the distribution that draft `index` was drawn from."""
    if proposal.probs is not None:
        left = (p - proposal.probs[index]).clamp_(min=0.0)
    else:
        left = p.clone()
        left[proposal.tokens[index]] = 0.0
    # Where nothing is left, p equals q up to rounding, and a draw from p is the same.
    return torch.where(left.sum() > 0, left, p)


def _count_accepted(p: Tensor, tests: Sequence[DraftTest], firsts: Sequence[int]) -> list[int]:
    """How many drafts of each proposal pass before the first that fails; one copy from the device for all proposals."""
    rows: list[int] = []
    tokens: list[int] = []
    uniforms: list[float] = []
    chances: list[Tensor] = []
    for test, first in zip(tests, firsts, strict=True):
        drafts = test.proposal.tokens
        rows += range(first, first + len(drafts))
        tokens += drafts
        uniforms += test.uniforms[: len(drafts)]
        if test.proposal.probs is not None:
            picked = torch.tensor(drafts, device=p.device)[:, None]
            chances.append(test.proposal.probs.gather(-1, picked)[:, 0])
        else:
            chances.append(torch.ones(len(drafts), dtype=torch.float64, device=p.device))
    q_of = torch.cat(chances)
    p_of = p[
        torch.tensor(rows, dtype=torch.int64, device=p.device), torch.tensor(tokens, dtype=torch.int64, device=p.device)
    ]
    u = torch.tensor(uniforms, dtype=torch.float64, device=p.device)
    passed = (u * q_of < p_of).tolist()  # strictly less: a token with p = 0 never passes, even at u = 0
    counts, at = [], 0
    for test in tests:
        own = passed[at : at + len(test.proposal.tokens)]
        counts.append(own.index(False) if False in own else len(own))
        at += len(own)
    return counts


def _verify_greedy(logits: Tensor, tests: Sequence[DraftTest]) -> list[Verdict]:
    best = likeliest(logits).tolist()
    verdicts, at = [], 0
    for test in tests:
        drafts = test.proposal.tokens
        own = best[at : at + len(drafts) + 1]
        at += len(own)
        count = next((i for i, draft in enumerate(drafts) if draft != own[i]), len(drafts))
        verdicts.append(Verdict([*drafts[:count], own[count]], count))
    return verdicts
