"""From logits to tokens: one drawn token per request, or the drafts that pass the target's test and one more token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.core.request import Request
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.timing import StepTimer
from engine.sampling.choosing import described, drawn, verify
from engine.sampling.sampler import Choice
from engine.sampling.speculation import DraftTest


@dataclass(frozen=True, slots=True)
class Drawn:
    """The tokens that a step gives one request: `accepted` drafts, then one token drawn from the target."""

    request: Request
    proposed: int
    accepted: int
    choices: list[Choice]


def sample_and_verify(
    logits: Tensor, chunks: Sequence[ScheduledChunk], alternatives: int, timer: StepTimer
) -> list[Drawn]:
    """Tokens for the complete chunks of a batch, in order; logits float32 [R, vocab], 1 + len(drafts) rows a chunk."""
    requests = [chunk.request for chunk in chunks if chunk.request is not None]
    if not any(chunk.drafts for chunk in chunks):
        with timer("sample"):
            params = [request.spec.sampling for request in requests]
            uniforms = [uniforms_of(request, 1)[0] for request in requests]
            one_each = drawn(logits, params, uniforms, alternatives, timer)
            return [Drawn(request, 0, 0, [choice]) for request, choice in zip(requests, one_each, strict=True)]
    with timer("verify"):
        tests = [
            DraftTest(request.spec.sampling, chunk.proposal, uniforms_of(request, 1 + len(chunk.drafts)))
            for request, chunk in zip(requests, chunks, strict=True)
        ]
        verdicts = verify(logits, tests)
    with timer("sample"):
        rows: list[int] = []
        tokens_of: list[int] = []
        first = 0
        for chunk, verdict in zip(chunks, verdicts, strict=True):
            rows += range(first, first + len(verdict.tokens))
            tokens_of += verdict.tokens
            first += 1 + len(chunk.drafts)
        left = described(logits, rows, tokens_of, alternatives, timer)
        of_requests = []
        for request, chunk, verdict in zip(requests, chunks, verdicts, strict=True):
            own, left = left[: len(verdict.tokens)], left[len(verdict.tokens) :]
            of_requests.append(Drawn(request, len(chunk.drafts), verdict.accepted, own))
        return of_requests


def uniforms_of(request: Request, count: int) -> list[float]:
    """The next numbers of a request's own stream; a greedy request needs none."""
    if request.spec.sampling.greedy:
        return [0.0] * count
    numbers: list[float] = request.stream.random(count).tolist()
    return numbers
