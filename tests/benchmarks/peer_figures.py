"""What the outcomes of runners say: rates, steps, and how far two of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

import numpy as np

from tests.benchmarks.runners.work import Outcome, Work


def tokens_per_s(work: Work, outcome: Outcome) -> float:
    """Of a prompt alone: its tokens over the time to the first token. Of decoding: of all requests together, while all
    of them decode, from the last one's first token on; so no prompt is in it.
    """
    if work.tokens == 1:
        return len(work.ids[0]) / outcome.emitted_s[0][0]
    begun = max(times[0] for times in outcome.emitted_s)
    ended = min(times[-1] for times in outcome.emitted_s)
    return sum(begun < at <= ended for times in outcome.emitted_s for at in times) / (ended - begun)


def gaps_s(outcomes: Sequence[Outcome]) -> list[float]:
    """The times between the tokens of a request: what a step takes, and what lies between steps."""
    return [b - a for outcome in outcomes for times in outcome.emitted_s for a, b in pairwise(times)]


def p99_ms(outcomes: Sequence[Outcome]) -> float:
    """The 99th percentile of a step, milliseconds."""
    return float(np.percentile(gaps_s(outcomes), 99)) * 1e3


def agreeing(a: Outcome, b: Outcome) -> str:
    """How many of the first request's tokens are the same in both before they part."""
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a.ids[0], b.ids[0], strict=False))))
    return f"{same} of {min(len(a.ids[0]), len(b.ids[0]))} tokens the same"
