"""The figures of two sessions beside each other: the rows of `compare`, and of the window's comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from engine.figures.metrics import RequestFigures, Summary

Unit = Literal["count", "seconds", "tokens/s", "bytes", "share"]
OF_REQUESTS: Final = (50, 90)
"""The percentiles over the requests."""


@dataclass(frozen=True, slots=True)
class TwoFigures:
    """A figure of A and of B, in the base unit; None where a side has none. `name` is its key in `compare --json`."""

    name: str
    a: float | None
    b: float | None
    unit: Unit

    @property
    def ratio(self) -> float | None:
        """B / A; None where a side has no figure, or A's is zero."""
        return None if self.a is None or self.b is None or not self.a else self.b / self.a


def two_summaries(a: Summary, b: Summary) -> list[TwoFigures]:
    """All figures."""
    rows = [
        TwoFigures("tokens", a.tokens, b.tokens, "count"),
        TwoFigures("steps", a.steps, b.steps, "count"),
        TwoFigures("wall time", a.wall_s, b.wall_s, "seconds"),
        TwoFigures("rate", a.tokens_per_s, b.tokens_per_s, "tokens/s"),
    ]
    for name, key in (("time to first token", "ttft_s"), ("time per output token", "tpot_s")):
        of_a, of_b = _known(a.requests, key), _known(b.requests, key)
        rows += [TwoFigures(f"{name} p{p}", percentile(of_a, p), percentile(of_b, p), "seconds") for p in OF_REQUESTS]
    rows += [TwoFigures(f"gap between tokens {p}", a.itl_s[p], b.itl_s[p], "seconds") for p in a.itl_s]
    rows += [TwoFigures(f"positions {name}", a.positions[name], b.positions[name], "count") for name in a.positions]
    for name in a.kv:
        key = f"KV {name.removesuffix('_bytes')}"
        rows.append(TwoFigures(key, a.kv[name], b.kv[name], "bytes"))
    rows += [TwoFigures(f"time: {group}", a.groups_s[group], b.groups_s[group], "seconds") for group in a.groups_s]
    rows += [
        TwoFigures("MBU", a.mbu, b.mbu, "share"),
        TwoFigures("MFU", a.mfu, b.mfu, "share"),
    ]
    return rows


def percentile(values: Sequence[float], p: int) -> float | None:
    """The p-th percentile; None of no values."""
    return float(np.percentile(values, p)) if values else None


def changed_settings(a: Summary, b: Summary) -> dict[str, list[Any]]:
    """The settings in which the sessions differ: [A's value, B's value] by name."""
    return {
        name: [a.settings.get(name), b.settings.get(name)]
        for name in sorted({*a.settings, *b.settings})
        if a.settings.get(name) != b.settings.get(name)
    }


def _known(requests: Sequence[RequestFigures], name: str) -> list[float]:
    """A figure of all requests that have it."""
    return [value for request in requests if (value := getattr(request, name)) is not None]
