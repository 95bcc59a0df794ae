"""The figures of a range of steps about the time of a token and of a prompt, computed from sums over its steps."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import GROUPS

PERCENTILES: Final = (50.0, 90.0, 99.0)
PARTS: Final = (*GROUPS, "total")
"""The rows of the table: the groups, then the whole step."""


@dataclass(frozen=True, slots=True)
class PartFigures:
    """One row of the table, in seconds of one request; percentiles are None where there are no values."""

    part: str
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    share: float | None
    """The share of a token's time."""


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """The time of prompts, which is separate from that of tokens by the rule of `step_roles.py`."""

    steps: int
    """Steps that computed prompts, `mixed_steps` among them."""
    mixed_steps: int
    """Those that also generated tokens for other requests."""
    busy_s: float
    """Wall time of all of them."""
    a_request: PartFigures
    """Wall time of the steps that computed a request's prompt, over the requests that the range emitted tokens of."""


@dataclass(frozen=True, slots=True)
class RangeFigures:
    """The figures of a range of steps."""

    steps: int
    tokens: int
    decode_steps: int
    decode_tokens: int
    parts: tuple[PartFigures, ...]
    """The time of a token of one request, over the decode steps; each request in a step takes the step's whole time."""
    itl: PartFigures
    """The gaps that the range's emissions end, seconds."""
    prefill: PromptFigures
    requests_a_step: float | None
    """How many requests a decode step carried, weighted by its time."""
    amortised_s: float | None
    """Wall time of the decode steps over their tokens: a batch lowers it, and it is not the time of any one request."""
    busy_s: float
    """Wall time inside steps."""
    gap_s: float
    """Wall time between steps, pauses left out."""
    device_s: float | None
    """Time in which the device was busy; None where it cannot be told apart from host time."""

    @property
    def token_s(self) -> float | None:
        """Mean seconds a token of one request takes in decode steps."""
        return self.parts[-1].mean_s

    def projected_s(self, tokens: int) -> float | None:
        """How long a request of `tokens` tokens takes: a mean prefill, and `tokens` times a token's time."""
        if self.token_s is None:
            return None
        return (self.prefill.a_request.mean_s or 0.0) + tokens * self.token_s


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over steps, from which means and shares are computed; `us` and `own_us` by part, float64 [parts]."""

    steps: int = 0
    tokens: int = 0
    us: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(PARTS)))
    decode_steps: int = 0
    decode_tokens: int = 0
    decode_us: float = 0.0
    own_us: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(PARTS)))
    """µs of the decode steps, each times the number of its requests: the time that all requests waited together."""
    prompt_steps: int = 0
    mixed_steps: int = 0
    prompt_us: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """The sums of both."""
        return Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Sums)))


def figures_from_sums(
    sums: Sums,
    ordered: list[NDArray[np.float64]],
    gaps_s: NDArray[np.float64],
    prefill_s: NDArray[np.float64],
    gap_s: float,
    device_s: float | None,
    timed: bool = True,
) -> RangeFigures:
    """The figures of a range of steps from their sums.

    `ordered` holds, by part, the sorted µs that a token of one request took in each decode step that emitted any;
    `gaps_s` the sorted gaps that the range's emissions end; `prefill_s`, sorted, the prefill of each request that the
    range emitted tokens of. `timed` is false where nobody told the time of phases: then all time is not `other`, and
    only the total has figures.
    """
    split = bool(sums.us[: GROUPS.index("other")].any())  # below detail `phase` nothing but `other` was timed
    parts = []
    for index, part in enumerate(PARTS):
        if not split and part not in (("other", "total") if timed else ("total",)):
            parts.append(PartFigures(part, None, None, None, None, None))
            continue
        own_us = float(sums.own_us[index])
        mean = own_us / sums.decode_tokens / 1e6 if sums.decode_tokens else None
        share = own_us / float(sums.own_us[-1]) if sums.own_us[-1] else None
        parts.append(PartFigures(part, mean, *quantiles(ordered[index], 1e-6), share))
    return RangeFigures(
        steps=sums.steps,
        tokens=sums.tokens,
        decode_steps=sums.decode_steps,
        decode_tokens=sums.decode_tokens,
        parts=tuple(parts),
        itl=PartFigures("itl", _mean(gaps_s), *quantiles(gaps_s), None),
        prefill=PromptFigures(
            sums.prompt_steps,
            sums.mixed_steps,
            sums.prompt_us / 1e6,
            PartFigures("prefill", _mean(prefill_s), *quantiles(prefill_s), None),
        ),
        requests_a_step=float(sums.own_us[-1]) / sums.decode_us if sums.decode_us else None,
        amortised_s=sums.decode_us / sums.decode_tokens / 1e6 if sums.decode_tokens else None,
        busy_s=float(sums.us[-1]) / 1e6,
        gap_s=gap_s,
        device_s=device_s,
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def quantiles(ordered: NDArray[np.float64], unit: float = 1.0) -> tuple[float | None, float | None, float | None]:
    """p50, p90 and p99 of a sorted array, times `unit`, linear between neighbours (numpy's default); None if empty."""
    if not len(ordered):
        return None, None, None
    p50, p90, p99 = (unit * quantile(ordered, percent) for percent in PERCENTILES)
    return p50, p90, p99


def quantile(ordered: NDArray[np.float64], percent: float) -> float:
    """One percentile of a sorted array that is not empty."""
    place = percent / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low]) + (place - low) * (float(ordered[high]) - float(ordered[low]))
